package web

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// showTokenNew shows the form; the page of a project leads to it with that project
// chosen.
func (s *tokenServer) showTokenNew(v *visit) error {
	page := ui.TokenNewPage{Layout: v.layout()}
	project := v.QueryParam("project")
	if project != "" {
		page.Scope = ui.ScopeChosen
	}
	return s.tokenNewPage(v, http.StatusOK, page, []string{project})
}

// tokenNewPage shows the form with what was chosen so far.
func (s *tokenServer) tokenNewPage(v *visit, status int, page ui.TokenNewPage, chosen []string) error {
	projects, err := s.projects.List(v.Request().Context(), v.user.ID)
	if err != nil {
		return err
	}
	for _, p := range projects {
		page.Projects = append(page.Projects, ui.ProjectChoice{
			Name: p.Name, Checked: slices.Contains(chosen, p.Name) || slices.Contains(chosen, p.Normalized),
		})
	}
	page.MaxDays = int(s.maxTokenLife / (24 * time.Hour))
	if page.Once == "" {
		page.Once = rand.Text()
	}
	return v.render(status, page)
}

// mintToken makes a token and shows its text, in this answer only, or says what the
// token would do.
func (s *tokenServer) mintToken(v *visit) error {
	ctx, f := v.Request().Context(), v.form
	page := ui.TokenNewPage{
		Label: f.Get("label"), Scope: f.Get("scope"), Register: f.Get("register"), Life: f.Get("life"), Expires: f.Get("expires"),
		Limits: typedLimits(f), Once: f.Get("once"),
	}
	req, date := mintRequest(f)
	if f.Get("draft") != "" {
		return s.draftToken(v, page, req, date)
	}
	minted, err := s.tokens.Mint(ctx, v.principal(), req) // refuses a date that is none, with all else that is wrong
	if answered, err := s.notMinted(v, err, date, func(status int, l ui.Layout) error {
		page.Layout = l
		return s.tokenNewPage(v, status, page, f["projects"])
	}); answered {
		return err
	}
	s.wait(ctx, minted.Revision)
	created := s.createdPage(v, minted)
	if req.Scope == tokens.ScopeChosen {
		created.Registered = strings.TrimSpace(req.Register)
	}
	return v.show(created)
}

// mintRequest reads the form; date is false where something was typed that is no date.
func mintRequest(f url.Values) (req tokens.MintRequest, date bool) {
	req = tokens.MintRequest{
		Label: f.Get("label"), Scope: tokens.Scope(f.Get("scope")), Life: tokens.Life(f.Get("life")), Limits: readLimits(f), IdempotencyKey: f.Get("once"),
	}
	if req.Scope == tokens.ScopeChosen {
		req.Projects, req.Register = f["projects"], f.Get("register")
	}
	date = true
	if req.Life == tokens.LifeUntil {
		req.Expires, date = endOf(f.Get("expires"))
	}
	return req, date
}

// draftToken says what a token would do.
func (s *tokenServer) draftToken(v *visit, page ui.TokenNewPage, req tokens.MintRequest, date bool) error {
	t, err := s.tokens.Draft(v.Request().Context(), v.principal(), req)
	if answered, err := s.notMinted(v, err, date, func(status int, l ui.Layout) error {
		page.Layout = l
		return s.tokenNewPage(v, status, page, v.form["projects"])
	}); answered {
		return err
	}
	row := tokenRow(t)
	page.Layout, page.Draft = v.layout(), &row
	page.Fresh = strings.TrimSpace(req.Register)
	return s.tokenNewPage(v, http.StatusOK, page, v.form["projects"])
}

// notMinted answers where no token was made: with the form again, or with the token
// that the form made when it was sent before.
func (s *tokenServer) notMinted(v *visit, err error, date bool, form func(status int, l ui.Layout) error) (answered bool, _ error) {
	var again *tokens.RepeatedError
	var fast *tokens.TooFastError
	switch {
	case err == nil:
		return false, nil
	case errors.As(err, &again):
		return true, v.then(ui.PathToken.With(again.Token), "token_again")
	case errors.As(err, &fast):
		v.Response().Header().Set("Retry-After", strconv.Itoa(int((fast.RetryAfter+time.Second-1)/time.Second)))
		minutes := int((fast.RetryAfter + time.Minute - 1) / time.Minute)
		return true, form(http.StatusTooManyRequests, v.with(problem.New("", "token_too_fast", "max", fast.Max, "minutes", minutes)))
	}
	ps, status := v.problems(err)
	if status == 0 {
		return true, err
	}
	if !date {
		ps = dateProblem(ps)
	}
	return true, form(status, v.with(ps))
}

// createdPage shows a token that was just made.
func (s *tokenServer) createdPage(v *visit, m tokens.Minted) ui.TokenCreatedPage {
	t := m.Token
	return ui.TokenCreatedPage{
		Layout: v.layout(), Token: m.Text, Label: t.Label, AllProjects: t.Scope == tokens.ScopeAll,
		Projects: projectNames(t.Projects), ExpiresAt: t.Expires, Limits: shownLimits(t.Limits), UploadURL: s.address(pathLegacy + "/"),
	}
}
