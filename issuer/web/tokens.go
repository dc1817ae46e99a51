package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/ui"
)

// shownTokens is how many tokens a page of the list shows.
const shownTokens = 100

func (s *Server) listTokens(v *visit) error {
	ctx := v.Request().Context()
	page, err := s.issuer.Tokens(ctx, v.user.ID, issuer.Page{After: v.QueryParam("after"), Limit: shownTokens})
	if err != nil {
		return err
	}
	projects, err := s.issuer.Projects(ctx, v.user.ID)
	if err != nil {
		return err
	}
	return v.show(ui.TokensPage{Layout: v.layout(), Tokens: tokenRows(page.Tokens), HasProjects: len(projects) > 0, Next: page.Next})
}

func tokenRows(tokens []issuer.Token) []ui.TokenRow {
	out := make([]ui.TokenRow, len(tokens))
	for i, t := range tokens {
		out[i] = tokenRow(t)
	}
	return out
}

func tokenRow(t issuer.Token) ui.TokenRow {
	return ui.TokenRow{
		Limits: shownLimits(t.Limits), NarrowedAt: t.Narrowed, Replaced: t.Replaced != "",
		ID: t.ID, Label: t.Label, AllProjects: t.Scope == issuer.ScopeAll, Projects: projectNames(t.Projects),
		State: string(t.State), CreatedAt: t.Created, ExpiresAt: t.Expires, RevokedAt: t.Revoked.At, RevokedBy: t.Revoked.Username, Reason: t.Revoked.Reason,
		LastUsedAt: t.LastUsed.At, LastProject: t.LastUsed.Project, LastFrom: t.LastUsed.Network,
	}
}

func projectNames(refs []issuer.ProjectRef) []string {
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
	projects, err := v.server.issuer.Projects(v.Request().Context(), v.user.ID)
	if err != nil {
		return err
	}
	for _, p := range projects {
		page.Projects = append(page.Projects, ui.ProjectChoice{
			Name: p.Name, Checked: slices.Contains(chosen, p.Name) || slices.Contains(chosen, p.Normalized),
		})
	}
	page.MaxDays = int(v.server.maxTokenLife / (24 * time.Hour))
	return v.render(status, page)
}

// mintToken makes a token and shows its text, in this answer only.
func (s *Server) mintToken(v *visit) error {
	ctx := v.Request().Context()
	f := v.form
	req := issuer.MintRequest{
		Label: f.Get("label"), Scope: issuer.Scope(f.Get("scope")), Life: issuer.Life(f.Get("life")), Limits: readLimits(f),
	}
	if req.Scope == issuer.ScopeChosen {
		req.Projects = f["projects"]
	}
	date := true
	if req.Life == issuer.LifeUntil {
		req.Expires, date = endOf(f.Get("expires"))
	}
	mint := func() (m issuer.Minted, err error) {
		if f.Get("draft") != "" {
			m.Token, err = s.issuer.Draft(ctx, v.principal(), req)
			return m, err
		}
		return s.issuer.Mint(ctx, v.principal(), req) // refuses a date that is none, with all else that is wrong
	}
	minted, err := mint()
	page := ui.TokenNewPage{
		Label: f.Get("label"), Scope: f.Get("scope"), Life: f.Get("life"), Expires: f.Get("expires"), Limits: typedLimits(f),
	}
	if ps, status := v.problems(err); status != 0 {
		if !date {
			ps = dateProblem(ps)
		}
		page.Layout = v.with(ps)
		return v.tokenNewPage(status, page, f["projects"])
	}
	if err != nil {
		return err
	}
	if minted.Text == "" {
		row := tokenRow(minted.Token)
		page.Layout, page.Draft = v.layout(), &row
		return v.tokenNewPage(http.StatusOK, page, f["projects"])
	}
	s.wait(ctx, minted.Revision)
	t := minted.Token
	return v.show(ui.TokenCreatedPage{
		Layout: v.layout(), Token: minted.Text, Label: t.Label, AllProjects: t.Scope == issuer.ScopeAll,
		Projects: projectNames(t.Projects), ExpiresAt: t.Expires, Limits: shownLimits(t.Limits), UploadURL: s.address(pathLegacy + "/"),
	})
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
func (v *visit) ownToken(ctx context.Context) (issuer.Token, error) {
	return v.server.issuer.Token(ctx, v.principal(), v.Param("id"))
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
	revision, _, err := s.issuer.Revoke(ctx, v.principal(), before.ID)
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
