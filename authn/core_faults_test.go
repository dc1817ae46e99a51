package authn

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// faultyStore fails at one step of a transaction that writes; with lies set it
// commits, and says that it did not.
type faultyStore struct {
	kv.Store
	at   int // the step that fails: a read, a write; 0 none
	lies bool
}

// whole does something without a fault.
func (s *faultyStore) whole(do func() []byte) []byte {
	at := s.at
	s.at = 0
	defer func() { s.at = at }()
	return do()
}

type faultyTx struct {
	kv.Tx
	left *int
}

var errFault = errors.New("a fault of the store")

func (s *faultyStore) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if s.at == 0 && !s.lies {
		return s.Store.Update(ctx, fn)
	}
	err := s.Store.Update(ctx, func(tx kv.Tx) error { return fn(faultyTx{tx, &s.at}) })
	if err == nil && s.lies {
		return errFault
	}
	return err
}

// step counts down to the fault.
func (t faultyTx) step() error {
	*t.left--
	if *t.left == 0 {
		return errFault
	}
	return nil
}

func (t faultyTx) Get(key []byte) ([]byte, error) {
	if err := t.step(); err != nil {
		return nil, err
	}
	return t.Tx.Get(key)
}

func (t faultyTx) Scan(prefix, after []byte, limit int, reverse bool) ([]kv.Pair, error) {
	if err := t.step(); err != nil {
		return nil, err
	}
	return t.Tx.Scan(prefix, after, limit, reverse)
}

func (t faultyTx) Put(key, value []byte) error {
	if err := t.step(); err != nil {
		return err
	}
	return t.Tx.Put(key, value)
}

func (t faultyTx) Delete(key []byte) error {
	if err := t.step(); err != nil {
		return err
	}
	return t.Tx.Delete(key)
}

// Whichever step of a change fails, the error is told, and nothing of the change
// is there: no row without it, and what was to be used up is as good as before.
func TestFaultsChangeNothing(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	ann := e.invited(root, "ann")
	verify := e.mails.last(t, string(PurposeVerifyEmail)).link
	e.refresh(root)
	e.refresh(bob)
	if err := e.Administration.SetAdmin(t.Context(), root.Session, home, bob.UserID, true); err != nil {
		t.Fatal(err)
	}
	inv, link, err := e.Invitations.Invite(t.Context(), bob.Session, home, "dan@example.org")
	if err != nil {
		t.Fatal(err)
	}
	half := e.must(e.Sessions.SignIn(t.Context(), home, "bob", bob.password))
	p, err := e.Authenticators.Begin(t.Context(), bob.Session)
	if err != nil {
		t.Fatal(err)
	}
	pending := &person{secret: p.Secret}
	store := &faultyStore{Store: e.once}
	e.useStore(store)

	for _, c := range []change{
		{"Invite", func(ctx context.Context) error {
			_, _, err := e.Invitations.Invite(ctx, root.Session, home, "dan@example.org")
			return err
		}},
		{"RevokeInvitation", func(ctx context.Context) error { return e.Invitations.Revoke(ctx, bob.Session, home, inv.ID) }},
		{"Register", func(ctx context.Context) error {
			_, err := e.Accounts.Register(ctx, home, Registration{Username: "dan", Email: "dan@example.org", Password: goodPassword, Purpose: PurposeInvitation, Link: link})
			return err
		}},
		{"VerifyEmail", func(ctx context.Context) error { _, err := e.Addresses.Verify(ctx, home, verify); return err }},
		{"ChangeEmail", func(ctx context.Context) error {
			return e.Addresses.Correct(ctx, ann.Session, home, "ann2@example.org")
		}},
		{"SignIn", func(ctx context.Context) error {
			_, err := e.Sessions.SignIn(ctx, home, "bob", bob.password)
			return err
		}},
		{"VerifyTOTP", func(ctx context.Context) error {
			_, err := e.Authenticators.Verify(ctx, half, home, e.code(bob, 0))
			return err
		}},
		{"UseRecoveryCode", func(ctx context.Context) error {
			_, err := e.RecoveryCodes.Use(ctx, half, home, bob.codes[5])
			return err
		}},
		{"ConfirmTOTP", func(ctx context.Context) error {
			_, err := e.Authenticators.Confirm(ctx, bob.Session, home, e.code(pending, 0))
			return err
		}},
		{"CreateRecoveryCodes", func(ctx context.Context) error {
			_, _, err := e.RecoveryCodes.Create(ctx, bob.Session, home)
			return err
		}},
		{"ChangePassword", func(ctx context.Context) error {
			_, err := e.Passwords.Change(ctx, bob.Session, home, bob.password, "another plum orbit 9")
			return err
		}},
		{"SetFrozen", func(ctx context.Context) error {
			return e.Administration.setFrozen(ctx, root.Session, home, bob.UserID, true)
		}},
		{"SignOutEverywhere", func(ctx context.Context) error {
			_, err := e.Administration.SignOutEverywhere(ctx, root.Session, home, ann.UserID)
			return err
		}},
		{"SetRegistration", func(ctx context.Context) error { return e.Settings.SetRegistration(ctx, root.Session, home, "open") }},
		{"SetBanner", func(ctx context.Context) error { return e.Settings.SetBanner(ctx, root.Session, home, someBanner) }},
		{"SetAdmin", func(ctx context.Context) error {
			return e.Administration.setAdmin(ctx, root.Session, home, bob.UserID, false)
		}},
	} {
		e.faultAtEachStep(store, c)
	}
}

