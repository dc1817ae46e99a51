package web

import (
	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// home teaches who is not signed in, and takes others to their place.
func (s *entryServer) home(v *visit) error {
	if v.step() != authn.StepSignIn {
		return v.then(v.stepPath(), "")
	}
	open, err := s.auth.Accounts.CanRegister(v.Request().Context())
	if err != nil {
		return err
	}
	return v.show(ui.HomePage{
		Layout: v.layout(), RegistrationOpen: open,
		UploadURL: s.address(pathLegacy + "/"), IndexURL: s.address(pathSimple + "/"),
	})
}

// showHelp is for everybody, however far they have signed in.
func (s *entryServer) showHelp(v *visit) error {
	return v.show(ui.HelpPage{Layout: v.layout(), UploadURL: s.address(pathLegacy + "/"), TokenURL: s.address(pathToken)})
}
