package authn

import (
	"encoding/base32"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/notices"
)

func TestProvisioning(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.IssuerName = "rind & Söhne" })
	root := e.register("root", PurposeSetup, e.setupLink())
	ctx := t.Context()
	if _, err := e.Addresses.Verify(ctx, home, e.mails.last(t, string(PurposeVerifyEmail)).link); err != nil {
		t.Fatal(err)
	}
	p, err := e.Authenticators.Begin(ctx, root.Session)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(p.Secret)
	if err != nil || len(raw) != 20 || strings.Join(p.Groups, "") != p.Secret || len(p.Groups) != 8 || len(p.Groups[0]) != 4 {
		t.Errorf("%+v %v", p, err)
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/rind & Söhne:root" || q.Get("secret") != p.Secret ||
		q.Get("issuer") != "rind & Söhne" || q.Get("algorithm") != "SHA1" || q.Get("digits") != "6" || q.Get("period") != "30" ||
		strings.Contains(p.URL, "+") {
		t.Errorf("%s", p.URL)
	}
	code, err := p.QRCode()
	if err != nil {
		t.Fatal(err)
	}
	checkQR(t, code)

	again, err := e.Authenticators.Begin(ctx, root.Session)
	if err != nil || again.Secret != p.Secret || !again.Expires.Equal(e.now().Add(30*time.Minute)) {
		t.Errorf("another secret when asked again: %v", err)
	}
	other := e.must(e.Sessions.SignIn(ctx, home, "root", root.password))
	elsewhere, err := e.Authenticators.Begin(ctx, other)
	if err != nil || elsewhere.Secret == p.Secret {
		t.Errorf("another session sees the secret: %v", err)
	}
	e.pass(30 * time.Minute)
	root.secret = p.Secret
	_, err = e.Authenticators.Confirm(ctx, root.Session, home, e.code(root, 0))
	wantProblem(t, err, "", CodeTOTPExpired)
	fresh, err := e.Authenticators.Begin(ctx, root.Session)
	if err != nil || fresh.Secret == p.Secret {
		t.Errorf("the same secret after it expired: %v", err)
	}
}

// checkQR looks for what every QR code has: a square of 17+4v modules and three
// finder patterns.
func checkQR(t *testing.T, m [][]bool) {
	t.Helper()
	n := len(m)
	if n < 21 || (n-17)%4 != 0 {
		t.Fatalf("%d rows", n)
	}
	const finder = "1111111100000110111011011101101110110000011111111"
	for _, at := range [][2]int{{0, 0}, {0, n - 7}, {n - 7, 0}} {
		var got strings.Builder
		for y := range 7 {
			if len(m[y]) != n {
				t.Fatalf("row %d has %d modules of %d", y, len(m[y]), n)
			}
			for x := range 7 {
				if m[at[0]+y][at[1]+x] {
					got.WriteByte('1')
				} else {
					got.WriteByte('0')
				}
			}
		}
		if got.String() != finder {
			t.Errorf("no finder pattern at %v: %s", at, got.String())
		}
	}
}

