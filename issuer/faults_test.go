package issuer_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// A store that fails, wherever it fails, is reported, and nothing is left of the
// change that was under way.
func TestStoreFailsAnywhere(t *testing.T) {
	var f *issuertest.Faulty
	h := newHouse(t, func(c *issuer.Config) {
		f = &issuertest.Faulty{Store: c.Store}
		c.Store = f
		c.Notices = notices.New(f, c.Clock, nil)
	})
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleOwner)
	m := h.Mint(alice, forSome("ci", "demo"))
	anywhere := netip.MustParseAddr("192.0.2.1")
	var invited projects.Invited
	v, secret := h.Verifier("berlin")
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	type op struct {
		name string
		do   func() error
	}
	ctx := t.Context()
	for _, o := range []op{
		{"Position", func() error { _, err := h.Followers.Position(ctx); return err }},
		{"Changes", func() error { _, err := h.Service.Followers.Changes(ctx, at, 0); return err }},
		{"Projects", func() error { _, err := h.Projects.List(ctx, aliceID); return err }},
		{"Project", func() error { _, err := h.Projects.Get(ctx, alice, "demo"); return err }},
		{"ProjectEvents", func() error { _, err := h.Projects.Events(ctx, alice, "demo", audit.Query{}); return err }},
		{"Tokens", func() error { _, err := h.Tokens.List(ctx, aliceID, tokens.Page{}); return err }},
		{"Tokens, next", func() error { _, err := h.Tokens.List(ctx, aliceID, tokens.Page{After: m.Token.ID}); return err }},
		{"Token", func() error { _, err := h.Tokens.Get(ctx, alice, m.Token.ID); return err }},
		{"FindTokens", func() error {
			_, err := h.Tokens.Find(ctx, aliceID, tokens.Query{Sort: tokens.SortUsed, After: m.Token.ID})
			return err
		}},
		{"AllTokens", func() error { _, err := h.Tokens.All(ctx, root, tokens.Page{After: m.Token.ID}); return err }},
		{"ProjectTokens", func() error {
			_, _, err := h.Tokens.ProjectTokens(ctx, alice, "demo", tokens.ProjectTokensQuery{})
			return err
		}},
		{"ProjectTokens, next", func() error {
			_, _, err := h.Tokens.ProjectTokens(ctx, alice, "demo", tokens.ProjectTokensQuery{After: m.Token.ID})
			return err
		}},
		{"RecordUse", func() error { return h.Tokens.RecordUse(ctx, m.Token.ID, "demo", anywhere, h.Clock.Now()) }},
		{"ProjectUploads", func() error { _, err := h.Tokens.ProjectUploads(ctx, alice, "demo", 1); return err }},
		{"ForgetOld", func() error { return h.Tokens.ForgetOld(ctx) }},
		{"ShutOut", func() error { _, _, err := h.Projects.ExcludeTokens(ctx, alice, "demo", bobID); return err }},
		{"LetIn", func() error { _, _, err := h.Projects.ReadmitTokens(ctx, alice, "demo", bobID); return err }},
		{"Mint and register", func() error {
			_, err := h.Tokens.Mint(ctx, carol, tokens.MintRequest{Label: "ci", Scope: tokens.ScopeChosen, Register: "third", Life: tokens.Life7, IdempotencyKey: "0123456789abcdefghijkl"})
			return err
		}},
		{"CreateProject", func() error { _, _, err := h.Projects.Create(ctx, alice, "other"); return err }},
		{"Invite", func() (err error) {
			invited, err = h.Projects.Invite(ctx, alice, "demo", projects.InviteRequest{To: "carol", Role: projects.RoleOwner})
			return err
		}},
		{"Resend", func() error { _, err := h.Projects.Resend(ctx, alice, "demo", invited.ID); return err }},
		{"Invitations", func() error { _, err := h.Projects.Invitations(ctx, alice, "demo"); return err }},
		{"InvitationsFor", func() error { _, err := h.Projects.InvitationsFor(ctx, carol); return err }},
		{"AcceptInvitation", func() error { _, err := h.Projects.AcceptInvitation(ctx, carol, invited.ID); return err }},
		{"Invite again", func() (err error) {
			invited, err = h.Projects.Invite(ctx, alice, "demo", projects.InviteRequest{To: "Root@example.org", Role: projects.RoleMaintainer})
			return err
		}},
		{"InvitationByLink", func() error { _, _, err := h.Projects.InvitationByLink(ctx, bob, invited.Secret); return err }},
		{"SweepInvitations", func() error { return h.Projects.SweepInvitations(ctx) }},
		{"Uninvite", func() error { return h.Projects.Uninvite(ctx, alice, "demo", invited.ID) }},
		{"SetRole", func() error {
			_, err := h.Projects.SetRole(ctx, alice, "demo", carolID, projects.RoleMaintainer)
			return err
		}},
		{"RemoveMember", func() error { _, err := h.Projects.RemoveMember(ctx, alice, "demo", carolID); return err }},
		{"Leave", func() error { _, err := h.Projects.Leave(ctx, alice, "demo"); return err }},
		{"Describe", func() error {
			_, err := h.Projects.Describe(ctx, bob, "demo", projects.About{Description: "x"})
			return err
		}},
		{"Archive", func() error { _, err := h.Projects.Archive(ctx, bob, "demo"); return err }},
		{"Unarchive", func() error { _, err := h.Projects.Unarchive(ctx, bob, "demo"); return err }},
		{"Mint", func() error { _, err := h.Tokens.Mint(ctx, bob, forSome("ci", "demo")); return err }},
		{"Revoke", func() error { _, _, err := h.Tokens.Revoke(ctx, alice, m.Token.ID); return err }},
		{"RecordUser", func() error {
			return f.Update(ctx, func(tx kv.Tx) error { return h.Ledger.RecordUser(tx, carolID, "carola", false) })
		}},
		{"DeleteProject", func() error { _, err := h.Tokens.DeleteProject(ctx, bob, "demo", "demo"); return err }},
		{"HeldNames", func() error { _, err := h.Projects.ReservedNames(ctx, root); return err }},
		{"ReleaseName", func() error { return h.Projects.ReleaseName(ctx, root, "demo") }},
		{"FinishDeletions", func() error { _, err := h.Tokens.FinishDeletions(ctx); return err }},
		{"AuthenticateVerifier", func() error { _, err := h.Followers.AuthenticateVerifier(ctx, secret); return err }},
		{"Verifiers", func() error { _, err := h.Followers.Verifiers(ctx, root); return err }},
		{"OpenStream", func() error { _, err := h.Followers.OpenStream(ctx, v, at); return err }},
		{"Snapshot", func() error { return h.Followers.Snapshot(ctx, func(feed.Frame) error { return nil }) }},
		{"RegisterVerifier", func() error { _, _, err := h.Followers.RegisterVerifier(ctx, root, "paris"); return err }},
		{"RevokeVerifier", func() error { return h.Followers.RevokeVerifier(ctx, root, v.ID) }},
		{"New", func() error {
			_, err := issuer.New(issuer.Config{Store: f, Sealer: sealer(t), Location: location})
			return err
		}},
	} {
		t.Run(o.name, func(t *testing.T) { h.Failing(t, f, o.do) })
	}
}

