package authn

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/notices"
)

var someBanner = instance.Banner{Text: "Uploads pause at noon", Level: instance.LevelWarning}

// set are the settings now.
func (e *env) set() instance.Settings {
	e.t.Helper()
	s, err := e.Settings.Load(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

func (e *env) ok(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

func TestSetReadOnly(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	e.ok(e.Settings.SetReadOnly(ctx, root.Session, home, true, "  a new \n disk "))
	if row := e.wantRow(rowReadOnly, root.UserID); row.Detail["reason"] != "a new disk" || row.Actor.UserID != root.UserID {
		t.Errorf("%+v", row)
	}
	since := e.now()
	if s := e.set().ReadOnly; !s.Since.Equal(since) || s.By != "root" || s.Reason != "a new disk" {
		t.Errorf("%+v", s)
	}
	e.pass(time.Minute)
	e.unchanged(func() { e.ok(e.Settings.SetReadOnly(ctx, root.Session, home, true, "a new disk")) })
	e.ok(e.Settings.SetReadOnly(ctx, root.Session, home, true, "another"))
	e.wantRow(rowReadOnly, root.UserID)
	if s := e.set().ReadOnly; !s.Since.Equal(since) || s.Reason != "another" {
		t.Errorf("%+v", s)
	}
	e.ok(e.Settings.SetReadOnly(ctx, root.Session, home, false, ""))
	e.wantRow(rowReadOnlyOff, root.UserID)
	if e.set().ReadOnly.On() {
		t.Error("still on")
	}
	e.unchanged(func() { e.ok(e.Settings.SetReadOnly(ctx, root.Session, home, false, "")) })
	wantProblem(t, e.Settings.SetReadOnly(ctx, root.Session, home, true, strings.Repeat("x", 201)), "reason", "text_too_long")
}

func TestSetRegistration(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	open := func(want bool) {
		t.Helper()
		if ok, err := e.Accounts.CanRegister(ctx); err != nil || ok != want {
			t.Errorf("open: %v, %v", ok, err)
		}
	}
	register := func() error {
		_, err := e.Accounts.Register(ctx, home, Registration{Username: "eve", Email: "eve@example.org", Password: goodPassword})
		return err
	}
	open(false)
	wantProblem(t, register(), "", CodeRegistrationOff)
	e.ok(e.Settings.SetRegistration(ctx, root.Session, home, instance.Open))
	if row := e.wantRow(rowRegistration, root.UserID); row.Detail["to"] != "open" || row.Detail["was"] != "" {
		t.Errorf("%+v", row)
	}
	open(true)
	e.ok(register())
	e.unchanged(func() { e.ok(e.Settings.SetRegistration(ctx, root.Session, home, instance.Open)) })
	e.ok(e.Settings.SetRegistration(ctx, root.Session, home, instance.ByInvitation))
	open(false)
	e.restart()
	open(false)
	e.cfg.Registration = instance.Open
	e.restart()
	open(false) // what is set counts
	e.ok(e.Settings.SetRegistration(ctx, root.Session, home, instance.AsConfigured))
	open(true)
	wantProblem(t, e.Settings.SetRegistration(ctx, root.Session, home, "all"), "registration", CodeRegistrationUnknown)
}

func TestSetBanner(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	b := someBanner
	b.Until = e.now().Add(time.Hour)
	e.ok(e.Settings.SetBanner(ctx, root.Session, home, b))
	row := e.wantRow(rowBanner, root.UserID)
	if row.Detail["text"] != b.Text || row.Detail["level"] != "warning" || row.Detail["until"] != b.Until.Format(time.RFC3339) {
		t.Errorf("%+v", row)
	}
	if s := e.set().Banner; s.Text != b.Text || s.By != "root" || !s.Since.Equal(e.now()) || !s.Shown(e.now()) || s.Shown(b.Until) {
		t.Errorf("%+v", s)
	}
	e.unchanged(func() { e.ok(e.Settings.SetBanner(ctx, root.Session, home, b)) })
	wantProblem(t, e.Settings.SetBanner(ctx, root.Session, home, instance.Banner{Level: instance.LevelInfo}), "text", "banner_required")
	e.ok(e.Settings.ClearBanner(ctx, root.Session, home))
	e.wantRow(rowBannerCleared, root.UserID)
	e.unchanged(func() { e.ok(e.Settings.ClearBanner(ctx, root.Session, home)) })
}

// While rind is read-only, people sign in and out and take power away, and nothing else.
func TestReadOnlyAccounts(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	half := e.invited(root, "half")
	verify := e.mails.last(t, string(PurposeVerifyEmail)).link
	e.refresh(root)
	ctx := t.Context()
	inv, _, err := e.Invitations.Invite(ctx, root.Session, home, "dan@example.org")
	e.ok(err)
	e.ok(e.Settings.SetReadOnly(ctx, root.Session, home, true, ""))

	refused := map[string]error{
		"SetFrozen":          e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, false),
		"SetAdmin":           e.Administration.SetAdmin(ctx, root.Session, home, bob.UserID, true),
		"ResendVerification": e.Addresses.ResendVerification(ctx, half.Session, home),
		"ChangeEmail":        e.Addresses.Correct(ctx, half.Session, home, "x@example.org"),
		"Reset of bob":       e.Passwords.RequestReset(ctx, home, "bob"),
		"Reset of nobody":    e.Passwords.RequestReset(ctx, home, "nobody at all"),
		"Sweep":              e.Cleanup.Sweep(ctx),
	}
	_, refused["VerifyEmail"] = e.Addresses.Verify(ctx, home, verify)
	_, refused["BeginTOTP"] = e.Authenticators.Begin(ctx, root.Session)
	_, _, refused["CreateRecoveryCodes"] = e.RecoveryCodes.Create(ctx, root.Session, home)
	_, refused["ChangePassword"] = e.Passwords.Change(ctx, root.Session, home, root.password, goodPassword+" 2")
	_, _, refused["Invite"] = e.Invitations.Invite(ctx, root.Session, home, "y@example.org")
	if refused["Sweep"] == nil { // it writes only where something is over
		refused["Sweep"] = instance.ErrReadOnly
	}
	for what, err := range refused {
		if !errors.Is(err, instance.ErrReadOnly) {
			t.Errorf("%s: %v", what, err)
		}
	}

	_, err = e.Sessions.SignIn(ctx, home, "bob", "wrong")
	wantProblem(t, err, "", CodeSignInFailed)
	e.signIn(bob)
	x := e.must(e.Sessions.SignIn(ctx, home, "bob", bob.password))
	e.must(e.RecoveryCodes.Use(ctx, x, home, bob.codes[3]))
	e.ok(e.Invitations.Revoke(ctx, root.Session, home, inv.ID))
	_, err = e.Administration.SignOutEverywhere(ctx, root.Session, home, bob.UserID)
	e.ok(err)
	e.ok(e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, true))
	root.Session = e.signIn(root)
	e.ok(e.Settings.SetReadOnly(ctx, root.Session, home, false, ""))
	e.ok(e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, false))
}

