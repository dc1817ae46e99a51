package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// projectChangeRoutes are the pages on which owners change a project as a whole.
func (s *Server) projectChangeRoutes(p pages) {
	p.get(ui.PathProjectSettings, member, s.showProjectSettings)
	p.post(ui.PathProjectSettings, member, s.describeProject)
	p.get(ui.PathProjectArchive, member, s.askArchive(false))
	p.post(ui.PathProjectArchive, member, s.archiveProject)
	p.get(ui.PathProjectReopen, member, s.askArchive(true))
	p.post(ui.PathProjectReopen, member, s.reopenProject)
	p.get(ui.PathProjectTransfer, fresh(formTime), s.showProjectTransfer)
	p.post(ui.PathProjectTransfer, member, s.transferProject)
	p.get(ui.PathProjectDelete, fresh(formTime), s.askDeleteProject)
	p.post(ui.PathProjectDelete, member, s.deleteProject)
}

func (s *Server) showProjectSettings(v *visit) error {
	p, err := v.owned(v.Request().Context())
	if err != nil {
		return err
	}
	return v.show(ui.ProjectSettingsPage{
		Layout: v.layout(), Project: p.Name, Description: p.About.Description, Homepage: p.About.Homepage, ArchivedAt: p.Archived,
	})
}

func (s *Server) describeProject(v *visit) error {
	ctx := v.Request().Context()
	p, err := v.owned(ctx)
	if err != nil {
		return err
	}
	about := projects.About{Description: v.form.Get("description"), Homepage: v.form.Get("homepage")}
	_, err = s.issuer.Projects.Describe(ctx, v.principal(), p.Name, about)
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

// shownUsed is how many tokens a page lists that asks before something ends.
const shownUsed = 20

// usedTokens lists tokens that can upload to a project, those that were used last
// first, and says how many more there are.
func (v *visit) usedTokens(ctx context.Context, project string) (shown []ui.UsedToken, more int, err error) {
	all, _, err := v.server.issuer.Tokens.ProjectTokens(ctx, v.principal(), project, tokens.ProjectTokensQuery{Limit: ledger.MaxPage})
	if err != nil {
		return nil, 0, err
	}
	slices.SortStableFunc(all, func(a, b tokens.ProjectToken) int { return b.Used.At.Compare(a.Used.At) })
	for _, t := range all[:min(len(all), shownUsed)] {
		shown = append(shown, ui.UsedToken{Label: t.Label, Owner: t.UserName, All: t.All, UsedAt: t.Used.At})
	}
	return shown, len(all) - len(shown), nil
}

func (s *Server) askArchive(reopen bool) handler {
	return func(v *visit) error {
		ctx := v.Request().Context()
		p, err := v.owned(ctx)
		if err != nil {
			return err
		}
		page := ui.ProjectArchivePage{Layout: v.layout(), Project: p.Name, Reopen: reopen}
		if !reopen {
			if page.Tokens, page.More, err = v.usedTokens(ctx, p.Name); err != nil {
				return err
			}
		}
		return v.show(page)
	}
}

func (s *Server) archiveProject(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.issuer.Projects.Archive(ctx, v.principal(), v.Param("name"))
	if err != nil {
		return err
	}
	notice := "project_archived"
	return v.reached(ui.PathProject.With(v.Param("name")), notice, s.confirm(ctx, revision))
}

func (s *Server) reopenProject(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.issuer.Projects.Unarchive(ctx, v.principal(), v.Param("name"))
	if err != nil {
		return err
	}
	s.wait(ctx, revision)
	return v.then(ui.PathProject.With(v.Param("name")), "project_reopened")
}

func (s *Server) showProjectTransfer(v *visit) error {
	p, err := v.owned(v.Request().Context())
	if err != nil {
		return err
	}
	return v.show(ui.ProjectTransferPage{Layout: v.layout(), Project: p.Name})
}

func (s *Server) transferProject(v *visit) error {
	ctx := v.Request().Context()
	p, err := v.owned(ctx)
	if err != nil {
		return err
	}
	typed := ui.ProjectTransferPage{Project: p.Name, User: v.form.Get("user"), Stay: v.form.Get("stay")}
	req := projects.InviteRequest{To: typed.User, Hand: projects.Stay(cmp.Or(typed.Stay, "unknown"))}
	_, err = s.issuer.Projects.Invite(ctx, v.principal(), p.Name, req)
	if ps, status := v.problems(err); status != 0 {
		typed.Layout = v.with(ps)
		return v.render(status, typed)
	}
	if err != nil {
		return err
	}
	return v.then(ui.PathProject.With(p.Name), "transfer_asked")
}

func (s *Server) askDeleteProject(v *visit) error {
	return v.deletePage(http.StatusOK, ui.ProjectDeletePage{Layout: v.layout()})
}

func (v *visit) deletePage(status int, page ui.ProjectDeletePage) error {
	ctx := v.Request().Context()
	p, err := v.owned(ctx)
	if err != nil {
		return err
	}
	invitations, err := v.server.issuer.Projects.Invitations(ctx, v.principal(), p.Name)
	if err != nil {
		return err
	}
	page.Project, page.Invitations, page.HeldDays = p.Name, len(invitations), int(projects.NameReservation/(24*time.Hour))
	for _, m := range p.Members {
		page.Members = append(page.Members, v.memberRow(m))
	}
	if page.Tokens, page.More, err = v.usedTokens(ctx, p.Name); err != nil {
		return err
	}
	return v.render(status, page)
}

func (s *Server) deleteProject(v *visit) error {
	ctx := v.Request().Context()
	typed := v.form.Get("confirm")
	done, err := s.issuer.Tokens.DeleteProject(ctx, v.principal(), v.Param("name"), typed)
	if ps, status := v.problems(err); status != 0 {
		return v.deletePage(status, ui.ProjectDeletePage{Layout: v.with(ps), Confirm: typed})
	}
	if err != nil {
		return err
	}
	notice := "project_deleted"
	return v.reached(string(ui.PathProjects), notice, s.confirm(ctx, done.Revision))
}

func (s *Server) listHeldNames(v *visit) error {
	held, err := s.issuer.Projects.ReservedNames(v.Request().Context(), v.principal())
	if err != nil {
		return err
	}
	page := ui.HeldNamesPage{Layout: v.layout()}
	for _, h := range held {
		page.Names = append(page.Names, ui.HeldNameRow{Name: h.Name, DeletedBy: h.By, DeletedAt: h.Deleted, Until: h.Until})
	}
	return v.show(page)
}

func (s *Server) releaseName(v *visit) error {
	if err := s.issuer.Projects.ReleaseName(v.Request().Context(), v.principal(), v.Param("name")); err != nil {
		return err
	}
	return v.then(string(ui.PathHeldNames), "name_released")
}
