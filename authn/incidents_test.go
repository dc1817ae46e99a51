package authn

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// The tests of this file are named after published mistakes of other products that
// concern a login, each with where it was published; those over HTTP are in
// issuer/web/incidents_test.go. TestEveryIncidentHasItsTest has the list of all.

// A code that was taken is taken by nobody again: not in another session, not as a
// step-up, not with a space in it, not after a restart, and no older one of
// the window either. Gitea CVE-2026-20779, TOB-PYPI26-9, Vault CVE-2025-6014 and -6015,
// OpenBao CVE-2025-55000 and -55003, Vikunja CVE-2026-33473.
func TestIncidentTOTPReplay(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	x, other := e.password(root), e.password(root)
	older, code := e.code(root, -1), e.code(root, 0)
	x = e.must(e.Authenticators.Verify(ctx, x, home, code))
	refused := func() {
		t.Helper()
		for _, again := range []string{code, spaced(code), " " + code + " ", code[:3] + "-" + code[3:], code[:3] + "\u2009" + code[3:], code + "\n", older, spaced(older)} {
			for _, s := range []Session{other, x} {
				_, err := e.Authenticators.Verify(ctx, s, home, again)
				wantProblem(t, err, "code", CodeTOTPWrong)
				e.forgetAll()
			}
		}
	}
	refused()
	e.restart()
	refused()
	e.must(e.Authenticators.Verify(ctx, other, home, e.code(root, 1))) // the next one is good
}

// Fifty equal codes at the same moment get one in, also where no limit stops the others;
// the same for a recovery code. Gitea CVE-2026-20779.
func TestIncidentRaceOfFiftyEqualCodes(t *testing.T) {
	limit := limitFactor
	defer func() { limitFactor = limit }()
	for _, windows := range [][]window{limit.windows, {{1000, time.Hour}}} {
		limitFactor.windows = windows
		e := newEnv(t)
		root := e.admin()
		x := e.password(root)
		code := e.code(root, 0)
		for _, way := range []func() error{
			func() error { _, err := e.Authenticators.Verify(t.Context(), x, home, code); return err },
			func() error { _, err := e.RecoveryCodes.Use(t.Context(), x, home, root.codes[3]); return err },
		} {
			if won, _ := race(50, func(int) error { return way() }); won != 1 {
				t.Errorf("%d of 50 got in", won)
			}
			e.forgetAll()
		}
	}
}

// Recovery codes are guessed no faster than other factors: the limit is the account's, over
// all sessions and addresses, and the right code is turned away behind it.
// ZITADEL CVE-2024-32868, Vaultwarden CVE-2026-27801.
func TestIncidentRecoveryCodeBruteForce(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	tries := 0
	for day := e.now().Add(24*time.Hour - time.Minute); e.now().Before(day); e.pass(30 * time.Second) {
		x := e.password(root) // a new session each time
		_, err := e.RecoveryCodes.Use(ctx, x, from("198.51.100.7"), "0123456789abcdef")
		var te *ThrottledError
		if errors.As(err, &te) {
			_, err = e.RecoveryCodes.Use(ctx, x, home, root.codes[1])
			wantErr(t, err, ErrThrottled)
			e.pass(te.RetryAfter - 30*time.Second)
			continue
		}
		wantProblem(t, err, "code", CodeRecoveryWrong)
		tries++
	}
	if tries != 50 {
		t.Errorf("%d guesses in a day", tries)
	}
}

