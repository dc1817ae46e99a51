package web

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// adminPageSize is how many rows a page of all projects or all tokens shows.
const adminPageSize = 100

func (s *adminServer) listAllProjects(v *visit) error {
	ctx := v.Request().Context()
	page := ui.AdminProjectsPage{Layout: v.layout(), Search: v.QueryParam("q"), Unowned: v.QueryParam("unowned") != ""}
	found, err := s.projects.All(ctx, v.principal(), projects.AllQuery{
		Text: page.Search, After: v.QueryParam("after"), Limit: adminPageSize, Unowned: page.Unowned,
	})
	if err != nil {
		return err
	}
	page.Next = found.Next
	for _, p := range found.Projects {
		row := ui.AdminProjectRow{
			Name: p.Name, Unowned: p.Unowned, Members: p.Members, Archived: !p.Archived.IsZero(), CreatedAt: p.Created,
			Quarantined: p.Quarantined, Deprecated: p.Deprecated,
		}
		for _, o := range p.OwnedBy {
			row.Owners = append(row.Owners, o.Name)
		}
		page.Projects = append(page.Projects, row)
	}
	return v.show(page)
}

func (s *adminServer) anyProjectPage(v *visit, status int, l ui.Layout) error {
	page := ui.AdminProjectPage{Layout: l, User: v.form.Get("user"), Reason: v.form.Get("reason"), KeepsFiles: s.keepsFiles}
	ctx, who := v.Request().Context(), v.principal()
	p, err := s.projects.Get(ctx, who, v.Param("name"))
	if err != nil {
		return err
	}
	page.Project = ui.AdminProjectRow{
		Name: p.Name, Unowned: true, Members: len(p.Members), Archived: !p.Archived.IsZero(), CreatedAt: p.Created,
		Quarantined: p.Quarantined.Set(), Deprecated: p.Deprecated.Set(),
	}
	page.Quarantined = mark(p.Quarantined)
	for _, m := range p.Members {
		page.Members = append(page.Members, v.memberRow(m))
		if m.Role == projects.RoleOwner && !m.Frozen {
			page.Project.Unowned = false
		}
	}
	tokenList, next, err := s.tokens.ProjectTokens(ctx, who, p.Name, tokens.ProjectTokensQuery{Limit: adminPageSize})
	if err != nil {
		return err
	}
	page.More = next != ""
	for _, t := range tokenList {
		row := ui.AdminTokenRow{Owner: t.UserName, OwnerID: t.UserID, TokenRow: ui.TokenRow{
			ID: t.ID, Label: t.Label, AllProjects: t.All, Projects: []string{p.Name}, State: string(tokens.StateActive),
			CreatedAt: t.Created, ExpiresAt: t.Expires, LastUsedAt: t.Used.At, LastSaidBy: t.Used.Verifier,
		}}
		page.Tokens = append(page.Tokens, row)
	}
	return v.render(status, page)
}

// appointOwner gives an owner to a project that has no active owner.
func (s *adminServer) appointOwner(v *visit) error {
	ctx := v.Request().Context()
	user, err := s.userNamed(ctx, "user", v.form.Get("user"))
	if err != nil {
		return err
	}
	_, revision, err := s.projects.AppointOwner(ctx, v.principal(), v.Param("name"), user.ID)
	if err != nil {
		return err
	}
	s.wait(ctx, revision)
	return v.done("owner_appointed")
}

// userNamed finds the account whose name was typed into a field.
func (s *adminServer) userNamed(ctx context.Context, field, name string) (authn.User, error) {
	user, err := s.auth.Accounts.UserByName(ctx, name)
	if errors.Is(err, authn.ErrNotFound) {
		err = problem.New(field, problem.UserUnknown)
	}
	return user, err
}

func (s *adminServer) archiveAny(v *visit) error {
	ctx, archived := v.Request().Context(), v.form.Get("archived") == "yes"
	revision, err := s.projects.SetArchived(ctx, v.principal(), v.Param("name"), archived)
	if err != nil {
		return err
	}
	if !archived {
		s.wait(ctx, revision)
		return v.done("project_reopened")
	}
	return v.confirmed("project_archived", s.confirm(ctx, revision))
}

// quarantineAny quarantines a project, or lifts its quarantine.
func (s *adminServer) quarantineAny(v *visit) error {
	ctx, name := v.Request().Context(), v.Param("name")
	if v.form.Get("quarantined") != "yes" {
		revision, err := s.projects.LiftQuarantine(ctx, v.principal(), name)
		if err != nil {
			return err
		}
		s.wait(ctx, revision)
		return v.done("project_quarantine_lifted")
	}
	revision, err := s.projects.Quarantine(ctx, v.principal(), name, v.form.Get("reason"))
	if err != nil {
		return err
	}
	return v.confirmed("project_quarantined", s.confirm(ctx, revision))
}
