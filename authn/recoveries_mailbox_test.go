package authn

import (
	"testing"

	"github.com/rind-dev/rind/internal/notices"
)

// Who reads the mailbox and has an administrator's mistake on their side does not get in by
// that: a password that was set by mail makes the administrator vouch and everybody wait
// longer, and ends what waits or was just ended.
func TestRecoveryAndMailbox(t *testing.T) {
	ctx := t.Context()
	e := newEnv(t)
	root := e.admin()
	bob, second := e.member(root, "bob"), e.member(root, "second")
	e.refresh(root)
	if err := e.Administration.SetAdmin(ctx, root.Session, home, second.UserID, true); err != nil {
		t.Fatal(err)
	}
	reset := func() {
		t.Helper()
		if err := e.Passwords.RequestReset(ctx, home, bob.name); err != nil {
			t.Fatal(err)
		}
		bob.password += " more"
		if err := e.Passwords.Reset(ctx, home, e.mails.last(t, "reset").link, bob.password); err != nil {
			t.Fatal(err)
		}
	}
	reset()
	_, err := e.Recoveries.Start(ctx, root.Session, home, bob.UserID, false)
	wantProblem(t, err, "vouched", CodeRecoveryVouch)
	started, err := e.Recoveries.Start(ctx, root.Session, home, bob.UserID, true)
	if err != nil || !started.Vouched || started.Ends.Sub(started.Started) != 2*RecoveryWait {
		t.Fatalf("%+v %v", started, err)
	}
	if m := e.mails.last(t, string(notices.RecoveryByOther)); m.to.UserID != second.UserID || m.notice.Details.User != "bob" || m.notice.By != "root" {
		t.Errorf("mail %+v", m)
	}
	reset()
	if row := e.kinds(bob.UserID); row[rowRecoveryCancelled] != 1 {
		t.Errorf("rows %v", row)
	}
	if e.mails.of(string(notices.RecoveryCancelled)) != 1 {
		t.Error("bob is not told that the recovery ended")
	}
	e.refresh(root)
	_, err = e.Recoveries.Start(ctx, root.Session, home, bob.UserID, true)
	if err != nil {
		t.Fatal(err)
	}
	e.pass(2 * RecoveryWait)
	e.run()
	link := e.mails.last(t, "recovery").link
	if e.user(bob.UserID).PasswordMailed {
		t.Error("vouched for, and not believed")
	}
	reset() // between the end and the new factor
	x := e.password(bob)
	_, err = e.Recoveries.UseLink(ctx, x, home, link)
	wantProblem(t, err, "", CodeLinkUsed)
	wantProblem(t, e.Recoveries.ResendLink(ctx, x, home), "", CodeRecoveryAgain)
	_, err = e.Authenticators.Begin(ctx, x)
	wantErr(t, err, ErrForbidden)
	root.Session = e.signIn(root)
	_, err = e.Recoveries.Start(ctx, root.Session, home, bob.UserID, true)
	if err != nil {
		t.Fatal(err)
	}
	e.pass(2 * RecoveryWait)
	e.run()
	enrolRecovered(t, e, bob, e.mails.last(t, "recovery").link)
}

// The link can be had again, and only the last one works, for its own account.
func TestRecoveryLinkAgain(t *testing.T) {
	e, root, bob := recovery(t)
	ctx := t.Context()
	e.pass(RecoveryWait)
	e.run()
	first := e.mails.last(t, "recovery").link
	x := e.password(bob)
	if err := e.Recoveries.ResendLink(ctx, x, home); err != nil {
		t.Fatal(err)
	}
	e.wantRow(rowRecoveryLinkSent, bob.UserID)
	second := e.mails.last(t, "recovery").link
	_, err := e.Recoveries.UseLink(ctx, x, home, first)
	wantProblem(t, err, "", CodeLinkUsed)
	root.Session = e.signIn(root)
	_, err = e.Recoveries.UseLink(ctx, root.Session, home, second)
	wantErr(t, err, ErrForbidden)
	e.pass(PurposeRecovery.Life())
	x = e.password(bob)
	_, err = e.Recoveries.UseLink(ctx, x, home, second)
	wantProblem(t, err, "", CodeLinkExpired)
	if err := e.Recoveries.ResendLink(ctx, x, home); err != nil {
		t.Fatal(err)
	}
	enrolRecovered(t, e, bob, e.mails.last(t, "recovery").link)
}
