package totp

import (
	"encoding/base32"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// RFC 6238 appendix B, SHA-1, the last six of its eight digits.
func TestMatchVectors(t *testing.T) {
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for _, c := range []struct {
		unix int64
		code string
	}{
		{59, "287082"}, {1111111109, "081804"}, {1111111111, "050471"},
		{1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"},
	} {
		step, ok, err := Match(secret, c.code, time.Unix(c.unix, 0), 0)
		if err != nil || !ok || step != c.unix/30 {
			t.Errorf("%d: step %d %v %v", c.unix, step, ok, err)
		}
		if _, ok, _ := Match(secret, c.code, time.Unix(c.unix, 0), c.unix/30); ok {
			t.Errorf("%d: a step that was used matched", c.unix)
		}
	}
}

// The library's own validation agrees with Match.
func TestMatchAgreesWithLibrary(t *testing.T) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "x", AccountName: "y"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 9, 0, 29, 0, time.UTC)
	for steps := -3; steps <= 3; steps++ {
		code, err := totp.GenerateCode(key.Secret(), now.Add(time.Duration(steps)*30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		want, err := totp.ValidateCustom(code, key.Secret(), now, totp.ValidateOpts{Period: 30, Skew: 1, Digits: 6})
		if err != nil {
			t.Fatal(err)
		}
		if _, got, _ := Match(key.Secret(), code, now, 0); got != want {
			t.Errorf("%d steps: %v, the library %v", steps, got, want)
		}
	}
}

// The clock of a device that is wrong is told from a code that is.
func TestSkew(t *testing.T) {
	secret, now := NewSecret(), time.Date(2026, 11, 22, 9, 0, 29, 0, time.UTC)
	for steps, want := range map[int]bool{-11: false, -10: true, 0: true, 10: true, 11: false} {
		code, err := totp.GenerateCode(secret, now.Add(time.Duration(steps)*Period*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if seconds, ok, err := Skew(secret, code, now); err != nil || ok != want || ok && seconds != int64(steps*Period) {
			t.Errorf("%d steps: %d seconds %v %v", steps, seconds, ok, err)
		}
	}
	if _, _, err := Skew("no base32!", "123456", now); err == nil {
		t.Error("a secret that is none was taken")
	}
}

// A step of the future, used while the clock was ahead, keeps nobody out, and the steps from before count.
func TestUsedSteps(t *testing.T) {
	now := time.Unix(1000*Period, 0)
	var used UsedSteps
	for _, step := range []int64{990, 991, 5000} {
		used.Use(step)
	}
	if last := used.UpTo(now); last != 991 {
		t.Errorf("used up to %d, want 991", last)
	}
	used.Use(1001) // one step ahead is possible
	if last := used.UpTo(now); last != 1001 {
		t.Errorf("used up to %d, want 1001", last)
	}
	for step := range int64(100) {
		used.Use(step)
	}
	if len(used.Before) != stepsKept {
		t.Errorf("%d steps are kept", len(used.Before))
	}
}
