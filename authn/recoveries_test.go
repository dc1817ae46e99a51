package authn

import (
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// has tells whether the store has a record.
func (e *env) has(key string) (there bool) {
	e.t.Helper()
	err := e.core.store.View(e.t.Context(), func(r kv.Reader) (err error) {
		there, err = kv.Exists(r, key)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return there
}

// kinds counts the rows of each kind about an account.
func (e *env) kinds(account string) map[string]int {
	out := map[string]int{}
	for _, row := range e.rows() {
		if row.Account == account {
			out[row.Kind]++
		}
	}
	return out
}

// recovery starts one for bob.
func recovery(t *testing.T, change ...func(*Config)) (e *env, root, bob *person) {
	e = newEnv(t, change...)
	root = e.admin()
	bob = e.member(root, "bob")
	e.refresh(root)
	if _, err := e.Recoveries.Start(t.Context(), root.Session, home, bob.UserID, false); err != nil {
		t.Fatal(err)
	}
	return e, root, bob
}

// of counts the mails of a kind.
func (m *mailbox) of(kind string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.mails {
		if s.kind == kind {
			n++
		}
	}
	return n
}

// run does what is due.
func (e *env) run() {
	e.t.Helper()
	if err := e.Recoveries.Run(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
}

// A recovery tells the owner at once and a day before its end; then factors, codes,
// sessions, devices and tokens are gone, and new factors take the password and the
// mailed link, in one session.
func TestRecovery(t *testing.T) {
	ctx := t.Context()
	e := newEnv(t, withKeys)
	root := e.admin()
	bob := e.member(root, "bob")
	key := e.addKey(bob, "blue")
	device, err := e.Devices.Note(ctx, bob.Session, home, true)
	if err != nil {
		t.Fatal(err)
	}
	e.refresh(root)
	started, err := e.Recoveries.Start(ctx, root.Session, home, bob.UserID, false)
	if err != nil || started.By != "root" || started.Ends.Sub(started.Started) != RecoveryWait {
		t.Fatalf("%+v %v", started, err)
	}
	if m := e.mails.last(t, string(notices.RecoveryStarted)); m.to.UserID != bob.UserID {
		t.Errorf("mail %+v", m)
	}
	if e.kinds(bob.UserID)[rowRecoveryStarted] != 1 || e.kinds(root.UserID)[rowRecoveryStartedFor] != 1 {
		t.Error("a row is missing")
	}
	if u := e.user(bob.UserID); !u.HasTOTP || u.Keys != 1 {
		t.Errorf("a factor is gone already: %+v", u)
	}
	_, err = e.Recoveries.Start(ctx, root.Session, home, bob.UserID, false)
	wantProblem(t, err, "", CodeRecoveryWaits)

	remindedOnce(t, e, bob)
	e.run()
	e.pass(time.Second)
	e.run()
	e.run()
	link := e.mails.last(t, "recovery").link
	u := e.user(bob.UserID)
	if u.HasFactor() || u.RecoveryCodesLeft != 0 || u.RecoveryConfirmed || !u.Recovered {
		t.Errorf("%+v", u)
	}
	if e.kinds(bob.UserID)[rowRecoveryEnded] != 1 || e.kinds(root.UserID)[rowRecoveryEndedFor] != 1 {
		t.Error("a row is missing")
	}
	for _, gone := range []string{totpKey(bob.UserID), recoveryKeyOf(bob.UserID), credentialKey(key.cred.ID), deviceKey(bob.UserID, device)} {
		if e.has(gone) {
			t.Errorf("%s is left", gone)
		}
	}
	if !e.has("test/revoked/" + bob.UserID) {
		t.Error("the tokens work")
	}
	_, err = e.Sessions.List(ctx, bob.Session)
	wantErr(t, err, ErrSignedOut)
	enrolRecovered(t, e, bob, link)
}

// remindedOnce goes on to a second before the end.
func remindedOnce(t *testing.T, e *env, bob *person) {
	t.Helper()
	mails := e.mails.count()
	e.run()
	e.pass(48*time.Hour - time.Minute)
	if e.mails.count() != mails {
		t.Error("a mail too early")
	}
	e.run()
	e.pass(time.Minute)
	e.run()
	e.run()
	if m := e.mails.last(t, string(notices.RecoveryReminder)); m.to.UserID != bob.UserID || e.mails.count() != mails+1 {
		t.Errorf("mail %+v, %d", m, e.mails.count()-mails)
	}
	e.wantRow(rowRecoveryReminded, bob.UserID)
	e.pass(24*time.Hour - time.Second)
	if e.user(bob.UserID).Recovered {
		t.Error("too early")
	}
}

// enrolRecovered sets a recovered account up with its password and the link.
func enrolRecovered(t *testing.T, e *env, bob *person, link Secret) {
	t.Helper()
	ctx := t.Context()
	x, thief := e.password(bob), e.password(bob)
	for _, half := range []Session{x, thief} {
		if step := NextStep(half, e.user(bob.UserID)); step != StepRecover {
			t.Fatalf("step %q", step)
		}
		_, err := e.Authenticators.Begin(ctx, half)
		wantErr(t, err, ErrForbidden)
		if e.SecurityKeys.party != nil {
			_, err = e.SecurityKeys.BeginAdd(ctx, half, "x")
			wantErr(t, err, ErrForbidden)
		}
	}
	if err := e.Recoveries.CheckLink(ctx, x, link); err != nil {
		t.Fatal(err)
	}
	e.must(e.Recoveries.UseLink(ctx, x, home, link))
	e.wantRow(rowRecoveryLinkUsed, bob.UserID)
	_, err := e.Recoveries.UseLink(ctx, thief, home, link)
	wantProblem(t, err, "", CodeLinkUsed)
	if NextStep(x, e.user(bob.UserID)) != StepAddFactor || NextStep(thief, e.user(bob.UserID)) != StepRecover {
		t.Error("the link counts for another session than its own")
	}
	_, err = e.Authenticators.Begin(ctx, thief)
	wantErr(t, err, ErrForbidden)
	p, err := e.Authenticators.Begin(ctx, x)
	if err != nil {
		t.Fatal(err)
	}
	bob.secret = p.Secret
	x = e.must(e.Authenticators.Confirm(ctx, x, home, e.code(bob, 0)))
	if u := e.user(bob.UserID); u.Recovered || u.RecoveryBy != "" || NextStep(x, u) != StepSaveRecovery {
		t.Errorf("%+v", u)
	}
	_, err = e.Authenticators.Begin(ctx, thief)
	wantErr(t, err, ErrSignedOut)
}

// Every complete sign-in ends a recovery, and a half one does not.
func TestSignInStopsRecovery(t *testing.T) {
	for name, signIn := range map[string]func(*env, *person){
		"a code":          func(e *env, p *person) { e.signIn(p) },
		"a factor again":  func(e *env, p *person) { e.refresh(p) },
		"a recovery code": func(e *env, p *person) { e.must(e.RecoveryCodes.Use(e.t.Context(), e.password(p), home, p.codes[1])) },
		"a remembered device": func(e *env, p *person) {
			there := home
			there.Device, _ = e.Devices.Note(e.t.Context(), p.Session, home, true)
			if x := e.must(e.Sessions.SignIn(e.t.Context(), there, p.name, p.password)); !x.SignedIn() {
				e.t.Fatal("not signed in")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, root, bob := recovery(t)
			e.password(bob)
			if _, waits, err := e.Recoveries.Pending(t.Context(), root.Session, bob.UserID); err != nil || !waits {
				t.Fatalf("a password alone ended it: %v", err)
			}
			signIn(e, bob)
			if e.mails.of(string(notices.RecoveryCancelled)) != 1 {
				t.Error("no mail")
			}
			if e.kinds(bob.UserID)[rowRecoveryCancelled] != 1 || e.kinds(root.UserID)[rowRecoveryCancelledFor] != 1 {
				t.Errorf("rows %v", e.rows()[:3])
			}
			e.pass(RecoveryWait)
			e.run()
			if u := e.user(bob.UserID); !u.HasTOTP || u.Recovered {
				t.Errorf("%+v", u)
			}
		})
	}
}

// A passkey does, too, and a sign-in that waits for its link does not before it is followed.
func TestPasskeyAndDeviceStopRecovery(t *testing.T) {
	e := newEnv(t, withKeys, func(c *Config) { c.ConfirmDevices = true })
	root := e.admin()
	bob := e.member(root, "bob")
	key := e.addKey(bob, "blue")
	start := func() {
		t.Helper()
		e.refresh(root)
		if _, err := e.Recoveries.Start(t.Context(), root.Session, home, bob.UserID, false); err != nil {
			t.Fatal(err)
		}
	}
	waits := func() bool {
		t.Helper()
		_, some, err := e.Recoveries.Pending(t.Context(), root.Session, bob.UserID)
		if err != nil {
			t.Fatal(err)
		}
		return some
	}
	start()
	if _, err := e.passkey(key); err != nil || waits() {
		t.Errorf("after a passkey: %v, %v", err, waits())
	}
	start()
	away := from("198.51.100.9")
	x := e.must(e.Sessions.SignIn(t.Context(), away, bob.name, bob.password))
	x = e.must(e.Authenticators.Verify(t.Context(), x, away, e.code(bob, 0)))
	if x.Stage != StageDevice || !waits() {
		t.Fatalf("stage %q, waits %v", x.Stage, waits())
	}
	e.must(e.Devices.Confirm(t.Context(), x, away, e.mails.last(t, string(PurposeDevice)).link))
	if waits() {
		t.Error("it waits still")
	}
}

// The administrator and the owner can end it, and nobody else.
func TestCancelRecovery(t *testing.T) {
	e, root, bob := recovery(t)
	eve := e.member(root, "eve")
	ctx := t.Context()
	wantErr(t, e.Recoveries.Cancel(ctx, eve.Session, home, bob.UserID), ErrForbidden)
	wantErr(t, e.Recoveries.CancelOwn(ctx, eve.Session, home), ErrNotFound)
	_, err := e.Recoveries.Start(ctx, eve.Session, home, bob.UserID, true)
	wantErr(t, err, ErrForbidden)
	if err := e.Recoveries.Cancel(ctx, root.Session, home, bob.UserID); err != nil {
		t.Fatal(err)
	}
	if row := e.wantRow(rowRecoveryCancelled, bob.UserID); row.Detail["why"] != "administrator" || row.Actor.UserID != root.UserID {
		t.Errorf("row %+v", row)
	}
	e.mails.last(t, string(notices.RecoveryCancelled))
	wantErr(t, e.Recoveries.Cancel(ctx, root.Session, home, bob.UserID), ErrNotFound)
	e.refresh(root)
	if _, err := e.Recoveries.Start(ctx, root.Session, home, bob.UserID, false); err != nil {
		t.Fatal(err)
	}
	if own, some, err := e.Recoveries.Own(ctx, bob.Session); err != nil || !some || own.By != "root" {
		t.Errorf("%+v %v %v", own, some, err)
	}
	if err := e.Recoveries.CancelOwn(ctx, bob.Session, home); err != nil {
		t.Fatal(err)
	}
	if row := e.wantRow(rowRecoveryCancelled, bob.UserID); row.Detail["why"] != "owner" {
		t.Errorf("row %+v", row)
	}
	e.pass(RecoveryWait)
	if e.kinds(bob.UserID)[rowRecoveryEnded] != 0 {
		t.Error("it came to its end")
	}
}

// Who may not be recovered, and by whom.
func TestRecoveryRefused(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	fresh := e.invited(root, "new")
	ctx := t.Context()
	e.refresh(root)
	_, err := e.Recoveries.Start(ctx, root.Session, home, root.UserID, true)
	wantProblem(t, err, "", CodeRecoverySelf)
	_, err = e.Recoveries.Start(ctx, root.Session, home, fresh.UserID, true)
	wantProblem(t, err, "", CodeRecoveryNeedless)
	_, err = e.Recoveries.Start(ctx, root.Session, home, "nobody", true)
	wantErr(t, err, ErrNotFound)
	if err := e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, true); err != nil {
		t.Fatal(err)
	}
	_, err = e.Recoveries.Start(ctx, root.Session, home, bob.UserID, true)
	wantProblem(t, err, "", CodeRecoveryFrozen)
	e.pass(FactorFresh + time.Second)
	_, err = e.Recoveries.Start(ctx, root.Session, home, bob.UserID, true)
	wantErr(t, err, ErrFactorStale)
	_, err = New(Config{
		Store: e.core.store, Sealer: e.cfg.Sealer, Users: e.users, Notifier: e.mails, PasswordParams: &cheap, RecoveryWait: 23 * time.Hour,
	})
	if err == nil {
		t.Error("a wait of less than a day is taken")
	}
}

// An account that was frozen while it waited keeps its factors.
func TestRecoveryOfFrozen(t *testing.T) {
	e, root, bob := recovery(t)
	if err := e.Administration.SetFrozen(t.Context(), root.Session, home, bob.UserID, true); err != nil {
		t.Fatal(err)
	}
	e.pass(RecoveryWait)
	e.run()
	if row := e.wantRow(rowRecoveryCancelled, bob.UserID); row.Detail["why"] != "frozen" {
		t.Errorf("row %+v", row)
	}
	if u := e.user(bob.UserID); !u.HasTOTP {
		t.Errorf("%+v", u)
	}
}

// A recovery that is due is taken to its end by the sign-in that comes first.
func TestRecoveryAtSignIn(t *testing.T) {
	e, _, bob := recovery(t, func(c *Config) { c.RecoveryWait = minRecoveryWait })
	mails := e.mails.count()
	e.run() // a day before the end is now: the first mail said it
	if e.mails.count() != mails {
		t.Error("a reminder at once")
	}
	e.pass(minRecoveryWait)
	_, err := e.Sessions.SignIn(t.Context(), home, bob.name, "not it at all 4711")
	wantProblem(t, err, "", CodeSignInFailed)
	if e.user(bob.UserID).Recovered {
		t.Error("a wrong password ended it")
	}
	x := e.password(bob)
	if NextStep(x, e.user(bob.UserID)) != StepRecover {
		t.Errorf("%+v", x)
	}
	enrolRecovered(t, e, bob, e.mails.last(t, "recovery").link)
}
