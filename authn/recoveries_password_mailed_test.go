package authn

import (
	"errors"
	"testing"
	"time"
)

// unmailed runs a change while mails of a kind are not taken ("" all of them), and checks that it was refused for that and
// changed nothing.
func (e *env) unmailed(kind string, change func() error) {
	e.t.Helper()
	before, mails := e.durable(), e.mails.count()
	e.mails.fail, e.mails.failing = errors.New("the queue is full"), kind
	err := change()
	e.mails.fail = nil
	wantErr(e.t, err, ErrMail)
	if e.durable() != before {
		e.t.Error("something was changed whose mail was not taken")
	}
	if n := e.mails.count() - mails; n != 0 {
		e.t.Errorf("%d mails about it", n)
	}
}

// A change that needs a mail and the mail are one transaction: where the mail is not taken, nothing is changed, nothing is used up,
// and the same works as soon as mails are taken again.
func TestNoChangeWithoutItsMail(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.ConfirmDevices = true })
	ctx := t.Context()
	link := e.setupLink()
	form := Registration{Username: "root", Email: "root@example.org", Password: goodPassword, Purpose: PurposeSetup, Link: link}
	e.unmailed("", func() error { _, err := e.Accounts.Register(ctx, home, form); return err })
	root := e.register("root", PurposeSetup, link)
	before := e.mails.last(t, string(PurposeVerifyEmail)).link
	e.unmailed("", func() error { return e.Addresses.ResendVerification(ctx, root.Session, home) })
	e.unmailed("", func() error { return e.Addresses.Correct(ctx, root.Session, home, "root@example.net") })
	if _, err := e.Accounts.CheckLink(ctx, PurposeVerifyEmail, before); err != nil {
		t.Errorf("the link before is void: %v", err)
	}
	e.enrol(root)

	e.refresh(root)
	move := func() error { return e.Addresses.RequestChange(ctx, root.Session, home, "new@example.net") }
	for _, kind := range []string{string(PurposeEmailUndo), string(PurposeEmailChange)} { // either of the two
		e.unmailed(kind, move)
		e.forgetAll() // mails that are asked for count, taken or not
	}
	e.ok(move())
	e.forgetAll()
	bob := e.member(root, "bob")
	e.unmailed(addressInUse, func() error { return e.Addresses.RequestChange(ctx, root.Session, home, bob.email) })

	x := e.must(e.Sessions.SignIn(ctx, away, bob.name, bob.password))
	code := e.code(bob, 0)
	e.unmailed("", func() error { _, err := e.Authenticators.Verify(ctx, x, away, code); return err })
	if got := e.must(e.Authenticators.Verify(ctx, x, away, code)); got.Stage != StageDevice {
		t.Errorf("the same code leads to %q", got.Stage)
	}
	y := e.must(e.Sessions.SignIn(ctx, away, bob.name, bob.password))
	for range 12 { // no attempt counts as a guess
		e.unmailed("", func() error { _, err := e.RecoveryCodes.Use(ctx, y, away, bob.codes[0]); return err })
	}
	if got := e.must(e.RecoveryCodes.Use(ctx, y, away, bob.codes[0])); got.Stage != StageDevice {
		t.Errorf("the same recovery code leads to %q", got.Stage)
	}
}

// A recovery does not come to its end without the mail that leads on: it stays due, holds up no other and no sign-in.
func TestNoRecoveryWithoutItsMail(t *testing.T) {
	e, root, bob := recovery(t)
	ann := e.member(root, "ann")
	e.refresh(root)
	if _, err := e.Recoveries.Start(t.Context(), root.Session, home, ann.UserID, false); err != nil {
		t.Fatal(err)
	}
	e.pass(RecoveryWait + time.Minute)
	e.mails.fail = errors.New("the queue is full")
	e.ok(e.Recoveries.Run(t.Context()))
	for _, p := range []*person{bob, ann} {
		if u := e.user(p.UserID); u.Recovered || !u.HasFactor() || !e.has(recoveryCasePrefix+p.UserID) {
			t.Errorf("%s was recovered without a mail: %+v", p.name, u)
		}
	}
	if x := e.must(e.Sessions.SignIn(t.Context(), home, ann.name, ann.password)); x.Stage != StagePassword {
		t.Errorf("ann is at %q", x.Stage)
	}
	e.mails.fail = nil
	e.run()
	for _, p := range []*person{bob, ann} {
		if !e.user(p.UserID).Recovered {
			t.Errorf("%s was not recovered", p.name)
		}
	}
	x := e.must(e.Sessions.SignIn(t.Context(), home, bob.name, bob.password))
	before := e.lastLink(PurposeRecovery)
	e.unmailed("", func() error { return e.Recoveries.ResendLink(t.Context(), x, home) })
	if got := e.lastLink(PurposeRecovery); got != before {
		t.Error("a link was mailed")
	}
}

// What can do without its mail is done: an invitation is also handed over, and who asks for a new password learns nothing by it.
func TestWhatNeedsNoMail(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.refresh(root)
	first := e.askReset(root)
	e.mails.fail = errors.New("the queue is full")
	invitation, link, err := e.Invitations.Invite(t.Context(), root.Session, home, "bob@example.org")
	if err != nil || !invitation.Unmailed {
		t.Errorf("%+v %v", invitation, err)
	}
	e.ok(e.Passwords.RequestReset(t.Context(), home, root.email))
	e.ok(e.Passwords.RequestReset(t.Context(), home, "nobody"))
	e.mails.fail = nil
	if _, _, err := e.Passwords.ResetPending(t.Context(), first); err != nil {
		t.Errorf("the link that was mailed is void: %v", err)
	}
	e.register("bob", PurposeInvitation, link)
}