func TestConfirmTOTP(t *testing.T) {
	e := newEnv(t)
	root := e.register("root", PurposeSetup, e.setupLink())
	ctx := t.Context()
	if _, err := e.Addresses.Verify(ctx, home, e.mails.last(t, string(PurposeVerifyEmail)).link); err != nil {
		t.Fatal(err)
	}
	rival := e.must(e.Sessions.SignIn(ctx, home, "root", root.password)) // somebody who knows the password
	if _, err := e.Authenticators.Begin(ctx, rival); err != nil {
		t.Fatal(err)
	}
	p, err := e.Authenticators.Begin(ctx, root.Session)
	if err != nil {
		t.Fatal(err)
	}
	root.secret = p.Secret
	e.unchanged(func() {
		for steps := -10; steps <= 10; steps++ {
			if steps >= -1 && steps <= 1 {
				continue
			}
			_, err := e.Authenticators.Confirm(ctx, root.Session, home, e.code(root, steps))
			got := wantProblem(t, err, "code", CodeTOTPOutOfSync)
			if got.Args["seconds"] != int64(steps*30) {
				t.Errorf("%d steps: %v", steps, got.Args)
			}
		}
		for _, steps := range []int{-11, 11, 1000} {
			_, err := e.Authenticators.Confirm(ctx, root.Session, home, e.code(root, steps))
			wantProblem(t, err, "code", CodeTOTPWrong)
		}
	})
	x := e.must(e.Authenticators.Confirm(ctx, root.Session, home, spaced(e.code(root, 0))))
	row := e.wantRow(rowTOTPAdded, root.UserID)
	if row.Actor.Factor != "totp" {
		t.Errorf("%+v", row)
	}
	e.mails.last(t, string(notices.TOTPAdded))
	if u := e.user(root.UserID); !u.HasTOTP || u.SessionGeneration != x.Generation {
		t.Errorf("%+v %+v", u, x)
	}
	// The code that confirmed it is used up, the rival is out, and nothing pends.
	y := e.must(e.Sessions.SignIn(ctx, home, "root", root.password))
	_, err = e.Authenticators.Verify(ctx, y, home, e.code(root, 0))
	wantProblem(t, err, "code", CodeTOTPWrong)
	_, err = e.Authenticators.Begin(ctx, rival)
	wantErr(t, err, ErrSignedOut)
	if left := e.keys(pendingPrefix); left != nil {
		t.Errorf("pending: %q", left)
	}
}

func TestConfirmTOTPRace(t *testing.T) {
	e := newEnv(t)
	root := e.register("root", PurposeSetup, e.setupLink())
	if _, err := e.Addresses.Verify(t.Context(), home, e.mails.last(t, string(PurposeVerifyEmail)).link); err != nil {
		t.Fatal(err)
	}
	p, err := e.Authenticators.Begin(t.Context(), root.Session)
	if err != nil {
		t.Fatal(err)
	}
	root.secret = p.Secret
	code := e.code(root, 0)
	won, lost := race(20, func(int) error {
		_, err := e.Authenticators.Confirm(t.Context(), root.Session, home, code)
		return err
	})
	if won != 1 {
		t.Errorf("%d won", won)
	}
	for _, err := range lost {
		wantErr(t, err, ErrSignedOut)
	}
}

// Another authenticator in place of the first: with a fresh factor only, and the
// first is worth nothing afterwards.
func TestReplaceTOTP(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	other := e.signIn(root)
	e.pass(FactorFresh)
	_, err := e.Authenticators.Begin(ctx, root.Session)
	wantErr(t, err, ErrFactorStale)
	e.refresh(root)
	p, err := e.Authenticators.Begin(ctx, root.Session)
	if err != nil {
		t.Fatal(err)
	}
	old := *root
	root.secret = p.Secret
	e.pass(FactorFresh)
	_, err = e.Authenticators.Confirm(ctx, root.Session, home, e.code(root, 0))
	wantErr(t, err, ErrFactorStale)
	e.refresh(&old)
	x := e.must(e.Authenticators.Confirm(ctx, old.Session, home, e.code(root, 0)))
	e.wantRow(rowTOTPReplaced, root.UserID)
	e.mails.last(t, string(notices.TOTPReplaced))
	if !x.SignedIn() {
		t.Errorf("%+v", x)
	}
	_, err = e.Administration.People(ctx, other, PeopleQuery{Limit: 1})
	wantErr(t, err, ErrSignedOut)
	e.pass(time.Minute)
	y := e.must(e.Sessions.SignIn(ctx, home, "root", root.password))
	_, err = e.Authenticators.Verify(ctx, y, home, e.code(&old, 0))
	wantProblem(t, err, "code", CodeTOTPWrong)
	e.must(e.Authenticators.Verify(ctx, y, home, e.code(root, 0)))
}
