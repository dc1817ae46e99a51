package web

import (
	"cmp"

	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

func (s *projectServer) showProjectTransfer(v *visit) error {
	p, err := s.owned(v, v.Request().Context())
	if err != nil {
		return err
	}
	return v.show(ui.ProjectTransferPage{Layout: v.layout(), Project: p.Name})
}

func (s *projectServer) transferProject(v *visit) error {
	ctx := v.Request().Context()
	p, err := s.owned(v, ctx)
	if err != nil {
		return err
	}
	typed := ui.ProjectTransferPage{Project: p.Name, User: v.form.Get("user"), Stay: v.form.Get("stay")}
	req := projects.InviteRequest{To: typed.User, Hand: projects.Stay(cmp.Or(typed.Stay, "unknown"))}
	_, err = s.projects.Invite(ctx, v.principal(), p.Name, req)
	if ps, status := v.problems(err); status != 0 {
		typed.Layout = v.with(ps)
		return v.render(status, typed)
	}
	if err != nil {
		return err
	}
	return v.then(ui.PathProject.With(p.Name), "transfer_asked")
}
