package gateway

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
)

// CheckSoFar checks a token while some facts of the upload are not known yet; these are empty in req. An error means that the
// token can't allow the upload, whatever the missing facts are. If a check fails only for a missing fact, that is not an
// error: decided is false, and the grant has only the ids of the token and its owner, and the owner's name. If decided is true, the token allows
// the upload whatever the missing facts are.
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
		return verifier.Grant{TokenID: denial.TokenID, UserID: denial.UserID, UserName: denial.UserName}, false, nil
	}
	return verifier.Grant{}, false, &verifier.Denial{TokenID: denial.TokenID, UserID: denial.UserID, UserName: denial.UserName, Failures: failures}
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
