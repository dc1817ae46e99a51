package web

import (
	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// home introduces rind to visitors who are not signed in, and sends others to their next step.
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
		UploadURL: s.uploadURL(), IndexURL: s.indexURL(), Others: s.otherIndexes(),
	})
}

// showHelp shows the help to everybody.
func (s *entryServer) showHelp(v *visit) error {
	return v.show(ui.HelpPage{Layout: v.layout(), UploadURL: s.uploadURL(), Others: s.otherIndexes(), TokenURL: s.address(pathToken)})
}
