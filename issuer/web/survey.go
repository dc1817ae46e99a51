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

// shownSurvey is how many projects, or tokens, a page of a list of all shows.
const shownSurvey = 100

func (s *Server) surveyRoutes(p pages) {
	p.get(ui.PathAdminProjects, administrator, s.listAllProjects)
	p.get(ui.PathAdminProject, administrator, s.showAnyProject)
	p.post(ui.PathProjectOwner, administrator, s.appointOwner)
	p.post(ui.PathAdminArchive, administrator, s.archiveAny)
	p.get(ui.PathAdminTokens, administrator, s.listAllTokens)
	p.post(ui.PathAdminTokens, administrator, s.searchTokens)
	p.get(ui.PathAdminTokenRevoke, administrator, s.askRevokeAnyToken)
	p.post(ui.PathAdminTokenRevoke, administrator, s.revokeAnyToken)
}

func (s *Server) listAllProjects(v *visit) error {
	ctx := v.Request().Context()
	page := ui.AdminProjectsPage{Layout: v.layout(), Search: v.QueryParam("q"), Unowned: v.QueryParam("unowned") != ""}
	found, err := s.issuer.Projects.All(ctx, v.principal(), projects.AllQuery{
		Text: page.Search, After: v.QueryParam("after"), Limit: shownSurvey, Unowned: page.Unowned,
	})
	if err != nil {
		return err
	}
	page.Next = found.Next
	for _, p := range found.Projects {
		row := ui.AdminProjectRow{
			Name: p.Name, Unowned: p.Unowned, Members: p.Members, Archived: !p.Archived.IsZero(), CreatedAt: p.Created,
		}
		for _, o := range p.OwnedBy {
			row.Owners = append(row.Owners, o.Name)
		}
		page.Projects = append(page.Projects, row)
	}
	return v.show(page)
}

func (s *Server) showAnyProject(v *visit) error {
	return v.anyProjectPage(http.StatusOK, ui.AdminProjectPage{Layout: v.layout()})
}

func (v *visit) anyProjectPage(status int, page ui.AdminProjectPage) error {
	ctx, who := v.Request().Context(), v.principal()
	p, err := v.server.issuer.Projects.Get(ctx, who, v.Param("name"))
	if err != nil {
		return err
	}
	page.Project = ui.AdminProjectRow{
		Name: p.Name, Unowned: true, Members: len(p.Members), Archived: !p.Archived.IsZero(), CreatedAt: p.Created,
	}
	for _, m := range p.Members {
		page.Members = append(page.Members, v.memberRow(m))
		if m.Role == projects.RoleOwner && !m.Frozen {
			page.Project.Unowned = false
		}
	}
	tokenList, next, err := v.server.issuer.Tokens.ProjectTokens(ctx, who, p.Name, tokens.ProjectTokensQuery{Limit: shownSurvey})
	page.More = next != ""
	for _, t := range tokenList {
		row := ui.AdminTokenRow{Owner: t.UserName, OwnerID: t.UserID, TokenRow: ui.TokenRow{
			ID: t.ID, Label: t.Label, AllProjects: t.All, Projects: []string{p.Name}, State: string(tokens.StateActive),
			CreatedAt: t.Created, ExpiresAt: t.Expires, LastUsedAt: t.Used.At, LastSaidBy: t.Used.Verifier,
		}}
		page.Tokens = append(page.Tokens, row)
	}
	if err != nil {
		return err
	}
	return v.render(status, page)
}

// appointOwner gives a project an owner that nobody can manage any more.
func (s *Server) appointOwner(v *visit) error {
	ctx := v.Request().Context()
	typed := ui.AdminProjectPage{User: v.form.Get("user")}
	user, err := s.accounts.UserByName(ctx, typed.User)
	var revision uint64
	if errors.Is(err, authn.ErrNotFound) {
		err = problem.New("user", "user_unknown")
	} else if err == nil {
		_, revision, err = s.issuer.Projects.AppointOwner(ctx, v.principal(), v.Param("name"), user.ID)
	}
	if ps, status := v.problems(err); status != 0 {
		typed.Layout = v.with(ps)
		return v.anyProjectPage(status, typed)
	}
	if err != nil {
		return err
	}
	s.wait(ctx, revision)
	return v.then(ui.PathAdminProject.With(v.Param("name")), "owner_appointed")
}

