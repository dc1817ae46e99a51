package authn

import (
	"errors"
	"testing"
	"time"
)

// A clock that was a day ahead and is put right refuses no right code, lets none be used twice,
// and leaves neither a factor fresh nor a session that holds for longer.
func TestTheClockIsPutRight(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.pass(5 * time.Minute)
	used := e.code(root, 0)
	e.must(e.Authenticators.Verify(t.Context(), e.password(root), home, used))
	e.pass(24 * time.Hour) // the clock is wrong
	ahead := e.must(e.Authenticators.Verify(t.Context(), e.password(root), home, e.code(root, 0)))
	if !ahead.FactorFresh(e.now()) {
		t.Fatal("not fresh")
	}
	e.pass(-24 * time.Hour) // and put right
	if ahead.FactorFresh(e.now()) {
		t.Error("the factor is fresh for another day")
	}
	if _, err := e.Devices.List(t.Context(), ahead, home); !errors.Is(err, ErrSignedOut) {
		t.Errorf("the session holds for another day: %v", err)
	}
	_, err := e.Authenticators.Verify(t.Context(), e.password(root), home, used)
	wantProblem(t, err, "code", CodeTOTPWrong)
	e.pass(time.Minute)
	x := e.must(e.Authenticators.Verify(t.Context(), e.password(root), home, e.code(root, 0)))
	if !x.SignedIn() || !x.FactorFresh(e.now()) {
		t.Errorf("%+v", x)
	}
}
