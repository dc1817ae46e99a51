package authn

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// in is an origin whose browser has a device's cookie.
func in(token Secret) Origin {
	o := home
	o.Device = token
	return o
}

// note makes a browser known.
func (e *env) note(who *person, o Origin, remember bool) Secret {
	e.t.Helper()
	token, err := e.Devices.Note(e.t.Context(), who.Session, o, remember)
	if err != nil {
		e.t.Fatal(err)
	}
	return token
}

// signedInBy is the stage that the password alone leads to.
func (e *env) signedInBy(who *person, o Origin) Session {
	e.t.Helper()
	return e.must(e.Sessions.SignIn(e.t.Context(), o, who.name, who.password))
}

// A remembered device stands in for the second factor, for thirty days, and never
// for a sensitive action.
func TestRememberedDevice(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	root := e.admin()
	e.refresh(root)
	token := e.note(root, home, true)
	e.wantRow(rowDeviceRemembered, root.UserID)

	if x := e.signedInBy(root, home); x.Stage != StagePassword {
		t.Fatalf("another browser is at %q", x.Stage)
	}
	if x := e.signedInBy(root, in(token+"x")); x.Stage != StagePassword {
		t.Fatalf("another cookie is at %q", x.Stage)
	}
	x := e.signedInBy(root, in(token))
	if row := e.wantRow(rowDeviceAccepted, root.UserID); row.Actor.Factor != string(FactorRemembered) {
		t.Errorf("the row says %+v", row.Actor)
	}
	if !x.SignedIn() || x.FactorFresh(e.now()) || !x.FactorAt.IsZero() {
		t.Fatalf("%+v", x)
	}
	_, _, err := e.Invitations.Invite(ctx, x, home, "eve@example.org")
	wantErr(t, err, ErrFactorStale)
	_, err = e.Passwords.Change(ctx, x, home, root.password, newPassword)
	wantErr(t, err, ErrFactorStale)
	_, _, err = e.RecoveryCodes.Create(ctx, x, home)
	wantErr(t, err, ErrFactorStale)
	_, err = e.Authenticators.Begin(ctx, x)
	wantErr(t, err, ErrFactorStale)
	_, err = e.Devices.Note(ctx, x, in(token), true) // it would remember itself for ever
	wantErr(t, err, ErrFactorStale)
	x.FactorAt = e.now()
	if x.FactorFresh(e.now()) {
		t.Error("what no factor was given for is fresh")
	}
	x = e.must(e.Authenticators.Verify(ctx, x, in(token), e.code(root, 0)))
	if !x.FactorFresh(e.now()) || x.Factor != FactorTOTP {
		t.Errorf("after a factor: %+v", x)
	}

	e.pass(RememberLife - time.Minute)
	if x := e.signedInBy(root, in(token)); !x.SignedIn() {
		t.Errorf("a minute before the end it is at %q", x.Stage)
	}
	e.pass(time.Minute)
	if x := e.signedInBy(root, in(token)); x.Stage != StagePassword {
		t.Errorf("after thirty days it is at %q", x.Stage)
	}
}

