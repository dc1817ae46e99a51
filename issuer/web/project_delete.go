package web

import (
	"time"

	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

func (s *projectServer) deletePage(v *visit, status int, l ui.Layout) error {
	page := ui.ProjectDeletePage{Layout: l, Confirm: v.form.Get("confirm")}
	ctx := v.Request().Context()
	p, err := s.owned(v)
	if err != nil {
		return err
	}
	invitations, err := s.projects.Invitations(ctx, v.principal(), p.Name)
	if err != nil {
		return err
	}
	page.Project, page.Invitations, page.ReservedDays = p.Name, len(invitations), int(projects.NameReservation/(24*time.Hour))
	for _, m := range p.Members {
		page.Members = append(page.Members, v.memberRow(m))
	}
	page.Tokens, page.More, err = s.usedTokens(ctx, v, p.Name)
	if err != nil {
		return err
	}
	return v.render(status, page)
}

func (s *projectServer) deleteProject(v *visit) error {
	ctx := v.Request().Context()
	done, err := s.tokens.DeleteProject(ctx, v.principal(), v.Param("name"), v.form.Get("confirm"))
	if err != nil {
		return err
	}
	return v.confirmed("project_deleted", s.confirm(ctx, done.Revision))
}
