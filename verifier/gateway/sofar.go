package gateway

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
)

// CheckSoFar checks a token while facts of the upload are not known yet: those that are empty in req. The error says that the
// token can't be good for it, whatever comes. A failure that a fact still to come may mend is none: then decided is false, and
// the grant has only the ids of the token and its owner. Where decided is true the token allows what is known and
// whatever comes.
func CheckSoFar(ctx context.Context, v Verifier, text string, req caveats.Request) (grant verifier.Grant, decided bool, err error) {
	grant, err = v.Verify(ctx, text, req)
	var denial *verifier.Denial
	if !errors.As(err, &denial) {
		return grant, err == nil, err
	}
	var failures []caveats.Failure
	for _, f := range denial.Failures {
		if !undecided(f.Reason, req) {
			failures = append(failures, f)
		}
	}
	if len(failures) == 0 && len(denial.Failures) > 0 {
		return verifier.Grant{TokenID: denial.TokenID, UserID: denial.UserID}, false, nil
	}
	return verifier.Grant{}, false, &verifier.Denial{TokenID: denial.TokenID, UserID: denial.UserID, Failures: failures}
}

// undecided reports whether a failure concerns a fact that req does not have yet.
func undecided(reason caveats.Reason, req caveats.Request) bool {
	switch reason {
	case caveats.WrongProject, caveats.NotAMember:
		return req.Project == ""
	case caveats.WrongVersion:
		return req.Version == ""
	case caveats.WrongFile:
		return req.Filename == ""
	case caveats.WrongDigest:
		return req.SHA256 == ""
	}
	return false
}
