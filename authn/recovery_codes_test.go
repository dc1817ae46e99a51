package authn

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
)

func TestRecoveryCodes(t *testing.T) {
	e := newEnv(t)
	root := e.admin() // typed codes[0] back
	ctx := t.Context()
	seen := map[string]bool{}
	for _, c := range root.codes {
		if b, err := hex.DecodeString(c); err != nil || len(b) != 8 || c != strings.ToLower(c) || seen[c] {
			t.Errorf("code of %d characters, %v", len(c), err)
		}
		seen[c] = true
	}
	if len(root.codes) != 8 {
		t.Fatalf("%d codes", len(root.codes))
	}
	if u := e.user(root.UserID); u.RecoveryCodesLeft != 8 || !u.RecoveryConfirmed {
		t.Errorf("typing one back used it up: %+v", u)
	}
	for i, code := range root.codes {
		x := e.must(e.Sessions.SignIn(ctx, home, "root", root.password))
		typed := []string{code, strings.ToUpper(code), code[:4] + "-" + code[4:8] + " " + code[8:]}[i%3]
		y := e.must(e.RecoveryCodes.Use(ctx, x, home, typed))
		if !y.SignedIn() || y.Factor != FactorRecoveryCode {
			t.Fatalf("%+v", y)
		}
		left := strconv.Itoa(7 - i)
		if row := e.wantRow(rowRecoveryUsed, root.UserID); row.Detail["left"] != left || row.Actor.Factor != "recovery_code" {
			t.Errorf("%+v", row)
		}
		if m := e.mails.last(t, string(notices.RecoveryCodeUsed)); m.notice.Details.CodesLeft != 7-i || m.to.Email != root.email {
			t.Errorf("%+v", m)
		}
		if u := e.user(root.UserID); u.RecoveryCodesLeft != 7-i {
			t.Errorf("%d left", u.RecoveryCodesLeft)
		}
		e.restart()
		_, err := e.RecoveryCodes.Use(ctx, x, home, code)
		wantProblem(t, err, "code", CodeRecoveryWrong)
		e.pass(6 * time.Minute)
	}
	// None left: the authenticator still works, and new ones can be had.
	e.refresh(root)
	codes, x, err := e.RecoveryCodes.Create(ctx, root.Session, home)
	if err != nil {
		t.Fatal(err)
	}
	e.must(e.RecoveryCodes.Confirm(ctx, x, home, codes[3]))
}

func TestRecoveryCodeRace(t *testing.T) {
	for _, n := range []int{20, 50} {
		e := newEnv(t)
		root := e.admin()
		x := e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
		won, lost := race(n, func(int) error {
			_, err := e.RecoveryCodes.Use(t.Context(), x, home, root.codes[4])
			return err
		})
		if won != 1 || e.user(root.UserID).RecoveryCodesLeft != 7 {
			t.Fatalf("%d of %d won, %d left", won, n, e.user(root.UserID).RecoveryCodesLeft)
		}
		for _, err := range lost {
			var ps problem.Problems
			if !errors.Is(err, ErrThrottled) && (!errors.As(err, &ps) || !ps.Has(CodeRecoveryWrong)) {
				t.Error(err)
			}
		}
	}
}

