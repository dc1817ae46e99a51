package authn

import (
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/instance"
)

// A name that somebody took and never confirmed an address for is free again after a week, and
// nothing of the account is left but its rows.
func TestUnconfirmedAccountsAreDeleted(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.Registration = instance.Open })
	root := e.admin()
	bob := e.member(root, "bob")
	late := e.invited(root, "late")
	ctx := t.Context()
	squat := e.register("squat", "", "")
	e.browser().start(squat.Session)
	link := e.mails.last(t, string(PurposeVerifyEmail)).link
	sweep := func() {
		t.Helper()
		if err := e.Cleanup.DropUnconfirmed(ctx); err != nil {
			t.Fatal(err)
		}
	}
	e.pass(unconfirmedLife - time.Hour)
	if err := e.Addresses.ResendVerification(ctx, e.must(e.Sessions.SignIn(ctx, home, "late", late.password)), home); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Addresses.Verify(ctx, home, e.mails.last(t, string(PurposeVerifyEmail)).link); err != nil {
		t.Fatal(err)
	}
	e.unchanged(sweep)
	e.pass(time.Hour)
	sweep()
	if row := e.wantRow(rowUnconfirmedDeleted, squat.UserID); row.Detail["username"] != "squat" {
		t.Errorf("row %+v", row)
	}
	e.unchanged(sweep)
	_, err := e.Accounts.User(ctx, squat.UserID)
	wantErr(t, err, ErrNotFound)
	for _, stays := range []*person{root, bob, late} {
		e.user(stays.UserID)
	}
	_, err = e.Sessions.SignIn(ctx, home, "squat", squat.password)
	wantProblem(t, err, "", CodeSignInFailed)
	wantErr(t, e.Addresses.ResendVerification(ctx, squat.Session, home), ErrSignedOut)
	_, err = e.Addresses.Verify(ctx, home, link)
	if err == nil {
		t.Error("the link works")
	}
	for _, key := range e.keys("authn/") {
		for _, part := range []string{squat.UserID, "squat"} {
			if len(key) >= len(part) && key[len(key)-len(part):] == part {
				t.Errorf("%s is left", key)
			}
		}
	}
	if len(e.keys(sessionsOf(squat.UserID))) != 0 {
		t.Error("a session is left")
	}
	again := e.register("squat", "", "")
	if again.UserID == squat.UserID {
		t.Error("the account is back")
	}
}

// The first administrator's stays, for nobody else could set rind up; and a fault leaves all of an
// account or nothing.
func TestUnconfirmedAccountsThatStay(t *testing.T) {
	e := newEnv(t)
	e.register("root", PurposeSetup, e.setupLink())
	e.pass(2 * unconfirmedLife)
	e.unchanged(func() {
		if err := e.Cleanup.DropUnconfirmed(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	f := newEnv(t)
	f.invited(f.admin(), "ann")
	f.pass(unconfirmedLife)
	store := &faultyStore{Store: f.once}
	f.useStore(store)
	f.faultAtEachStep(store, change{"DropUnconfirmed", f.Cleanup.DropUnconfirmed})
}
