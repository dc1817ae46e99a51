package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/rind-dev/rind/authn"
)

// guard lets a visitor pass, redirects the visitor, or refuses the request.
type guard func(*visit) (elsewhere string, err error)

// anyone lets everybody pass.
func anyone(*visit) (string, error) { return "", nil }

// at lets visitors pass whose next step is one of steps, and redirects others to their own step.
func at(steps ...authn.Step) guard {
	return func(v *visit) (string, error) {
		if slices.Contains(steps, v.step()) {
			return "", nil
		}
		return v.stepPath(), nil
	}
}

// member lets visitors pass who are signed in.
var member = at(authn.StepDone)

// fresh lets members pass whose second factor is fresh and stays fresh for a while. Others have to give one
// first.
func fresh(still time.Duration) guard {
	return func(v *visit) (string, error) {
		elsewhere, err := member(v)
		if elsewhere == "" && err == nil && !v.session.FactorFresh(v.core.now().Add(still)) {
			return "", authn.ErrFactorStale
		}
		return elsewhere, err
	}
}

// factorAsked lets visitors pass who have to give a second factor, or give one again.
var factorAsked = at(authn.StepSecondFactor, authn.StepConfirmDevice, authn.StepDone, authn.StepSaveRecovery)

// administrator lets administrators pass. To others the page seems not to exist.
func administrator(v *visit) (string, error) {
	elsewhere, err := member(v)
	if elsewhere == "" && err == nil && !v.user.Admin {
		return "", fail(http.StatusNotFound, "not_found")
	}
	return elsewhere, err
}

// freshAdministrator lets administrators pass whose second factor is fresh and stays fresh for a while.
func freshAdministrator(still time.Duration) guard {
	return func(v *visit) (string, error) {
		elsewhere, err := administrator(v)
		if elsewhere == "" && err == nil && !v.session.FactorFresh(v.core.now().Add(still)) {
			return "", authn.ErrFactorStale
		}
		return elsewhere, err
	}
}
