package authn

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
)

// work is what an attempt costs.
type work struct{ hashes, transactions, writes, mails int64 }

// costs measures an attempt.
func (e *env) costs(store *weighingStore, do func()) work {
	before := work{e.hash.calls.Load(), store.transactions.Load(), store.writes.Load(), int64(e.mails.sent())}
	do()
	return work{
		e.hash.calls.Load() - before.hashes, store.transactions.Load() - before.transactions,
		store.writes.Load() - before.writes, int64(e.mails.sent()) - before.mails,
	}
}

// Who has an account can't be told by the work: hashes, transactions, writes and mails. TOB-PYPI-5,
// TOB-PYPI26-5, Vault CVE-2023-3462, OpenBao CVE-2025-54999.
func TestIncidentEnumerationByWork(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.Registration = instance.Open })
	root := e.admin()
	e.member(root, "bob")
	ice := e.member(root, "ice")
	e.refresh(root)
	if err := e.Administration.SetFrozen(t.Context(), root.Session, home, ice.UserID, true); err != nil {
		t.Fatal(err)
	}
	store := &weighingStore{Store: e.once}
	e.useStore(store)
	ctx := t.Context()
	same := func(what string, got map[string]work) {
		t.Helper()
		var first *work
		for name, w := range got {
			if first == nil {
				first = &w
			}
			if w != *first {
				t.Errorf("%s: %s costs %+v, another %+v", what, name, w, *first)
			}
		}
		if first.transactions == 0 {
			t.Errorf("%s: nothing was weighed", what)
		}
	}
	signIn := func(ip, login, password string) work {
		return e.costs(store, func() { _, _ = e.Sessions.SignIn(ctx, from(ip), login, password) })
	}
	same("a sign-in", map[string]work{
		"unknown": signIn("198.51.100.1", "nobody", "wrong"), "unknown address": signIn("198.51.100.2", "nobody@example.org", "wrong"),
		"wrong": signIn("198.51.100.3", "bob", "wrong"), "frozen": signIn("198.51.100.4", "ice", "wrong"),
		"frozen and right": signIn("198.51.100.5", "ice", ice.password),
	})
	for range 10 {
		signIn("198.51.100.6", "nobody", "wrong")
		signIn("198.51.100.7", "bob", "wrong")
	}
	throttled := map[string]work{"unknown": signIn("198.51.100.6", "nobody", "wrong"), "known": signIn("198.51.100.7", "bob", "wrong")}
	same("throttled", throttled)
	if throttled["known"].hashes != 0 {
		t.Error("a throttled attempt costs a hash")
	}
	reset := func(login string) work {
		return e.costs(store, func() { _ = e.Passwords.RequestReset(ctx, home, login) })
	}
	same("a reset", map[string]work{"known": reset("bob"), "unknown": reset("nobody"), "frozen": reset("ice")})
	register := func(name, email string) work {
		return e.costs(store, func() {
			if _, err := e.Accounts.Register(ctx, home, Registration{Username: name, Email: email, Password: goodPassword}); err != nil {
				t.Error(err)
			}
		})
	}
	same("a registration", map[string]work{"free": register("new1", "new1@example.org"), "taken": register("new2", "bob@example.org")})
}

// weighingStore counts transactions and writes.
type weighingStore struct {
	kv.Store
	transactions, writes atomic.Int64
}

type weighingTx struct {
	kv.Tx
	writes *atomic.Int64
}

func (s *weighingStore) Update(ctx context.Context, fn func(kv.Tx) error) error {
	s.transactions.Add(1)
	return s.Store.Update(ctx, func(tx kv.Tx) error { return fn(weighingTx{tx, &s.writes}) })
}

func (s *weighingStore) View(ctx context.Context, fn func(kv.Reader) error) error {
	s.transactions.Add(1)
	return s.Store.View(ctx, fn)
}

func (t weighingTx) Put(key, value []byte) error {
	t.writes.Add(1)
	return t.Tx.Put(key, value)
}

// sent counts calls that send a mail, also to nobody.
func (m *mailbox) sent() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}
