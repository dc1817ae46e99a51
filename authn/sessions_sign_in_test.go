package authn

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// countingStore counts transactions that write.
type countingStore struct {
	kv.Store
	updates atomic.Int64
}

func (c *countingStore) Update(ctx context.Context, fn func(kv.Tx) error) error {
	c.updates.Add(1)
	return c.Store.Update(ctx, fn)
}

// Unknown, wrong and frozen: the same words and the same work.
func TestSignInIsNoOracle(t *testing.T) {
	e := newEnv(t)
	admin := e.admin()
	bob := e.member(admin, "bob")
	ice := e.member(admin, "ice")
	half := e.invited(admin, "half")
	e.refresh(admin)
	if err := e.Administration.SetFrozen(t.Context(), admin.Session, home, ice.UserID, true); err != nil {
		t.Fatal(err)
	}
	store := &countingStore{Store: e.once}
	e.useStore(store)
	for i, c := range []struct {
		name, login, password string
		account, why          string
	}{
		{"unknown name", "nobody", goodPassword, "", "password"},
		{"unknown address", "nobody@example.org", goodPassword, "", "password"},
		{"no name", "", goodPassword, "", "password"},
		{"not a name", "a/b\x00 c", goodPassword, "", "password"},
		{"wrong password", "bob", goodPassword, bob.UserID, "password"},
		{"wrong password by address", "bob@example.org", goodPassword, bob.UserID, "password"},
		{"password in other case", "bob", strings.ToUpper(bob.password), bob.UserID, "password"},
		{"password with a space behind", "bob", bob.password + " ", bob.UserID, "password"},
		{"no password", "bob", "", bob.UserID, "password"},
		{"address not verified", half.email, half.password, "", "password"},
		{"frozen, wrong password", "ice", goodPassword, ice.UserID, "password"},
		{"frozen, right password", "ice", ice.password, ice.UserID, "frozen"},
	} {
		hashes, updates := e.hash.calls.Load(), store.updates.Load()
		x, err := e.Sessions.SignIn(t.Context(), from(fmt.Sprintf("198.51.100.%d", i)), c.login, c.password)
		wantProblem(t, err, "", CodeSignInFailed)
		if err.Error() != CodeSignInFailed || x != (Session{}) {
			t.Errorf("%s: %v %+v", c.name, err, x)
		}
		if n := e.hash.calls.Load() - hashes; n != 1 {
			t.Errorf("%s: %d hashes, want 1", c.name, n)
		}
		if n := store.updates.Load() - updates; n != 2 {
			t.Errorf("%s: %d transactions, want 2", c.name, n)
		}
		row := e.wantRow(rowSignInFailed, c.account)
		if row.Detail["why"] != c.why || row.Actor.UserID != "" {
			t.Errorf("%s: row %+v", c.name, row)
		}
	}
	hashes := e.hash.calls.Load()
	for _, login := range []string{"bob", "nobody"} {
		_, err := e.Sessions.SignIn(t.Context(), home, login, strings.Repeat("x", password.MaxBytes+1))
		wantProblem(t, err, "", CodeSignInFailed)
	}
	if e.hash.calls.Load() != hashes {
		t.Error("a password that is too long was hashed")
	}
}

