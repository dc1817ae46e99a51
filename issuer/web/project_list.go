package web

import (
	"strings"

	"github.com/rind-dev/rind/ui"
)

// projectPageSize is how many projects a page of the list shows.
const projectPageSize = 100

// listProjects lists the visitor's projects by name, and the visitor's invitations.
func (s *projectServer) listProjects(v *visit) error {
	ctx := v.Request().Context()
	projects, err := s.projects.List(ctx, v.user.ID)
	if err != nil {
		return err
	}
	page := ui.ProjectsPage{Layout: v.layout(), Total: len(projects), Find: v.QueryParam("find")}
	find, after := normalizedPart(page.Find), normalizedPart(v.QueryParam("after"))
	for _, p := range projects {
		if p.Normalized <= after || !strings.Contains(p.Normalized, find) {
			continue
		}
		if len(page.Projects) == projectPageSize {
			page.Next = page.Projects[projectPageSize-1].Name
			break
		}
		page.Projects = append(page.Projects, ui.ProjectRow{
			Name: p.Name, Role: string(p.Role), Members: p.Members, CreatedAt: p.Created, Archived: !p.Archived.IsZero(),
			Quarantined: p.Quarantined, Deprecated: p.Deprecated,
		})
	}
	invitations, err := s.projects.InvitationsFor(ctx, v.principal())
	if err != nil {
		return err
	}
	for _, inv := range invitations[:min(len(invitations), projectPageSize)] {
		page.Invitations = append(page.Invitations, s.invitationRow(v, inv, true))
	}
	return v.show(page)
}

// normalizedPart converts a part of a name to the form that it has in normalized names.
func normalizedPart(s string) string {
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(strings.TrimSpace(s)))
}

func (s *projectServer) newPage(v *visit, status int, l ui.Layout) error {
	return v.render(status, ui.ProjectNewPage{Layout: l, Name: v.form.Get("name")})
}

func (s *projectServer) createProject(v *visit) error {
	ctx := v.Request().Context()
	project, revision, err := s.projects.Create(ctx, v.principal(), v.form.Get("name"))
	if err != nil {
		return err
	}
	s.wait(ctx, revision)
	return v.done("project_created", project.Name)
}
