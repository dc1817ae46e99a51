package web

import (
	"context"
	"net/http"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// enter keeps a session that came a step further and goes on with what is next.
func (v *visit) enter(session authn.Session, next, notice string) error {
	to, err := v.advance(session, next)
	if err != nil {
		return err
	}
	return v.then(to, notice)
}

// advance keeps a session that came a step further, and says where it goes on.
func (v *visit) advance(session authn.Session, next string) (to string, err error) {
	before := v.session.Stage
	if err := v.core.keep(v, session); err != nil {
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
		if len(invitations) > 0 { // who followed the link of one, and made an account first, is back at it
			to = string(ui.PathProjects)
		}
	}
	return to, nil
}

// noteDevice makes the browser known to an account that has just signed in with a
// second factor. Where that fails the sign-in stands, and the next one is that of
// a browser that is not known.
func (v *visit) noteDevice(remember bool) {
	ctx := context.WithoutCancel(v.Request().Context()) // who hangs up would keep the mail about a new device from the owner
	token, err := v.core.visitors.Devices.Note(ctx, v.session, v.origin(), remember)
	if err != nil {
		v.core.log.WarnContext(ctx, "web: a device was not noted", "request_id", idOf(v), "error", err)
		return
	}
	v.SetCookie(&http.Cookie{
		Name: authn.DeviceCookie, Value: token.Reveal(), Path: "/", MaxAge: int(authn.DeviceLife / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// factors are the second factors that the visitor can give.
func (v *visit) factors() ui.Factors {
	return ui.Factors{
		Key: v.user.Keys > 0 && v.core.visitors.SecurityKeys.Offered(),
		App: v.user.HasTOTP && !v.user.KeysOnly,
	}
}

// factorPath is the page that asks the visitor for a second factor: the best that
// they have.
func (v *visit) factorPath() ui.Path {
	switch f := v.factors(); {
	case f.Key:
		return ui.PathLoginKey
	case f.App:
		return ui.PathLoginTOTP
	}
	return ui.PathLoginRecovery
}

// askedAgain tells whether a visitor who is signed in is asked for a factor.
func (v *visit) askedAgain() bool {
	return v.session.Factor != authn.FactorNone && v.session.Stage != authn.StageDevice
}
