package authn

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

func TestFirstStart(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.Registration = instance.Open })
	ctx := t.Context()
	form := Registration{Username: "Root", Email: "Root@Example.ORG", Password: goodPassword}

	// Before the first administrator nobody gets in by the open door.
	if open, err := e.Accounts.CanRegister(ctx); open || err != nil {
		t.Fatalf("open %v %v", open, err)
	}
	_, err := e.Accounts.Register(ctx, home, form)
	wantProblem(t, err, "", CodeRegistrationOff)

	first := e.setupLink()
	second := e.setupLink()
	form.Purpose, form.Link = PurposeSetup, first
	_, err = e.Accounts.Register(ctx, home, form)
	wantProblem(t, err, "", CodeLinkUsed) // replaced
	form.Link = second
	x, err := e.Accounts.Register(ctx, home, form)
	if err != nil {
		t.Fatal(err)
	}
	u := e.user(x.UserID)
	if !u.Admin || u.Username != "Root" || u.Email != "Root@example.org" || u.EmailVerified || u.HasTOTP || !u.CreatedAt.Equal(e.now()) {
		t.Errorf("%+v", u)
	}
	if x.Stage != StageEnrolling || NextStep(x, u) != StepVerifyEmail {
		t.Errorf("%+v", x)
	}
	row := e.wantRow(rowRegistered, u.ID)
	if row.Detail["by"] != "setup" || row.Actor.IP != "192.0.2.7" || row.Actor.RequestID != "req-1" {
		t.Errorf("%+v", row)
	}
	e.unchanged(func() {
		if _, _, ok, err := e.Accounts.SetupLink(ctx); ok || err != nil {
			t.Errorf("a set-up link with an account: %v %v", ok, err)
		}
	})
	_, err = e.Accounts.Register(ctx, home, Registration{Username: "eve", Email: "eve@example.org", Password: goodPassword, Purpose: PurposeSetup, Link: second})
	wantProblem(t, err, "", CodeLinkUsed)

	if open, err := e.Accounts.CanRegister(ctx); !open || err != nil {
		t.Fatalf("closed %v %v", open, err)
	}
	x, err = e.Accounts.Register(ctx, home, Registration{Username: "bob", Email: "bob@example.org", Password: goodPassword})
	if err != nil || e.user(x.UserID).Admin {
		t.Fatalf("%+v %v", e.user(x.UserID), err)
	}
	if by := e.wantRow(rowRegistered, x.UserID).Detail["by"]; by != "open" {
		t.Errorf("by %q", by)
	}
}

// Racing registrations with one set-up link make one administrator.
func TestSetupRace(t *testing.T) {
	for _, n := range []int{20, 50} {
		e := newEnv(t)
		link := e.setupLink()
		won, lost := race(n, func(i int) error {
			name := fmt.Sprintf("root%d", i)
			_, err := e.Accounts.Register(t.Context(), from(fmt.Sprintf("192.0.2.%d", i)), Registration{
				Username: name, Email: name + "@example.org", Password: goodPassword, Purpose: PurposeSetup, Link: link,
			})
			return err
		})
		if won != 1 {
			t.Fatalf("%d of %d won: %v", won, n, lost)
		}
		for _, err := range lost {
			var ps problem.Problems
			if !errors.Is(err, ErrThrottled) && (!errors.As(err, &ps) || !ps.Has(CodeLinkUsed)) {
				t.Errorf("lost by %v", err)
			}
		}
		if users := e.keys("authn/user/"); len(users) != 1 {
			t.Errorf("%d accounts", len(users))
		}
	}
}