// Recovery codes open their own account only, once, and none that was made anew or
// recovered since. Gogs CVE-2025-64175, SFTPGo CVE-2022-36071.
func TestIncidentRecoveryCodesOfSomethingElse(t *testing.T) {
	e, root, bob := recovery(t)
	ctx := t.Context()
	try := func(who *person, code string) {
		t.Helper()
		_, err := e.RecoveryCodes.Use(ctx, e.password(who), home, code)
		wantProblem(t, err, "code", CodeRecoveryWrong)
		e.forgetAll()
	}
	try(root, bob.codes[1])
	e.must(e.RecoveryCodes.Use(ctx, e.password(root), home, root.codes[1]))
	try(root, root.codes[1])
	root.Session = e.signIn(root)
	old := root.codes
	codes, x, err := e.RecoveryCodes.Create(ctx, root.Session, home)
	if err != nil {
		t.Fatal(err)
	}
	e.must(e.RecoveryCodes.Confirm(ctx, x, home, codes[0]))
	try(root, old[2])
	e.pass(RecoveryWait)
	e.run()
	_, err = e.RecoveryCodes.Use(ctx, e.password(bob), home, bob.codes[2])
	wantErr(t, err, ErrForbidden) // without a factor there is nothing that it could stand in for
}

// laterFails is a store whose next transactions but the first of each method fail.
type laterFails struct {
	kv.Store
	first atomic.Bool
}

func (s *laterFails) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if s.first.Swap(false) {
		return s.Store.Update(ctx, fn)
	}
	return errFault
}

// An attempt counts although the transaction that looked at it was rolled back. Vikunja
// CVE-2026-35597.
func TestIncidentLockoutRolledBack(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	x := e.password(root)
	store := &laterFails{Store: e.core.store}
	e.useStore(store)
	try := func(code string) error {
		store.first.Store(true)
		_, err := e.Authenticators.Verify(t.Context(), x, home, code)
		return err
	}
	for range 5 {
		wantErr(t, try("000000"), errFault)
	}
	wantErr(t, try(e.code(root, 0)), ErrThrottled)
	for range 10 {
		store.first.Store(true)
		_, err := e.Sessions.SignIn(t.Context(), home, "root", "wrong")
		wantErr(t, err, errFault)
	}
	store.first.Store(true)
	_, err := e.Sessions.SignIn(t.Context(), home, "root", root.password)
	wantErr(t, err, ErrThrottled)
}

// The limits hold for who comes from the machine itself, too, and guesses at name and address
// are guesses at one account: behind ten of them no password is looked at. Pocket ID (limits skipped on loopback), Authelia CVE-2025-24806.
func TestIncidentLimitsWithAHole(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1", "10.0.0.1", "fe80::1"} {
		e := newEnv(t)
		root := e.admin()
		e.wrongs(5, from(ip), "root")
		e.wrongs(5, from(ip), "ROOT@example.org")
		for _, login := range []string{"root", "root@example.org"} {
			_, err := e.Sessions.SignIn(t.Context(), from(ip), login, root.password)
			wantProblem(t, err, "", CodeSignInFailed)
		}
	}
	e := newEnv(t)
	root := e.admin()
	e.wrongs(10, Origin{}, "root") // without an address all are one
	e.throttled(Origin{}, "root", root.password, 5*time.Minute)
}

// sudo are the changes that ask for a fresh factor.
func (e *env) sudo(x Session, bob *person) map[string]func() error {
	ctx := e.t.Context()
	return map[string]func() error{
		"set an authenticator up":   func() error { _, err := e.Authenticators.Begin(ctx, x); return err },
		"confirm an authenticator":  func() error { _, err := e.Authenticators.Confirm(ctx, x, home, "000000"); return err },
		"remove the authenticator":  func() error { _, err := e.Authenticators.Remove(ctx, x, home); return err },
		"add a key":                 func() error { _, err := e.SecurityKeys.BeginAdd(ctx, x, "new"); return err },
		"remove a key":              func() error { _, err := e.SecurityKeys.Remove(ctx, x, home, "any"); return err },
		"take keys only":            func() error { _, err := e.SecurityKeys.SetOnly(ctx, x, home, true); return err },
		"make recovery codes":       func() error { _, _, err := e.RecoveryCodes.Create(ctx, x, home); return err },
		"change the password":       func() error { _, err := e.Passwords.Change(ctx, x, home, "a", "another plum orbit 9"); return err },
		"change the address":        func() error { return e.Addresses.RequestChange(ctx, x, home, "new@example.org") },
		"remember the device":       func() error { _, err := e.Devices.Note(ctx, x, home, true); return err },
		"invite":                    func() error { _, _, err := e.Invitations.Invite(ctx, x, home, "new@example.org"); return err },
		"freeze":                    func() error { return e.Administration.SetFrozen(ctx, x, home, bob.UserID, true) },
		"thaw":                      func() error { return e.Administration.SetFrozen(ctx, x, home, bob.UserID, false) },
		"appoint an administrator":  func() error { return e.Administration.SetAdmin(ctx, x, home, bob.UserID, true) },
		"dismiss an administrator":  func() error { return e.Administration.SetAdmin(ctx, x, home, bob.UserID, false) },
		"start somebody's recovery": func() error { _, err := e.Recoveries.Start(ctx, x, home, bob.UserID, true); return err },
	}
}

