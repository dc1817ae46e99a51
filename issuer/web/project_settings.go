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
	page := ui.ProjectSettingsPage{
		Layout: l, Project: p.Name, ArchivedAt: p.Archived, OnlyAt: p.Only,
		Deprecated: mark(p.Deprecated), Quarantined: mark(p.Quarantined), KeepsFiles: s.files != nil,
		Description: p.About.Description, Homepage: p.About.Homepage,
	}
	if v.Path() == ui.PathProjectDeprecate.Colon() {
		page.Reason = v.typed("reason", "")
	} else {
		page.Description, page.Homepage = v.typed("description", page.Description), v.typed("homepage", page.Homepage)
	}
	return v.render(status, page)
}

func mark(m projects.Mark) ui.Mark { return ui.Mark{At: m.Since, Reason: m.Reason} }

// deprecateProject deprecates a project, or takes that back. Verifiers decide nothing by it.
func (s *projectServer) deprecateProject(v *visit) error {
	ctx, name := v.Request().Context(), v.Param("name")
	if v.form.Get("deprecated") != "yes" {
		if _, err := s.projects.Undeprecate(ctx, v.principal(), name); err != nil {
			return err
		}
		return v.done("project_undeprecated")
	}
	if _, err := s.projects.Deprecate(ctx, v.principal(), name, v.form.Get("reason")); err != nil {
		return err
	}
	return v.done("project_deprecated")
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
