package web

import (
	"context"
	"net/http"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// enter stores a session that has completed a step, and redirects to the next page.
func (v *visit) enter(session authn.Session, next, notice string) error {
	to, err := v.advance(session, next)
	if err != nil {
		return err
	}
	return v.then(to, notice)
}

// advance stores a session that has completed a step, and returns where the visitor goes next.
func (v *visit) advance(session authn.Session, next string) (to string, err error) {
	before := v.session.Stage
	if err := v.core.keepSession(v, session); err != nil {
		return "", err
	}
	if before != authn.StageSignedIn && session.SignedIn() && session.Factor != authn.FactorRemembered {
		v.noteDevice(v.remember)
	}
	to = v.stepPath()
	switch v.step() {
	case authn.StepSecondFactor:
		to = v.factorPath().WithNext(next)
	case authn.StepDone:
		if next != "" {
			return next, nil
		}
		invitations, err := v.core.invitations(v.Request().Context(), v.principal())
		if err != nil {
			return "", err
		}
		if len(invitations) > 0 { // the visitor may have registered to answer an invitation
			to = string(ui.PathProjects)
		}
	}
	return to, nil
}

// noteDevice remembers the browser after a sign-in with a second factor. If that fails, the sign-in is still
// valid, but the browser will be unknown the next time.
func (v *visit) noteDevice(remember bool) {
	ctx := context.WithoutCancel(v.Request().Context()) // a client that disconnects must not prevent the email about a new device
	token, err := v.core.devices.Note(ctx, v.session, v.origin(), remember)
	if err != nil {
		v.core.log.WarnContext(ctx, "web: a device was not noted", "request_id", idOf(v), "error", err)
		return
	}
	v.SetCookie(&http.Cookie{
		Name: authn.DeviceCookie, Value: token.Reveal(), Path: "/", MaxAge: int(authn.DeviceLife / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// factors returns the second factors that the visitor can use.
func (v *visit) factors() ui.Factors {
	return ui.Factors{
		Key: v.user.Keys > 0 && v.core.keys.Offered(),
		App: v.user.HasTOTP && !v.user.KeysOnly,
	}
}

// factorPath returns the page of the visitor's best second factor.
func (v *visit) factorPath() ui.Path {
	switch f := v.factors(); {
	case f.Key:
		return ui.PathLoginKey
	case f.App:
		return ui.PathLoginTOTP
	}
	return ui.PathLoginRecovery
}

// isStepUp reports whether a signed-in visitor is asked for a factor again.
func (v *visit) isStepUp() bool {
	return v.session.Factor != authn.FactorNone && v.session.Stage != authn.StageDevice
}