func (s *Server) archiveAny(v *visit) error {
	ctx, archived := v.Request().Context(), v.form.Get("archived") == "yes"
	revision, err := s.issuer.Projects.SetArchived(ctx, v.principal(), v.Param("name"), archived)
	if err != nil {
		return err
	}
	to := ui.PathAdminProject.With(v.Param("name"))
	if !archived {
		s.wait(ctx, revision)
		return v.then(to, "project_reopened")
	}
	notice := "project_archived"
	return v.reached(to, notice, s.confirm(ctx, revision))
}

// listAllTokens lists what the address says. A text that could be a token is not
// looked for there either: the form sends it to searchTokens.
func (s *Server) listAllTokens(v *visit) error {
	return v.allTokensPage(v.Request().Context(), v.QueryParam("q"), v.QueryParam("in"))
}

func (v *visit) allTokensPage(ctx context.Context, text, in string) error {
	page := ui.AdminTokensPage{Layout: v.layout(), Search: text, In: in}
	tokens, next, err := v.findTokens(ctx, text, in)
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
func (v *visit) findTokens(ctx context.Context, text, in string) ([]tokens.Token, string, error) {
	if err := tokens.CheckTokenSearch(text); err != nil {
		return nil, "", err
	}
	after := v.QueryParam("after")
	switch {
	case in == ui.InOwner && text != "":
		owner, err := v.server.accounts.UserByName(ctx, text)
		if errors.Is(err, authn.ErrNotFound) {
			return nil, "", problem.New("q", "user_unknown")
		}
		if err != nil {
			return nil, "", err
		}
		page, err := v.server.issuer.Tokens.List(ctx, owner.ID, tokens.Page{After: after, Limit: shownSurvey})
		return page.Tokens, page.Next, err
	case in == ui.InProject && text != "":
		return v.tokensInto(ctx, text, after)
	}
	page, err := v.server.issuer.Tokens.Search(ctx, v.principal(), projects.AllQuery{Text: text, After: after, Limit: shownSurvey})
	return page.Tokens, page.Next, err
}

// tokensInto lists the tokens that can upload to a project.
func (v *visit) tokensInto(ctx context.Context, project, after string) (out []tokens.Token, next string, err error) {
	found, next, err := v.server.issuer.Tokens.ProjectTokens(ctx, v.principal(), project, tokens.ProjectTokensQuery{After: after, Limit: shownSurvey})
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, "", problem.New("q", "project_unknown_search")
	}
	for _, f := range found {
		t, err := v.server.issuer.Tokens.Get(ctx, v.principal(), f.ID)
		if err != nil {
			return nil, "", err
		}
		out = append(out, t)
	}
	return out, next, err
}

// searchTokens looks at what was typed before it gets into an address.
func (s *Server) searchTokens(v *visit) error {
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

func (s *Server) askRevokeAnyToken(v *visit) error {
	return v.revokeAnyPage(http.StatusOK, v.layout(), "")
}

func (v *visit) revokeAnyPage(status int, l ui.Layout, reason string) error {
	t, err := v.ownToken(v.Request().Context())
	if err != nil {
		return err
	}
	row := ui.AdminTokenRow{TokenRow: tokenRow(t), Owner: t.UserName, OwnerID: t.UserID}
	return v.render(status, ui.AdminTokenRevokePage{Layout: l, Token: row, Reason: reason})
}

// revokeAnyToken revokes a token for a reason, of which its owner hears.
func (s *Server) revokeAnyToken(v *visit) error {
	ctx, reason := v.Request().Context(), v.form.Get("reason")
	revision, _, err := s.issuer.Tokens.RevokeFor(ctx, v.principal(), v.Param("id"), reason)
	if ps, status := v.problems(err); status != 0 {
		return v.revokeAnyPage(status, v.with(ps), reason)
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