// Transactions that run again, as they do on stores with optimistic locking, give
// the same as those that run once.
func TestTransactionsRunAgain(t *testing.T) {
	h := newHouse(t, func(c *issuer.Config) { c.Store = &issuertest.Faulty{Store: c.Store, Twice: true} })
	v := h.Follow()
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleOwner)
	m := h.Mint(bob, forSome("ci", "demo"))
	v.Expect(m.Text, "demo")
	rev, _, err := h.Tokens.Revoke(t.Context(), bob, m.Token.ID)
	h.Check(err)
	v.Expect(m.Text, "demo", caveats.Revoked)
	if got := h.Trail(); rev != 8 || len(got.Log) != 8 || len(got.Rows) != 6 {
		t.Errorf("revision %d, %d log entries, %d rows", rev, len(got.Log), len(got.Rows))
	}
}

// A context that ended changes nothing.
func TestContextEnded(t *testing.T) {
	h := newHouse(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.Refused(context.Canceled, func() error { _, err := h.Tokens.Mint(ctx, alice, forAll("ci")); return err })
	store, err := boltkv.Open(filepath.Join(t.TempDir(), "closed.db"), boltkv.Options{})
	h.Check(err)
	h.Check(store.Close())
	if _, err := issuer.New(issuer.Config{Store: store, Sealer: sealer(t), Location: location}); err == nil {
		t.Error("opened on a closed store")
	}
}
