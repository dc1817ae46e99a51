package authn

import (
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/notices"
)

const newPassword = "violet anchor 9 thimble"

// askReset asks for a link and takes it from the mail.
func (e *env) askReset(who *person) Secret {
	e.t.Helper()
	if err := e.Passwords.RequestReset(e.t.Context(), home, who.email); err != nil {
		e.t.Fatal(err)
	}
	return e.mails.last(e.t, "reset").link
}

func TestResetPassword(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	root := e.admin()
	link := e.askReset(root)
	e.wantRow(rowResetAsked, root.UserID)
	if to := e.mails.last(t, "reset").to; to.Email != root.email || to.Username != "root" {
		t.Errorf("the mail went to %+v", to)
	}
	if name, expires, err := e.Passwords.ResetPending(ctx, link); err != nil || name != "root" || expires.Sub(e.now()).Round(time.Minute) != time.Hour {
		t.Errorf("the link is of %q until %v: %v", name, expires, err)
	}
	b := e.browser()
	b.start(root.Session)

	wantProblem(t, e.Passwords.Reset(ctx, home, link, "short"), "password", CodePasswordTooShort) // and the link stays good
	if err := e.Passwords.Reset(ctx, home, link, newPassword); err != nil {
		t.Fatal(err)
	}
	if row := e.wantRow(rowPasswordReset, root.UserID); row.Actor.UserID != "" {
		t.Errorf("who reads a mailbox is said to be %+v", row.Actor)
	}
	e.mails.last(t, string(notices.PasswordReset))
	if x, _ := b.current(); x.Stage != StageNone {
		t.Error("a session goes on after a reset")
	}
	wantProblem(t, e.Passwords.Reset(ctx, home, link, newPassword+"!"), "", CodeLinkUsed)

	_, err := e.Sessions.SignIn(ctx, home, "root", root.password)
	wantProblem(t, err, "", CodeSignInFailed)
	root.password = newPassword
	if x := e.must(e.Sessions.SignIn(ctx, home, "root", newPassword)); x.Stage != StagePassword {
		t.Fatalf("the new password alone leads to %q", x.Stage)
	}
	e.signIn(root)
}

// Whatever ends sessions makes a link worthless, and so does a newer one.
func TestResetLinksAreVoided(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	root := e.admin()
	alice := e.member(root, "alice")
	void := func(name string, link Secret) {
		t.Helper()
		err := e.Passwords.Reset(ctx, home, link, newPassword)
		wantProblem(t, err, "", CodeLinkUsed)
		if name != "" {
			e.signIn(alice) // the password is as it was
		}
	}
	first := e.askReset(alice)
	second := e.askReset(alice)
	void("replaced", first)

	e.refresh(alice)
	changed := e.must(e.Passwords.Change(ctx, alice.Session, home, alice.password, "mosaic 12 harbour fennel"))
	alice.Session, alice.password = changed, "mosaic 12 harbour fennel"
	void("password changed", second)

	e.pass(time.Hour)
	third := e.askReset(alice)
	e.refresh(alice)
	_, next, err := e.RecoveryCodes.Create(ctx, alice.Session, home)
	if err != nil {
		t.Fatal(err)
	}
	_ = next
	void("", third)

	fourth := e.askReset(alice)
	e.refresh(root)
	if err := e.Administration.SetFrozen(ctx, root.Session, home, alice.UserID, true); err != nil {
		t.Fatal(err)
	}
	void("", fourth)
	e.refresh(root)
	if err := e.Administration.SetFrozen(ctx, root.Session, home, alice.UserID, false); err != nil {
		t.Fatal(err)
	}
	void("", fourth)

	e.pass(time.Hour)
	fifth := e.askReset(alice)
	e.pass(time.Hour)
	wantProblem(t, e.Passwords.Reset(ctx, home, fifth, newPassword), "", CodeLinkExpired)
	wantProblem(t, e.Passwords.Reset(ctx, home, "abc", newPassword), "", CodeLinkInvalid)
	verify, _, _ := e.core.newLink(PurposeVerifyEmail, alice.UserID, alice.email)
	wantProblem(t, e.Passwords.Reset(ctx, home, verify, newPassword), "", CodeLinkInvalid)
}

// Who asks learns nothing: known, unknown, frozen, not verified and asked for too
// often are one answer, after transactions of one number and no hash.
func TestResetTellsNobodyWhoHasAnAccount(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	root := e.admin()
	alice := e.member(root, "alice")
	bob := e.invited(root, "bob") // his address is not verified
	e.refresh(root)
	if err := e.Administration.SetFrozen(ctx, root.Session, home, alice.UserID, true); err != nil {
		t.Fatal(err)
	}
	for i, login := range []string{"root", "ROOT@example.org", "alice", alice.email, "bob", bob.email, "nobody", "nobody@example.org", "", strings.Repeat("x", 300)} {
		mails, rows, calls := e.mails.count(), len(e.rows()), e.hash.calls.Load()
		if err := e.Passwords.RequestReset(ctx, from("198.51.100.9"), login); err != nil {
			t.Errorf("%q: %v", login, err)
		}
		if got, want := e.mails.count()-mails, map[bool]int{true: 1}[i < 2]; got != want {
			t.Errorf("%q: %d mails", login, got)
		}
		if len(e.rows())-rows != 1 || e.hash.calls.Load() != calls {
			t.Errorf("%q: %d rows, %d hashes", login, len(e.rows())-rows, e.hash.calls.Load()-calls)
		}
	}
	for range 5 {
		if err := e.Passwords.RequestReset(ctx, from("203.0.113.1"), "root"); err != nil {
			t.Errorf("asked often: %v", err)
		}
	}
	if n := e.mails.countKind("reset"); n != 2+3 {
		t.Errorf("%d mails about one account, asked for from two networks in a quarter of an hour", n)
	}
	for range 15 {
		if err := e.Passwords.RequestReset(ctx, from("203.0.113.1"), "nobody"); err != nil {
			t.Errorf("one address: %v", err)
		}
	}
	wantErr(t, e.Passwords.RequestReset(ctx, from("203.0.113.1"), "root"), ErrThrottled)
	wantErr(t, e.Passwords.RequestReset(ctx, from("203.0.113.1"), "nobody"), ErrThrottled)
}

// One link is used once, also by twenty at the same moment.
func TestResetRace(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	link := e.askReset(root)
	won, lost := race(20, func(int) error { return e.Passwords.Reset(t.Context(), home, link, newPassword) })
	if won != 1 {
		t.Fatalf("%d of 20 have used one link: %v", won, lost)
	}
}

func (m *mailbox) countKind(kind string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.mails {
		if s.kind == kind {
			n++
		}
	}
	return n
}
