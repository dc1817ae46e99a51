package web

import (
	"cmp"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// newPage shows the form with what was typed. A link from a project selects that project.
func (s *tokenServer) newPage(v *visit, status int, l ui.Layout) error {
	page, chosen := ui.TokenNewPage{Layout: l}, v.form["projects"]
	if project := v.QueryParam("project"); v.form == nil && project != "" {
		page.Scope, chosen = ui.ScopeChosen, []string{project}
	}
	return s.drawNew(v, status, page, chosen)
}

// drawNew shows the form with what was typed and chosen.
func (s *tokenServer) drawNew(v *visit, status int, page ui.TokenNewPage, chosen []string) error {
	projects, err := s.projects.List(v.Request().Context(), v.user.ID)
	if err != nil {
		return err
	}
	for _, p := range projects {
		page.Projects = append(page.Projects, ui.ProjectChoice{
			Name: p.Name, Checked: slices.Contains(chosen, p.Name) || slices.Contains(chosen, p.Normalized),
		})
	}
	if f := v.form; f != nil {
		page.Label, page.Scope, page.Register, page.Life, page.Expires = f.Get("label"), f.Get("scope"), f.Get("register"), f.Get("life"), f.Get("expires")
		page.Limits, page.Registers = typedLimits(f), f.Get("registers") != ""
	}
	page.MaxDays, page.IdempotencyKey = int(s.maxTokenLife/(24*time.Hour)), idempotencyKey(v)
	return v.render(status, page)
}

// idempotencyKey returns the key of the form that was sent, or a new one.
func idempotencyKey(v *visit) string { return cmp.Or(v.form.Get("idempotency_key"), rand.Text()) }

// mintToken creates a token and shows its text, in this answer only, or only describes what the token would
// do.
func (s *tokenServer) mintToken(v *visit) error {
	ctx := v.Request().Context()
	req, date := mintRequest(v.form)
	if v.form.Get("draft") != "" {
		return s.draftToken(v, req, date)
	}
	minted, err := s.tokens.Mint(ctx, v.principal(), req) // reports an invalid date together with other problems
	if err != nil {
		return s.mintFailed(v, err, date)
	}
	s.wait(ctx, minted.Revision)
	created := s.createdPage(v, minted)
	if req.Scope == tokens.ScopeChosen {
		created.Registered = strings.TrimSpace(req.Register)
	}
	return v.show(created)
}

// mintRequest reads the form. date is false if the date is invalid.
func mintRequest(f url.Values) (req tokens.MintRequest, date bool) {
	req = tokens.MintRequest{
		Label: f.Get("label"), Scope: tokens.Scope(f.Get("scope")), Life: tokens.Life(f.Get("life")), Limits: readLimits(f), IdempotencyKey: f.Get("idempotency_key"),
	}
	switch req.Scope {
	case tokens.ScopeChosen:
		req.Projects, req.Register = f["projects"], f.Get("register")
	case tokens.ScopeAll:
		req.Registers = f.Get("registers") == "yes"
	}
	date = true
	if req.Life == tokens.LifeUntil {
		req.Expires, date = endOf(f.Get("expires"))
	}
	return req, date
}

// draftToken describes what a token would do.
func (s *tokenServer) draftToken(v *visit, req tokens.MintRequest, date bool) error {
	t, err := s.tokens.Draft(v.Request().Context(), v.principal(), req)
	if err != nil {
		return s.mintFailed(v, err, date)
	}
	row := tokenRow(t)
	page := ui.TokenNewPage{Layout: v.layout(), Draft: &row, Fresh: strings.TrimSpace(req.Register)}
	return s.drawNew(v, http.StatusOK, page, v.form["projects"])
}

// mintFailed shows the token that an earlier copy of the same form created, or says what is wrong.
func (s *tokenServer) mintFailed(v *visit, err error, date bool) error {
	var again *tokens.RepeatedError
	switch {
	case errors.As(err, &again):
		return v.done("token_again", again.Token)
	case errors.Is(err, kv.ErrUnknown):
		v.core.log.ErrorContext(v.Request().Context(), "web: it is not known whether a token was created", "request_id", idOf(v), "error", err)
		return fail(http.StatusServiceUnavailable, "token_unknown") // its page links to the tokens
	}
	return withDate(err, date)
}

// createdPage shows a new token.
func (s *tokenServer) createdPage(v *visit, m tokens.Minted) ui.TokenCreatedPage {
	t := m.Token
	page := ui.TokenCreatedPage{
		Layout: v.layout(), Token: m.Text, Label: t.Label, AllProjects: t.Scope == tokens.ScopeAll,
		Projects: projectNames(t.Projects), ExpiresAt: t.Expires, Limits: canDo(t), UploadURL: s.uploadURL(),
	}
	if page.AllProjects {
		page.OnlyPublishers = s.onlyPublishers(v)
	}
	return page
}

// onlyPublishers names the visitor's projects that take uploads of trusted publishers only. The token is minted, and its text is shown whatever happens here.
func (s *tokenServer) onlyPublishers(v *visit) (names []string) {
	all, err := s.projects.List(v.Request().Context(), v.user.ID)
	if err != nil {
		s.log.WarnContext(v.Request().Context(), "web: the page of a new token does not say which projects take uploads of publishers only", "request_id", idOf(v), "error", err)
	}
	for _, p := range all {
		if !p.Only.IsZero() {
			names = append(names, p.Name)
		}
	}
	return names
}
