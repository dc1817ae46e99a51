package web

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/ui"
)

func (s *Server) listProjects(v *visit) error {
	projects, err := s.issuer.Projects(v.Request().Context(), v.user.ID)
	if err != nil {
		return err
	}
	rows := make([]ui.ProjectRow, len(projects))
	for i, p := range projects {
		rows[i] = ui.ProjectRow{Name: p.Name, Role: string(p.Role), Members: p.Members, CreatedAt: p.Created}
	}
	return v.show(ui.ProjectsPage{Layout: v.layout(), Projects: rows})
}

func (s *Server) showProjectNew(v *visit) error {
	return v.show(ui.ProjectNewPage{Layout: v.layout()})
}

func (s *Server) createProject(v *visit) error {
	ctx := v.Request().Context()
	project, revision, err := s.issuer.CreateProject(ctx, v.principal(), v.form.Get("name"))
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, ui.ProjectNewPage{Layout: v.with(ps), Name: v.form.Get("name")})
	}
	if err != nil {
		return err
	}
	s.wait(ctx, revision)
	return v.then(ui.PathProject.With(project.Name), "project_created")
}

// project is the project that the address names.
func (v *visit) project(ctx context.Context) (issuer.Project, error) {
	return v.server.issuer.Project(ctx, v.principal(), v.Param("name"))
}

func (s *Server) showProject(v *visit) error {
	return v.projectPage(http.StatusOK, ui.ProjectPage{Layout: v.layout()})
}

// projectPage shows the project that the address names, with what was typed.
func (v *visit) projectPage(status int, page ui.ProjectPage) error {
	ctx, s := v.Request().Context(), v.server
	p, err := v.project(ctx)
	if err != nil {
		return err
	}
	events, err := s.issuer.ProjectEvents(ctx, v.principal(), p.Name, audit.Query{Limit: shownEvents})
	if err != nil {
		return err
	}
	page.Name, page.Role, page.CreatedAt = p.Name, string(p.Role), p.Created
	page.IndexURL, page.UploadURL = s.address(pathSimple+"/"), s.address(pathLegacy+"/")
	if page.Tokens, err = v.projectTokens(p, issuer.ProjectTokensQuery{Limit: tokensOnProject}); err != nil {
		return err
	}
	if page.Uploads, err = v.uploads(p); err != nil {
		return err
	}
	page.Events = eventRows(events.Events, v.user.ID)
	for _, m := range p.Members {
		page.Members = append(page.Members, v.memberRow(m))
	}
	return v.render(status, page)
}

func (v *visit) memberRow(m issuer.Member) ui.MemberRow {
	return ui.MemberRow{
		ID: m.UserID, Username: m.Name, Role: string(m.Role), Since: m.Since, You: m.UserID == v.user.ID, Frozen: m.Frozen,
	}
}

// changedMembers ends a request that changed who is in a project: with the page
// of the project, or with what is wrong on it.
func (v *visit) changedMembers(revision uint64, err error, page ui.ProjectPage, notice string) error {
	if ps, status := v.problems(err); status != 0 {
		page.Layout = v.with(ps)
		return v.projectPage(status, page)
	}
	if err != nil {
		return err
	}
	v.server.wait(v.Request().Context(), revision)
	return v.then(ui.PathProject.With(v.Param("name")), notice)
}

func (s *Server) addMember(v *visit) error {
	ctx := v.Request().Context()
	typed := ui.ProjectPage{AddName: v.form.Get("user"), AddRole: v.form.Get("role")}
	p, err := v.project(ctx)
	if err != nil {
		return err
	}
	if p.Role != issuer.RoleOwner { // before a word about who has an account
		return issuer.ErrNotOwner
	}
	user, err := s.accounts.UserByName(ctx, typed.AddName)
	if errors.Is(err, authn.ErrNotFound) {
		return v.changedMembers(0, problem.New("user", "user_unknown"), typed, "")
	}
	if err != nil {
		return err
	}
	revision, err := s.issuer.AddMember(ctx, v.principal(), v.Param("name"), user.ID, issuer.Role(typed.AddRole))
	return v.changedMembers(revision, err, typed, "member_added")
}

func (s *Server) setMemberRole(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.issuer.SetRole(ctx, v.principal(), v.Param("name"), v.Param("id"), issuer.Role(v.form.Get("role")))
	return v.changedMembers(revision, err, ui.ProjectPage{}, "role_changed")
}

func (s *Server) askRemoveMember(v *visit) error {
	ctx := v.Request().Context()
	p, err := v.project(ctx)
	if err != nil {
		return err
	}
	if v.Param("id") == v.user.ID {
		return v.then(ui.PathProjectLeave.With(p.Name), "")
	}
	if p.Role != issuer.RoleOwner {
		return issuer.ErrNotOwner
	}
	i := slices.IndexFunc(p.Members, func(m issuer.Member) bool { return m.UserID == v.Param("id") })
	if i < 0 {
		return issuer.ErrNotFound
	}
	tokens, err := s.tokensFor(ctx, v.Param("id"), p)
	if err != nil {
		return err
	}
	return v.show(ui.MemberRemovePage{Layout: v.layout(), Project: p.Name, Member: v.memberRow(p.Members[i]), Tokens: tokens})
}

func (s *Server) removeMember(v *visit) error {
	if v.Param("id") == v.user.ID {
		return s.leaveProject(v)
	}
	ctx := v.Request().Context()
	revision, err := s.issuer.RemoveMember(ctx, v.principal(), v.Param("name"), v.Param("id"))
	if err == nil {
		notice := "member_removed"
		return v.reached(ui.PathProject.With(v.Param("name")), notice, s.confirm(ctx, revision))
	}
	return v.changedMembers(revision, err, ui.ProjectPage{}, "member_removed")
}

// tokensFor lists a user's tokens that can upload to a project today.
func (s *Server) tokensFor(ctx context.Context, userID string, p issuer.Project) ([]ui.TokenRow, error) {
	tokens, _, err := s.issuer.ProjectTokens(ctx, issuer.Principal{UserID: userID}, p.Name, issuer.ProjectTokensQuery{UserID: userID, Limit: issuer.MaxPage})
	var out []ui.TokenRow
	for _, t := range tokens { // what they did elsewhere is no matter of this project
		out = append(out, ui.TokenRow{ID: t.ID, Label: t.Label, LastUsedAt: t.Used.At})
	}
	return out, err
}

func (s *Server) askLeaveProject(v *visit) error {
	ctx := v.Request().Context()
	p, err := v.project(ctx)
	if err != nil {
		return err
	}
	if p.Role == "" { // an administrator who looks on
		return issuer.ErrNotFound
	}
	tokens, err := s.tokensFor(ctx, v.user.ID, p)
	if err != nil {
		return err
	}
	return v.show(ui.ProjectLeavePage{Layout: v.layout(), Project: p.Name, Tokens: tokens})
}

func (s *Server) leaveProject(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.issuer.Leave(ctx, v.principal(), v.Param("name"))
	if ps, status := v.problems(err); status != 0 {
		return v.projectPage(status, ui.ProjectPage{Layout: v.with(ps)})
	}
	if err != nil {
		return err
	}
	notice := "project_left"
	return v.reached(string(ui.PathProjects), notice, s.confirm(ctx, revision))
}