func TestRegenerateRecoveryCodes(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	other := e.signIn(root)
	e.pass(FactorFresh)
	_, _, err := e.RecoveryCodes.Create(ctx, root.Session, home)
	wantErr(t, err, ErrFactorStale)
	e.refresh(root)
	codes, x, err := e.RecoveryCodes.Create(ctx, root.Session, home)
	if err != nil {
		t.Fatal(err)
	}
	e.wantRow(rowRecoveryMade, root.UserID)
	e.mails.last(t, string(notices.RecoveryMade))
	if x.Stage != StageEnrolling || NextStep(x, e.user(root.UserID)) != StepSaveRecovery {
		t.Errorf("%+v", x)
	}
	_, err = e.Administration.People(ctx, other, PeopleQuery{Limit: 1})
	wantErr(t, err, ErrSignedOut)
	_, err = e.RecoveryCodes.Confirm(ctx, x, home, root.codes[1])
	wantProblem(t, err, "code", CodeRecoveryWrong)
	e.wantRow(rowFactorFailed, root.UserID)
	e.pass(FactorFresh + time.Minute) // writing them down may take a while
	y := e.must(e.RecoveryCodes.Confirm(ctx, x, home, codes[1]))
	row := e.wantRow(rowRecoveryConfirmed, root.UserID)
	if !y.SignedIn() || y.Factor != FactorTOTP || !y.FactorAt.Equal(x.FactorAt) || row.Actor.Factor != "totp" {
		t.Errorf("typing one back is no new factor: %+v %+v", y, row)
	}
	z := e.must(e.Sessions.SignIn(ctx, home, "root", root.password))
	_, err = e.RecoveryCodes.Use(ctx, z, home, root.codes[2])
	wantProblem(t, err, "code", CodeRecoveryWrong)
	e.must(e.RecoveryCodes.Use(ctx, z, home, codes[1]))
}

// Codes that nobody typed back work; using one shows as well that they were
// saved.
func TestRecoveryCodeBeforeItIsConfirmed(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.refresh(root)
	codes, _, err := e.RecoveryCodes.Create(t.Context(), root.Session, home)
	if err != nil {
		t.Fatal(err)
	}
	x := e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	x = e.must(e.RecoveryCodes.Use(t.Context(), x, home, codes[0]))
	if u := e.user(root.UserID); !x.SignedIn() || !u.RecoveryConfirmed || u.RecoveryCodesLeft != 7 {
		t.Errorf("%+v %+v", x, u)
	}
}

// Before codes were made there is none to type back, and none that gets in.
func TestRecoveryMissing(t *testing.T) {
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
	x := e.must(e.Authenticators.Confirm(t.Context(), root.Session, home, e.code(root, 0)))
	e.unchanged(func() {
		_, err := e.RecoveryCodes.Confirm(t.Context(), x, home, "0000000000000000")
		wantProblem(t, err, "", CodeRecoveryMissing)
	})
	y := e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	_, err = e.RecoveryCodes.Use(t.Context(), y, home, "0000000000000000")
	wantProblem(t, err, "code", CodeRecoveryWrong)
}

// What is no code is not counted as an attempt.
func TestRecoveryFormat(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	x := e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	e.unchanged(func() {
		for _, typed := range []string{"", "123456", root.codes[0][:15], root.codes[0] + "0", "g" + root.codes[0][1:], strings.Repeat("0", 1<<20)} {
			_, err := e.RecoveryCodes.Use(t.Context(), x, home, typed)
			wantProblem(t, err, "code", CodeRecoveryFormat)
			_, err = e.RecoveryCodes.Confirm(t.Context(), root.Session, home, typed)
			wantProblem(t, err, "code", CodeRecoveryFormat)
		}
	})
}

// The store holds neither codes nor anything that could be tried without the key,
// and the comparison looks at all of them.
func TestRecoveryRecord(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	var rec recoveryRecord
	err := e.core.store.View(t.Context(), func(r kv.Reader) error { return kv.GetJSON(r, recoveryKeyOf(root.UserID), &rec) })
	if err != nil || len(rec.Hashes) != 8 {
		t.Fatalf("%d hashes, %v", len(rec.Hashes), err)
	}
	for i, c := range root.codes {
		if at := rec.find(e.RecoveryCodes.recoveryHash(root.UserID, c)); at != i {
			t.Errorf("code %d found at %d", i, at)
		}
		if at := rec.find(e.RecoveryCodes.recoveryHash("another account", c)); at != -1 {
			t.Errorf("code %d of another account found at %d", i, at)
		}
	}
}
