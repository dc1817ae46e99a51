package authn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/rind-dev/rind/internal/kv"
)

// attempts is the value of a counter: when, in Unix milliseconds, oldest first.
//
// It is JSON, and is read and written by hand: a sign-in reads and writes counters of up to a thousand attempts
// several times, which encoding/json makes the largest part of its CPU, and most so while somebody guesses.
type attempts struct {
	At []int64 `json:"at"`
}

const attemptsHead, attemptsTail = `{"at":[`, `]}`

// loadAttempts reads a counter; one that is not there is empty.
func loadAttempts(r kv.Reader, c counter, into *attempts) error {
	b, err := r.Get([]byte(c.key))
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if into.parse(b) {
		return nil
	}
	*into = attempts{}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("authn: the record %q is damaged: %w", c.key, err)
	}
	return nil
}

// store writes a counter.
func (a attempts) store(tx kv.Tx, c counter) error {
	b := make([]byte, 0, len(attemptsHead)+len(attemptsTail)+14*len(a.At)) // 13 digits until the year 2286
	b = append(b, attemptsHead...)
	for i, at := range a.At {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, at, 10)
	}
	return tx.Put([]byte(c.key), append(b, attemptsTail...))
}

// parse reads what store writes, and reports false for anything else.
func (a *attempts) parse(b []byte) bool {
	b, ok := bytes.CutPrefix(b, []byte(attemptsHead))
	b, closed := bytes.CutSuffix(b, []byte(attemptsTail))
	if !ok || !closed {
		return false
	}
	a.At = make([]int64, 0, bytes.Count(b, []byte{','})+2) // room for one more
	for len(b) > 0 {
		digits, rest, more := bytes.Cut(b, []byte{','})
		if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' || more && len(rest) == 0 {
			return false
		}
		var n int64
		for _, d := range digits {
			if d < '0' || d > '9' {
				return false
			}
			n = 10*n + int64(d-'0')
		}
		a.At, b = append(a.At, n), rest
	}
	return true
}