func TestSignInStages(t *testing.T) {
	e := newEnv(t)
	root := e.register("root", PurposeSetup, e.setupLink())
	ctx := t.Context()
	next := func(x Session) Step { return NextStep(x, e.user(x.UserID)) }
	if s := NextStep(Session{}, User{}); s != StepSignIn {
		t.Errorf("nobody: %q", s)
	}

	x := e.must(e.Sessions.SignIn(ctx, home, " ROOT ", root.password))
	e.wantRow(rowPasswordAccepted, root.UserID)
	if x.Stage != StageEnrolling || next(x) != StepVerifyEmail || x.ID == root.Session.ID {
		t.Fatalf("%+v", x)
	}
	if _, err := e.Addresses.Verify(ctx, home, e.mails.last(t, string(PurposeVerifyEmail)).link); err != nil {
		t.Fatal(err)
	}
	if next(x) != StepAddFactor {
		t.Fatalf("next %q", next(x))
	}
	_, _, err := e.RecoveryCodes.Create(ctx, x, home)
	wantErr(t, err, ErrForbidden) // not before the factor
	p, err := e.Authenticators.Begin(ctx, x)
	if err != nil {
		t.Fatal(err)
	}
	root.secret = p.Secret
	x = e.must(e.Authenticators.Confirm(ctx, x, home, e.code(root, 0)))
	if x.Stage != StageEnrolling || x.Factor != FactorTOTP || next(x) != StepSaveRecovery {
		t.Fatalf("%+v", x)
	}
	if _, err := e.Administration.People(ctx, x, PeopleQuery{Limit: 10}); !errors.Is(err, ErrForbidden) {
		t.Errorf("an enrolling administrator administers: %v", err)
	}

	// Whoever stops here comes back through both factors to the same step.
	e.pass(time.Minute)
	x = e.must(e.Sessions.SignIn(ctx, home, "root", root.password))
	if x.Stage != StagePassword || next(x) != StepSecondFactor {
		t.Fatalf("%+v", x)
	}
	_, err = e.Authenticators.Begin(ctx, x)
	wantErr(t, err, ErrForbidden)
	_, _, err = e.RecoveryCodes.Create(ctx, x, home)
	wantErr(t, err, ErrForbidden)
	_, err = e.RecoveryCodes.Confirm(ctx, x, home, "0123456789abcdef")
	wantErr(t, err, ErrForbidden)
	_, err = e.Passwords.Change(ctx, x, home, root.password, goodPassword)
	wantErr(t, err, ErrForbidden)
	x = e.must(e.Authenticators.Verify(ctx, x, home, e.code(root, 0)))
	e.wantRow(rowFactorAccepted, root.UserID)
	if x.Stage != StageEnrolling || next(x) != StepSaveRecovery {
		t.Fatalf("%+v", x)
	}
	codes, x, err := e.RecoveryCodes.Create(ctx, x, home)
	if err != nil {
		t.Fatal(err)
	}
	x = e.must(e.RecoveryCodes.Confirm(ctx, x, home, codes[7]))
	if x.Stage != StageSignedIn || next(x) != StepDone || x.Factor != FactorTOTP {
		t.Fatalf("%+v", x)
	}
}

// No method takes the zero Session, one of a stranger's making, or an old one.
func TestSessionsThatDoNotHold(t *testing.T) {
	e := newEnv(t)
	admin := e.admin()
	bob := e.member(admin, "bob")
	old := e.signIn(admin)
	e.refresh(admin)
	if _, err := e.Passwords.Change(t.Context(), admin.Session, home, admin.password, goodPassword+" new"); err != nil {
		t.Fatal(err)
	}
	late := bob.Session
	late.Begun = e.now().Add(-SessionLifetime)
	unknown := bob.Session
	unknown.UserID = "0190b5a0-0000-7000-8000-000000000000"
	newer := bob.Session
	newer.Generation++
	for name, x := range map[string]Session{
		"zero": {}, "stage only": {Stage: StageSignedIn}, "generation": old, "late": late, "unknown": unknown, "newer": newer,
	} {
		e.unchanged(func() {
			for what, err := range e.everyMethod(x) {
				if !errors.Is(err, ErrSignedOut) && (x.Factor != FactorNone || !errors.Is(err, ErrForbidden)) {
					t.Errorf("%s: %s: %v", name, what, err)
				}
			}
		})
	}
}