// change is one method that changes something, with what makes it succeed.
type change struct {
	name string
	do   func(ctx context.Context) error
}

// faultAtEachStep makes a change again and again, with a fault one step later
// each time, until it succeeds, and takes it back.
func (e *env) faultAtEachStep(store *faultyStore, c change) {
	t := e.t
	t.Helper()
	before := e.durable()
	mails := e.mails.count()
	steps := 0
	for ; ; steps++ {
		store.at = steps + 1
		err := c.do(t.Context())
		reached := store.at <= 0
		store.at = 0
		e.forgetAll()
		if err == nil {
			if reached {
				t.Errorf("%s: the fault at step %d was not told", c.name, steps+1)
			}
			break
		}
		wantErr(t, err, errFault)
		if after := e.durable(); after != before {
			t.Fatalf("%s: a fault at step %d left something behind", c.name, steps+1)
		}
		if e.mails.count() != mails {
			t.Fatalf("%s: a mail went out for a change that was not made", c.name)
		}
	}
	if steps < 4 || e.durable() == before {
		t.Errorf("%s: %d steps, and nothing changed", c.name, steps)
	}
	e.restore(before)
}

// durable is all that is in the store but counters and challenges.
func (e *env) durable() string {
	e.t.Helper()
	var out []byte
	err := e.core.store.View(e.t.Context(), func(r kv.Reader) error {
		out = nil
		all, err := r.Scan([]byte{}, nil, 0, false)
		for _, p := range all {
			if k := string(p.Key); strings.HasPrefix(k, "authn/throttle/") || strings.HasPrefix(k, ceremonyPrefix) {
				continue // an attempt counts, and a challenge is used up, before the answer is looked at
			}
			out = append(out, byte(len(p.Key)>>8), byte(len(p.Key)), byte(len(p.Value)>>16), byte(len(p.Value)>>8), byte(len(p.Value)))
			out = append(append(out, p.Key...), p.Value...)
		}
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return string(out)
}

// emptied deletes every key with the prefix.
func emptied(tx kv.Tx, prefix string) error {
	found, err := tx.Scan([]byte(prefix), nil, 0, false)
	for _, p := range found {
		err = errors.Join(err, tx.Delete(p.Key))
	}
	return err
}

// restore puts the store back into a state that durable returned.
func (e *env) restore(state string) {
	e.t.Helper()
	err := e.core.store.Update(e.t.Context(), func(tx kv.Tx) error {
		if err := emptied(tx, ""); err != nil {
			return err
		}
		for s := state; s != ""; {
			k, v := int(s[0])<<8|int(s[1]), int(s[2])<<16|int(s[3])<<8|int(s[4])
			if err := tx.Put([]byte(s[5:5+k]), []byte(s[5+k:5+k+v])); err != nil {
				return err
			}
			s = s[5+k+v:]
		}
		return nil
	})
	if err != nil {
		e.t.Fatal(err)
	}
}

// forgetAll empties all counters.
func (e *env) forgetAll() {
	e.t.Helper()
	err := e.core.store.Update(e.t.Context(), func(tx kv.Tx) error { return emptied(tx, "authn/throttle/") })
	if err != nil {
		e.t.Fatal(err)
	}
}

// A commit that was reported as failed and was not has used the code up: trying
// again does not let it in twice.
func TestFaultsThatPersisted(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	x := e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	store := &faultyStore{Store: e.once}
	e.useStore(store)
	for _, c := range []struct {
		use  func() error
		code string
	}{
		{func() error { _, err := e.Authenticators.Verify(t.Context(), x, home, e.code(root, 0)); return err }, CodeTOTPWrong},
		{func() error { _, err := e.RecoveryCodes.Use(t.Context(), x, home, root.codes[2]); return err }, CodeRecoveryWrong},
	} {
		// The first transaction counts the attempt, the second is the one that lies.
		store.lies = false
		counted := &lieAtSecond{faultyStore: store}
		e.useStore(counted)
		wantErr(t, c.use(), errFault)
		store.lies = false
		e.useStore(store)
		wantProblem(t, c.use(), "code", c.code)
	}
	if u := e.user(root.UserID); u.RecoveryCodesLeft != 7 {
		t.Errorf("%d codes left", u.RecoveryCodesLeft)
	}
}

// lieAtSecond lets one transaction pass and lies about the second.
type lieAtSecond struct {
	*faultyStore
	n int
}

func (s *lieAtSecond) Update(ctx context.Context, fn func(kv.Tx) error) error {
	s.n++
	s.lies = s.n == 2
	return s.faultyStore.Update(ctx, fn)
}

func TestUserByNameAndEvents(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.member(root, "bob")
	for _, name := range []string{"root", "ROOT", " Root "} {
		if u, err := e.Accounts.UserByName(t.Context(), name); err != nil || u.ID != root.UserID {
			t.Errorf("%q: %+v %v", name, u, err)
		}
	}
	for _, name := range []string{"", "nobody", "root@example.org", root.UserID} {
		_, err := e.Accounts.UserByName(t.Context(), name)
		wantErr(t, err, ErrNotFound)
	}
	whole, err := e.Trail.Own(t.Context(), root.Session, audit.Query{})
	all := whole.Events
	if err != nil || len(all) < 5 || all[len(all)-1].Kind != rowRegistered {
		t.Fatalf("%d rows, %v", len(all), err)
	}
	page, err := e.Trail.Own(t.Context(), root.Session, audit.Query{Before: all[1].Seq, Limit: 2})
	if err != nil || len(page.Events) != 2 || page.Events[0].Seq != all[2].Seq || page.Next != page.Events[1].Seq {
		t.Errorf("%+v %v", page, err)
	}
	e.pass(SessionLifetime)
	_, err = e.Trail.Own(t.Context(), root.Session, audit.Query{})
	wantErr(t, err, ErrSignedOut)
	for _, row := range all {
		if row.Account != root.UserID && row.Actor.UserID != root.UserID {
			t.Errorf("a row of %q by %q", row.Account, row.Actor.UserID)
		}
	}
	if PurposeInvitation.Life() != 7*24*time.Hour || PurposeSetup.Life() != 24*time.Hour || Purpose("x").Life() != 0 {
		t.Error("lives of links")
	}
}
