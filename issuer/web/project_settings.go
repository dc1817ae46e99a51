package web

import (
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

func (s *projectServer) showProjectSettings(v *visit) error {
	p, err := s.owned(v, v.Request().Context())
	if err != nil {
		return err
	}
	return v.show(ui.ProjectSettingsPage{
		Layout: v.layout(), Project: p.Name, Description: p.About.Description, Homepage: p.About.Homepage, ArchivedAt: p.Archived,
	})
}

func (s *projectServer) describeProject(v *visit) error {
	ctx := v.Request().Context()
	p, err := s.owned(v, ctx)
	if err != nil {
		return err
	}
	about := projects.About{Description: v.form.Get("description"), Homepage: v.form.Get("homepage")}
	_, err = s.projects.Describe(ctx, v.principal(), p.Name, about)
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, ui.ProjectSettingsPage{
			Layout: v.with(ps), Project: p.Name, Description: about.Description, Homepage: about.Homepage, ArchivedAt: p.Archived,
		})
	}
	if err != nil {
		return err
	}
	return v.then(ui.PathProject.With(p.Name), "project_described")
}

func (s *projectServer) askArchive(reopen bool) handler {
	return func(v *visit) error {
		ctx := v.Request().Context()
		p, err := s.owned(v, ctx)
		if err != nil {
			return err
		}
		page := ui.ProjectArchivePage{Layout: v.layout(), Project: p.Name, Reopen: reopen}
		if !reopen {
			if page.Tokens, page.More, err = s.usedTokens(v, ctx, p.Name); err != nil {
				return err
			}
		}
		return v.show(page)
	}
}

func (s *projectServer) archiveProject(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.projects.Archive(ctx, v.principal(), v.Param("name"))
	if err != nil {
		return err
	}
	notice := "project_archived"
	return v.reached(ui.PathProject.With(v.Param("name")), notice, s.confirm(ctx, revision))
}

func (s *projectServer) reopenProject(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.projects.Unarchive(ctx, v.principal(), v.Param("name"))
	if err != nil {
		return err
	}
	s.wait(ctx, revision)
	return v.then(ui.PathProject.With(v.Param("name")), "project_reopened")
}
