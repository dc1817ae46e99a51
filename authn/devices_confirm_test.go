package authn

import (
	"slices"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/notices"
)

// away is a browser and a network that no account knows.
var away = from("203.0.113.50")

// confirming is a house that has unknown devices confirmed, with somebody in it who
// is known at home.
func confirming(t *testing.T) (*env, *person) {
	e := newEnv(t, func(c *Config) { c.ConfirmDevices = true })
	root := e.admin()
	e.refresh(root)
	e.note(root, home, false)
	return e, root
}

// halfway signs in with password and code, as far as that leads.
func (e *env) halfway(who *person, o Origin) Session {
	e.t.Helper()
	x := e.must(e.Sessions.SignIn(e.t.Context(), o, who.name, who.password))
	x = e.must(e.Authenticators.Verify(e.t.Context(), x, o, e.code(who, 0)))
	e.pass(time.Minute)
	return x
}

func TestUnknownDeviceIsConfirmed(t *testing.T) {
	e, root := confirming(t)
	ctx := t.Context()
	x := e.halfway(root, away)
	if x.Stage != StageDevice || x.SignedIn() || NextStep(x, e.user(x.UserID)) != StepConfirmDevice {
		t.Fatalf("at %q", x.Stage)
	}
	link := e.mails.last(t, string(PurposeDevice)).link
	if rows := e.rows(); rows[0].Kind != rowFactorAccepted || rows[1].Kind != rowDeviceAsked {
		t.Errorf("rows %q, %q", rows[0].Kind, rows[1].Kind)
	}

	// Another browser, also with the password and a code, can't use it.
	other := e.halfway(root, from("198.51.100.77"))
	_, err := e.Devices.Confirm(ctx, other, home, link)
	wantProblem(t, err, "", CodeDeviceElsewhere)
	_, err = e.Devices.Confirm(ctx, Session{}, home, link)
	wantProblem(t, err, "", CodeDeviceElsewhere)
	_, err = e.Devices.Confirm(ctx, root.Session, home, link)
	wantProblem(t, err, "", CodeDeviceElsewhere)
	wantProblem(t, e.Devices.CheckLink(ctx, other, link), "", CodeDeviceElsewhere)

	if err := e.Devices.CheckLink(ctx, x, link); err != nil {
		t.Fatal(err)
	}
	done := e.must(e.Devices.Confirm(ctx, x, away, link))
	e.wantRow(rowDeviceConfirmed, root.UserID)
	if !done.SignedIn() || done.ID != x.ID || done.FactorAt != x.FactorAt {
		t.Fatalf("%+v", done)
	}
	_, err = e.Devices.Confirm(ctx, x, away, link)
	wantProblem(t, err, "", CodeLinkUsed)

	root.Session = done
	token := e.note(root, away, false)
	moved := from("198.51.100.5")
	moved.Device = token
	if x := e.halfway(root, moved); !x.SignedIn() {
		t.Errorf("a known browser on another network is at %q", x.Stage)
	}
	if x := e.halfway(root, away); !x.SignedIn() {
		t.Errorf("another browser on a known network is at %q", x.Stage)
	}
}

// Whoever waits for the link can do nothing else, but begin again.
func TestUnconfirmedDeviceMayDoNothing(t *testing.T) {
	e, root := confirming(t)
	ctx := t.Context()
	x := e.halfway(root, away)
	e.unchanged(func() {
		for name, err := range map[string]error{
			"list":      second(e.Sessions.List(ctx, x)),
			"devices":   second(e.Devices.List(ctx, x, away)),
			"note":      second(e.Devices.Note(ctx, x, away, true)),
			"end":       third(e.Sessions.EndOthers(ctx, x, away)),
			"totp":      second(e.Authenticators.Begin(ctx, x)),
			"password":  second(e.Passwords.Change(ctx, x, away, root.password, newPassword)),
			"keys only": second(e.SecurityKeys.SetOnly(ctx, x, away, true)),
			"add key":   second(e.SecurityKeys.BeginAdd(ctx, x, "mine")),
			"users":     second(e.Administration.People(ctx, x, PeopleQuery{Limit: 10})),
		} {
			if err == nil {
				t.Errorf("%s: allowed", name)
			}
		}
		_, _, err := e.RecoveryCodes.Create(ctx, x, away)
		wantErr(t, err, ErrForbidden)
		_, _, err = e.Invitations.Invite(ctx, x, away, "eve@example.org")
		wantErr(t, err, ErrForbidden)
	})
	if y := e.must(e.RecoveryCodes.Confirm(ctx, x, away, root.codes[1])); y.Stage != StageDevice {
		t.Errorf("a recovery code typed back leads to %q", y.Stage)
	}
	if y := e.must(e.RecoveryCodes.Use(ctx, x, away, root.codes[1])); y.Stage != StageDevice {
		t.Errorf("a recovery code leads to %q", y.Stage)
	}
	if !slices.ContainsFunc(e.mails.mails, func(m sentMail) bool { return m.kind == string(notices.RecoveryCodeUsed) }) {
		t.Error("the owner does not hear that a recovery code was used")
	}
	y := e.must(e.Authenticators.Verify(ctx, x, away, e.code(root, 0)))
	if y.Stage != StageDevice {
		t.Errorf("another code leads to %q", y.Stage)
	}
	e.pass(PurposeDevice.Life())
	_, err := e.Devices.Confirm(ctx, y, away, e.mails.last(t, string(PurposeDevice)).link)
	wantProblem(t, err, "", CodeLinkExpired)
}

// A newer link takes the place of the one before, and a change of the account voids
// both.
func TestDeviceLinksAreVoided(t *testing.T) {
	e, root := confirming(t)
	ctx := t.Context()
	x := e.halfway(root, away)
	old := e.mails.last(t, string(PurposeDevice)).link
	x = e.must(e.Authenticators.Verify(ctx, x, away, e.code(root, 0)))
	_, err := e.Devices.Confirm(ctx, x, away, old)
	wantProblem(t, err, "", CodeLinkUsed)
	link := e.mails.last(t, string(PurposeDevice)).link
	e.pass(time.Minute)
	e.refresh(root)
	e.must(e.Passwords.Change(ctx, root.Session, home, root.password, newPassword))
	_, err = e.Devices.Confirm(ctx, x, away, link)
	wantProblem(t, err, "", CodeLinkUsed)
}

// Where nobody is asked to confirm, and with a device that is remembered, a code
// is enough as ever.
func TestDevicesThatAreNotConfirmed(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	if x := e.halfway(root, away); !x.SignedIn() {
		t.Errorf("without mail it is at %q", x.Stage)
	}
	e, root = confirming(t)
	e.refresh(root)
	o := away
	o.Device = e.note(root, home, true)
	if x := e.must(e.Sessions.SignIn(t.Context(), o, root.name, root.password)); !x.SignedIn() {
		t.Errorf("a remembered device elsewhere is at %q", x.Stage)
	}
}

func second[T any](_ T, err error) error { return err }

// third is the error of a call that returns two things more.
func third[T, U any](_ T, _ U, err error) error { return err }
