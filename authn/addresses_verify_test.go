package authn

import (
	"errors"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
)

func TestVerifyEmail(t *testing.T) {
	e := newEnv(t)
	who := e.register("root", PurposeSetup, e.setupLink())
	ctx := t.Context()
	first := e.mails.last(t, string(PurposeVerifyEmail))
	if first.to != (Recipient{UserID: who.UserID, Username: "root", Email: "root@example.org", Source: "192.0.2.7", Invited: true}) {
		t.Errorf("to %+v", first.to)
	}
	_, err := e.Authenticators.Begin(ctx, who.Session)
	wantProblem(t, err, "", CodeEmailUnverified)
	_, err = e.Authenticators.Confirm(ctx, who.Session, home, "123456")
	wantProblem(t, err, "", CodeEmailUnverified)
	if _, err := e.Sessions.SignIn(ctx, home, who.email, who.password); err == nil {
		t.Error("signed in by an address that nobody verified")
	}

	if err := e.Addresses.ResendVerification(ctx, who.Session, home); err != nil {
		t.Fatal(err)
	}
	e.wantRow(rowVerificationSent, who.UserID)
	second := e.mails.last(t, string(PurposeVerifyEmail))
	_, err = e.Addresses.Verify(ctx, home, first.link)
	wantProblem(t, err, "", CodeLinkUsed)

	if err := e.Addresses.Correct(ctx, who.Session, home, "right@example.org"); err != nil {
		t.Fatal(err)
	}
	row := e.wantRow(rowEmailChanged, who.UserID)
	if row.Detail["from"] != "root@example.org" || row.Detail["to"] != "right@example.org" {
		t.Errorf("%+v", row)
	}
	_, err = e.Addresses.Verify(ctx, home, second.link)
	wantProblem(t, err, "", CodeLinkUsed)

	third := e.mails.last(t, string(PurposeVerifyEmail))
	if third.to.Email != "right@example.org" {
		t.Errorf("to %+v", third.to)
	}
	e.pass(24*time.Hour - time.Second)
	u, err := e.Addresses.Verify(ctx, home, third.link)
	if err != nil || !u.EmailVerified || u.Email != "right@example.org" || u.ID != who.UserID {
		t.Fatalf("%+v %v", u, err)
	}
	e.wantRow(rowEmailVerified, who.UserID)
	_, err = e.Addresses.Verify(ctx, home, third.link)
	wantProblem(t, err, "", CodeLinkUsed)

	x := e.must(e.Sessions.SignIn(ctx, home, "RIGHT@example.ORG", who.password))
	wantProblem(t, e.Addresses.Correct(ctx, x, home, "other@example.org"), "", CodeEmailVerified)
	wantProblem(t, e.Addresses.ResendVerification(ctx, x, home), "", CodeEmailVerified)
}

// Each of the reasons not to believe a link is enough by itself: an account that
// is frozen, and one that has another address by now.
func TestVerifyEmailOfAnAccountThatChanged(t *testing.T) {
	for name, spoil := range map[string]func(*userRecord){
		"frozen":  func(u *userRecord) { u.Frozen = true },
		"address": func(u *userRecord) { u.Email = "other@example.org" },
	} {
		e := newEnv(t)
		who := e.register("root", PurposeSetup, e.setupLink())
		e.edit(who.UserID, spoil)
		_, err := e.Addresses.Verify(t.Context(), home, e.mails.last(t, string(PurposeVerifyEmail)).link)
		wantProblem(t, err, "", CodeLinkUsed)
		if e.user(who.UserID).EmailVerified {
			t.Errorf("%s: verified", name)
		}
	}
}

// edit changes an account behind the Service's back.
func (e *env) edit(id string, change func(*userRecord)) {
	e.t.Helper()
	err := e.core.store.Update(e.t.Context(), func(tx kv.Tx) error {
		u, err := loadUser(tx, id)
		if err != nil {
			return err
		}
		change(&u)
		return kv.PutJSON(tx, userKey(id), u)
	})
	if err != nil {
		e.t.Fatal(err)
	}
}

func TestVerifyEmailRace(t *testing.T) {
	for _, n := range []int{20, 50} {
		e := newEnv(t)
		who := e.register("root", PurposeSetup, e.setupLink())
		link := e.mails.last(t, string(PurposeVerifyEmail)).link
		won, lost := race(n, func(int) error {
			_, err := e.Addresses.Verify(t.Context(), home, link)
			return err
		})
		if won != 1 {
			t.Fatalf("%d of %d won", won, n)
		}
		for _, err := range lost {
			wantProblem(t, err, "", CodeLinkUsed)
		}
		e.wantRow(rowEmailVerified, who.UserID)
	}
}

// Whoever verifies an address has it; registering with it tells nothing and takes
// nothing.
func TestAddressBelongsToWhoVerifiesIt(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.Registration = instance.Open })
	ctx := t.Context()
	alice := e.enrol(func() *person { e.admin(); return e.register("alice", "", "") }())
	register := func(name, email string) Session {
		t.Helper()
		return e.must(e.Accounts.Register(ctx, home, Registration{Username: name, Email: email, Password: goodPassword}))
	}

	eve := register("eve", "ALICE@example.org")
	told := e.mails.last(t, addressInUse)
	if told.to.UserID != alice.UserID || told.link != "" {
		t.Errorf("told %+v", told)
	}
	if next := NextStep(eve, e.user(eve.UserID)); next != StepVerifyEmail {
		t.Errorf("next %q", next)
	}
	if err := e.Addresses.ResendVerification(ctx, eve, home); err != nil {
		t.Error(err)
	}
	e.mails.last(t, addressInUse)
	x := e.must(e.Sessions.SignIn(ctx, home, "alice@example.org", alice.password))
	if x.UserID != alice.UserID {
		t.Error("the address signs in as somebody else")
	}

	// Of two that nobody verified yet, the first click wins.
	register("dan", "shared@example.org")
	dans := e.mails.last(t, string(PurposeVerifyEmail)).link
	register("dora", "Shared@example.org")
	doras := e.mails.last(t, string(PurposeVerifyEmail)).link
	if _, err := e.Addresses.Verify(ctx, home, doras); err != nil {
		t.Fatal(err)
	}
	e.unchanged(func() {
		_, err := e.Addresses.Verify(ctx, home, dans)
		wantProblem(t, err, "", CodeEmailTaken)
	})
}

func TestVerificationMailsAreLimited(t *testing.T) {
	e := newEnv(t)
	who := e.register("root", PurposeSetup, e.setupLink())
	ctx := t.Context()
	for range 2 {
		if err := e.Addresses.ResendVerification(ctx, who.Session, home); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Addresses.Correct(ctx, who.Session, home, "x@example.org"); err != nil {
		t.Fatal(err)
	}
	sent := e.mails.count()
	err := e.Addresses.Correct(ctx, who.Session, home, "y@example.org")
	wantErr(t, err, ErrThrottled)
	var te *ThrottledError
	if !errors.As(err, &te) || te.RetryAfter != 15*time.Minute || te.Seconds() != 900 {
		t.Errorf("%v", err)
	}
	ps := wantProblem(t, te.Problems(), "", CodeThrottled)
	if ps.Args["seconds"] != 900 || ps.Args["minutes"] != 15 {
		t.Errorf("%v", ps.Args)
	}
	if e.mails.count() != sent || e.user(who.UserID).Email != "x@example.org" {
		t.Error("a throttled change was made")
	}
	e.pass(15 * time.Minute)
	if err := e.Addresses.ResendVerification(ctx, who.Session, home); err != nil {
		t.Error(err)
	}
}
