package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// shownProjects is how many projects a page lists.
const shownProjects = 100

// listProjects lists the projects of the visitor by name, and what the visitor is
// invited to.
func (s *Server) listProjects(v *visit) error {
	ctx := v.Request().Context()
	projects, err := s.issuer.Projects.List(ctx, v.user.ID)
	if err != nil {
		return err
	}
	page := ui.ProjectsPage{Layout: v.layout(), Total: len(projects), Find: v.QueryParam("find")}
	find, after := normalPart(page.Find), normalPart(v.QueryParam("after"))
	for _, p := range projects {
		if p.Normalized <= after || !strings.Contains(p.Normalized, find) {
			continue
		}
		if len(page.Projects) == shownProjects {
			page.Next = page.Projects[shownProjects-1].Name
			break
		}
		page.Projects = append(page.Projects, ui.ProjectRow{
			Name: p.Name, Role: string(p.Role), Members: p.Members, CreatedAt: p.Created, Archived: !p.Archived.IsZero(),
		})
	}
	invitations, err := s.issuer.Projects.InvitationsFor(ctx, v.principal())
	if err != nil {
		return err
	}
	for _, inv := range invitations[:min(len(invitations), shownProjects)] {
		page.Invitations = append(page.Invitations, v.invitationRow(inv, true))
	}
	return v.show(page)
}

// normalPart is a part of a name as normalized names have it.
func normalPart(s string) string {
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(strings.TrimSpace(s)))
}

func (s *Server) showProjectNew(v *visit) error {
	return v.show(ui.ProjectNewPage{Layout: v.layout()})
}

func (s *Server) createProject(v *visit) error {
	ctx := v.Request().Context()
	project, revision, err := s.issuer.Projects.Create(ctx, v.principal(), v.form.Get("name"))
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
func (v *visit) project(ctx context.Context) (projects.Project, error) {
	return v.server.issuer.Projects.Get(ctx, v.principal(), v.Param("name"))
}

// owned is project for its owners; to other members it is ErrNotOwner.
func (v *visit) owned(ctx context.Context) (projects.Project, error) {
	p, err := v.project(ctx)
	if err == nil && p.Role != projects.RoleOwner {
		err = ledger.ErrNotOwner
	}
	return p, err
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
	events, err := s.issuer.Projects.Events(ctx, v.principal(), p.Name, audit.Query{Limit: shownEvents})
	if err != nil {
		return err
	}
	page.Name, page.Role, page.CreatedAt, page.ArchivedAt = p.Name, string(p.Role), p.Created, p.Archived
	page.Description, page.Homepage = p.About.Description, p.About.Homepage
	page.IndexURL, page.UploadURL = s.address(pathSimple+"/"), s.address(pathLegacy+"/")
	if page.Tokens, err = v.projectTokens(p, tokens.ProjectTokensQuery{Limit: tokensOnProject}); err != nil {
		return err
	}
	if page.Uploads, err = v.uploads(p); err != nil {
		return err
	}
	page.Events = eventRows(events.Events, v.user.ID)
	for _, m := range p.Members {
		page.Members = append(page.Members, v.memberRow(m))
	}
	if p.Role == projects.RoleOwner {
		invitations, err := s.issuer.Projects.Invitations(ctx, v.principal(), p.Name)
		if err != nil {
			return err
		}
		for _, inv := range invitations {
			page.Invitations = append(page.Invitations, v.invitationRow(inv, inv.By == v.user.Username))
		}
	}
	return v.render(status, page)
}

func (v *visit) memberRow(m projects.Member) ui.MemberRow {
	return ui.MemberRow{
		ID: m.UserID, Username: m.Name, Role: string(m.Role), Since: m.Since, You: m.UserID == v.user.ID, Frozen: m.Frozen, Shut: !m.Excluded.At.IsZero(),
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

func (s *Server) setMemberRole(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.issuer.Projects.SetRole(ctx, v.principal(), v.Param("name"), v.Param("id"), projects.Role(v.form.Get("role")))
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
	if p.Role != projects.RoleOwner {
		return ledger.ErrNotOwner
	}
	i := slices.IndexFunc(p.Members, func(m projects.Member) bool { return m.UserID == v.Param("id") })
	if i < 0 {
		return ledger.ErrNotFound
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
	revision, err := s.issuer.Projects.RemoveMember(ctx, v.principal(), v.Param("name"), v.Param("id"))
	if err == nil {
		notice := "member_removed"
		return v.reached(ui.PathProject.With(v.Param("name")), notice, s.confirm(ctx, revision))
	}
	return v.changedMembers(revision, err, ui.ProjectPage{}, "member_removed")
}

// tokensFor lists a user's tokens that can upload to a project today.
func (s *Server) tokensFor(ctx context.Context, userID string, p projects.Project) ([]ui.TokenRow, error) {
	tokens, _, err := s.issuer.Tokens.ProjectTokens(ctx, ledger.Principal{UserID: userID}, p.Name, tokens.ProjectTokensQuery{UserID: userID, Limit: ledger.MaxPage})
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
		return ledger.ErrNotFound
	}
	tokens, err := s.tokensFor(ctx, v.user.ID, p)
	if err != nil {
		return err
	}
	return v.show(ui.ProjectLeavePage{Layout: v.layout(), Project: p.Name, Tokens: tokens})
}

func (s *Server) leaveProject(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.issuer.Projects.Leave(ctx, v.principal(), v.Param("name"))
	if ps, status := v.problems(err); status != 0 {
		return v.projectPage(status, ui.ProjectPage{Layout: v.with(ps)})
	}
	if err != nil {
		return err
	}
	notice := "project_left"
	return v.reached(string(ui.PathProjects), notice, s.confirm(ctx, revision))
}
