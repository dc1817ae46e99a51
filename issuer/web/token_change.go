package web

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

func (s *Server) tokenChangeRoutes(p pages) {
	p.get(ui.PathTokensRevoke, member, s.askRevokeTokens)
	p.post(ui.PathTokensRevoke, member, s.revokeTokens)
	p.get(ui.PathToken, member, s.showToken)
	p.post(ui.PathToken, member, s.renameToken)
	p.get(ui.PathTokenRestrict, member, s.showRestrictToken)
	p.post(ui.PathTokenRestrict, member, s.restrictToken, "projects")
	p.get(ui.PathTokenRegenerate, fresh(formTime), s.showRegenerateToken)
	p.post(ui.PathTokenRegenerate, member, s.regenerateToken)
}

// readLimits reads the fields of limits.
func readLimits(f url.Values) tokens.Limits {
	list := func(field string) []string {
		return strings.FieldsFunc(f.Get(field), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	}
	return tokens.Limits{Versions: list("versions"), Networks: list("networks"), Actions: list("actions")}
}

// typedLimits are the fields of limits as they were sent.
func typedLimits(f url.Values) ui.LimitsForm {
	return ui.LimitsForm{Versions: f.Get("versions"), Networks: f.Get("networks"), Existing: f.Get("actions") != ""}
}

func shownLimits(l tokens.Limits) ui.Limits {
	return ui.Limits{
		Versions: l.Versions, Networks: l.Networks,
		Existing: len(l.Actions) > 0 && !slices.Contains(l.Actions, caveats.ActionCreate),
	}
}

func (s *Server) showToken(v *visit) error {
	t, err := v.ownToken(v.Request().Context())
	if err != nil {
		return err
	}
	return v.show(v.tokenPage(v.layout(), t, t.Label))
}

func (v *visit) tokenPage(l ui.Layout, t tokens.Token, label string) ui.TokenPage {
	return ui.TokenPage{
		Layout: l, Token: tokenRow(t), Label: label, Owner: t.UserName, Factor: t.Factor, Own: t.UserID == v.user.ID,
	}
}

// hisToken is the token that the address names, if it is the visitor's.
func (v *visit) hisToken() (tokens.Token, error) {
	t, err := v.ownToken(v.Request().Context())
	if err == nil && t.UserID != v.user.ID {
		return t, ledger.ErrNotFound
	}
	return t, err
}

func (s *Server) renameToken(v *visit) error {
	t, err := v.hisToken()
	if err != nil {
		return err
	}
	label := v.form.Get("label")
	err = s.issuer.Tokens.Rename(v.Request().Context(), v.principal(), t.ID, label)
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, v.tokenPage(v.with(ps), t, label))
	}
	if err != nil {
		return err
	}
	return v.then(ui.PathToken.With(t.ID), "token_renamed")
}

func (s *Server) showRestrictToken(v *visit) error {
	t, err := v.hisToken()
	if err != nil {
		return err
	}
	return v.restrictPage(http.StatusOK, v.layout(), t, nil)
}

// restrictPage shows the form with what was sent; nil: with what holds.
func (v *visit) restrictPage(status int, l ui.Layout, t tokens.Token, f url.Values) error {
	page := ui.TokenRestrictPage{Layout: l, Token: tokenRow(t), Expires: f.Get("expires"), Limits: typedLimits(f)}
	names := projectNames(t.Projects)
	if t.Scope == tokens.ScopeAll {
		projects, err := v.server.issuer.Projects.List(v.Request().Context(), v.user.ID)
		if err != nil {
			return err
		}
		for _, p := range projects {
			names = append(names, p.Name)
		}
	}
	for _, name := range names {
		page.Projects = append(page.Projects, ui.ProjectChoice{Name: name, Checked: slices.Contains(f["projects"], name)})
	}
	return v.render(status, page)
}

func (s *Server) restrictToken(v *visit) error {
	t, err := v.hisToken()
	if err != nil {
		return err
	}
	ctx, f := v.Request().Context(), v.form
	end, date := endOf(f.Get("expires"))
	req := tokens.RestrictRequest{Projects: f["projects"], Expires: end, Limits: readLimits(f)}
	if !date {
		req.Expires = time.Unix(0, 0) // refused, with all else that is wrong
	}
	_, revision, err := s.issuer.Tokens.Restrict(ctx, v.principal(), t.ID, req)
	if ps, status := v.problems(err); status != 0 {
		if !date {
			ps = dateProblem(ps)
		}
		return v.restrictPage(status, v.with(ps), t, f)
	}
	if err != nil {
		return err
	}
	return v.reached(ui.PathToken.With(t.ID), "token_restricted", s.confirm(ctx, revision))
}

