package issuer_test

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

var errDisk = errors.New("the disk fails")

// faulty is a store whose transactions fail at their nth access, where n is not
// 0, and run twice, where twice is set, as one that meets a conflict does.
type faulty struct {
	kv.Store
	n     int
	twice bool
	met   bool // the failure happened
	cut   int  // where not 0: so many transactions that write commit, the one behind them fails
}

type access struct {
	kv.Tx
	f    *faulty
	left int
}

func (a *access) fail() error {
	if a.left--; a.left == 0 {
		a.f.met = true
		return errDisk
	}
	return nil
}

func (a *access) Get(key []byte) ([]byte, error) {
	if err := a.fail(); err != nil {
		return nil, err
	}
	return a.Tx.Get(key)
}

func (a *access) Scan(prefix, after []byte, limit int, reverse bool) ([]kv.Pair, error) {
	if err := a.fail(); err != nil {
		return nil, err
	}
	return a.Tx.Scan(prefix, after, limit, reverse)
}

func (a *access) Put(key, value []byte) error { return errors.Join(a.fail(), a.Tx.Put(key, value)) }
func (a *access) Delete(key []byte) error     { return errors.Join(a.fail(), a.Tx.Delete(key)) }

// reading is the part of an access that a View has.
type reading struct {
	kv.Tx
	kv.Reader
}

func (r reading) Get(key []byte) ([]byte, error) { return r.Reader.Get(key) }
func (r reading) Scan(p, a []byte, n int, rev bool) ([]kv.Pair, error) {
	return r.Reader.Scan(p, a, n, rev)
}

func (f *faulty) View(ctx context.Context, fn func(kv.Reader) error) error {
	return f.Store.View(ctx, func(r kv.Reader) error {
		return fn(&access{reading{Reader: r}, f, f.n})
	})
}

func (f *faulty) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if f.cut > 0 {
		if f.cut--; f.cut == 0 {
			defer func() { f.cut = -1 }()
		}
	} else if f.cut < 0 {
		f.cut = 0
		return errDisk
	}
	conflict := errors.New("conflict")
	if f.twice {
		err := f.Store.Update(ctx, func(tx kv.Tx) error { return errors.Join(fn(tx), conflict) })
		if !errors.Is(err, conflict) {
			return err
		}
	}
	return f.Store.Update(ctx, func(tx kv.Tx) error { return fn(&access{tx, f, f.n}) })
}

// A store that fails, wherever it fails, is reported, and nothing is left of the
// change that was under way.
func TestStoreFailsAnywhere(t *testing.T) {
	var f *faulty
	h := newHouse(t, func(c *issuer.Config) {
		f = &faulty{Store: c.Store}
		c.Store = f
		c.Notices = notices.New(f, c.Clock, nil)
	})
	h.project(alice, "demo")
	h.member(alice, "demo", bobID, projects.RoleOwner)
	m := h.mint(alice, forSome("ci", "demo"))
	anywhere := netip.MustParseAddr("192.0.2.1")
	var invited projects.Invited
	v, secret := h.verifier("berlin")
	at, err := h.Followers.Position(t.Context())
	h.check(err)
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
		{"RecordUse", func() error { return h.Tokens.RecordUse(ctx, m.Token.ID, "demo", anywhere, h.clock.Now()) }},
		{"ProjectUploads", func() error { _, err := h.Tokens.ProjectUploads(ctx, alice, "demo", 1); return err }},
		{"ForgetOld", func() error { return h.Tokens.ForgetOld(ctx) }},
		{"ShutOut", func() error { _, _, err := h.Projects.ExcludeTokens(ctx, alice, "demo", bobID); return err }},
		{"LetIn", func() error { _, _, err := h.Projects.ReadmitTokens(ctx, alice, "demo", bobID); return err }},
		{"Mint and register", func() error {
			_, err := h.Tokens.Mint(ctx, carol, tokens.MintRequest{Label: "ci", Scope: tokens.ScopeChosen, Register: "third", Life: tokens.Life7, IdempotencyKey: mark})
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
		t.Run(o.name, func(t *testing.T) { h.failing(t, f, o.do) })
	}
}

// failing does something with a failure at its first access, then its second,
// until there is none.
func (h *house) failing(t *testing.T, f *faulty, do func() error) {
	for n := 1; ; n++ {
		before := h.fingerprint()
		f.n, f.met = n, false
		err := do()
		met := f.met
		f.n = 0
		if !met { // it has fewer accesses than that
			if err != nil || n == 1 {
				t.Errorf("without a failure, after %d: %v", n, err)
			}
			return
		}
		if !errors.Is(err, errDisk) || errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("access %d failed, and the error is %v", n, err)
		}
		if after := h.fingerprint(); after != before {
			t.Fatalf("access %d failed, and something is left:\n%s\n%s", n, before, after)
		}
	}
}

// fingerprint is the whole content of the store but for sealed bytes.
func (h *house) fingerprint() (all string) {
	h.Helper()
	h.check(h.store.View(h.Context(), func(r kv.Reader) error {
		pairs, err := r.Scan(nil, nil, 0, false)
		for _, p := range pairs {
			all += fmt.Sprintf("%q %q\n", p.Key, p.Value)
		}
		return err
	}))
	return all
}

// Transactions that run again, as they do on stores with optimistic locking, give
// the same as those that run once.
func TestTransactionsRunAgain(t *testing.T) {
	h := newHouse(t, func(c *issuer.Config) { c.Store = &faulty{Store: c.Store, twice: true} })
	v := h.follow()
	h.project(alice, "demo")
	h.member(alice, "demo", bobID, projects.RoleOwner)
	m := h.mint(bob, forSome("ci", "demo"))
	v.expect(m.Text, "demo")
	rev, _, err := h.Tokens.Revoke(t.Context(), bob, m.Token.ID)
	h.check(err)
	v.expect(m.Text, "demo", caveats.Revoked)
	if got := h.trail(); rev != 8 || len(got.log) != 8 || len(got.rows) != 6 {
		t.Errorf("revision %d, %d log entries, %d rows", rev, len(got.log), len(got.rows))
	}
}

// A context that ended changes nothing.
func TestContextEnded(t *testing.T) {
	h := newHouse(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.refused(context.Canceled, func() error { _, err := h.Tokens.Mint(ctx, alice, forAll("ci")); return err })
	store, err := boltkv.Open(filepath.Join(t.TempDir(), "closed.db"), boltkv.Options{})
	h.check(err)
	h.check(store.Close())
	if _, err := issuer.New(issuer.Config{Store: store, Sealer: sealer(t), Location: location}); err == nil {
		t.Error("opened on a closed store")
	}
}
