package authn

import (
	"fmt"
	"testing"
)

// Sessions are listed with where they are from, and ended one by one or all but one.
func TestSessionsAreListedAndEnded(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	root := e.admin()
	alice := e.member(root, "alice")
	var at []*browser
	for i := range 3 {
		b := e.browser()
		b.m.Locate(originOf(Origin{IP: from(fmt.Sprintf("198.51.100.%d", i)).IP, UserAgent: fmt.Sprintf("browser %d", i)}))
		b.start(e.signIn(root))
		at = append(at, b)
	}
	half := e.browser()
	half.start(e.signedInBy(root, home))
	other := e.browser()
	other.start(e.signIn(alice))
	here, _ := at[2].current()

	list, err := e.Sessions.List(ctx, here)
	if err != nil || len(list) != 4 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, s := range list {
		if s.Current != (s.ID == here.ID) || s.Pending != (s.IP == "") || s.Begun.IsZero() || s.Seen.Before(s.Begun) {
			t.Errorf("%+v", s)
		}
		if !s.Pending && "browser "+s.IP[len(s.IP)-1:] != s.UserAgent {
			t.Errorf("%+v", s)
		}
	}
	foreign, _ := other.current()
	e.unchanged(func() {
		wantErr(t, e.Sessions.End(ctx, here, home, foreign.ID), ErrNotFound)
		wantErr(t, e.Sessions.End(ctx, here, home, here.ID), ErrNotFound)
		wantErr(t, e.Sessions.End(ctx, here, home, ""), ErrNotFound)
	})

	first, _ := at[0].current()
	if err := e.Sessions.End(ctx, here, home, first.ID); err != nil {
		t.Fatal(err)
	}
	if row := e.wantRow(rowSessionsEnded, root.UserID); row.Detail["n"] != "1" {
		t.Errorf("%+v", row)
	}
	if x, _ := at[0].current(); x.Stage != StageNone {
		t.Error("an ended session goes on")
	}
	_, err = e.Authenticators.Verify(ctx, first, home, e.code(root, 0)) // also in a request that was under way
	wantErr(t, err, ErrSignedOut)
	next, n, err := e.Sessions.EndOthers(ctx, here, home)
	if n != 2 || err != nil {
		t.Errorf("ended %d: %v", n, err)
	}
	_, err = e.Sessions.List(ctx, here) // a copy of it in another request is another's
	wantErr(t, err, ErrSignedOut)
	at[2].start(next)
	for _, b := range []*browser{at[1], half} {
		if x, _ := b.current(); x.Stage != StageNone {
			t.Error("an ended session goes on")
		}
	}
	for _, b := range []*browser{at[2], other} {
		if x, _ := b.current(); !x.SignedIn() {
			t.Error("a session ended that should not have")
		}
	}
	if _, n, err := e.Sessions.EndOthers(ctx, next, home); n != 0 || err != nil {
		t.Errorf("ended %d: %v", n, err)
	}
	e.pass(SessionLifetime)
	if err := e.Cleanup.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{sessionPrefix, sessionOfPrefix, endedPrefix} {
		if left := e.keys(prefix); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
