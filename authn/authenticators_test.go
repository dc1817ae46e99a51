package authn

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn/totp"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

func TestTOTPWindow(t *testing.T) {
	for steps, ok := range map[int]bool{-3: false, -2: false, -1: true, 0: true, 1: true, 2: false, 3: false} {
		e := newEnv(t)
		root := e.admin()
		x := e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
		e.pass(time.Hour)
		next, err := e.Authenticators.Verify(t.Context(), x, home, e.code(root, steps))
		if !ok {
			wantProblem(t, err, "code", CodeTOTPWrong)
			e.wantRow(rowFactorFailed, root.UserID)
			continue
		}
		if err != nil || !next.SignedIn() || !next.FactorAt.Equal(e.now()) || next.Begun != x.Begun || next.ID != x.ID {
			t.Errorf("%d steps: %+v %v", steps, next, err)
		}
		e.wantRow(rowFactorAccepted, root.UserID)
	}
}

// No code works twice, nor one older than the last, however it is typed, also
// after a restart and by another sign-in.
func TestTOTPReplay(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	x := e.must(e.Sessions.SignIn(ctx, home, "root", root.password))
	code, older, newer := e.code(root, 0), e.code(root, -1), e.code(root, 1)
	e.must(e.Authenticators.Verify(ctx, x, home, spaced(code)))
	e.restart()
	y := e.must(e.Sessions.SignIn(ctx, from("198.51.100.1"), "root", root.password))
	for _, typed := range []string{code, spaced(code), " " + code, code + "\n", strings.Join(strings.Split(code, ""), "\u00a0"), older} {
		for _, s := range []Session{x, y} {
			_, err := e.Authenticators.Verify(ctx, s, home, typed)
			wantProblem(t, err, "code", CodeTOTPWrong)
		}
		e.forgetAll()
	}
	e.must(e.Authenticators.Verify(ctx, y, home, newer))
	e.forgetAll()
	e.pass(30 * time.Second) // the step of newer: no longer ahead, but used
	_, err := e.Authenticators.Verify(ctx, y, home, newer)
	wantProblem(t, err, "code", CodeTOTPWrong)
}

// What is no code is not counted as an attempt.
func TestTOTPFormat(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	x := e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	e.unchanged(func() {
		for _, typed := range []string{"", "12345", "1234567", "12345a", "١٢٣٤٥٦", "123456\x00", "12 34 5", strings.Repeat("1", 1<<20), root.codes[0]} {
			_, err := e.Authenticators.Verify(t.Context(), x, home, typed)
			wantProblem(t, err, "code", CodeTOTPFormat)
			_, err = e.Authenticators.Confirm(t.Context(), root.Session, home, typed)
			wantProblem(t, err, "code", CodeTOTPFormat)
		}
	})
	e.must(e.Authenticators.Verify(t.Context(), x, home, e.code(root, 0)))
}

// The same code many times at the same moment gets one in.
func TestTOTPRace(t *testing.T) {
	for _, n := range []int{20, 50} {
		e := newEnv(t)
		root := e.admin()
		sessions := make([]Session, n)
		for i := range sessions {
			sessions[i] = e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
		}
		code := e.code(root, 0)
		won, lost := race(n, func(i int) error {
			typed := code
			if i%2 == 0 {
				typed = spaced(code)
			}
			_, err := e.Authenticators.Verify(t.Context(), sessions[i], home, typed)
			return err
		})
		if won != 1 {
			t.Fatalf("%d of %d won", won, n)
		}
		accepted := 0
		for _, row := range e.rows() {
			if row.Kind == rowFactorAccepted {
				accepted++
			}
		}
		if accepted != 1 {
			t.Errorf("%d rows of %d", accepted, n)
		}
		for _, err := range lost {
			var ps problem.Problems
			if !errors.Is(err, ErrThrottled) && (!errors.As(err, &ps) || !ps.Has(CodeTOTPWrong)) {
				t.Error(err)
			}
		}
	}
}

// The same race where no limit cuts it short: it is the step that decides.
func TestTOTPStepRace(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	step := e.now().Unix() / totp.Period
	won, lost := race(50, func(int) error {
		return e.core.store.Update(t.Context(), func(tx kv.Tx) error { return e.Authenticators.consumeStep(tx, root.UserID, root.secret, step) })
	})
	if won != 1 {
		t.Errorf("%d won", won)
	}
	for _, err := range lost {
		wantErr(t, err, errWrong)
	}
}

// A code of another account's authenticator is worth nothing here.
func TestTOTPOfSomebodyElse(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	x := e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	_, err := e.Authenticators.Verify(t.Context(), x, home, e.code(bob, 0))
	wantProblem(t, err, "code", CodeTOTPWrong)
	_, err = e.RecoveryCodes.Use(t.Context(), x, home, bob.codes[0])
	wantProblem(t, err, "code", CodeRecoveryWrong)
}

// A record that was moved to another account does not open there.
func TestSealedRecordsStayWhereTheyAre(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	err := e.core.store.Update(t.Context(), func(tx kv.Tx) error {
		for _, key := range []func(string) string{totpKey, passwordKey} {
			b, err := tx.Get([]byte(key(bob.UserID)))
			if err != nil {
				return err
			}
			if err := tx.Put([]byte(key(root.UserID)), b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Sessions.SignIn(t.Context(), home, "root", bob.password); err == nil {
		t.Error("signed in with another account's password")
	}
	if _, err := e.Authenticators.Verify(t.Context(), root.Session, home, e.code(bob, 0)); err == nil {
		t.Error("another account's authenticator works")
	}
}

func ExampleSession_FactorFresh() {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	x := Session{Stage: StageSignedIn, Factor: FactorTOTP, FactorAt: at}
	fmt.Println(x.FactorFresh(at.Add(15*time.Minute)), x.FactorFresh(at.Add(16*time.Minute)))
	// Output: true false
}
