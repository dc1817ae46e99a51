package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

func (s *tokenServer) askRevokeToken(v *visit) error {
	t, err := s.ownToken(v, v.Request().Context())
	if err != nil {
		return err
	}
	return v.show(ui.TokenRevokePage{Layout: v.layout(), Token: tokenRow(t)})
}

func (s *tokenServer) revokeToken(v *visit) error {
	ctx := v.Request().Context()
	before, err := s.ownToken(v, ctx)
	if err != nil {
		return err
	}
	revision, _, err := s.tokens.Revoke(ctx, v.principal(), before.ID)
	if err != nil {
		return err
	}
	reach := s.confirm(ctx, revision)
	notice := "token_revoked"
	if reach.Missing() {
		notice = "token_revoked_soon"
	}
	return v.reached(string(ui.PathTokens), notice, reach)
}

func (s *tokenServer) askRevokeTokens(v *visit) error {
	return s.sweepPage(v, http.StatusOK, ui.TokensRevokePage{Layout: v.layout()})
}

func (s *tokenServer) sweepPage(v *visit, status int, page ui.TokensRevokePage) error {
	projects, err := s.projects.List(v.Request().Context(), v.user.ID)
	if err != nil {
		return err
	}
	for _, p := range projects {
		page.Projects = append(page.Projects, p.Normalized)
	}
	return v.render(status, page)
}

// revokeTokens shows the tokens that are picked, and revokes them where that is sure.
func (s *tokenServer) revokeTokens(v *visit) error {
	ctx, f := v.Request().Context(), v.form
	sweep := tokens.Selection{Project: f.Get("project")}
	if typed := strings.TrimSpace(f.Get("unused")); typed != "" {
		sweep.Unused = -1 // refused
		if n, err := strconv.Atoi(typed); err == nil && n > 0 {
			sweep.Unused = n
		}
	}
	page := ui.TokensRevokePage{Project: sweep.Project, Unused: f.Get("unused")}
	picked, err := s.tokens.Selected(ctx, v.principal(), sweep)
	if ps, status := v.problems(err); status != 0 {
		page.Layout = v.with(ps)
		return s.sweepPage(v, status, page)
	}
	if err != nil {
		return err
	}
	if f.Get("sure") == "" {
		named := picked[:min(len(picked), shownTokens)]
		page.Layout, page.Picked, page.Tokens, page.More = v.layout(), true, tokenRows(named), len(picked)-len(named)
		return s.sweepPage(v, http.StatusOK, page)
	}
	_, revision, err := s.tokens.RevokeAll(ctx, v.principal(), sweep)
	if err != nil {
		return err
	}
	return v.reached(string(ui.PathTokens), "tokens_revoked", s.confirm(ctx, revision))
}
