package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// listAllTokens lists what the address says. A text that could be a token is not
// looked for there either: the form sends it to searchTokens.
func (s *adminServer) listAllTokens(v *visit) error {
	return s.allTokensPage(v, v.Request().Context(), v.QueryParam("q"), v.QueryParam("in"))
}

func (s *adminServer) allTokensPage(v *visit, ctx context.Context, text, in string) error {
	page := ui.AdminTokensPage{Layout: v.layout(), Search: text, In: in}
	tokens, next, err := s.findTokens(v, ctx, text, in)
	if ps, status := v.problems(err); status != 0 {
		page.Layout = v.with(ps)
		if ps.Has("token_as_search") {
			page.Search = "" // it is no page's
		}
		return v.render(status, page)
	}
	if err != nil {
		return err
	}
	if next != "" {
		page.Next = url.Values{"q": {text}, "in": {in}, "after": {next}}.Encode()
	}
	for _, t := range tokens {
		page.Tokens = append(page.Tokens, ui.AdminTokenRow{TokenRow: tokenRow(t), Owner: t.UserName, OwnerID: t.UserID})
	}
	return v.show(page)
}

// findTokens looks for tokens of everybody: in labels and ids, of an owner, or among
// those that can upload to a project.
func (s *adminServer) findTokens(v *visit, ctx context.Context, text, in string) ([]tokens.Token, string, error) {
	if err := tokens.CheckTokenSearch(text); err != nil {
		return nil, "", err
	}
	after := v.QueryParam("after")
	switch {
	case in == ui.InOwner && text != "":
		owner, err := s.accounts.UserByName(ctx, text)
		if errors.Is(err, authn.ErrNotFound) {
			return nil, "", problem.New("q", "user_unknown")
		}
		if err != nil {
			return nil, "", err
		}
		page, err := s.tokens.List(ctx, owner.ID, tokens.Page{After: after, Limit: shownSurvey})
		return page.Tokens, page.Next, err
	case in == ui.InProject && text != "":
		return s.tokensInto(v, ctx, text, after)
	}
	page, err := s.tokens.Search(ctx, v.principal(), projects.AllQuery{Text: text, After: after, Limit: shownSurvey})
	return page.Tokens, page.Next, err
}

// tokensInto lists the tokens that can upload to a project.
func (s *adminServer) tokensInto(v *visit, ctx context.Context, project, after string) (out []tokens.Token, next string, err error) {
	found, next, err := s.tokens.ProjectTokens(ctx, v.principal(), project, tokens.ProjectTokensQuery{After: after, Limit: shownSurvey})
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, "", problem.New("q", "project_unknown_search")
	}
	for _, f := range found {
		t, err := s.tokens.Get(ctx, v.principal(), f.ID)
		if err != nil {
			return nil, "", err
		}
		out = append(out, t)
	}
	return out, next, err
}

// searchTokens looks at what was typed before it gets into an address.
func (s *adminServer) searchTokens(v *visit) error {
	text, in := v.form.Get("q"), v.form.Get("in")
	if err := tokens.CheckTokenSearch(text); err != nil {
		ps, status := v.problems(err)
		return v.render(status, ui.AdminTokensPage{Layout: v.with(ps), In: in})
	}
	if text == "" {
		return v.then(string(ui.PathAdminTokens), "")
	}
	return v.then(string(ui.PathAdminTokens)+"?"+url.Values{"q": {text}, "in": {in}}.Encode(), "")
}

func (s *adminServer) askRevokeAnyToken(v *visit) error {
	return s.revokeAnyPage(v, http.StatusOK, v.layout(), "")
}

func (s *adminServer) revokeAnyPage(v *visit, status int, l ui.Layout, reason string) error {
	t, err := s.tokens.Get(v.Request().Context(), v.principal(), v.Param("id"))
	if err != nil {
		return err
	}
	row := ui.AdminTokenRow{TokenRow: tokenRow(t), Owner: t.UserName, OwnerID: t.UserID}
	return v.render(status, ui.AdminTokenRevokePage{Layout: l, Token: row, Reason: reason})
}

// revokeAnyToken revokes a token for a reason, of which its owner hears.
func (s *adminServer) revokeAnyToken(v *visit) error {
	ctx, reason := v.Request().Context(), v.form.Get("reason")
	revision, _, err := s.tokens.RevokeFor(ctx, v.principal(), v.Param("id"), reason)
	if ps, status := v.problems(err); status != 0 {
		return s.revokeAnyPage(v, status, v.with(ps), reason)
	}
	if err != nil {
		return err
	}
	reach := s.confirm(ctx, revision)
	notice := "token_revoked"
	if reach.Missing() {
		notice = "token_revoked_soon"
	}
	return v.reached(string(ui.PathAdminTokens), notice, reach)
}