// keys lists the keys with a prefix.
func (e *env) keys(prefix string) (out []string) {
	e.t.Helper()
	err := e.core.store.View(e.t.Context(), func(r kv.Reader) error {
		out = nil
		found, err := r.Scan([]byte(prefix), nil, 0, false)
		for _, p := range found {
			out = append(out, string(p.Key))
		}
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return out
}

func TestRegistrationSaysEverythingAtOnce(t *testing.T) {
	e := newEnv(t)
	_, err := e.Accounts.Register(t.Context(), home, Registration{
		Username: "-", Email: "x", Password: "short", Purpose: PurposeSetup, Link: e.setupLink(),
	})
	var ps problem.Problems
	if !errors.As(err, &ps) || len(ps) != 3 || !ps.Has(CodeUsernameInvalid) || !ps.Has(CodeEmailInvalid) || !ps.Has(CodePasswordTooShort) {
		t.Errorf("%v", err)
	}
}

// A form with problems, a failure of the issuer's part, and a closed door change
// nothing: the link is as good as before, and no hash is made for them.
func TestRegistrationThatFails(t *testing.T) {
	e := newEnv(t)
	admin := e.admin()
	_, link, err := e.Invitations.Invite(t.Context(), admin.Session, home, "bob@example.org")
	if err != nil {
		t.Fatal(err)
	}
	good := Registration{Username: "bob", Email: "bob@example.org", Password: goodPassword, Purpose: PurposeInvitation, Link: link}
	change := func(fn func(*Registration)) Registration { r := good; fn(&r); return r }
	hashes := e.hash.calls.Load()
	e.unchanged(func() {
		for _, c := range []struct {
			form        Registration
			field, code string
		}{
			{change(func(r *Registration) { r.Username = "ROOT" }), "username", CodeUsernameTaken},
			{change(func(r *Registration) { r.Password = "bobbobbobbob" }), "password", CodePasswordWeak},
			{change(func(r *Registration) { r.Purpose = PurposeSetup }), "", CodeLinkInvalid},
			{change(func(r *Registration) { r.Purpose = PurposeVerifyEmail }), "", CodeLinkInvalid},
			{change(func(r *Registration) { r.Purpose = "" }), "", CodeRegistrationOff},
			{change(func(r *Registration) { r.Link = "" }), "", CodeLinkInvalid},
		} {
			_, err := e.Accounts.Register(t.Context(), home, c.form)
			wantProblem(t, err, c.field, c.code)
		}
	})
	if n := e.hash.calls.Load() - hashes; n != 0 {
		t.Errorf("%d hashes were made for nothing", n)
	}
	e.unchanged(func() {
		e.users.fail = errors.New("the issuer's store says no")
		_, err := e.Accounts.Register(t.Context(), home, good)
		wantErr(t, err, e.users.fail)
		e.users.fail = nil
	})
	if left := e.keys("authn/name/bob"); left != nil {
		t.Errorf("%q is left of an account that was not made", left)
	}
	x, err := e.Accounts.Register(t.Context(), home, good)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.keys("test/user/" + x.UserID); len(got) != 1 {
		t.Error("the issuer did not hear of the account")
	}
	row := e.wantRow(rowRegistered, x.UserID)
	if row.Detail["by"] != "invitation" || row.Detail["invited"] != "bob@example.org" {
		t.Errorf("%+v", row)
	}
}

func TestRegistrationIsLimited(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.Registration = instance.Open })
	e.admin()
	register := func(i int, o Origin) error {
		name := fmt.Sprintf("user%d", i)
		_, err := e.Accounts.Register(t.Context(), o, Registration{Username: name, Email: name + "@example.org", Password: goodPassword})
		return err
	}
	for i := range 20 {
		if err := register(i, from("2001:db8::1")); err != nil {
			t.Fatal(err)
		}
	}
	hashes := e.hash.calls.Load()
	wantErr(t, register(20, from("2001:db8::ffff")), ErrThrottled) // the same /64
	if e.hash.calls.Load() != hashes {
		t.Error("a throttled registration made a hash")
	}
	if err := register(20, from("2001:db8:0:1::1")); err != nil {
		t.Error(err)
	}
	e.pass(time.Hour)
	if err := register(21, from("2001:db8::1")); err != nil {
		t.Error(err)
	}
}

// A form with problems costs work too: its password is scored, and it tells
// which names are taken.
func TestFormsWithProblemsAreLimited(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.Registration = instance.Open })
	e.admin()
	weak := Registration{Username: "user", Email: "user@example.org", Password: "password1234"}
	for range 100 {
		_, err := e.Accounts.Register(t.Context(), from("2001:db8::1"), weak)
		wantProblem(t, err, "password", CodePasswordWeak)
	}
	_, err := e.Accounts.Register(t.Context(), from("2001:db8::2"), weak) // the same /64
	wantErr(t, err, ErrThrottled)
	_, err = e.Accounts.Register(t.Context(), from("2001:db8:0:1::1"), weak)
	wantProblem(t, err, "password", CodePasswordWeak)
}

func TestNewChecksItsConfig(t *testing.T) {
	e := newEnv(t)
	whole := e.cfg
	whole.Store = e.core.store
	for name, spoil := range map[string]func(*Config){
		"store":    func(c *Config) { c.Store = nil },
		"sealer":   func(c *Config) { c.Sealer = nil },
		"users":    func(c *Config) { c.Users = nil },
		"notifier": func(c *Config) { c.Notifier = nil },
		"issuer":   func(c *Config) { c.IssuerName = "a:b" },
		"params":   func(c *Config) { p := cheap; p.SaltLength = 0; c.PasswordParams = &p },
	} {
		cfg := whole
		spoil(&cfg)
		if _, err := New(cfg); err == nil || !strings.HasPrefix(err.Error(), "authn: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
