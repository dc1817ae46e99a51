package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

func (s *tokenServer) askRevokeToken(v *visit) error {
	t, err := s.visibleToken(v)
	if err != nil {
		return err
	}
	return v.show(ui.TokenRevokePage{Layout: v.layout(), Token: tokenRow(t)})
}

func (s *tokenServer) revokeToken(v *visit) error {
	ctx := v.Request().Context()
	before, err := s.visibleToken(v)
	if err != nil {
		return err
	}
	revision, _, err := s.tokens.Revoke(ctx, v.principal(), before.ID)
	if err != nil {
		return err
	}
	return v.revoked(s.confirm(ctx, revision))
}

func (s *tokenServer) revokeManyPage(v *visit, status int, l ui.Layout) error {
	return s.drawRevokeMany(v, status, ui.TokensRevokePage{Layout: l})
}

// drawRevokeMany shows the form with what was typed.
func (s *tokenServer) drawRevokeMany(v *visit, status int, page ui.TokensRevokePage) error {
	page.Project, page.Unused = v.form.Get("project"), v.form.Get("unused")
	projects, err := s.projects.List(v.Request().Context(), v.user.ID)
	if err != nil {
		return err
	}
	for _, p := range projects {
		page.Projects = append(page.Projects, p.Normalized)
	}
	return v.render(status, page)
}

// revokeTokens lists the selected tokens, and revokes them after the visitor has confirmed it.
func (s *tokenServer) revokeTokens(v *visit) error {
	ctx, f := v.Request().Context(), v.form
	selection := tokens.Selection{Project: f.Get("project")}
	if typed := strings.TrimSpace(f.Get("unused")); typed != "" {
		selection.Unused = -1 // will be refused
		if n, err := strconv.Atoi(typed); err == nil && n > 0 {
			selection.Unused = n
		}
	}
	picked, err := s.tokens.Selected(ctx, v.principal(), selection)
	if err != nil {
		return err
	}
	if f.Get("sure") == "" {
		named := picked[:min(len(picked), tokenPageSize)]
		return s.drawRevokeMany(v, http.StatusOK, ui.TokensRevokePage{
			Layout: v.layout(), Picked: true, Tokens: tokenRows(named), More: len(picked) - len(named),
		})
	}
	_, revision, err := s.tokens.RevokeAll(ctx, v.principal(), selection)
	if err != nil {
		return err
	}
	return v.confirmed("tokens_revoked", s.confirm(ctx, revision))
}
