package web

import (
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// visibleToken returns the token that the address names, if the visitor may see it.
func (s *tokenServer) visibleToken(v *visit) (tokens.Token, error) {
	return s.tokens.Get(v.Request().Context(), v.principal(), v.Param("id"))
}

// ownedToken returns the token that the address names, if it belongs to the visitor.
func (s *tokenServer) ownedToken(v *visit) (tokens.Token, error) {
	t, err := s.visibleToken(v)
	if err == nil && t.UserID != v.user.ID {
		return t, ledger.ErrNotFound
	}
	return t, err
}

func (s *tokenServer) tokenPage(v *visit, status int, l ui.Layout) error {
	t, err := s.visibleToken(v)
	if err != nil {
		return err
	}
	return v.render(status, ui.TokenPage{
		Layout: l, Token: tokenRow(t), Label: v.typed("label", t.Label), Owner: t.UserName, Factor: t.Factor, Own: t.UserID == v.user.ID,
	})
}

func (s *tokenServer) renameToken(v *visit) error {
	t, err := s.ownedToken(v)
	if err != nil {
		return err
	}
	if err := s.tokens.Rename(v.Request().Context(), v.principal(), t.ID, v.form.Get("label")); err != nil {
		return err
	}
	return v.done("token_renamed")
}