// everyMethod calls each method that takes a Session and returns its error.
func (e *env) everyMethod(x Session) map[string]error {
	ctx := e.t.Context()
	out := map[string]error{}
	_, out["VerifyTOTP"] = e.Authenticators.Verify(ctx, x, home, "123456")
	_, out["UseRecoveryCode"] = e.RecoveryCodes.Use(ctx, x, home, "0123456789abcdef")
	_, out["BeginTOTP"] = e.Authenticators.Begin(ctx, x)
	_, out["ConfirmTOTP"] = e.Authenticators.Confirm(ctx, x, home, "123456")
	_, _, out["CreateRecoveryCodes"] = e.RecoveryCodes.Create(ctx, x, home)
	_, out["ConfirmRecoveryCodes"] = e.RecoveryCodes.Confirm(ctx, x, home, "0123456789abcdef")
	_, out["ChangePassword"] = e.Passwords.Change(ctx, x, home, goodPassword, goodPassword+"2")
	out["ResendVerification"] = e.Addresses.ResendVerification(ctx, x, home)
	out["ChangeEmail"] = e.Addresses.Correct(ctx, x, home, "x@example.org")
	_, _, out["Invite"] = e.Invitations.Invite(ctx, x, home, "y@example.org")
	_, out["Invitations"] = e.Invitations.List(ctx, x)
	out["RevokeInvitation"] = e.Invitations.Revoke(ctx, x, home, "id")
	_, out["Users"] = e.Administration.People(ctx, x, PeopleQuery{Limit: 10})
	_, out["Person"] = e.Administration.Person(ctx, x, x.UserID)
	_, out["SignOutEverywhere"] = e.Administration.SignOutEverywhere(ctx, x, home, x.UserID)
	out["SetReadOnly"] = e.Settings.SetReadOnly(ctx, x, home, true, "")
	out["SetRegistration"] = e.Settings.SetRegistration(ctx, x, home, "open")
	out["SetBanner"] = e.Settings.SetBanner(ctx, x, home, someBanner)
	out["ClearBanner"] = e.Settings.ClearBanner(ctx, x, home)
	out["SetFrozen"] = e.Administration.SetFrozen(ctx, x, home, x.UserID, true)
	out["SetAdmin"] = e.Administration.SetAdmin(ctx, x, home, x.UserID, false)
	return out
}

// An é is an é, however the keyboard composes it.
func TestPasswordNormalForm(t *testing.T) {
	e := newEnv(t)
	composed, decomposed := "caf\u00e9 plum orbit 7", "cafe\u0301 plum orbit 7"
	if _, err := e.Accounts.Register(t.Context(), home, Registration{
		Username: "root", Email: "root@example.org", Password: composed, Purpose: PurposeSetup, Link: e.setupLink(),
	}); err != nil {
		t.Fatal(err)
	}
	e.must(e.Sessions.SignIn(t.Context(), home, "root", decomposed))
	_, err := e.Sessions.SignIn(t.Context(), home, "root", "cafe plum orbit 7")
	wantProblem(t, err, "", CodeSignInFailed)
}

// A sign-in with a hash of another cost makes it anew, once.
func TestHashIsRenewed(t *testing.T) {
	e := newEnv(t)
	root := e.register("root", PurposeSetup, e.setupLink())
	dearer := cheap
	dearer.Iterations = 2
	e.cfg.PasswordParams = &dearer
	e.restart()
	for i, want := range []int64{1, 2, 1} { // wrong; right and made anew; right
		password := root.password
		if i == 0 {
			password += "?"
		}
		before := e.hash.calls.Load()
		_, err := e.Sessions.SignIn(t.Context(), home, "root", password)
		if (err == nil) != (i > 0) {
			t.Fatal(err)
		}
		if n := e.hash.calls.Load() - before; n != want {
			t.Errorf("sign-in %d: %d hashes, want %d", i, n, want)
		}
	}
	_, hash, _, err := e.Sessions.credentials(t.Context(), home, "root")
	if err != nil || !strings.Contains(hash, "m=8,t=2,p=1") {
		t.Errorf("%.20s %v", hash, err)
	}
}

