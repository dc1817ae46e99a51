package authn

import (
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/notices"
)

// wantStopped looks for the row of a recovery that ended without effect.
func (e *env) wantStopped(who *person, why string) {
	e.t.Helper()
	for _, row := range e.rows() {
		if row.Kind == rowRecoveryCancelled && row.Account == who.UserID && row.Detail["why"] == why {
			return
		}
	}
	e.t.Errorf("no recovery of %s ended because of %q", who.name, why)
}

// Who reads the mailbox that an account had, and knows its password, does not get in by a
// recovery: an address that is taken back ends one that waits, and where one is over
// already, an administrator has to start another and vouch.
func TestRecoveryAndTheMailboxBefore(t *testing.T) {
	ctx := t.Context()
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	start := func(vouched bool) error {
		t.Helper()
		_, err := e.Recoveries.Start(ctx, root.Session, home, bob.UserID, vouched)
		return err
	}
	e.move(bob, "bob@new.example")
	before := e.undo()
	if err := start(false); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Addresses.UndoChange(ctx, home, before.link); err != nil {
		t.Fatal(err)
	}
	e.wantStopped(bob, "address")
	e.pass(RecoveryWait)
	e.run()
	if u := e.user(bob.UserID); !u.HasTOTP || u.Recovered {
		t.Fatalf("recovered into the mailbox before: %+v", u)
	}
	root.Session = e.signIn(root)
	wantProblem(t, start(false), "vouched", CodeRecoveryVouch)

	bob.Session = e.signIn(bob)
	e.move(bob, "bob@new.example")
	before = e.undo()
	if err := start(false); err != nil {
		t.Fatal(err)
	}
	e.pass(RecoveryWait)
	e.run()
	if _, err := e.Addresses.UndoChange(ctx, home, before.link); err != nil {
		t.Fatal(err)
	}
	x := e.password(bob)
	wantProblem(t, e.Recoveries.ResendLink(ctx, x, home), "", CodeRecoveryAgain)
	_, err := e.Authenticators.Begin(ctx, x)
	wantErr(t, err, ErrForbidden)
}

// A move that somebody had asked for before ends a recovery, too: its reader was told nothing.
func TestMoveStopsRecovery(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	ctx := t.Context()
	if err := e.Addresses.RequestChange(ctx, bob.Session, home, "bob@new.example"); err != nil {
		t.Fatal(err)
	}
	link := e.mails.last(t, string(PurposeEmailChange)).link
	if _, err := e.Recoveries.Start(ctx, root.Session, home, bob.UserID, false); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Addresses.ConfirmChange(ctx, home, link); err != nil {
		t.Fatal(err)
	}
	e.wantStopped(bob, "address")
}

// Both addresses hear of it that a change was taken back: the one before may be read by
// somebody else meanwhile.
func TestUndoneIsToldToBoth(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.move(root, "root@new.example")
	if _, err := e.Addresses.UndoChange(t.Context(), home, e.undo().link); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, m := range e.mails.mailsOf(string(notices.AddressUndone)) {
		told[m.to.Email] = m.notice.Details.To == root.email
	}
	if len(told) != 2 || !told["root@new.example"] || !told[root.email] {
		t.Errorf("told %v", told)
	}
}

// What ends the sessions of an account ends the change of address, too, that was asked for in one.
func TestEmailChangeEndsWithTheSessions(t *testing.T) {
	for name, end := range map[string]func(*env, *person, *person) error{
		"signed out by an administrator": func(e *env, root, bob *person) error {
			_, err := e.Administration.SignOutEverywhere(e.t.Context(), root.Session, home, bob.UserID)
			return err
		},
		"frozen and thawed": func(e *env, root, bob *person) error {
			if err := e.Administration.SetFrozen(e.t.Context(), root.Session, home, bob.UserID, true); err != nil {
				return err
			}
			return e.Administration.SetFrozen(e.t.Context(), root.Session, home, bob.UserID, false)
		},
		"other factors": func(e *env, _, bob *person) error {
			p, err := e.Authenticators.Begin(e.t.Context(), bob.Session)
			if err != nil {
				return err
			}
			bob.secret = p.Secret
			bob.Session, err = e.Authenticators.Confirm(e.t.Context(), bob.Session, home, e.code(bob, 0))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			root := e.admin()
			bob := e.member(root, "bob")
			e.refresh(root)
			if err := e.Addresses.RequestChange(t.Context(), bob.Session, home, "thief@bad.example"); err != nil {
				t.Fatal(err)
			}
			link := e.mails.last(t, string(PurposeEmailChange)).link
			if err := end(e, root, bob); err != nil {
				t.Fatal(err)
			}
			_, err := e.Addresses.ConfirmChange(t.Context(), home, link)
			wantProblem(t, err, "", CodeLinkUsed)
			_, err = e.Accounts.CheckLink(t.Context(), PurposeEmailChange, link)
			wantProblem(t, err, "", CodeLinkUsed)
			e.pass(time.Hour)
			bob.Session = e.signIn(bob)
			if email, _, err := e.Addresses.Pending(t.Context(), bob.Session); err != nil || email != "" {
				t.Errorf("%q waits still: %v", email, err)
			}
		})
	}
}
