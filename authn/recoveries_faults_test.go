package authn

import (
	"context"
	"testing"
)

// The same for recoveries, changes of address and signing out.
func TestFaultsOfRecoveryAndAddress(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	ann := e.member(root, "ann")
	e.refresh(root)
	e.refresh(bob)
	ctx := t.Context()
	recover := func(who *person) error {
		_, err := e.Recoveries.Start(ctx, root.Session, home, who.UserID, false)
		return err
	}
	if err := recover(ann); err != nil {
		t.Fatal(err)
	}
	if err := e.Addresses.RequestChange(ctx, bob.Session, home, "bob2@example.org"); err != nil {
		t.Fatal(err)
	}
	confirm, undo := e.mails.last(t, string(PurposeEmailChange)).link, e.undo().link
	store := &faultyStore{Store: e.once}
	b := e.browser()
	b.start(bob.Session)
	cookie := b.cookie
	e.useStore(store)
	for _, c := range []change{
		{"StartRecovery", func(context.Context) error { return recover(bob) }},
		{"CancelRecovery", func(ctx context.Context) error { return e.Recoveries.Cancel(ctx, root.Session, home, ann.UserID) }},
		{"CancelOwnRecovery", func(ctx context.Context) error { return e.Recoveries.CancelOwn(ctx, ann.Session, home) }},
		{"RequestEmailChange", func(ctx context.Context) error {
			return e.Addresses.RequestChange(ctx, bob.Session, home, "bob3@example.org")
		}},
		{"ConfirmEmailChange", func(ctx context.Context) error { _, err := e.Addresses.ConfirmChange(ctx, home, confirm); return err }},
		{"UndoEmailChange", func(ctx context.Context) error { _, err := e.Addresses.UndoChange(ctx, home, undo); return err }},
		{"End", func(context.Context) (err error) {
			b.cookie = cookie
			b.do(func(ctx context.Context) { err = b.m.End(ctx, home) })
			return err
		}},
	} {
		e.faultAtEachStep(store, c)
	}
	e.pass(RecoveryWait)
	e.faultAtEachStep(store, change{"RunRecoveries", e.Recoveries.Run})
	e.run()
	link := e.mails.last(t, "recovery").link
	half := e.password(ann)
	for _, c := range []change{
		{"ResendRecoveryLink", func(ctx context.Context) error { return e.Recoveries.ResendLink(ctx, half, home) }},
		{"UseRecoveryLink", func(ctx context.Context) error { _, err := e.Recoveries.UseLink(ctx, half, home, link); return err }},
	} {
		e.faultAtEachStep(store, c)
	}
}

// What runs twice writes once.
func TestRecoveryRunsTwice(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	e.useStore(twiceStore{e.core.store})
	ctx := t.Context()
	if _, err := e.Recoveries.Start(ctx, root.Session, home, bob.UserID, false); err != nil {
		t.Fatal(err)
	}
	e.pass(RecoveryWait)
	x := e.password(bob) // takes it to its end
	link := e.mails.last(t, "recovery").link
	e.must(e.Recoveries.UseLink(ctx, x, home, link))
	for kind, want := range map[string]int{rowRecoveryStarted: 1, rowRecoveryEnded: 1, rowRecoveryLinkUsed: 1, rowRecoveryCancelled: 0} {
		if n := e.kinds(bob.UserID)[kind]; n != want {
			t.Errorf("%d rows %s", n, kind)
		}
	}
	root.Session = e.signIn(root)
	e.move(root, "new@example.org")
	if _, err := e.Addresses.UndoChange(ctx, home, e.undo().link); err != nil {
		t.Fatal(err)
	}
	if n := e.kinds(root.UserID); n[rowEmailChanged] != 1 || n[rowEmailChangeUndone] != 1 || e.user(root.UserID).Email != root.email {
		t.Errorf("rows %v", n)
	}
}