func TestChangePassword(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	other := e.signIn(root)
	next := "another plum orbit 9"
	e.pass(FactorFresh)
	_, err := e.Passwords.Change(ctx, root.Session, home, root.password, next)
	wantErr(t, err, ErrFactorStale)
	e.refresh(root)

	_, err = e.Passwords.Change(ctx, root.Session, home, goodPassword+"?", next)
	wantProblem(t, err, "old_password", CodePasswordWrong)
	e.wantRow(rowPasswordChangeWrong, root.UserID)
	e.unchanged(func() {
		_, err = e.Passwords.Change(ctx, root.Session, home, root.password, root.password)
		wantProblem(t, err, "password", CodePasswordSame)
		_, err = e.Passwords.Change(ctx, root.Session, home, root.password, "root@example.org")
		wantProblem(t, err, "password", CodePasswordWeak)
	})
	x := e.must(e.Passwords.Change(ctx, root.Session, home, root.password, next))
	e.wantRow(rowPasswordChanged, root.UserID)
	e.mails.last(t, string(notices.PasswordChanged))
	if !x.SignedIn() {
		t.Errorf("%+v", x)
	}
	if _, err := e.Administration.People(ctx, x, PeopleQuery{Limit: 1}); err != nil {
		t.Errorf("the session that changed it ended too: %v", err)
	}
	_, err = e.Administration.People(ctx, other, PeopleQuery{Limit: 1})
	wantErr(t, err, ErrSignedOut)
	_, err = e.Sessions.SignIn(ctx, home, "root", root.password)
	wantProblem(t, err, "", CodeSignInFailed)
	e.must(e.Sessions.SignIn(ctx, home, "root", next))
}

// A password that is changed while an attempt with the old one is being hashed
// lets that attempt in no more.
func TestSignInWhilePasswordChanges(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.hash.Function = &hookedHasher{Function: e.hash.Function, once: func() {
		e.must(e.Passwords.Change(t.Context(), root.Session, home, root.password, "another plum orbit 9"))
	}}
	_, err := e.Sessions.SignIn(t.Context(), from("198.51.100.9"), "root", root.password)
	wantProblem(t, err, "", CodeSignInFailed)
	e.wantRow(rowPasswordChanged, root.UserID)
}

// hookedHasher does something else during the first check.
type hookedHasher struct {
	password.Function
	once func()
}

func (h *hookedHasher) Check(p, hash string) (bool, bool, error) {
	if do := h.once; do != nil {
		h.once = nil
		do()
	}
	return h.Function.Check(p, hash)
}

// wantFree checks that all places were given back.
func (e *env) wantFree() {
	e.t.Helper()
	if _, n := e.Passwords.hashing.Load(password.Requester{}); n != 0 {
		e.t.Errorf("%d places were not given back", n)
	}
}

// Beyond the places there are, an attempt is turned away at once and does not count.
func TestBusy(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.MaxHashing = 1 })
	root := e.register("root", PurposeSetup, e.setupLink())
	stuck := &stuckHasher{Function: e.hash.Function, letGo: make(chan struct{})}
	e.hash.Function = stuck
	var wg sync.WaitGroup
	for i := range password.StrangersPerPlace {
		wg.Go(func() {
			_, err := e.Sessions.SignIn(t.Context(), from(fmt.Sprintf("198.51.100.%d", i)), "nobody"+strconv.Itoa(i), "wrong")
			wantProblem(t, err, "", CodeSignInFailed)
		})
	}
	for _, n := e.Passwords.hashing.Load(password.Requester{}); n < password.StrangersPerPlace; _, n = e.Passwords.hashing.Load(password.Requester{}) {
		time.Sleep(time.Millisecond)
	}
	for range 20 { // more than the limit of attempts
		_, err := e.Sessions.SignIn(t.Context(), home, "root", root.password)
		wantErr(t, err, ErrBusy)
	}
	close(stuck.letGo)
	wg.Wait()
	e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	e.wantFree()
}
