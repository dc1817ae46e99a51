package web

import (
	"net/http"

	"github.com/rind-dev/rind/ui"
)

// showRecoveryCodes asks the visitor to type one of the codes. It does not show them again.
func (s *accountServer) showRecoveryCodes(v *visit) error {
	if v.user.RecoveryCodesLeft == 0 {
		return v.then(string(ui.PathRecoveryNew), "")
	}
	return s.recoveryCodesPage(v, http.StatusOK, v.layout())
}

func (s *accountServer) recoveryCodesPage(v *visit, status int, l ui.Layout) error {
	return v.render(status, ui.RecoveryCodesPage{Layout: l})
}

func (s *accountServer) recoveryNewPage(v *visit, status int, l ui.Layout) error {
	return v.render(status, ui.RecoveryNewPage{Layout: l, First: v.user.RecoveryCodesLeft == 0, Left: v.user.RecoveryCodesLeft})
}

// createRecoveryCodes creates new codes and shows them, in this answer only.
func (s *accountServer) createRecoveryCodes(v *visit) error {
	codes, session, err := s.auth.RecoveryCodes.Create(v.Request().Context(), v.session, v.origin())
	if err != nil {
		return err
	}
	if err := s.keepSession(v, session); err != nil {
		return err
	}
	return v.show(ui.RecoveryCodesPage{Layout: v.layout(), Codes: codes})
}

func (s *accountServer) confirmRecoveryCodes(v *visit) error {
	session, err := s.auth.RecoveryCodes.Confirm(v.Request().Context(), v.session, v.origin(), v.form.Get("code"))
	if err != nil {
		return err
	}
	return v.entered(session, "recovery_codes_saved")
}
