package web

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// shownTokens is how many tokens a page of the list shows.
const shownTokens = 100

func (s *Server) listTokens(v *visit) error {
	ctx := v.Request().Context()
	projects, err := s.issuer.Projects.List(ctx, v.user.ID)
	if err != nil {
		return err
	}
	page := ui.TokensPage{HasProjects: len(projects) > 0, Filter: ui.TokenFilter{
		Text: v.QueryParam("q"), Project: v.QueryParam("project"), State: v.QueryParam("state"),
		Expiring: v.QueryParam("expiring"), Unused: v.QueryParam("unused"), Sort: v.QueryParam("sort"),
	}}
	for _, p := range projects {
		page.Projects = append(page.Projects, p.Normalized)
	}
	if p := page.Filter.Project; p != "" && !slices.Contains(page.Projects, p) {
		page.Projects = append(page.Projects, p) // one that was left: its tokens are in the list
	}
	found, err := s.issuer.Tokens.Find(ctx, v.user.ID, tokenQuery(page.Filter, v.QueryParam("after")))
	if ps, status := v.problems(err); status != 0 {
		for i := range ps {
			if ps[i].Field == "after" { // no field of the page
				ps[i].Field = ""
			}
		}
		page.Layout = v.with(ps)
		return v.render(status, page)
	}
	if err != nil {
		return err
	}
	page.Layout, page.Tokens = v.layout(), tokenRows(found.Tokens)
	page.First, page.Matched, page.Total, page.Next = found.First, found.Matched, found.Total, found.Next
	return v.show(page)
}

// tokenQuery is a filter as the issuer has it. Days that are no number are refused.
func tokenQuery(f ui.TokenFilter, after string) tokens.Query {
	days := func(typed string) int {
		if typed = strings.TrimSpace(typed); typed == "" {
			return 0
		}
		if n, err := strconv.Atoi(typed); err == nil && n > 0 {
			return n
		}
		return -1
	}
	return tokens.Query{
		Text: f.Text, Project: f.Project, State: tokens.State(f.State), Expiring: days(f.Expiring), Unused: days(f.Unused),
		Sort: tokens.Sort(f.Sort), After: after, Limit: shownTokens,
	}
}

func tokenRows(tokens []tokens.Token) []ui.TokenRow {
	out := make([]ui.TokenRow, len(tokens))
	for i, t := range tokens {
		out[i] = tokenRow(t)
	}
	return out
}

func tokenRow(t tokens.Token) ui.TokenRow {
	return ui.TokenRow{
		Limits: shownLimits(t.Limits), NarrowedAt: t.Narrowed, Replaced: t.Replaced != "",
		ID: t.ID, Label: t.Label, AllProjects: t.Scope == tokens.ScopeAll, Projects: projectNames(t.Projects),
		State: string(t.State), CreatedAt: t.Created, Factor: t.Factor, ExpiresAt: t.Expires, RevokedAt: t.Revoked.At, RevokedBy: t.Revoked.Username, Reason: t.Revoked.Reason,
		LastUsedAt: t.LastUsed.At, LastProject: t.LastUsed.Project, LastFrom: t.LastUsed.Network, LastSaidBy: t.LastUsed.Verifier,
	}
}

func projectNames(refs []projects.Ref) []string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = r.Name
	}
	return out
}

// showTokenNew shows the form; the page of a project leads to it with that project
// chosen.
func (s *Server) showTokenNew(v *visit) error {
	page := ui.TokenNewPage{Layout: v.layout()}
	project := v.QueryParam("project")
	if project != "" {
		page.Scope = ui.ScopeChosen
	}
	return v.tokenNewPage(http.StatusOK, page, []string{project})
}

