package authn

import (
	"errors"
	"testing"
	"time"
)

// moveAway asks for another address with somebody's session, and confirms it.
func (e *env) moveAway(who *person, to string) {
	e.t.Helper()
	e.forgetCounters("authn/throttle/mail")
	if err := e.Addresses.RequestChange(e.t.Context(), who.Session, home, to); err != nil {
		e.t.Fatal(err)
	}
	if _, err := e.Addresses.ConfirmChange(e.t.Context(), home, e.lastLink(PurposeEmailChange)); err != nil {
		e.t.Fatal(err)
	}
}

// lastLink is the link that was mailed last for a purpose.
func (e *env) lastLink(p Purpose) Secret {
	e.t.Helper()
	all := e.mails.mailsOf(string(p))
	return all[len(all)-1].link
}

// Who moved an account away and asks to move it back has a link that would take it back again. It is void when the
// account is at its owner's address again, whichever way, also where everything happened within one second.
func TestNoUndoForWhoTookTheAccount(t *testing.T) {
	for name, back := range map[string]func(e *env, root *person, owner Secret){
		"by the owner's link": func(e *env, _ *person, owner Secret) {
			if _, err := e.Addresses.UndoChange(e.t.Context(), home, owner); err != nil {
				e.t.Fatal(err)
			}
		},
		"by a change": func(e *env, _ *person, _ Secret) {
			if _, err := e.Addresses.ConfirmChange(e.t.Context(), home, e.lastLink(PurposeEmailChange)); err != nil {
				e.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			root := e.admin()
			e.refresh(root)
			was := root.email
			e.moveAway(root, "eve@evil.example")
			owner := e.lastLink(PurposeEmailUndo)
			if err := e.Addresses.RequestChange(t.Context(), root.Session, home, was); err != nil {
				t.Fatal(err)
			}
			thief := e.lastLink(PurposeEmailUndo) // mailed to eve
			back(e, root, owner)
			e.pass(6 * 24 * time.Hour)
			_, err := e.Addresses.UndoChange(t.Context(), home, thief)
			wantProblem(t, err, "", CodeLinkUsed)
			if u := e.user(root.UserID); u.Email != was {
				t.Errorf("the account is at %s", u.Email)
			}
		})
	}
}

// The owner's own way back holds against a new password of whoever took the account.
func TestUndoOutlivesThePasswordOfAnother(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.refresh(root)
	was := root.email
	e.moveAway(root, "eve@evil.example")
	owner := e.lastLink(PurposeEmailUndo)
	e.moveAway(root, "eve2@evil.example")
	thief := e.lastLink(PurposeEmailUndo)
	if _, err := e.Passwords.Change(t.Context(), root.Session, home, root.password, "quite another plum 77"); err != nil {
		t.Fatal(err)
	}
	_, err := e.Addresses.UndoChange(t.Context(), home, thief)
	wantProblem(t, err, "", CodeLinkUsed)
	if _, err := e.Addresses.UndoChange(t.Context(), home, owner); err != nil || e.user(root.UserID).Email != was {
		t.Errorf("the owner: %v", err)
	}
}

// Browsers of whoever was in an account are unknown after what ends sessions: fifty of them had 500 guesses at once. The browser in
// which the owner does it stays known.
func TestKnownBrowsersEndWithTheSessions(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.refresh(root)
	mine := in(e.note(root, home, false))
	thief := from("203.0.113.66")
	var theirs []Origin
	for range maxDevices - 1 {
		o := thief
		o.Device = e.note(root, thief, false)
		theirs = append(theirs, o)
	}
	const password = "quite another plum 77"
	root.Session = e.must(e.Passwords.Change(t.Context(), root.Session, mine, root.password, password))
	seen := 0
	for _, o := range theirs {
		for range 10 {
			if _, err := e.Sessions.SignIn(t.Context(), o, root.name, "wrong"); !errors.Is(err, ErrThrottled) {
				seen++
			}
		}
	}
	if seen > 10 {
		t.Errorf("%d guesses at once", seen)
	}
	e.must(e.Sessions.SignIn(t.Context(), mine, root.name, password))
	devices, err := e.Devices.List(t.Context(), root.Session, mine)
	if err != nil || len(devices) != 1 || !devices[0].Current {
		t.Errorf("%+v %v", devices, err)
	}
}
