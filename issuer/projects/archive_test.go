package projects_test

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
	v := h.Follow()
	demo := h.Project(alice, "demo")
	h.Project(alice, "other")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	names := map[string]string{"demo": demo.ID}
	chosen, all, his := h.Mint(alice, forSome("chosen", "demo", "other")), h.Mint(alice, forAll("all")), h.Mint(bob, forAll("his"))
	hers := h.Mint(carol, forAll("hers"))

	h.Wrote(names, func() error { _, err := h.Projects.Archive(t.Context(), alice, "Demo"); return err }, "project.archived - demo", "log project demo")
	h.Wrote(names, func() error { _, err := h.Projects.Archive(t.Context(), alice, "demo"); return err })
	for _, m := range []tokens.Minted{chosen, all, his} {
		v.Expect(m.Text, "demo", caveats.WrongProject)
	}
	v.Expect(hers.Text, "demo", caveats.NotAMember)
	v.Expect(chosen.Text, "other")
	if got := v.Denied(his.Text, "demo"); got != "project 'demo' is archived and takes no uploads" {
		t.Errorf("the denial says %q", got)
	}
	h.Refused("projects: project_archived", func() error { _, err := h.Tokens.Mint(t.Context(), alice, forSome("new", "demo")); return err })
	h.Refused("projects: project_archived", func() error {
		_, _, err := h.Tokens.Restrict(t.Context(), alice, all.Token.ID, tokens.RestrictRequest{Projects: []string{"demo"}})
		return err
	})
	p, err := h.Projects.Get(t.Context(), bob, "demo")
	ps, err2 := h.Projects.List(t.Context(), bobID)
	if err != nil || err2 != nil || !p.Archived.Equal(start) || len(p.Members) != 2 || p.Role != projects.RoleMaintainer || !ps[0].Archived.Equal(start) {
		t.Errorf("bob sees %+v (%v), in the list %+v (%v)", p, err, ps, err2)
	}

	h.Wrote(names, func() error { _, err := h.Projects.Unarchive(t.Context(), alice, "demo"); return err }, "project.unarchived - demo", "log project demo")
	h.Wrote(names, func() error { _, err := h.Projects.Unarchive(t.Context(), alice, "demo"); return err })
	for _, m := range []tokens.Minted{chosen, all, his} {
		v.Expect(m.Text, "demo")
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
			h.Refused(ledger.ErrNotOwner, func() error { return do(bob) })
			h.Refused(ledger.ErrNotOwner, func() error { return do(root) })
			h.Refused(ledger.ErrNotFound, func() error { return do(carol) })
		})
	}
}

// A large project, whose members have records of their own with a verifier.
func TestLargeArchivedProject(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	h.Project(alice, "demo")
	for i := range 50 {
		id := fmt.Sprintf("00000000-0000-4000-9000-%012d", i)
		h.Record(id, fmt.Sprint("user", i), false)
		h.Member(alice, "demo", id, projects.RoleMaintainer)
	}
	m := h.Mint(alice, forAll("all"))
	v.Expect(m.Text, "demo")
	_, err := h.Projects.Archive(t.Context(), alice, "demo")
	h.Check(err)
	v.Expect(m.Text, "demo", caveats.WrongProject)
	_, err = h.Projects.Unarchive(t.Context(), alice, "demo")
	h.Check(err)
	v.Expect(m.Text, "demo")
}

func TestDescribe(t *testing.T) {
	h := newHouse(t)
	demo := h.Project(alice, "demo")
	describe := func(about projects.About) func() error {
		return func() error { _, err := h.Projects.Describe(t.Context(), alice, "demo", about); return err }
	}
	about := projects.About{Description: "Cheese.\n\nOf all kinds – 日本語.", Homepage: "https://example.org/demo?a=b#c"}
	names := map[string]string{"demo": demo.ID}
	typed := projects.About{Description: "  Cheese.\r\n\r\nOf all kinds – 日本語.\n", Homepage: " " + about.Homepage + "\n"}
	h.Wrote(names, describe(typed), "project.described - demo", "log project demo")
	h.Wrote(names, describe(about))
	if p, err := h.Projects.Get(t.Context(), alice, "demo"); err != nil || p.About != about {
		t.Errorf("%+v (%v)", p, err)
	}
	for _, good := range []string{"http://example.org", "HTTPS://localhost:8080/", "https://[::1]/x", "https://exämple.org/ü"} {
		h.Check(describe(projects.About{Homepage: good})())
	}
	for _, bad := range []string{"example.org", "//example.org", "javascript:alert(1)", "https:", "https:///x", "https://:80", "ftp://example.org",
		"https://user@example.org", "https://user:word@example.org", "https://exa mple.org", "https://example.org/\u202e", "https://e\\x", "https://x\x00", "mailto:a@example.org"} {
		h.Refused("homepage: homepage_invalid", describe(projects.About{Homepage: bad}))
	}
	h.Check(describe(projects.About{Description: strings.Repeat("é", 500), Homepage: "https://example.org/" + strings.Repeat("x", 480)})())
	h.Refused("description: description_too_long; homepage: homepage_too_long",
		describe(projects.About{Description: strings.Repeat("é", 501), Homepage: "https://example.org/" + strings.Repeat("x", 481)}))
	for _, bad := range []string{"a\x00b", "a\u202eb", "a\xff", "a\rb", "a\tb"} {
		h.Refused("description: description_invalid", describe(projects.About{Description: bad}))
	}
	h.Check(describe(projects.About{})())
}
