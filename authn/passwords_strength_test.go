package authn

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/authn/password/passwordtest"
)

// What is said while somebody types is what the form says when it is sent, and leaves nothing.
func TestScorePassword(t *testing.T) {
	list := passwordtest.OpenBreaches(t, passwordtest.BreachFile(t, "\n", true, "plum orbit 7 stolen"))
	e := newEnv(t, func(c *Config) { c.Breaches = list })
	before := e.durable()
	for typed, want := range map[string]Strength{
		"":                                       {Missing: password.MinLength},
		"short":                                  {Missing: password.MinLength - 5},
		"aaaaaaaaaaaaaaaa":                       {},
		goodPassword:                             {Score: 4},
		"plum orbit 7 stolen":                    {Score: 4, Stolen: true},
		strings.Repeat("x", password.MaxBytes+1): {Refused: true},
		"plum orbit \x00 canyon":                 {Refused: true},
	} {
		got, err := e.Passwords.Score(t.Context(), home, typed, "root", "root@example.org")
		if want.Missing > 0 {
			got.Score = 0
		}
		if err != nil || got != want {
			t.Errorf("%.20q: %+v %v, want %+v", typed, got, err, want)
		}
		taken := e.Passwords.checkNewPassword(t.Context(), typed, "root", "root@example.org") == nil
		if taken != (got.Score >= password.MinScore && got.Missing == 0 && !got.Stolen && !got.Refused) {
			t.Errorf("%.20q: taken %v, and said %+v", typed, taken, got)
		}
	}
	got, err := e.Passwords.Score(t.Context(), home, "margaret.hamilton!", "margaret", "margaret.hamilton@example.org")
	if err != nil || got.Score >= password.MinScore {
		t.Errorf("one's own name is good enough: %+v %v", got, err)
	}
	if e.durable() != before || len(e.keys("authn/throttle/")) != 0 {
		t.Error("something was stored")
	}
}

// A network asks so often, and another one goes on.
func TestScorePasswordIsThrottled(t *testing.T) {
	e := newEnv(t)
	ask := func(ip string) error {
		_, err := e.Passwords.Score(t.Context(), from(ip), "x", "", "")
		return err
	}
	for range strengthBucket {
		if err := ask("198.51.100.1"); err != nil {
			t.Fatal(err)
		}
	}
	var te *ThrottledError
	if err := ask("198.51.100.1"); !errors.As(err, &te) || te.RetryAfter != strengthEvery {
		t.Errorf("%v", err)
	}
	if err := ask("198.51.100.2"); err != nil {
		t.Error(err)
	}
	e.pass(strengthEvery)
	if err := ask("198.51.100.1"); err != nil {
		t.Error(err)
	}
	wantErr(t, ask("198.51.100.1"), ErrThrottled)
	e.pass(time.Hour)
	for range strengthBucket {
		if err := ask("198.51.100.1"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range strengthAskers + 10 {
		if err := e.Passwords.strength.take(fmt.Sprint(i), e.now()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(e.Passwords.strength.askers); n > strengthAskers {
		t.Errorf("%d askers are remembered", n)
	}
}

// Where all places are taken, a score is not waited for any longer than somebody types.
func TestScorePasswordIsBounded(t *testing.T) {
	e := newEnv(t)
	for range strengthAtOnce {
		e.Passwords.strength.places <- struct{}{}
	}
	_, err := e.Passwords.Score(t.Context(), home, goodPassword, "", "")
	wantErr(t, err, ErrBusy)
	<-e.Passwords.strength.places
	if _, err := e.Passwords.Score(t.Context(), home, goodPassword, "", ""); err != nil {
		t.Error(err)
	}
}
