// Package totp computes time-based codes (RFC 6238): it makes secrets, finds the step of a code, and makes what an
// authenticator app reads to be set up. It uses no store or account.
//
// The codes are the kind that every authenticator supports: SHA-1, 6 digits, 30 seconds, a secret of 20 bytes.
package totp

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"slices"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

const (
	Period = 30 // seconds of a step
	Digits = 6  // of a code

	secretSize = 20 // bytes
	window     = 1  // steps accepted before and after the present one, RFC 6238 §5.2
	search     = 10 // steps searched for the hint that a clock is wrong
)

// NewSecret makes a secret, in base32 without padding.
func NewSecret() string {
	b := make([]byte, secretSize)
	rand.Read(b)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

// UsedSteps records which steps of an authenticator are used up: Last and all earlier ones. It is part
// of a record in a store.
type UsedSteps struct {
	Last   int64   `json:"last_step"`
	Before []int64 `json:"before,omitempty"` // used before Last, up to stepsKept
}

// stepsKept is how many of the steps used before Last are kept.
const stepsKept = 16

// UpTo returns the step up to which codes are used up at the time now. A step too far ahead for any code accepted
// now was recorded by a clock that was ahead and has been corrected. It does not lock the owner out; the steps used
// before it count.
func (u UsedSteps) UpTo(now time.Time) (last int64) {
	possible := now.Unix()/Period + window
	for _, step := range append(slices.Clone(u.Before), u.Last) {
		if step <= possible {
			last = max(last, step)
		}
	}
	return last
}

// Use records that a step was used.
func (u *UsedSteps) Use(step int64) {
	u.Before = append(u.Before, u.Last)
	u.Before = u.Before[max(0, len(u.Before)-stepsKept):]
	u.Last = step
}

// Match finds the step that a code belongs to, after last and at most one step from now. It returns an error only if
// the secret is not base32.
func Match(secret, code string, now time.Time, last int64) (step int64, ok bool, err error) {
	return match(secret, code, now, window, last)
}

// Skew returns by how many seconds the clock of a device that shows this code is ahead, or behind if negative. ok is
// false if the code does not belong to the five minutes before or after now.
func Skew(secret, code string, now time.Time) (seconds int64, ok bool, err error) {
	step, ok, err := match(secret, code, now, search, 0)
	return (step - now.Unix()/Period) * Period, ok, err
}

// match finds the step that a code belongs to, after last and at most the given
// number of steps from now. It computes and compares all of them, in constant time each.
func match(secret, code string, now time.Time, steps, last int64) (step int64, ok bool, err error) {
	present := now.Unix() / Period
	opts := totp.ValidateOpts{Period: Period, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	for at := present + steps; at >= present-steps; at-- {
		want, err := totp.GenerateCodeCustom(secret, time.Unix(at*Period, 0), opts)
		if err != nil {
			return 0, false, fmt.Errorf("totp: a secret: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && at > last {
			step, ok = at, true
		}
	}
	return step, ok, nil
}
