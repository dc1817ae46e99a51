package web

import (
	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

func (s *Server) keyRoutes(p pages) {
	p.ceremony(ui.PathPasskeyBegin, at(authn.StepSignIn), s.beginPasskey)
	p.ceremony(ui.PathPasskeyFinish, at(authn.StepSignIn), s.finishPasskey)
	p.ceremony(ui.PathKeyVerifyBegin, factorAsked, s.beginVerifyKey)
	p.ceremony(ui.PathKeyVerifyFinish, factorAsked, s.finishVerifyKey)
	p.ceremony(ui.PathKeyAddBegin, at(authn.StepAddFactor, authn.StepDone), s.beginAddKey)
	p.ceremony(ui.PathKeyAddFinish, at(authn.StepAddFactor, authn.StepDone), s.finishAddKey)

	p.get(ui.PathLoginKey, factorAsked, s.showLoginKey)
	p.get(ui.PathKeyNew, at(authn.StepAddFactor, authn.StepDone), s.showKeyNew)
	p.get(ui.PathKey, member, s.showKey)
	p.post(ui.PathKey, member, s.renameKey)
	p.get(ui.PathKeyRemove, member, s.askRemoveKey)
	p.post(ui.PathKeyRemove, member, s.removeKey)
	p.get(ui.PathTOTPRemove, member, s.askRemoveTOTP)
	p.post(ui.PathTOTPRemove, member, s.removeTOTP)
	p.get(ui.PathKeysOnly, member, s.askKeysOnly)
	p.post(ui.PathKeysOnly, member, s.setKeysOnly)
}

// factors are the second factors that the visitor can give.
func (v *visit) factors() ui.Factors {
	return ui.Factors{
		Key: v.user.Keys > 0 && v.server.accounts.KeysOffered(),
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

func (s *Server) showLoginKey(v *visit) error {
	next := localPath(v.QueryParam("next"))
	if !v.factors().Key {
		return v.then(v.factorPath().WithNext(next), "")
	}
	return v.show(ui.LoginKeyPage{Layout: v.layout(), Factors: v.factors(), Again: v.askedAgain(), Next: next})
}

func (s *Server) showKeyNew(v *visit) error {
	if !s.accounts.KeysOffered() {
		return authn.ErrNotFound
	}
	if v.user.HasFactor() && !v.session.FactorFresh(s.now()) {
		return authn.ErrFactorStale
	}
	return v.show(ui.KeyNewPage{Layout: v.layout()})
}

// keyRows are the visitor's keys.
func (v *visit) keyRows() ([]ui.KeyRow, error) {
	keys, err := v.server.accounts.Keys(v.Request().Context(), v.user.ID)
	out := make([]ui.KeyRow, len(keys))
	for i, k := range keys {
		out[i] = ui.KeyRow{ID: k.ID, Name: k.Name, Passkey: k.Passkey, BackedUp: k.BackedUp, CreatedAt: k.CreatedAt, UsedAt: k.UsedAt}
	}
	return out, err
}

// key is the visitor's key that the address names.
func (v *visit) key() (ui.KeyRow, error) {
	keys, err := v.keyRows()
	if err != nil {
		return ui.KeyRow{}, err
	}
	for _, k := range keys {
		if k.ID == v.Param("id") {
			return k, nil
		}
	}
	return ui.KeyRow{}, authn.ErrNotFound
}

func (s *Server) showKey(v *visit) error {
	k, err := v.key()
	if err != nil {
		return err
	}
	return v.show(ui.KeyPage{Layout: v.layout(), Key: k, Name: k.Name})
}

func (s *Server) renameKey(v *visit) error {
	k, err := v.key()
	if err != nil {
		return err
	}
	name := v.form.Get("name")
	err = s.accounts.RenameKey(v.Request().Context(), v.session, v.origin(), k.ID, name)
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, ui.KeyPage{Layout: v.with(ps), Key: k, Name: name})
	}
	if err != nil {
		return err
	}
	return v.then(string(ui.PathAccount), "key_renamed")
}

func (s *Server) askRemoveKey(v *visit) error {
	k, err := v.key()
	if err != nil {
		return err
	}
	return v.show(ui.KeyRemovePage{Layout: v.layout(), Key: k})
}

func (s *Server) removeKey(v *visit) error {
	k, err := v.key()
	if err != nil {
		return err
	}
	session, err := s.accounts.RemoveKey(v.Request().Context(), v.session, v.origin(), k.ID)
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, ui.KeyRemovePage{Layout: v.with(ps), Key: k})
	}
	if err != nil {
		return err
	}
	return v.enter(session, string(ui.PathAccount), "key_removed")
}

func (s *Server) askRemoveTOTP(v *visit) error {
	if !v.user.HasTOTP {
		return authn.ErrNotFound
	}
	return v.show(ui.KeyRemovePage{Layout: v.layout()})
}

func (s *Server) removeTOTP(v *visit) error {
	session, err := s.accounts.RemoveTOTP(v.Request().Context(), v.session, v.origin())
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, ui.KeyRemovePage{Layout: v.with(ps)})
	}
	if err != nil {
		return err
	}
	return v.enter(session, string(ui.PathAccount), "totp_removed")
}

func (s *Server) askKeysOnly(v *visit) error {
	return v.show(ui.KeysOnlyPage{Layout: v.layout(), On: v.user.KeysOnly, Keys: v.user.Keys})
}

func (s *Server) setKeysOnly(v *visit) error {
	only := v.form.Get("only") == "yes"
	session, err := s.accounts.SetKeysOnly(v.Request().Context(), v.session, v.origin(), only)
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, ui.KeysOnlyPage{Layout: v.with(ps), On: v.user.KeysOnly, Keys: v.user.Keys})
	}
	if err != nil {
		return err
	}
	notice := "keys_only"
	if !only {
		notice = "keys_only_off"
	}
	return v.enter(session, string(ui.PathAccount), notice)
}

// accountKeys puts the keys on the visitor's page.
func (v *visit) accountKeys(page *ui.AccountPage) (err error) {
	page.KeysOffered, page.KeysOnly = v.server.accounts.KeysOffered(), v.user.KeysOnly
	page.Keys, err = v.keyRows()
	return err
}

// advance keeps a session that came a step further, and says where it goes on.
func (v *visit) advance(session authn.Session, next string) (to string, err error) {
	before := v.session.Stage
	if err := v.server.keep(v, session); err != nil {
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
		invitations, err := v.server.issuer.Projects.InvitationsFor(v.Request().Context(), v.principal())
		if err != nil {
			return "", err
		}
		if len(invitations) > 0 { // who followed the link of one, and made an account first, is back at it
			to = string(ui.PathProjects)
		}
	}
	return to, nil
}
