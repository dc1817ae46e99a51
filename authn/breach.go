package authn

import (
	"context"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/internal/problem"
)

// Passwords are the passwords of accounts: changing one, setting a forgotten one anew, and which
// may be chosen.
type Passwords struct {
	*core
	recoveries *Recoveries

	hashing     *password.Hasher
	strength    *strengthMeter
	breaches    *password.BreachList  // nil where there is none
	breachRange *password.BreachRange // nil where nobody is asked
}

// checkNewPassword returns what is wrong with a password that somebody wants to
// have, or why that can't be told.
func (s *Passwords) checkNewPassword(ctx context.Context, typed, username, email string) error {
	var ps problem.Problems
	if err := s.judgePassword(ctx, typed, username, email, &ps); err != nil {
		return err
	}
	return ps.Err()
}

// judgePassword adds what is wrong with a new password; its error says that the
// breach list can't be read.
func (s *Passwords) judgePassword(ctx context.Context, typed, username, email string, ps *problem.Problems) error {
	switch password.Check(typed, username, email) {
	case password.TooLong:
		ps.Add("password", CodePasswordTooLong, "max", password.MaxBytes)
		return nil
	case password.NotText:
		ps.Add("password", CodePasswordInvalid)
		return nil
	case password.TooShort:
		ps.Add("password", CodePasswordTooShort, "min", password.MinLength)
		return nil
	case password.Weak:
		ps.Add("password", CodePasswordWeak)
		return nil
	}
	n := 0
	if s.breaches != nil {
		var err error
		if n, err = s.breaches.Count(typed); err != nil {
			return err
		}
	}
	if n == 0 {
		n = s.seenOnline(ctx, typed)
	}
	if n > 0 {
		ps.Add("password", CodePasswordBreached, "count", n)
	}
	return nil
}

// seenOnline asks the server that is configured, if there is one. Where it does not answer, or not in
// time, the password is taken: a server that is down must keep nobody out.
func (s *Passwords) seenOnline(ctx context.Context, typed string) int {
	if s.breachRange == nil {
		return 0
	}
	n, err := s.breachRange.Count(ctx, typed)
	if err != nil {
		s.log.WarnContext(ctx, "authn: a new password was not looked up among stolen ones", "error", err)
		return 0
	}
	return n
}
