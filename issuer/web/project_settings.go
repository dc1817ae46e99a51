package web

import (
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

func (s *projectServer) settingsPage(v *visit, status int, l ui.Layout) error {
	p, err := s.owned(v)
	if err != nil {
		return err
	}
	return v.render(status, ui.ProjectSettingsPage{
		Layout: l, Project: p.Name, ArchivedAt: p.Archived, OnlyAt: p.Only,
		Description: v.typed("description", p.About.Description), Homepage: v.typed("homepage", p.About.Homepage),
	})
}

func (s *projectServer) describeProject(v *visit) error {
	ctx := v.Request().Context()
	p, err := s.owned(v)
	if err != nil {
		return err
	}
	about := projects.About{Description: v.form.Get("description"), Homepage: v.form.Get("homepage")}
	if _, err := s.projects.Describe(ctx, v.principal(), p.Name, about); err != nil {
		return err
	}
	return v.done("project_described", p.Name)
}

func (s *projectServer) askArchive(reopen bool) handler {
	return func(v *visit) error {
		ctx := v.Request().Context()
		p, err := s.owned(v)
		if err != nil {
			return err
		}
		page := ui.ProjectArchivePage{Layout: v.layout(), Project: p.Name, Reopen: reopen}
		if !reopen {
			page.Tokens, page.More, err = s.usedTokens(ctx, v, p.Name)
			if err != nil {
				return err
			}
		}
		return v.show(page)
	}
}

func (s *projectServer) onlyPage(undo bool) pageFunc {
	return func(v *visit, status int, l ui.Layout) error {
		p, err := s.owned(v)
		if err != nil {
			return err
		}
		page := ui.ProjectOnlyPage{Layout: l, Project: p.Name, Undo: undo}
		if !undo {
			page.Tokens, page.More, err = s.usedTokens(v.Request().Context(), v, p.Name)
			if err != nil {
				return err
			}
		}
		return v.render(status, page)
	}
}

func (s *projectServer) onlyPublishers(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.publishers.SetOnly(ctx, v.principal(), v.Param("name"), true)
	if err != nil {
		return err
	}
	return v.confirmed("only_publishers", s.confirm(ctx, revision))
}

func (s *projectServer) allTokens(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.publishers.SetOnly(ctx, v.principal(), v.Param("name"), false)
	if err != nil {
		return err
	}
	s.wait(ctx, revision)
	return v.done("all_tokens")
}

func (s *projectServer) archiveProject(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.projects.Archive(ctx, v.principal(), v.Param("name"))
	if err != nil {
		return err
	}
	return v.confirmed("project_archived", s.confirm(ctx, revision))
}

func (s *projectServer) reopenProject(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.projects.Unarchive(ctx, v.principal(), v.Param("name"))
	if err != nil {
		return err
	}
	s.wait(ctx, revision)
	return v.done("project_reopened")
}
