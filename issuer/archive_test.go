package issuer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// An archived project takes no uploads, says so, and takes them again when it is
// reopened.
func TestArchivedProject(t *testing.T) {
	h := newHouse(t)
	v := h.follow()
	demo := h.project(alice, "demo")
	h.project(alice, "other")
	h.member(alice, "demo", bobID, projects.RoleMaintainer)
	names := map[string]string{"demo": demo.ID}
	chosen, all, his := h.mint(alice, forSome("chosen", "demo", "other")), h.mint(alice, forAll("all")), h.mint(bob, forAll("his"))
	hers := h.mint(carol, forAll("hers"))

	h.wrote(names, func() error { _, err := h.Projects.Archive(t.Context(), alice, "Demo"); return err }, "project.archived - demo", "log project demo")
	h.wrote(names, func() error { _, err := h.Projects.Archive(t.Context(), alice, "demo"); return err })
	for _, m := range []tokens.Minted{chosen, all, his} {
		v.expect(m.Text, "demo", caveats.WrongProject)
	}
	v.expect(hers.Text, "demo", caveats.NotAMember)
	v.expect(chosen.Text, "other")
	if got := v.denied(his.Text, "demo"); got != "project 'demo' is archived and takes no uploads" {
		t.Errorf("the denial says %q", got)
	}
	h.refused("projects: project_archived", func() error { _, err := h.Tokens.Mint(t.Context(), alice, forSome("new", "demo")); return err })
	h.refused("projects: project_archived", func() error {
		_, _, err := h.Tokens.Restrict(t.Context(), alice, all.Token.ID, tokens.RestrictRequest{Projects: []string{"demo"}})
		return err
	})
	p, err := h.Projects.Get(t.Context(), bob, "demo")
	ps, err2 := h.Projects.List(t.Context(), bobID)
	if err != nil || err2 != nil || !p.Archived.Equal(start) || len(p.Members) != 2 || p.Role != projects.RoleMaintainer || !ps[0].Archived.Equal(start) {
		t.Errorf("bob sees %+v (%v), in the list %+v (%v)", p, err, ps, err2)
	}

	h.wrote(names, func() error { _, err := h.Projects.Unarchive(t.Context(), alice, "demo"); return err }, "project.unarchived - demo", "log project demo")
	h.wrote(names, func() error { _, err := h.Projects.Unarchive(t.Context(), alice, "demo"); return err })
	for _, m := range []tokens.Minted{chosen, all, his} {
		v.expect(m.Text, "demo")
	}
	for name, do := range map[string]func(ledger.Principal) error{
		"archive":   func(p ledger.Principal) error { _, err := h.Projects.Archive(t.Context(), p, "demo"); return err },
		"unarchive": func(p ledger.Principal) error { _, err := h.Projects.Unarchive(t.Context(), p, "demo"); return err },
		"describe": func(p ledger.Principal) error {
			_, err := h.Projects.Describe(t.Context(), p, "demo", projects.About{Description: "\x00"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			h.refused(ledger.ErrNotOwner, func() error { return do(bob) })
			h.refused(ledger.ErrNotOwner, func() error { return do(root) })
			h.refused(ledger.ErrNotFound, func() error { return do(carol) })
		})
	}
}

// A large project, whose members have records of their own with a verifier.
func TestLargeArchivedProject(t *testing.T) {
	h := newHouse(t)
	v := h.follow()
	h.project(alice, "demo")
	for i := range 50 {
		id := fmt.Sprintf("00000000-0000-4000-9000-%012d", i)
		h.record(id, fmt.Sprint("user", i), false)
		h.member(alice, "demo", id, projects.RoleMaintainer)
	}
	m := h.mint(alice, forAll("all"))
	v.expect(m.Text, "demo")
	_, err := h.Projects.Archive(t.Context(), alice, "demo")
	h.check(err)
	v.expect(m.Text, "demo", caveats.WrongProject)
	_, err = h.Projects.Unarchive(t.Context(), alice, "demo")
	h.check(err)
	v.expect(m.Text, "demo")
}

func TestDescribe(t *testing.T) {
	h := newHouse(t)
	demo := h.project(alice, "demo")
	describe := func(about projects.About) func() error {
		return func() error { _, err := h.Projects.Describe(t.Context(), alice, "demo", about); return err }
	}
	about := projects.About{Description: "Cheese.\n\nOf all kinds – 日本語.", Homepage: "https://example.org/demo?a=b#c"}
	names := map[string]string{"demo": demo.ID}
	typed := projects.About{Description: "  Cheese.\r\n\r\nOf all kinds – 日本語.\n", Homepage: " " + about.Homepage + "\n"}
	h.wrote(names, describe(typed), "project.described - demo", "log project demo")
	h.wrote(names, describe(about))
	if p, err := h.Projects.Get(t.Context(), alice, "demo"); err != nil || p.About != about {
		t.Errorf("%+v (%v)", p, err)
	}
	for _, good := range []string{"http://example.org", "HTTPS://localhost:8080/", "https://[::1]/x", "https://exämple.org/ü"} {
		h.check(describe(projects.About{Homepage: good})())
	}
	for _, bad := range []string{"example.org", "//example.org", "javascript:alert(1)", "https:", "https:///x", "https://:80", "ftp://example.org",
		"https://user@example.org", "https://user:word@example.org", "https://exa mple.org", "https://example.org/\u202e", "https://e\\x", "https://x\x00", "mailto:a@example.org"} {
		h.refused("homepage: homepage_invalid", describe(projects.About{Homepage: bad}))
	}
	h.check(describe(projects.About{Description: strings.Repeat("é", 500), Homepage: "https://example.org/" + strings.Repeat("x", 480)})())
	h.refused("description: description_too_long; homepage: homepage_too_long",
		describe(projects.About{Description: strings.Repeat("é", 501), Homepage: "https://example.org/" + strings.Repeat("x", 481)}))
	for _, bad := range []string{"a\x00b", "a\u202eb", "a\xff", "a\rb", "a\tb"} {
		h.refused("description: description_invalid", describe(projects.About{Description: bad}))
	}
	h.check(describe(projects.About{})())
}
