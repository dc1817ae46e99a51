package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/rind-dev/rind/authn"
)

// guard lets a visit pass, sends it elsewhere (an address), or refuses it.
type guard func(*visit) (elsewhere string, err error)

// anyone may go there.
func anyone(*visit) (string, error) { return "", nil }

// at lets pass who has to do one of the steps, and sends others to theirs.
func at(steps ...authn.Step) guard {
	return func(v *visit) (string, error) {
		if slices.Contains(steps, v.step()) {
			return "", nil
		}
		return v.stepPath(), nil
	}
}

// member lets pass who is signed in.
var member = at(authn.StepDone)

// fresh lets pass members whose second factor is fresh, and will be for a while:
// others give one first. What the form makes is as good as a sign-in elsewhere.
func fresh(still time.Duration) guard {
	return func(v *visit) (string, error) {
		elsewhere, err := member(v)
		if elsewhere == "" && err == nil && !v.session.FactorFresh(v.core.now().Add(still)) {
			return "", authn.ErrFactorStale
		}
		return elsewhere, err
	}
}

// factorAsked lets pass who owes a second factor, or is asked for one again.
var factorAsked = at(authn.StepSecondFactor, authn.StepConfirmDevice, authn.StepDone, authn.StepSaveRecovery)

// administrator lets pass administrators; for others there is nothing there.
func administrator(v *visit) (string, error) {
	elsewhere, err := member(v)
	if elsewhere == "" && err == nil && !v.user.Admin {
		return "", fail(http.StatusNotFound, "not_found")
	}
	return elsewhere, err
}

// freshAdministrator is administrator, and asks for a second factor that is fresh and
// will be for a while.
func freshAdministrator(still time.Duration) guard {
	return func(v *visit) (string, error) {
		elsewhere, err := administrator(v)
		if elsewhere == "" && err == nil && !v.session.FactorFresh(v.core.now().Add(still)) {
			return "", authn.ErrFactorStale
		}
		return elsewhere, err
	}
}