func (s *Server) showRegenerateToken(v *visit) error {
	t, err := v.hisToken()
	if err != nil {
		return err
	}
	return v.show(v.regeneratePage(v.layout(), t))
}

func (v *visit) regeneratePage(l ui.Layout, t tokens.Token) ui.TokenRegeneratePage {
	once := v.form.Get("once")
	if once == "" {
		once = rand.Text()
	}
	return ui.TokenRegeneratePage{
		Once:   once,
		Layout: l, Token: tokenRow(t), Life: v.form.Get("life"), Expires: v.form.Get("expires"), Overlap: v.form.Get("overlap"),
		MaxDays: int(v.server.maxTokenLife / (24 * time.Hour)),
	}
}

// regenerateToken replaces a token and shows the text of the new one, in this answer
// only.
func (s *Server) regenerateToken(v *visit) error {
	old, err := v.hisToken()
	if err != nil {
		return err
	}
	ctx, f := v.Request().Context(), v.form
	req := tokens.RegenerateRequest{Life: tokens.Life(f.Get("life")), Overlap: -1, IdempotencyKey: f.Get("once")} // no choice is none
	if hours, err := strconv.Atoi(f.Get("overlap")); err == nil && hours >= 0 && hours <= int(tokens.MaxOverlap/time.Hour) {
		req.Overlap = time.Duration(hours) * time.Hour
	}
	date := true
	if req.Life == tokens.LifeUntil {
		req.Expires, date = endOf(f.Get("expires"))
	}
	minted, err := s.issuer.Tokens.Regenerate(ctx, v.principal(), old.ID, req)
	if answered, err := v.notMinted(err, date, func(status int, l ui.Layout) error {
		return v.render(status, v.regeneratePage(l, old))
	}); answered {
		return err
	}
	s.confirm(ctx, minted.Revision)
	page := s.createdPage(v, minted)
	if was, err := s.issuer.Tokens.Get(ctx, v.principal(), old.ID); err == nil && was.State == tokens.StateActive {
		page.OldEnds = was.Expires
	}
	return v.show(page)
}

func (s *Server) askRevokeTokens(v *visit) error {
	return v.sweepPage(http.StatusOK, ui.TokensRevokePage{Layout: v.layout()})
}

func (v *visit) sweepPage(status int, page ui.TokensRevokePage) error {
	projects, err := v.server.issuer.Projects.List(v.Request().Context(), v.user.ID)
	if err != nil {
		return err
	}
	for _, p := range projects {
		page.Projects = append(page.Projects, p.Normalized)
	}
	return v.render(status, page)
}

// revokeTokens shows the tokens that are picked, and revokes them where that is sure.
func (s *Server) revokeTokens(v *visit) error {
	ctx, f := v.Request().Context(), v.form
	sweep := tokens.Selection{Project: f.Get("project")}
	if typed := strings.TrimSpace(f.Get("unused")); typed != "" {
		sweep.Unused = -1 // refused
		if n, err := strconv.Atoi(typed); err == nil && n > 0 {
			sweep.Unused = n
		}
	}
	page := ui.TokensRevokePage{Project: sweep.Project, Unused: f.Get("unused")}
	picked, err := s.issuer.Tokens.Selected(ctx, v.principal(), sweep)
	if ps, status := v.problems(err); status != 0 {
		page.Layout = v.with(ps)
		return v.sweepPage(status, page)
	}
	if err != nil {
		return err
	}
	if f.Get("sure") == "" {
		named := picked[:min(len(picked), shownTokens)]
		page.Layout, page.Picked, page.Tokens, page.More = v.layout(), true, tokenRows(named), len(picked)-len(named)
		return v.sweepPage(http.StatusOK, page)
	}
	_, revision, err := s.issuer.Tokens.RevokeAll(ctx, v.principal(), sweep)
	if err != nil {
		return err
	}
	return v.reached(string(ui.PathTokens), "tokens_revoked", s.confirm(ctx, revision))
}
