package tokens_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
)

func registering(label string) tokens.MintRequest {
	req := forAll(label)
	req.Registers = true
	return req
}

// firstUpload is the first upload of a project with a token.
func firstUpload(text, project string) tokens.FirstUpload {
	return tokens.FirstUpload{
		Text: text, By: audit.Actor{IP: "198.51.100.7", UserAgent: "twine/7.0"}, Verifier: "edge",
		Request: caveats.Request{Action: caveats.ActionUpload, Project: project, Version: "1.0", Filename: project + "-1.0.tar.gz", SHA256: strings.Repeat("ab", 32), ClientIP: netip.MustParseAddr("198.51.100.7")},
	}
}

// notRegistered returns the answer for an upload that is refused, and checks that the refusal changes nothing.
func notRegistered(h *house, up tokens.FirstUpload) (status int, reason string) {
	h.Helper()
	var no *tokens.NotRegistered
	before := h.Fingerprint()
	_, err := h.Tokens.FirstUploads.Register(h.Context(), up)
	if !errors.As(err, &no) {
		h.Errorf("%s: %v", up.Request.Project, err)
		return 0, ""
	}
	if h.Fingerprint() != before {
		h.Errorf("%s: the refusal %v changed something", up.Request.Project, err)
	}
	return no.Status, strings.TrimPrefix(no.Error(), "tokens: not registered: ")
}

// A first upload registers the project for the token's owner, with an audit row and a mail; verifiers know it at the revision,
// and asking again changes nothing.
func TestRegisterByUpload(t *testing.T) {
	h := newHouse(t, issuertest.WithNotices)
	post := issuertest.PostOf(h.House)
	v := h.Follow()
	m := h.Mint(alice, registering("ci"))
	if !m.Token.Registers {
		t.Error("the token does not say so")
	}
	post.Notices()
	v.Expect(m.Text, "new-thing", caveats.NotAMember)
	grant, err := v.Checker.Verify(t.Context(), m.Text, verifier.Request{Action: caveats.ActionCreate, Project: "new-thing"})
	if err != nil || grant.ProjectID != "" {
		t.Errorf("%+v, %v", grant, err)
	}
	var revision uint64
	rows := h.Rows(func() { revision, err = h.Tokens.FirstUploads.Register(t.Context(), firstUpload(m.Text, "New.Thing")) })
	h.Check(err)
	h.Check(v.Follower.CatchUp(t.Context(), revision))
	v.Expect(m.Text, "new-thing")
	if len(rows) != 1 || rows[0].Kind != "project.created" || rows[0].Actor.UserID != aliceID || rows[0].Actor.Username != "alice" || rows[0].Actor.IP != "198.51.100.7" || rows[0].Account != aliceID ||
		rows[0].Detail["project"] != "New.Thing" || rows[0].Detail["token"] != m.Token.ID || rows[0].Detail["file"] != "New.Thing-1.0.tar.gz" || rows[0].Detail["verifier"] != "edge" {
		t.Errorf("%+v", rows)
	}
	heard := post.Heard()
	if len(heard) != 1 || string(heard[0].Kind) != "project_registered" || heard[0].User != aliceID || heard[0].IP != "198.51.100.7" || heard[0].Details.Label != "ci" || heard[0].Details.Project != "new-thing" {
		t.Errorf("%+v", heard)
	}
	p, err := h.Projects.Get(t.Context(), alice, "new-thing")
	if err != nil || p.Name != "New.Thing" || p.Role != projects.RoleOwner || len(p.Members) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	before := h.Fingerprint()
	again, err := h.Tokens.FirstUploads.Register(t.Context(), firstUpload(m.Text, "new_thing"))
	if err != nil || again < revision || h.Fingerprint() != before {
		t.Errorf("again: %d, %v", again, err)
	}
}