// It is one account's device, and one cookie is worth nothing after the next.
func TestRememberedDeviceIsOfOneAccountAndOneCookie(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	alice := e.member(root, "alice")
	e.refresh(root)
	first := e.note(root, home, true)
	if x := e.signedInBy(alice, in(first)); x.Stage != StagePassword {
		t.Errorf("another account is at %q", x.Stage)
	}
	e.refresh(root)
	second := e.note(root, in(first), true)
	if first == second {
		t.Fatal("the cookie stays")
	}
	if x := e.signedInBy(root, in(first)); x.Stage != StagePassword {
		t.Errorf("the cookie before is at %q", x.Stage)
	}
	if x := e.signedInBy(root, in(second)); !x.SignedIn() {
		t.Errorf("the new cookie is at %q", x.Stage)
	}
	if n := len(e.keys(devicesOf(root.UserID))); n != 1 {
		t.Errorf("%d devices in one browser", n)
	}
	err := e.core.store.View(t.Context(), func(r kv.Reader) error {
		all, err := r.Scan(nil, nil, 0, false)
		for _, p := range all {
			if strings.Contains(string(p.Key)+string(p.Value), string(second)) {
				t.Errorf("the store has the cookie in %q", p.Key)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever changes the password or the factors makes no device a remembered one.
func TestRememberedDeviceIsVoided(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	root := e.admin()
	for name, change := range map[string]func(*person){
		"password": func(p *person) {
			p.Session = e.must(e.Passwords.Change(ctx, p.Session, home, p.password, newPassword))
			p.password = newPassword
		},
		"reset": func(p *person) {
			if err := e.Passwords.Reset(ctx, home, e.askReset(p), newPassword); err != nil {
				t.Fatal(err)
			}
			p.password = newPassword
		},
		"authenticator": func(p *person) {
			set, err := e.Authenticators.Begin(ctx, p.Session)
			if err != nil {
				t.Fatal(err)
			}
			p.secret = set.Secret
			p.Session = e.must(e.Authenticators.Confirm(ctx, p.Session, home, e.code(p, 0)))
		},
		"recovery": func(p *person) {
			codes, x, err := e.RecoveryCodes.Create(ctx, p.Session, home)
			if err != nil {
				t.Fatal(err)
			}
			p.Session = e.must(e.RecoveryCodes.Confirm(ctx, x, home, codes[0]))
		},
		"freezing": func(p *person) {
			for _, frozen := range []bool{true, false} {
				e.refresh(root)
				if err := e.Administration.SetFrozen(ctx, root.Session, home, p.UserID, frozen); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		p := e.member(root, name)
		e.refresh(p)
		token := e.note(p, home, true)
		if x := e.signedInBy(p, in(token)); !x.SignedIn() {
			t.Fatalf("%s: not remembered to begin with", name)
		}
		change(p)
		if x := e.signedInBy(p, in(token)); x.Stage != StagePassword {
			t.Errorf("%s: the device leads to %q", name, x.Stage)
		}
	}
}

// Devices are listed, one can be forgotten, and only by its owner.
func TestDevicesAreListedAndForgotten(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	root := e.admin()
	alice := e.member(root, "alice")
	e.refresh(root)
	plain := e.note(root, from("198.51.100.1"), false)
	mails := e.mails.count()
	e.pass(time.Minute)
	remembered := e.note(root, Origin{IP: home.IP, UserAgent: strings.Repeat("ü", 400)}, true)
	e.mails.last(t, string(notices.NewDevice))
	if e.mails.count() != mails+1 {
		t.Error("a new browser is told more than once")
	}
	mails = e.mails.count()
	plain = e.note(root, in(plain), false)
	if e.mails.count() != mails {
		t.Error("a known browser is told as new")
	}
	got, err := e.Devices.List(ctx, root.Session, in(plain))
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, d := range got {
		if d.Current != d.Remembered.IsZero() || d.IP != "192.0.2.7" || len(d.UserAgent) > maxAgent || d.Since.IsZero() {
			t.Errorf("%+v", d)
		}
	}
	id := got[0].ID
	if got[0].Current {
		id = got[1].ID
	}
	wantErr(t, e.Devices.Forget(ctx, alice.Session, home, id), ErrNotFound)
	if err := e.Devices.Forget(ctx, root.Session, home, id); err != nil {
		t.Fatal(err)
	}
	e.wantRow(rowDeviceForgotten, root.UserID)
	wantErr(t, e.Devices.Forget(ctx, root.Session, home, id), ErrNotFound)
	if x := e.signedInBy(root, in(remembered)); x.Stage != StagePassword {
		t.Errorf("a forgotten device leads to %q", x.Stage)
	}
	e.unchanged(func() {
		half := Session{ID: "x", UserID: root.UserID, Stage: StagePassword, Begun: e.now(), Generation: e.user(root.UserID).SessionGeneration}
		_, err := e.Devices.List(ctx, half, home)
		wantErr(t, err, ErrForbidden)
		wantErr(t, e.Devices.Forget(ctx, half, home, id), ErrForbidden)
		_, err = e.Devices.Note(ctx, half, home, true)
		wantErr(t, err, ErrForbidden)
	})
}

// An account has so many devices, and those that nobody used go with the time.
func TestDevicesAreBounded(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.refresh(root)
	for i := range maxDevices + 3 {
		e.note(root, from(fmt.Sprintf("198.51.100.%d", i)), false)
		e.pass(time.Second)
	}
	if n := len(e.keys(devicesOf(root.UserID))); n != maxDevices {
		t.Errorf("%d devices", n)
	}
	e.pass(DeviceLife)
	if err := e.Cleanup.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(e.keys(devicePrefix)); n != 0 {
		t.Errorf("%d devices after a year", n)
	}
}

// Who knows a username, and sits at the same address too, can't keep the owner's known
// device out; an unknown one is kept out, and a known one has a limit of its own.
func TestKnownDeviceIsNotLockedOut(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	root := e.admin()
	e.refresh(root)
	token := e.note(root, home, false)
	for i := range 120 {
		o := home
		if i >= 10 {
			o = from(fmt.Sprintf("198.51.100.%d", i))
		}
		_, _ = e.Sessions.SignIn(ctx, o, "root", "wrong wrong wrong")
	}
	for range 40 {
		_, _ = e.Sessions.SignIn(ctx, home, "somebody", "wrong wrong wrong")
	}
	_, err := e.Sessions.SignIn(ctx, home, "root", root.password)
	wantErr(t, err, ErrThrottled)
	e.wrongs(1, from("203.0.113.77"), "root")
	_, err = e.Sessions.SignIn(ctx, from("203.0.113.77"), "root", root.password)
	wantErr(t, err, ErrThrottled)
	if x := e.signedInBy(root, in(token)); x.Stage != StagePassword {
		t.Fatalf("the known device is at %q", x.Stage)
	}
	for range 10 {
		_, err := e.Sessions.SignIn(ctx, in(token), "root", "wrong wrong wrong")
		wantProblem(t, err, "", CodeSignInFailed)
	}
	calls := e.hash.calls.Load()
	_, err = e.Sessions.SignIn(ctx, in(token), "root", root.password)
	wantErr(t, err, ErrThrottled)
	if e.hash.calls.Load() != calls {
		t.Error("a throttled attempt was hashed")
	}
}

// The list says from where a session was last used, and shows none that is over.
func TestSessionsAreCurrent(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	root := e.admin()
	b := e.browser()
	b.m.Locate(originOf(from("198.51.100.1")))
	b.start(e.signIn(root))
	idle := e.browser()
	idle.start(e.signIn(root))
	e.pass(SessionIdle - 2*time.Minute)
	b.m.Locate(originOf(from("203.0.113.9")))
	here, _ := b.current()
	e.pass(3 * time.Minute)
	list, err := e.Sessions.List(ctx, here)
	if err != nil || len(list) != 1 || list[0].IP != "203.0.113.9" || list[0].Seen.Equal(list[0].Begun) {
		t.Errorf("%+v, %v", list, err)
	}
	b.do(func(ctx context.Context) {
		if err := b.m.End(ctx, home); err != nil {
			t.Error(err)
		}
	})
	if left := e.keys(sessionsOf(root.UserID)); len(left) != 1 {
		t.Errorf("in the index: %v", left)
	}
}

// originOf is for Sessions.Locate.
func originOf(o Origin) func(*http.Request) Origin { return func(*http.Request) Origin { return o } }
