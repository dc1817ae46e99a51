package web

import (
	"context"

	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// ownToken is the token that the address names.
func (s *tokenServer) ownToken(v *visit, ctx context.Context) (tokens.Token, error) {
	return s.tokens.Get(ctx, v.principal(), v.Param("id"))
}

// hisToken is the token that the address names, if it is the visitor's.
func (s *tokenServer) hisToken(v *visit) (tokens.Token, error) {
	t, err := s.ownToken(v, v.Request().Context())
	if err == nil && t.UserID != v.user.ID {
		return t, ledger.ErrNotFound
	}
	return t, err
}

func (s *tokenServer) showToken(v *visit) error {
	t, err := s.ownToken(v, v.Request().Context())
	if err != nil {
		return err
	}
	return v.show(s.tokenPage(v, v.layout(), t, t.Label))
}

func (s *tokenServer) tokenPage(v *visit, l ui.Layout, t tokens.Token, label string) ui.TokenPage {
	return ui.TokenPage{
		Layout: l, Token: tokenRow(t), Label: label, Owner: t.UserName, Factor: t.Factor, Own: t.UserID == v.user.ID,
	}
}

func (s *tokenServer) renameToken(v *visit) error {
	t, err := s.hisToken(v)
	if err != nil {
		return err
	}
	label := v.form.Get("label")
	err = s.tokens.Rename(v.Request().Context(), v.principal(), t.ID, label)
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, s.tokenPage(v, v.with(ps), t, label))
	}
	if err != nil {
		return err
	}
	return v.then(ui.PathToken.With(t.ID), "token_renamed")
}