// Nothing that could keep the owner out is done on the strength of a login of long ago, of the
// password given again, or of a device that stands in. GHSA-hp74-gm6m-2qm5.
func TestIncidentStepUpByAStaleLogin(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	there := home
	var err error
	there.Device, err = e.Devices.Note(t.Context(), root.Session, home, true)
	if err != nil {
		t.Fatal(err)
	}
	e.pass(FactorFresh + time.Second)
	again := e.must(e.Sessions.SignIn(t.Context(), there, "root", root.password))
	if !again.SignedIn() {
		t.Fatalf("%+v", again)
	}
	for name, x := range map[string]Session{"long ago": root.Session, "remembered": again} {
		e.unchanged(func() {
			for what, do := range e.sudo(x, bob) {
				if err := do(); !errors.Is(err, ErrFactorStale) {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
		})
	}
}

// A factor of one account is none of another's, in no session. (Gitea and Vault had step-ups that
// asked for any valid credential.)
func TestIncidentStepUpWithAnotherUsersCredential(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	mine, his := e.addKey(root, "mine"), e.addKey(bob, "his")
	ctx := t.Context()
	e.pass(FactorFresh + time.Second)
	for _, x := range []Session{root.Session, e.password(root)} {
		_, err := e.Authenticators.Verify(ctx, x, home, e.code(bob, 0))
		wantProblem(t, err, "code", CodeTOTPWrong)
		_, err = e.RecoveryCodes.Use(ctx, x, home, bob.codes[1])
		wantProblem(t, err, "code", CodeRecoveryWrong)
		_, err = e.verify(x, his)
		wantProblem(t, err, "", CodeKeyRefused)
		his.auth.Options.UserHandle, his.cred.Counter = mine.auth.Options.UserHandle, 100
		_, err = e.verify(x, his)
		wantProblem(t, err, "", CodeKeyRefused)
		if u := e.user(bob.UserID); u.RecoveryCodesLeft != 8 {
			t.Error("bob's code is used up")
		}
		e.forgetAll()
	}
	e.must(e.Authenticators.Verify(ctx, e.password(bob), home, e.code(bob, 0))) // nor is his authenticator's
}

// Nobody removes, renames or ends what is somebody else's by naming it. TOB-PYPI26-11.
func TestIncidentDeletionOfAnotherUsersKey(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	bob := e.member(root, "bob")
	e.addKey(bob, "his")
	e.refresh(root)
	ctx := t.Context()
	keys, err := e.SecurityKeys.List(ctx, bob.UserID)
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	b := e.browser()
	b.start(bob.Session)
	there := home
	there.Device, err = e.Devices.Note(ctx, bob.Session, home, false)
	if err != nil {
		t.Fatal(err)
	}
	devices, err := e.Devices.List(ctx, bob.Session, there)
	if err != nil || len(devices) != 1 {
		t.Fatal(devices, err)
	}
	e.unchanged(func() {
		_, err := e.SecurityKeys.Remove(ctx, root.Session, home, keys[0].ID)
		wantErr(t, err, ErrNotFound)
		wantErr(t, e.SecurityKeys.Rename(ctx, root.Session, home, keys[0].ID, "mine"), ErrNotFound)
		wantErr(t, e.SecurityKeys.Rename(ctx, root.Session, home, "../"+bob.UserID+"/"+keys[0].ID, "mine"), ErrNotFound)
		wantErr(t, e.Devices.Forget(ctx, root.Session, home, devices[0].ID), ErrNotFound)
		wantErr(t, e.Sessions.End(ctx, root.Session, home, bob.ID), ErrNotFound)
	})
	if x, _ := b.current(); x.UserID != bob.UserID || e.user(bob.UserID).Keys != 1 {
		t.Error("something of bob's is gone")
	}
}

// A challenge is over with its first answer, whatever that was. Pocket ID (ceremony sessions that were not
// deleted).
func TestIncidentChallengeReuse(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := e.addKey(root, "a")
	ctx := t.Context()
	x := e.password(root)
	for _, first := range [][]byte{nil, []byte("{}")} {
		opts := e.begun(e.SecurityKeys.BeginVerify(ctx, x))
		answer := k.get(t, opts)
		_, err := e.SecurityKeys.Verify(ctx, x, home, first)
		wantProblem(t, err, "", CodeKeyRefused)
		_, err = e.SecurityKeys.Verify(ctx, x, home, answer)
		wantProblem(t, err, "", CodeKeyExpired)
		e.forgetAll()
	}
	answer := k.get(t, e.begun(e.SecurityKeys.BeginVerify(ctx, x)))
	e.must(e.SecurityKeys.Verify(ctx, x, home, answer))
	_, err := e.SecurityKeys.Verify(ctx, x, home, answer)
	wantProblem(t, err, "", CodeKeyExpired)
	opts, handle, err := e.SecurityKeys.BeginPasskey(ctx, home)
	if err != nil {
		t.Fatal(err)
	}
	answer = k.get(t, opts)
	e.must(e.SecurityKeys.SignInPasskey(ctx, home, handle, answer))
	_, err = e.SecurityKeys.SignInPasskey(ctx, home, handle, answer)
	wantProblem(t, err, "", CodeKeyExpired)
	if e.ceremonies() != 0 {
		t.Error("a challenge is left")
	}
}

// A frozen account's sessions, devices and links are over at once. Vikunja CVE-2026-33668,
// Mattermost CVE-2025-3230.
func TestIncidentFrozenUserStaysIn(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	ctx := t.Context()
	there := home
	var err error
	there.Device, err = e.Devices.Note(ctx, bob.Session, home, true)
	if err != nil {
		t.Fatal(err)
	}
	half := e.password(bob)
	if err := e.Passwords.RequestReset(ctx, home, "bob"); err != nil {
		t.Fatal(err)
	}
	link := e.mails.last(t, "reset").link
	e.refresh(root)
	if err := e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, true); err != nil {
		t.Fatal(err)
	}
	_, err = e.Sessions.List(ctx, bob.Session)
	wantErr(t, err, ErrSignedOut)
	_, err = e.Authenticators.Verify(ctx, half, home, e.code(bob, 0))
	wantErr(t, err, ErrSignedOut)
	wantProblem(t, e.Passwords.Reset(ctx, home, link, "thimble quarry 88 snow"), "", CodeLinkUsed)
	if err := e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, false); err != nil {
		t.Fatal(err)
	}
	_, err = e.Sessions.List(ctx, bob.Session)
	wantErr(t, err, ErrSignedOut)
	if x := e.must(e.Sessions.SignIn(ctx, there, "bob", bob.password)); x.SignedIn() {
		t.Error("the device is remembered from before")
	}
	var ps problem.Problems
	if _, err := e.Sessions.SignIn(ctx, home, "bob", "wrong"); !errors.As(err, &ps) {
		t.Error(err)
	}
}
