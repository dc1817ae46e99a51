package authn

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// wrongs makes n sign-ins with a wrong password.
func (e *env) wrongs(n int, o Origin, login string) {
	e.t.Helper()
	for range n {
		_, err := e.Sessions.SignIn(e.t.Context(), o, login, "wrong")
		wantProblem(e.t, err, "", CodeSignInFailed)
	}
}

// throttled checks that a sign-in is turned away for that long, unseen.
func (e *env) throttled(o Origin, login, password string, wait time.Duration) {
	e.t.Helper()
	hashes := e.hash.calls.Load()
	e.unchanged(func() {
		_, err := e.Sessions.SignIn(e.t.Context(), o, login, password)
		var te *ThrottledError
		if !errors.As(err, &te) || te.RetryAfter != wait {
			e.t.Fatalf("%v, want to wait %s", err, wait)
		}
	})
	if e.hash.calls.Load() != hashes {
		e.t.Error("a throttled attempt made a hash")
	}
}

func TestPasswordThrottle(t *testing.T) {
	for _, login := range []string{"root", "nobody"} { // the same for those who do not exist
		t.Run(login, func(t *testing.T) {
			e := newEnv(t)
			root := e.admin()
			password := root.password
			e.wrongs(4, home, login)
			e.pass(time.Minute)
			e.wrongs(6, home, login)
			e.throttled(home, login, password, 4*time.Minute)
			e.throttled(home, login, password, 4*time.Minute) // being turned away does not count
			e.restart()
			e.throttled(home, login, password, 4*time.Minute)
			e.pass(4*time.Minute - time.Millisecond)
			e.throttled(home, login, password, time.Millisecond)
			e.pass(time.Millisecond)
			e.wrongs(4, home, login)
			e.throttled(home, login, password, time.Minute)
			e.wrongs(1, from("203.0.113.1"), login) // another address has its own count
		})
	}
}

// Guesses at the name and at the address are guesses at one account, and nobody learns that they are: whoever fills
// the one and tries the other gets what they would get where the two have nothing to do with each other.
func TestThrottleTellsNothingOfNameAndAddress(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.wrongs(10, home, "root")
	e.throttled(home, " ROOT", root.password, 5*time.Minute)
	e.wrongs(1, home, "root@example.org")
	_, err := e.Sessions.SignIn(t.Context(), home, "root@example.org", root.password) // not looked at, and not said to be
	wantProblem(t, err, "", CodeSignInFailed)
	e.must(e.Sessions.SignIn(t.Context(), from("203.0.113.9"), "root@example.org", root.password))

	e.wrongs(10, home, "Nobody")
	e.throttled(home, "nobody ", "x", 5*time.Minute)
	e.wrongs(1, home, "nobody@example.org")
	e.pass(5 * time.Minute)
	e.must(e.Sessions.SignIn(t.Context(), home, "root@example.org", root.password))
}

func TestThrottleByAddressAndByAccount(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	for i := range 50 {
		e.wrongs(1, from("2001:db8::1"), fmt.Sprintf("user%d", i))
	}
	e.throttled(from("2001:db8::2"), "root", root.password, 5*time.Minute)
	e.must(e.Sessions.SignIn(t.Context(), from("2001:db8:0:1::2"), "root", root.password))

	for i := range 100 {
		e.wrongs(1, from(fmt.Sprintf("10.0.%d.1", i)), "root")
	}
	e.throttled(from("10.0.3.1"), "root", root.password, 5*time.Minute) // failed before
	e.must(e.Sessions.SignIn(t.Context(), from("10.1.0.1"), "root", root.password))
	e.wrongs(1, from("10.1.0.1"), "root")
	e.throttled(from("10.1.0.1"), "root", root.password, 5*time.Minute)
	_, err := e.Sessions.SignIn(t.Context(), from("10.1.0.1"), "root@example.org", root.password) // nothing tells that it is one account
	wantProblem(t, err, "", CodeSignInFailed)
}

// Guesses from everywhere at all accounts come to an end together, for networks that guess: a network that never failed is
// let in, and so is a device that an account knows. A thousand guesses from twenty networks closed the sign-in of
// everybody once.
func TestThrottleOfAll(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.refresh(root)
	known := in(e.note(root, home, false))
	for i := range 1000 {
		e.wrongs(1, from(fmt.Sprintf("198.51.%d.%d", 100+i/40, 1+i%40)), fmt.Sprint("guess", i/20))
	}
	e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	e.wrongs(1, from("203.0.113.1"), "somebody")
	e.throttled(from("203.0.113.1"), "root", root.password, 5*time.Minute)
	e.throttled(from("198.51.100.1"), "somebody", "x", 5*time.Minute)
	e.restart()
	e.throttled(from("203.0.113.1"), "root", root.password, 5*time.Minute)
	if _, err := e.Sessions.SignIn(t.Context(), known, "root", root.password); err != nil {
		t.Errorf("from a known device: %v", err)
	}
	e.pass(5 * time.Minute)
	e.wrongs(1, from("203.0.113.1"), "somebody")
}

