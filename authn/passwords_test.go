package authn

import (
	"strings"
	"testing"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/authn/password/passwordtest"
)

// A listed password is refused wherever somebody chooses one, and a list that can't
// be read lets none through.
func TestBreachedPasswordsAreRefused(t *testing.T) {
	const listed = "glacier 41 mandolin otter"
	list := passwordtest.OpenBreaches(t, passwordtest.BreachFile(t, "\n", true, listed, "another one"))
	e := newEnv(t, func(c *Config) { c.Breaches = list })
	ctx := t.Context()
	root := e.admin()
	calls := e.hash.calls.Load()

	_, link, err := e.Invitations.Invite(ctx, root.Session, home, "eve@example.org")
	if err != nil {
		t.Fatal(err)
	}
	eve := Registration{Username: "eve", Email: "eve@example.org", Password: listed, Purpose: PurposeInvitation, Link: link}
	_, err = e.Accounts.Register(ctx, home, eve)
	if p := wantProblem(t, err, "password", CodePasswordBreached); p.Args["count"] != len(listed) {
		t.Errorf("said to be seen %v times", p.Args["count"])
	}
	e.refresh(root)
	_, err = e.Passwords.Change(ctx, root.Session, home, root.password, listed)
	wantProblem(t, err, "password", CodePasswordBreached)
	err = e.Passwords.Reset(ctx, home, e.askReset(root), listed)
	wantProblem(t, err, "password", CodePasswordBreached)
	if e.hash.calls.Load() != calls {
		t.Error("a hash was made of a password that is refused")
	}

	list.Close()
	_, err = e.Passwords.Change(ctx, root.Session, home, root.password, "violet anchor 9 thimble")
	if err == nil {
		t.Error("a password was taken without a look at the list")
	}
}

// What is wrong with a password is a problem of its own.
func TestPasswordFaultsAreProblems(t *testing.T) {
	e := newEnv(t)
	for typed, code := range map[string]string{
		"": CodePasswordTooShort, "password1234": CodePasswordWeak,
		strings.Repeat("k", password.MaxBytes+1): CodePasswordTooLong, "kX9!vQ2#mL5z\n": CodePasswordInvalid,
	} {
		wantProblem(t, e.Passwords.checkNewPassword(t.Context(), typed, "alice", "alice@example.org"), "password", code)
	}
	if err := e.Passwords.checkNewPassword(t.Context(), goodPassword, "alice", "alice@example.org"); err != nil {
		t.Error(err)
	}
}
