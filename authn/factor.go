package authn

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// accepted is what the check of a second factor changes and tells.
type accepted struct {
	row    string            // kind of its row
	detail map[string]string // of its row
	keeps  bool              // the factor given before stays the Session's last one
}

// factorCheck looks at a code within a transaction and uses it up, or returns
// errWrong. It may change u, which is saved.
type factorCheck func(tx kv.Tx, u *userRecord) (accepted, error)

// secondFactor is what every second factor has in common. The attempt is
// counted first, in a transaction of its own; then one transaction checks that the
// Session holds, uses the code up, takes the count back and writes the row.
//
// It serves the Session behind a password as well as one that is SignedIn and
// gives a factor again.
func (s *Service) secondFactor(ctx context.Context, x Session, o Origin, f Factor, check factorCheck) (Session, userRecord, error) {
	var u userRecord
	var done accepted
	next := x
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		if u, err = s.member(r, x); err == nil && !u.HasTOTP {
			err = ErrForbidden
		}
		return err
	})
	if err != nil {
		return Session{}, u, err
	}
	giveBack, err := s.take(ctx, s.counter(limitFactor, u.ID))
	if err != nil {
		return Session{}, u, err
	}
	err = s.store.Update(ctx, func(tx kv.Tx) error {
		var err error
		if u, err = s.member(tx, x); err != nil {
			return err
		}
		if done, err = check(tx, &u); err != nil {
			return err
		}
		if next = s.withFactor(x, u, f); done.keeps {
			next.Factor, next.FactorAt = x.Factor, x.FactorAt
		}
		if err := giveBack(tx); err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{Kind: done.row, Actor: o.actor(u, next.Factor), Detail: done.detail})
	})
	if errors.Is(err, errWrong) {
		return Session{}, u, s.wrongFactor(ctx, x, o, u, f)
	}
	if err != nil {
		return Session{}, u, err
	}
	return next, u, nil
}

// wrongFactor writes the row of a code that was wrong, and returns its problem.
func (s *Service) wrongFactor(ctx context.Context, x Session, o Origin, u userRecord, f Factor) error {
	err := s.store.Update(ctx, func(tx kv.Tx) error {
		return s.record(tx, u.ID, audit.Event{
			Kind: rowFactorFailed, Actor: o.actor(u, x.Factor), Detail: map[string]string{"factor": string(f)},
		})
	})
	if err != nil {
		return err
	}
	if f == FactorTOTP {
		return problem.New("code", CodeTOTPWrong)
	}
	return problem.New("code", CodeRecoveryWrong)
}

// cleanCode takes out of a typed code what people put in to read it better: white
// space and hyphens. What is left is compared, so that a code with a space is the
// same code and works no second time.
func cleanCode(typed string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '-' {
			return -1
		}
		return unicode.ToLower(r)
	}, typed[:min(len(typed), 256)])
}

// consistsOf tells whether code has exactly n characters, all of the set.
func consistsOf(code string, n int, set string) bool {
	return len(code) == n && strings.Trim(code, set) == ""
}
