package web

import (
	"cmp"

	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

func (s *projectServer) transferPage(v *visit, status int, l ui.Layout) error {
	p, err := s.owned(v)
	if err != nil {
		return err
	}
	return v.render(status, ui.ProjectTransferPage{Layout: l, Project: p.Name, User: v.form.Get("user"), Stay: v.form.Get("stay")})
}

func (s *projectServer) transferProject(v *visit) error {
	ctx := v.Request().Context()
	p, err := s.owned(v)
	if err != nil {
		return err
	}
	req := projects.InviteRequest{To: v.form.Get("user"), Hand: projects.Stay(cmp.Or(v.form.Get("stay"), "unknown"))}
	if _, err := s.projects.Invite(ctx, v.principal(), p.Name, req); err != nil {
		return err
	}
	return v.done("transfer_asked", p.Name)
}