// Who acts on the machine itself is an administrator without an account, and nothing
// that is kept can say so.
func TestOperator(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	ctx := t.Context()
	op := Operator("operator ada (uid 1000)")
	e.ok(e.Administration.SetAdmin(ctx, op, Origin{}, bob.UserID, true))
	if row := e.wantRow(rowAdminGranted, bob.UserID); row.Actor.UserID != "" || row.Actor.Username != "operator ada (uid 1000)" {
		t.Errorf("%+v", row.Actor)
	}
	if m := e.mails.last(t, string(notices.AdminGranted)); m.notice.By != "operator ada (uid 1000)" {
		t.Errorf("%+v", m)
	}
	e.ok(e.Settings.SetBanner(ctx, op, Origin{}, someBanner))
	e.wantRow(rowBanner, "")
	if got := len(e.found(op, PeopleQuery{})); got != 2 {
		t.Errorf("%d people", got)
	}
	_, _, err := e.Invitations.Invite(ctx, op, Origin{}, "ann@example.org")
	e.ok(err)

	b, err := json.Marshal(op)
	e.ok(err)
	var forged Session
	e.ok(json.Unmarshal(b, &forged))
	forged.UserID = root.UserID
	for what, x := range map[string]Session{"one that was kept": forged, "no name": Operator("")} {
		if _, err := e.Administration.People(ctx, x, PeopleQuery{}); !errors.Is(err, ErrSignedOut) && !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = e.Authenticators.Begin(ctx, op) // not for administrators only
	wantErr(t, err, ErrSignedOut)
}