// tokenNewPage shows the form with what was chosen so far.
func (v *visit) tokenNewPage(status int, page ui.TokenNewPage, chosen []string) error {
	projects, err := v.server.issuer.Projects.List(v.Request().Context(), v.user.ID)
	if err != nil {
		return err
	}
	for _, p := range projects {
		page.Projects = append(page.Projects, ui.ProjectChoice{
			Name: p.Name, Checked: slices.Contains(chosen, p.Name) || slices.Contains(chosen, p.Normalized),
		})
	}
	page.MaxDays = int(v.server.maxTokenLife / (24 * time.Hour))
	if page.Once == "" {
		page.Once = rand.Text()
	}
	return v.render(status, page)
}

// mintToken makes a token and shows its text, in this answer only, or says what the
// token would do.
func (s *Server) mintToken(v *visit) error {
	ctx, f := v.Request().Context(), v.form
	page := ui.TokenNewPage{
		Label: f.Get("label"), Scope: f.Get("scope"), Register: f.Get("register"), Life: f.Get("life"), Expires: f.Get("expires"),
		Limits: typedLimits(f), Once: f.Get("once"),
	}
	req, date := mintRequest(f)
	if f.Get("draft") != "" {
		return s.draftToken(v, page, req, date)
	}
	minted, err := s.issuer.Tokens.Mint(ctx, v.principal(), req) // refuses a date that is none, with all else that is wrong
	if answered, err := v.notMinted(err, date, func(status int, l ui.Layout) error {
		page.Layout = l
		return v.tokenNewPage(status, page, f["projects"])
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
func (s *Server) draftToken(v *visit, page ui.TokenNewPage, req tokens.MintRequest, date bool) error {
	t, err := s.issuer.Tokens.Draft(v.Request().Context(), v.principal(), req)
	if answered, err := v.notMinted(err, date, func(status int, l ui.Layout) error {
		page.Layout = l
		return v.tokenNewPage(status, page, v.form["projects"])
	}); answered {
		return err
	}
	row := tokenRow(t)
	page.Layout, page.Draft = v.layout(), &row
	page.Fresh = strings.TrimSpace(req.Register)
	return v.tokenNewPage(http.StatusOK, page, v.form["projects"])
}

// notMinted answers where no token was made: with the form again, or with the token
// that the form made when it was sent before.
func (v *visit) notMinted(err error, date bool, form func(status int, l ui.Layout) error) (answered bool, _ error) {
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
func (s *Server) createdPage(v *visit, m tokens.Minted) ui.TokenCreatedPage {
	t := m.Token
	return ui.TokenCreatedPage{
		Layout: v.layout(), Token: m.Text, Label: t.Label, AllProjects: t.Scope == tokens.ScopeAll,
		Projects: projectNames(t.Projects), ExpiresAt: t.Expires, Limits: shownLimits(t.Limits), UploadURL: s.address(pathLegacy + "/"),
	}
}

// endOf is the end of a day, in UTC: a token works on the date that was chosen.
// ok is false where something was typed that is no date; then the end is zero, which
// the issuer refuses.
func endOf(date string) (end time.Time, ok bool) {
	if date == "" {
		return time.Time{}, true
	}
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return time.Time{}, false
	}
	return day.AddDate(0, 0, 1), true
}

// dateProblem says that what was typed is no date, in place of that nothing was.
func dateProblem(ps problem.Problems) problem.Problems {
	out := slices.DeleteFunc(slices.Clone(ps), func(p problem.Problem) bool { return p.Field == "expires" })
	out.Add("expires", "date_invalid")
	return out
}

// ownToken is the token that the address names.
func (v *visit) ownToken(ctx context.Context) (tokens.Token, error) {
	return v.server.issuer.Tokens.Get(ctx, v.principal(), v.Param("id"))
}

func (s *Server) askRevokeToken(v *visit) error {
	t, err := v.ownToken(v.Request().Context())
	if err != nil {
		return err
	}
	return v.show(ui.TokenRevokePage{Layout: v.layout(), Token: tokenRow(t)})
}

func (s *Server) revokeToken(v *visit) error {
	ctx := v.Request().Context()
	before, err := v.ownToken(ctx)
	if err != nil {
		return err
	}
	revision, _, err := s.issuer.Tokens.Revoke(ctx, v.principal(), before.ID)
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
