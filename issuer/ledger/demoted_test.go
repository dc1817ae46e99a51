package ledger_test

import (
	"context"
	"errors"
	"testing"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// An administrator who is demoted while a request is under way can't act with it.
func TestDemotedAdministrator(t *testing.T) {
	office := map[string]bool{rootID: true}
	h := newHouse(t, func(c *issuer.Config) {
		c.Administrators = func(_ kv.Reader, id string) (bool, error) { return office[id], nil }
	})
	m := h.Mint(alice, forAll("ci"))
	other := h.Mint(alice, forAll("other"))
	v, _ := h.Verifier("berlin")
	office[rootID] = false
	acts := map[string]func() error{
		"Revoke":           func() error { _, _, err := h.Tokens.Revoke(t.Context(), root, m.Token.ID); return err },
		"RevokeFor":        func() error { _, _, err := h.Tokens.RevokeFor(t.Context(), root, m.Token.ID, "seen"); return err },
		"RegisterVerifier": func() error { _, _, err := h.Followers.RegisterVerifier(t.Context(), root, "paris"); return err },
		"RevokeVerifier":   func() error { return h.Followers.RevokeVerifier(t.Context(), root, v.ID) },
		"CreateProject":    func() error { _, _, err := h.Projects.Create(t.Context(), root, "demo"); return err },
	}
	for _, act := range acts {
		h.Refused(ledger.ErrDemoted, act)
	}
	office[rootID] = true
	for what, act := range acts {
		if err := act(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	machine := ledger.Principal{Admin: true, Username: "operator"}
	if _, done, err := h.Tokens.Revoke(t.Context(), machine, other.Token.ID); err != nil || !done {
		t.Errorf("on the machine: %v, %v", done, err)
	}
}

// Nor does who was demoted, or frozen, read on: each page of an export asks again.
func TestDemotedAdministratorReadsNoFurther(t *testing.T) {
	office := true
	h := newHouse(t, func(c *issuer.Config) {
		c.Administrators = func(_ kv.Reader, id string) (bool, error) { return office && id == rootID, nil }
	})
	h.Project(alice, "demo")
	h.Mint(alice, forAll("ci"))
	reads := map[string]func() error{
		"ProjectEvents": func() error { _, err := h.Projects.Events(t.Context(), root, "demo", audit.Query{}); return err },
		"Project":       func() error { _, err := h.Projects.Get(t.Context(), root, "demo"); return err },
		"AllTokens":     func() error { _, err := h.Tokens.All(t.Context(), root, tokens.Page{}); return err },
		"AllProjects":   func() error { _, err := h.Projects.All(t.Context(), root, projects.AllQuery{}); return err },
		"SearchTokens":  func() error { _, err := h.Tokens.Search(t.Context(), root, tokens.AllQuery{Text: "ci"}); return err },
		"HeldNames":     func() error { _, err := h.Projects.ReservedNames(t.Context(), root); return err },
		"Verifiers":     func() error { _, err := h.Followers.Verifiers(t.Context(), root); return err },
	}
	all := func(want error) {
		t.Helper()
		for what, read := range reads {
			if err := read(); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
	}
	all(nil)
	office = false
	all(ledger.ErrDemoted)
	office = true
	h.Record(rootID, "root", true)
	all(ledger.ErrFrozen)
}

// While rind is read-only, tokens and verifiers are revoked and uses are noted, and
// nothing else changes.
func TestReadOnlyIssuer(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	m := h.Mint(alice, forAll("ci"))
	more := h.Mint(alice, forAll("more"))
	burnt := h.Mint(alice, forAll("burnt"))
	v, _ := h.Verifier("berlin")
	ctx := t.Context()
	readOnly := func(on instance.ReadOnly) {
		t.Helper()
		h.Check(h.Store.Update(ctx, func(tx kv.Tx) error { return instance.Save(tx, instance.Settings{ReadOnly: on}) }))
	}
	readOnly(instance.ReadOnly{Since: start})
	for _, act := range []func() error{
		func() error { _, _, err := h.Projects.Create(ctx, alice, "other"); return err },
		func() error { _, err := h.Tokens.Mint(ctx, alice, forAll("new")); return err },
		func() error { _, err := h.AddMember(ctx, alice, "demo", carolID, projects.RoleOwner); return err },
		func() error { _, err := h.Projects.SetRole(ctx, alice, "demo", bobID, projects.RoleOwner); return err },
		func() error { _, err := h.Projects.RemoveMember(ctx, alice, "demo", bobID); return err },
		func() error { _, err := h.Projects.Leave(ctx, bob, "demo"); return err },
		func() error { return h.Tokens.Rename(ctx, alice, m.Token.ID, "else") },
		func() error { _, _, err := h.Followers.RegisterVerifier(ctx, root, "paris"); return err },
	} {
		h.Refused(instance.ErrReadOnly, act)
	}
	_, done, err := h.Tokens.Revoke(ctx, alice, m.Token.ID)
	if err != nil || !done {
		t.Errorf("revoke: %v, %v", done, err)
	}
	_, done, err = h.Tokens.RevokeFor(ctx, root, more.Token.ID, "seen")
	if err != nil || !done {
		t.Errorf("revoke for a reason: %v, %v", done, err)
	}
	if b, err := h.Tokens.Burn(ctx, burnt.Text, alice.Actor); err != nil || !b.Done {
		t.Errorf("burn: %+v, %v", b.Done, err)
	}
	h.Check(h.Followers.RevokeVerifier(ctx, root, v.ID))
	h.Check(h.reopen())
	readOnly(instance.ReadOnly{})
	h.Project(alice, "other")
}

// reopen makes another Service on the store, as a start does.
func (h *house) reopen() error {
	_, err := issuer.New(issuer.Config{Store: h.Store, Sealer: sealer(h), Location: location, Clock: h.Clock.Now})
	return err
}

var errAsked = errors.New("no")

// That it can't be told who is an administrator is no yes.
func TestAdministratorsUnknown(t *testing.T) {
	h := newHouse(t, func(c *issuer.Config) {
		c.Administrators = func(kv.Reader, string) (bool, error) { return true, errAsked }
	})
	m := h.Mint(alice, forAll("ci"))
	h.Refused(errAsked, func() error { _, _, err := h.Tokens.Revoke(context.Background(), root, m.Token.ID); return err })
}