// A right password is given back and takes nothing else back.
func TestRightPasswordDoesNotCount(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	for range 15 {
		e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	}
	e.wrongs(9, home, "root")
	e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	e.wrongs(1, home, "root")
	e.throttled(home, "root", root.password, 5*time.Minute)
}

// Many at once are no way past the limit. Who finds all places for hashing taken gives the attempt back: how many do depends on how fast
// the others are, and the limit is the same in the end.
func TestThrottleRace(t *testing.T) {
	e := newEnv(t)
	e.admin()
	hashes := e.hash.calls.Load()
	_, lost := race(50, func(int) error {
		_, err := e.Sessions.SignIn(t.Context(), home, "root", "wrong")
		return err
	})
	var seen, turned, busy int
	for _, err := range lost {
		var ps problem.Problems
		switch {
		case errors.Is(err, ErrThrottled):
			turned++
		case errors.Is(err, ErrBusy): // one account has no more than its share of the places
			busy++
		case errors.As(err, &ps) && ps.Has(CodeSignInFailed):
			seen++
		default:
			t.Error(err)
		}
	}
	if seen == 0 || seen > 10 || seen+turned+busy != 50 || e.hash.calls.Load()-hashes != int64(seen) {
		t.Fatalf("%d seen, %d turned away, %d busy, %d hashes", seen, turned, busy, e.hash.calls.Load()-hashes)
	}
	e.wrongs(10-seen, home, "root")
	e.throttled(home, "root", "wrong", 5*time.Minute)
}

// What undoes the work of an attempt does not undo its count.
func TestLockoutIsNotRolledBack(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	x := e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	for range 5 {
		_, err := e.Authenticators.Verify(t.Context(), x, home, "000000")
		wantProblem(t, err, "code", CodeTOTPWrong)
		e.wantRow(rowFactorFailed, root.UserID)
	}
	_, err := e.Authenticators.Verify(t.Context(), x, home, e.code(root, 0))
	wantErr(t, err, ErrThrottled)

	boom := errors.New("the rest of it failed")
	_, err = e.core.countAttempt(t.Context(), e.core.counter(limitFactor, "someone"))
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, e.core.store.Update(t.Context(), func(kv.Tx) error { return boom }), boom)
	for range 4 {
		_, err = e.core.countAttempt(t.Context(), e.core.counter(limitFactor, "someone"))
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = e.core.countAttempt(t.Context(), e.core.counter(limitFactor, "someone"))
	wantErr(t, err, ErrThrottled)
}

// Five in 5 minutes, 20 in an hour, 50 in a day, for all methods together.
func TestFactorThrottle(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	x := e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	wrong := func(i int) error {
		var err error
		if i%2 == 0 {
			_, err = e.Authenticators.Verify(t.Context(), x, home, "000000")
		} else {
			_, err = e.RecoveryCodes.Use(t.Context(), x, home, "0000000000000000")
		}
		return err
	}
	right := func() error {
		_, err := e.Authenticators.Verify(t.Context(), x, home, e.code(root, 0))
		return err
	}
	start := e.now()
	var waits []time.Duration
	for n := 0; n < 50; {
		err := wrong(n)
		var te *ThrottledError
		if !errors.As(err, &te) {
			n++
			continue
		}
		wantErr(t, right(), ErrThrottled)
		_, err = e.RecoveryCodes.Use(t.Context(), x, home, root.codes[1])
		wantErr(t, err, ErrThrottled)
		waits = append(waits, te.RetryAfter)
		e.pass(te.RetryAfter)
		if e.now().Sub(start) > SessionLifetime/2 { // the session has to hold
			x = e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
		}
	}
	m := time.Minute
	want := []time.Duration{5 * m, 5 * m, 5 * m, 45 * m, 5 * m, 5 * m, 5 * m, 45 * m, 5 * m}
	if !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
	err := right()
	var te *ThrottledError
	if !errors.As(err, &te) || te.RetryAfter != start.Add(24*time.Hour).Sub(e.now()) {
		t.Fatalf("after 50: %v", err)
	}
	e.pass(te.RetryAfter)
	x = e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	if err := right(); err != nil {
		t.Error(err)
	}
	if left := e.user(root.UserID).RecoveryCodesLeft; left != recoveryCodeCount {
		t.Errorf("%d recovery codes left", left)
	}
}

// A clock that was ahead and was put right locks nobody out.
func TestThrottleAfterWrongClock(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.pass(365 * 24 * time.Hour)
	e.wrongs(10, home, "root")
	e.pass(-365 * 24 * time.Hour)
	e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
}

func TestNetwork(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "127.0.0.1": "127.0.0.1",
	} {
		if got := network(from(ip).IP); got != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
}