// Whatever stands in the way of the token, of its owner or of the name refuses, and changes nothing.
func TestRegisterByUploadRefused(t *testing.T) {
	h := newHouse(t, func(c *issuer.Config) { c.ProjectsDaily = 4 })
	able := h.Mint(alice, registering("able")).Text
	restrict := func(cs ...caveats.Caveat) string {
		text, err := token.Restrict(able, cs...)
		h.Check(err)
		return text
	}
	short := registering("short")
	short.Life, short.Expires = tokens.LifeUntil, h.Clock.Now().Add(time.Hour)
	expired, revoked, narrowed := h.Mint(alice, short), h.Mint(alice, registering("revoked")), h.Mint(alice, registering("narrowed"))
	frozen := h.Mint(bob, registering("frozen"))
	h.Record(bobID, "bob", true)
	h.Clock.Add(2 * time.Hour)
	h.Check(func() error { _, _, err := h.Tokens.Revoke(t.Context(), alice, revoked.Token.ID); return err }())
	h.Project(alice, "demo")
	h.Project(carol, "carols")
	h.Check(func() error {
		_, _, err := h.Tokens.Restrict(t.Context(), alice, narrowed.Token.ID, tokens.RestrictRequest{Limits: tokens.Limits{Actions: []string{caveats.ActionUpload}}})
		return err
	}())
	h.Project(alice, "Gone")
	h.Deletes(alice, "Gone")
	plain := h.Mint(alice, forAll("plain")).Text
	last := able[len(able)-1:]
	forged := able[:len(able)-1] + map[bool]string{true: "A", false: "Q"}[last == "Q"]
	for _, c := range []struct {
		what, text, project string
		status              int
		reason              string
	}{
		{"not chosen at minting", plain, "new", 403, "token may not register projects"},
		{"for some projects", h.Mint(alice, forSome("some", "demo")).Text, "new", 403, "token may not register projects"},
		{"the absence of a caveat changes nothing", func() string {
			s, err := token.Restrict(plain, caveats.Actions{caveats.ActionCreate})
			h.Check(err)
			return s
		}(), "new", 403, "token may not register projects"},
		{"restricted by its holder to others", restrict(caveats.ProjectNames{"demo"}), "new", 403, "token is valid for project 'demo', not for 'new'"},
		{"restricted by its holder to ids", restrict(caveats.ProjectIDs{aliceID}), "new", 403, "token was made for another project"},
		{"restricted by its holder to uploads", restrict(caveats.Actions{caveats.ActionUpload}), "new", 403, "token "},
		{"restricted by its holder to a version", restrict(caveats.Versions{"2.0"}), "new", 403, "token is valid for version '2.0', not for '1.0'"},
		{"restricted by its holder to a network", restrict(caveats.Networks{"203.0.113.0/24"}), "new", 403, "token "},
		{"restricted by its owner", narrowed.Text, "new", 403, "token may not register projects"},
		{"expired", expired.Text, "new", 403, "token is expired"},
		{"revoked", revoked.Text, "new", 403, "token was revoked"},
		{"frozen", frozen.Text, "new", 403, "user 'bob' is frozen"},
		{"forged", forged, "new", 403, tokens.ErrNotGenuine.Error()},
		{"no token", "pypi-", "new", 403, tokens.ErrNotGenuine.Error()},
		{"somebody else's", able, "carols", 403, "user 'alice' is not a member of project 'carols'"},
		{"reserved", able, "gone", 400, "name: project_name_reserved"},
		{"prohibited", able, "simple", 400, "name: project_name_prohibited"},
		{"no name", able, "n w", 400, "name: project_name_invalid"},
		{"too long", able, strings.Repeat("x", 101), 400, "name: project_name_too_long"},
	} {
		status, reason := notRegistered(h, firstUpload(c.text, c.project))
		if status != c.status || !strings.HasPrefix(reason, c.reason) {
			t.Errorf("%s: %d %s, want %d %s", c.what, status, reason, c.status, c.reason)
		}
	}
	for _, name := range []string{"third", "fourth"} { // demo and Gone were the others
		_, err := h.Tokens.FirstUploads.Register(t.Context(), firstUpload(able, name))
		h.Check(err)
	}
	if status, reason := notRegistered(h, firstUpload(able, "fifth")); status != 429 || reason != "too_many_projects_today" {
		t.Error(status, reason)
	}
}

// Of two first uploads at once, one registers the project: those of one owner both succeed, of two owners one.
func TestRegisterByUploadRace(t *testing.T) {
	h := newHouse(t)
	a, b, c := h.Mint(alice, registering("a")).Text, h.Mint(alice, registering("b")).Text, h.Mint(carol, registering("c")).Text
	register := func(text, project string) func() error {
		return func() error {
			_, err := h.Tokens.FirstUploads.Register(t.Context(), firstUpload(text, project))
			return err
		}
	}
	for _, err := range issuertest.Together(register(a, "one"), register(b, "One"), register(a, "one")) {
		h.Check(err)
	}
	won := 0
	for _, err := range issuertest.Together(register(a, "two"), register(c, "Two")) {
		var no *tokens.NotRegistered
		switch {
		case err == nil:
			won++
		case !errors.As(err, &no) || no.Status != 403 && no.Status != 400:
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d owners of one project", won)
	}
	if got := strings.Count(issuertest.Kinds(h.Trail().Rows), "project.created"); got != 2 {
		t.Errorf("%d projects", got)
	}
}

// The choice is for tokens of all projects that may create; a token that is replaced keeps it, one that is narrowed loses it.
func TestRegistersIsChosen(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	some := forSome("some", "demo")
	some.Registers = true
	h.Refused("registers: registers_needs_all", func() error { _, err := h.Tokens.Mint(t.Context(), alice, some); return err })
	only := registering("only")
	only.Limits.Actions = []string{caveats.ActionUpload}
	h.Refused("registers: registers_contradicts", func() error { _, err := h.Tokens.Mint(t.Context(), alice, only); return err })

	m := h.Mint(alice, registering("ci"))
	if d := h.Trail().Rows; d[len(d)-1].Kind != "token.minted" || d[len(d)-1].Detail["registers"] != "yes" {
		t.Errorf("%+v", d[len(d)-1])
	}
	fresh, err := h.Tokens.Regenerate(t.Context(), alice, m.Token.ID, tokens.RegenerateRequest{Life: tokens.Life30})
	h.Check(err)
	if !fresh.Token.Registers {
		t.Error("the new one lost it")
	}
	narrowed, _, err := h.Tokens.Restrict(t.Context(), alice, fresh.Token.ID, tokens.RestrictRequest{Projects: []string{"demo"}})
	h.Check(err)
	if narrowed.Registers {
		t.Error("a token for demo registers projects")
	}
	if status, reason := notRegistered(h, firstUpload(fresh.Text, "new")); status != 403 || reason != "token may not register projects" {
		t.Error(status, reason)
	}
}
