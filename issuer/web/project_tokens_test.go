package web

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
)

// verifies tells whether a token uploads to a project, as the store of this server has
// it, and else why not.
func (h *house) verifies(text, project string) error {
	v := verifier.New(h.keys).WithClock(h.clock.Now)
	_, err := v.Verify(h.Context(), text, verifier.Request{Action: caveats.ActionUpload, Project: project})
	return err
}

// Owners see what can upload to their project, maintainers what is theirs, and none
// of them where else a token uploads.
func TestProjectsShowTheirTokens(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	ada.project("demo")
	ada.invites("demo", bob, "maintainer")
	bob.project("private")
	ada.get("/projects/demo").says("No tokens can upload to this project yet.").says("Nothing was uploaded in the last 90 days.")
	_, hers := ada.mint("release machine", "scope", "chosen", "projects", "demo")
	text, his := bob.mint("nightly", "scope", "chosen", "projects", "demo", "projects", "private")
	bob.mint("for all")
	at := h.clock.Now()
	h.must(h.issuer.Tokens.RecordUse(h.Context(), his, "demo", netip.MustParseAddr("203.0.113.7"), at))
	h.must(h.issuer.Tokens.RecordUse(h.Context(), his, "private", netip.MustParseAddr("198.51.100.7"), at.Add(2*time.Minute)))
	h.must(h.issuer.Tokens.RecordUse(h.Context(), hers, "demo", netip.MustParseAddr("203.0.113.7"), at))

	for _, path := range []string{"/projects/demo", "/projects/demo/tokens"} {
		got := ada.get(path).is(200, "").says("nightly").says("for all projects of its owner").says("release machine").says("from 203.0.113.0/24")
		for _, secret := range []string{"private", "198.51.100", text[:40]} {
			if strings.Contains(got.body, secret) {
				t.Errorf("%s tells ada %q", path, secret)
			}
		}
		if got := bob.get(path).is(200, "").says("nightly").says("for all"); strings.Contains(got.text(), "release machine with") || strings.Contains(got.text(), "Excluded") {
			t.Errorf("%s tells bob of the owner's tokens", path)
		}
	}
	of := ada.get("/projects/demo/tokens?member="+bob.id).is(200, "").says("The tokens of bob").says("nightly")
	if strings.Contains(of.text(), "release machine") {
		t.Error("bob's tokens are not his alone")
	}
	ada.get("/projects/demo/tokens?member="+noToken).is(404, "")
	ada.get("/projects/demo/tokens?after="+noToken).is(404, "")

	chart := ada.get("/projects/demo").says("2 uploads from").says("nightly (bob) 1 upload").says("release machine (ada) 1 upload")
	if !strings.Contains(chart.body, `<rect class="s1"`) || !strings.Contains(chart.body, "url(#uploads-s1)") || strings.Contains(chart.body, "style=") {
		t.Error("no chart that keeps to the policy")
	}
	if got := bob.get("/projects/demo").says("2 uploads from").says("Other tokens 1 upload").text(); strings.Contains(got, "release machine of") {
		t.Error("the chart names the owner's token to bob")
	}
}

func TestAMembersTokensAreExcluded(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	ada.project("demo")
	ada.invites("demo", bob, "maintainer")
	text, _ := bob.mint("nightly", "scope", "chosen", "projects", "demo")
	h.must(h.verifies(text, "demo"))
	exclude, readmit := "/projects/demo/members/"+bob.id+"/exclude", "/projects/demo/members/"+bob.id+"/readmit"
	bob.post(exclude).is(403, "")
	before := h.state()
	ada.get(exclude).is(200, "").says("no token of bob can upload to demo").says("nightly")
	if d := changed(before, h.state()); len(d) > 0 {
		t.Errorf("asking changed %q", d)
	}
	ada.post(exclude).is(303, "/projects/demo")
	ada.get("/projects/demo").says("The member’s tokens were excluded.").says("1 of 1").says("Allow again").says("You excluded the tokens of bob from demo")
	bob.get("/projects/demo").says("ada excluded your tokens from demo")
	var denial *verifier.Denial
	if err := h.verifies(text, "demo"); !errors.As(err, &denial) || denial.Failures[0].Reason != caveats.NotAMember {
		t.Errorf("the verifier says %v", err)
	}
	if e := h.last(); e.Kind != "project.tokens_excluded" || e.Account != bob.id || e.Actor.Username != "ada" {
		t.Errorf("row %+v", e)
	}
	if mails := h.about("bob@example.org", "Your tokens were excluded from demo"); len(mails) != 1 {
		t.Errorf("mails %q", mails)
	}
	if got := bob.post("/tokens/new", "label", "more", "scope", "chosen", "projects", "demo", "life", "30").is(422, ""); !strings.Contains(got.wrong("projects"), "The owners of demo excluded your tokens") {
		t.Errorf("beside projects: %q", got.wrong("projects"))
	}
	bob.get("/projects/demo").is(200, "").says("Excluded")
	ada.get(readmit).is(200, "").says("nightly")
	ada.post(readmit).is(303, "/projects/demo")
	h.must(h.verifies(text, "demo"))
	if e := h.last(); e.Kind != "project.tokens_readmitted" {
		t.Errorf("row %+v", e)
	}
	if mails := h.about("bob@example.org", "Your tokens can upload to demo again"); len(mails) != 1 {
		t.Errorf("mails %q", mails)
	}
	for _, path := range []string{exclude, readmit} {
		ada.get(strings.Replace(path, bob.id, noToken, 1)).is(404, "")
		ada.post(strings.Replace(path, bob.id, noToken, 1)).is(404, "")
	}
}

// A page of a project's tokens leads to the next one.
func TestTokensOfAProjectArePaged(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	for i := range tokenPageSize + 1 {
		h.issue(ada, tokens.MintRequest{Label: "token " + string(rune('a'+i/26)) + string(rune('a'+i%26)), Scope: tokens.ScopeAll, Life: tokens.Life30})
	}
	_, next, ok := strings.Cut(ada.get("/projects/demo").body, `href="/projects/demo/tokens?after=`)
	if !ok {
		t.Fatal("the project's page leads to no further tokens")
	}
	id, _, _ := strings.Cut(next, `"`)
	if got := ada.get("/projects/demo/tokens?after="+id).is(200, ""); strings.Count(got.body, `scope="row"`) != tokenPageSize+1-projectPageTokens {
		t.Errorf("the rest has %d rows", strings.Count(got.body, `scope="row"`))
	}
	first := ada.get("/projects/demo/tokens").is(200, "")
	_, next, _ = strings.Cut(first.body, `href="/projects/demo/tokens?after=`)
	id, _, _ = strings.Cut(next, `"`)
	if got := ada.get("/projects/demo/tokens?after="+id).is(200, ""); strings.Count(got.body, `scope="row"`) != 1 {
		t.Errorf("the second page has %d rows", strings.Count(got.body, `scope="row"`))
	}
}
