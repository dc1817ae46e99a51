package web

import (
	"context"
	"errors"
	"net/url"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// listAllTokens lists the tokens that the address asks for. It refuses a search text that may be a token.
// The form goes to searchTokens, which checks the text before it becomes part of an address.
func (s *adminServer) listAllTokens(v *visit) error {
	text, in := v.QueryParam("q"), v.QueryParam("in")
	page := ui.AdminTokensPage{Layout: v.layout(), Search: text, In: in}
	found, err := s.findTokens(v.Request().Context(), v, text, in)
	if ps, status := v.problems(err); status != 0 {
		page.Layout = v.layoutWith(ps)
		if ps.Has("token_as_search") {
			page.Search = "" // a page must not contain a token
		}
		return v.render(status, page)
	}
	if err != nil {
		return err
	}
	if found.Next != "" {
		page.Next = url.Values{"q": {text}, "in": {in}, "after": {found.Next}}.Encode()
	}
	for _, t := range found.Tokens {
		page.Tokens = append(page.Tokens, ui.AdminTokenRow{TokenRow: tokenRow(t), Owner: t.UserName, OwnerID: t.UserID})
	}
	return v.show(page)
}

// findTokens searches everybody's tokens by label or ID, by owner, or by project.
func (s *adminServer) findTokens(ctx context.Context, v *visit, text, in string) (tokens.TokenPage, error) {
	if err := tokens.CheckTokenSearch(text); err != nil {
		return tokens.TokenPage{}, err
	}
	q := tokens.AllQuery{After: v.QueryParam("after"), Limit: adminPageSize}
	switch {
	case in == ui.InOwner && text != "":
		owner, err := s.userNamed(ctx, "q", text)
		if err != nil {
			return tokens.TokenPage{}, err
		}
		q.Owner = owner.ID
	case in == ui.InProject:
		q.Project = text
	default:
		q.Text = text
	}
	found, err := s.tokens.Search(ctx, v.principal(), q)
	if q.Project != "" && errors.Is(err, ledger.ErrNotFound) {
		err = problem.New("q", "project_unknown_search")
	}
	return found, err
}

// tokenSearchPage shows that a search was refused, without repeating what was typed.
func (s *adminServer) tokenSearchPage(v *visit, status int, l ui.Layout) error {
	return v.render(status, ui.AdminTokensPage{Layout: l, In: v.form.Get("in")})
}

// searchTokens checks what was typed before it becomes part of an address.
func (s *adminServer) searchTokens(v *visit) error {
	text, in := v.form.Get("q"), v.form.Get("in")
	if err := tokens.CheckTokenSearch(text); err != nil {
		return err
	}
	if text == "" {
		return v.done("")
	}
	return v.then(v.fill(v.returns.done)+"?"+url.Values{"q": {text}, "in": {in}}.Encode(), "")
}

func (s *adminServer) revokeAnyPage(v *visit, status int, l ui.Layout) error {
	t, err := s.tokens.Get(v.Request().Context(), v.principal(), v.Param("id"))
	if err != nil {
		return err
	}
	row := ui.AdminTokenRow{TokenRow: tokenRow(t), Owner: t.UserName, OwnerID: t.UserID}
	return v.render(status, ui.AdminTokenRevokePage{Layout: l, Token: row, Reason: v.form.Get("reason")})
}

// revokeAnyToken revokes a token and tells its owner the reason.
func (s *adminServer) revokeAnyToken(v *visit) error {
	ctx := v.Request().Context()
	revision, _, err := s.tokens.RevokeFor(ctx, v.principal(), v.Param("id"), v.form.Get("reason"))
	if err != nil {
		return err
	}
	return v.revoked(s.confirm(ctx, revision))
}

// revoked is confirmed for the revocation of a token. Its notice does not claim that every verifier has
// the revocation if one lacks it.
func (v *visit) revoked(r ui.Propagation) error {
	notice := "token_revoked"
	if r.Missing() {
		notice = "token_revoked_soon"
	}
	return v.confirmed(notice, r)
}
