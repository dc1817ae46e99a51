package authn

import (
	"fmt"
	"testing"
	"time"
)

// Somebody who knows a name and asks for resets all day keeps the owner from none: a browser that
// the account knows has a count of its own.
func TestResetsOfOthersKeepNobodyOut(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	there := home
	there.Device = e.note(root, home, false)
	ask := func(o Origin) (mails int) {
		t.Helper()
		before := e.mails.countKind("reset")
		if err := e.Passwords.RequestReset(t.Context(), o, "root"); err != nil {
			t.Fatal(err)
		}
		return e.mails.countKind("reset") - before
	}
	for range 10 {
		ask(from("203.0.113.1"))
		e.pass(5 * time.Minute)
	}
	if ask(from("203.0.113.1")) != 0 {
		t.Fatal("no limit is reached")
	}
	if ask(home) != 1 {
		t.Error("the owner gets no mail in another network")
	}
	for i := range 10 { // from many networks: the mailbox gets so many in all
		for range 3 {
			ask(from(fmt.Sprintf("203.0.113.%d", 10+i)))
		}
		e.pass(15 * time.Minute)
	}
	if ask(home) != 0 {
		t.Error("no limit for one mailbox is reached")
	}
	if ask(there) != 1 {
		t.Error("the owner gets no mail")
	}
	if n := ask(there) + ask(there) + ask(there); n != 2 {
		t.Errorf("%d more at once", n)
	}
}

// A form for a new password costs time before anything is hashed, and with a right one two hashes: it is counted
// before it is looked at.
func TestNewPasswordFormsAreCounted(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	link := e.askReset(root)
	ctx := t.Context()
	for range 100 {
		_, err := e.Passwords.Change(ctx, root.Session, home, root.password, "short")
		wantProblem(t, err, "password", CodePasswordTooShort)
		wantProblem(t, e.Passwords.Reset(ctx, home, link, "short"), "password", CodePasswordTooShort)
	}
	_, err := e.Passwords.Change(ctx, root.Session, home, root.password, "short")
	wantErr(t, err, ErrThrottled)
	wantErr(t, e.Passwords.Reset(ctx, home, link, "short"), ErrThrottled)
}

// What a frozen or former administrator has under way ends: a recovery, as an invitation.
func TestRecoveriesOfAFormerAdministratorEnd(t *testing.T) {
	for name, retire := range map[string]func(*env, *person, *person) error{
		"frozen": func(e *env, root, mallory *person) error {
			return e.Administration.SetFrozen(e.t.Context(), root.Session, home, mallory.UserID, true)
		},
		"no longer one": func(e *env, root, mallory *person) error {
			return e.Administration.SetAdmin(e.t.Context(), root.Session, home, mallory.UserID, false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			root := e.admin()
			mallory, bob, eve := e.member(root, "mallory"), e.member(root, "bob"), e.member(root, "eve")
			e.refresh(root)
			if err := e.Administration.SetAdmin(t.Context(), root.Session, home, mallory.UserID, true); err != nil {
				t.Fatal(err)
			}
			e.refresh(mallory)
			for by, of := range map[*person]*person{mallory: bob, root: eve} {
				if _, err := e.Recoveries.Start(t.Context(), by.Session, home, of.UserID, false); err != nil {
					t.Fatal(err)
				}
			}
			if err := retire(e, root, mallory); err != nil {
				t.Fatal(err)
			}
			e.wantStopped(bob, "administrator")
			e.pass(RecoveryWait)
			e.run()
			if e.user(bob.UserID).Recovered || !e.user(eve.UserID).Recovered {
				t.Errorf("bob %+v, eve %+v", e.user(bob.UserID), e.user(eve.UserID))
			}
		})
	}
}

// Whoever tries many names leaves nothing for longer than it counts, and what counts stays.
func TestCountersOfPasswordsAreSweptSoon(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	for _, l := range []limit{limitPassword, limitPasswordAccount, limitPasswordAddress, limitPasswordAll} {
		for _, w := range l.windows {
			if w.span > passwordThrottleRetention {
				t.Errorf("%s counts for %s", l.name, w.span)
			}
		}
	}
	_, err := e.Authenticators.Verify(t.Context(), e.password(root), home, "000000")
	wantProblem(t, err, "code", CodeTOTPWrong)
	e.wrongs(9, home, "somebody")
	sweep := func() (passwords, factors int) {
		t.Helper()
		if err := e.Cleanup.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(e.keys("authn/throttle/password")), len(e.keys("authn/throttle/factor/"))
	}
	e.pass(passwordThrottleRetention - time.Second)
	if p, f := sweep(); p == 0 || f != 1 {
		t.Errorf("%d counters of passwords and %d of factors", p, f)
	}
	e.pass(time.Second)
	if p, f := sweep(); p != 0 || f != 1 {
		t.Errorf("%d counters of passwords and %d of factors are left", p, f)
	}
}
