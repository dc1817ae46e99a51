package web

import (
	"net/http"
	"time"

	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

func (s *projectServer) askDeleteProject(v *visit) error {
	return s.deletePage(v, http.StatusOK, ui.ProjectDeletePage{Layout: v.layout()})
}

func (s *projectServer) deletePage(v *visit, status int, page ui.ProjectDeletePage) error {
	ctx := v.Request().Context()
	p, err := s.owned(v, ctx)
	if err != nil {
		return err
	}
	invitations, err := s.projects.Invitations(ctx, v.principal(), p.Name)
	if err != nil {
		return err
	}
	page.Project, page.Invitations, page.HeldDays = p.Name, len(invitations), int(projects.NameReservation/(24*time.Hour))
	for _, m := range p.Members {
		page.Members = append(page.Members, v.memberRow(m))
	}
	if page.Tokens, page.More, err = s.usedTokens(v, ctx, p.Name); err != nil {
		return err
	}
	return v.render(status, page)
}

func (s *projectServer) deleteProject(v *visit) error {
	ctx := v.Request().Context()
	typed := v.form.Get("confirm")
	done, err := s.tokens.DeleteProject(ctx, v.principal(), v.Param("name"), typed)
	if ps, status := v.problems(err); status != 0 {
		return s.deletePage(v, status, ui.ProjectDeletePage{Layout: v.with(ps), Confirm: typed})
	}
	if err != nil {
		return err
	}
	notice := "project_deleted"
	return v.reached(string(ui.PathProjects), notice, s.confirm(ctx, done.Revision))
}
