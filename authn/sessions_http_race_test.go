package authn

import (
	"context"
	"errors"
	"testing"
)

// A request that takes a session further while the person signs out elsewhere leaves no
// session behind, under whatever id.
func TestARenewalDoesNotOutliveASignOut(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	b := e.browser()
	b.start(root.Session)
	id := b.cookie
	elsewhere := e.browser()
	elsewhere.cookie = id
	b.do(func(ctx context.Context) {
		x, _, err := b.m.Current(ctx)
		if err != nil {
			t.Fatal(err)
		}
		elsewhere.do(func(ctx context.Context) {
			if err := elsewhere.m.End(ctx, home); err != nil {
				t.Fatal(err)
			}
		})
		if err := b.m.Start(ctx, x); !errors.Is(err, ErrSignedOut) {
			t.Errorf("it was started: %v", err)
		}
		b.m.Flash(ctx, "something to store")
	})
	if keys := e.keys(sessionPrefix); keys != nil {
		t.Errorf("%q", keys)
	}
	if len(b.set) != 0 {
		t.Errorf("a cookie of no session: %v", b.set)
	}
	for _, cookie := range []string{id, b.cookie} {
		b.cookie = cookie
		if x, _ := b.current(); x != (Session{}) {
			t.Error("signed in again")
		}
	}
	if _, err := e.Authenticators.Begin(t.Context(), root.Session); !errors.Is(err, ErrSignedOut) {
		t.Errorf("what signed out goes on: %v", err)
	}
}

// Two requests that take one session further make one of it: the other keeps nothing and
// leaves the browser's cookie alone, so nothing stays when all others are ended.
func TestASessionIsNotForked(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	first, second := e.browser(), e.browser()
	first.start(root.Session)
	second.cookie = first.cookie
	first.do(func(ctx context.Context) {
		x, _, err := first.m.Current(ctx)
		if err != nil {
			t.Fatal(err)
		}
		second.start(x)
		if err := first.m.Start(ctx, x); !errors.Is(err, ErrSignedOut) {
			t.Errorf("a second one of the same sign-in: %v", err)
		}
	})
	if n := len(e.keys(sessionPrefix)); n != 1 {
		t.Errorf("%d sessions", n)
	}
	if len(first.set) != 0 {
		t.Errorf("the cookie of the other request is overwritten: %v", first.set)
	}
	if x, _ := second.current(); x.ID != root.ID {
		t.Errorf("the one that was first is %+v", x)
	}
}

// A request that came with a session that another one has taken further since does not
// put the older id back into the browser.
func TestALateAnswerKeepsTheCookie(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	b, other := e.browser(), e.browser()
	b.start(root.Session)
	other.cookie = b.cookie
	b.do(func(ctx context.Context) {
		other.start(root.Session)
		b.m.Flash(ctx, "done")
	})
	if len(b.set) != 0 {
		t.Errorf("set %v", b.set)
	}
}

// What ends the sessions of an account while one is taken further ends that one too.
func TestARenewalDoesNotOutliveAFreeze(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	b := e.browser()
	b.start(bob.Session)
	b.do(func(ctx context.Context) {
		if err := e.Administration.SetFrozen(ctx, Operator("root"), home, bob.UserID, true); err != nil {
			t.Fatal(err)
		}
		if err := b.m.Start(ctx, bob.Session); !errors.Is(err, ErrSignedOut) {
			t.Errorf("it was started: %v", err)
		}
	})
	if keys := keysOf(e); len(keys) > 1 {
		t.Errorf("%q", keys)
	}
}
