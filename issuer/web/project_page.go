package web

import (
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// projectPageJobs is how many uploads of jobs a project's page shows.
const projectPageJobs = 5

// projectPage shows the project that the address names.
func (s *projectServer) projectPage(v *visit, status int, l ui.Layout) error {
	page := ui.ProjectPage{Layout: l}
	ctx := v.Request().Context()
	p, err := s.project(v)
	if err != nil {
		return err
	}
	events, err := s.projects.Events(ctx, v.principal(), p.Name, audit.Query{Limit: recentEvents})
	if err != nil {
		return err
	}
	page.Name, page.Role, page.CreatedAt, page.ArchivedAt = p.Name, string(p.Role), p.Created, p.Archived
	page.OnlyAt, page.Deprecated, page.Quarantined = p.Only, mark(p.Deprecated), mark(p.Quarantined)
	page.Description, page.Homepage = p.About.Description, p.About.Homepage
	page.IndexURL, page.UploadURL, page.Others = s.indexURL(), s.uploadURL(), s.otherIndexes()
	page.Tokens, err = s.projectTokens(v, p, tokens.ProjectTokensQuery{Limit: projectPageTokens})
	if err != nil {
		return err
	}
	page.Uploads, err = s.uploads(v, p)
	if err != nil {
		return err
	}
	page.Releases, err = s.releases(v, p, "", projectPageReleases)
	if err != nil {
		return err
	}
	all, err := s.publishers.List(ctx, v.principal(), p.Name)
	if err != nil {
		return err
	}
	page.Publishers = len(all)
	uploads, err := s.publishers.Uploads(ctx, v.principal(), p.Name)
	if err != nil {
		return err
	}
	page.JobUploads = jobUploads(uploads, projectPageJobs)
	page.Events = eventRows(events.Events, v.user.ID)
	for _, m := range p.Members {
		page.Members = append(page.Members, v.memberRow(m))
	}
	if p.Role == projects.RoleOwner {
		invitations, err := s.projects.Invitations(ctx, v.principal(), p.Name)
		if err != nil {
			return err
		}
		for _, inv := range invitations {
			page.Invitations = append(page.Invitations, s.invitationRow(v, inv, inv.By == v.user.Username))
		}
	}
	return v.render(status, page)
}

// project returns the project that the address names.
func (s *projectServer) project(v *visit) (projects.Project, error) {
	return s.projects.Get(v.Request().Context(), v.principal(), v.Param("name"))
}

// owned is project for owners. Other members get ErrNotOwner.
func (s *projectServer) owned(v *visit) (projects.Project, error) {
	p, err := s.project(v)
	if err == nil && p.Role != projects.RoleOwner {
		err = ledger.ErrNotOwner
	}
	return p, err
}

// uploads returns the data for a project's chart.
func (s *projectServer) uploads(v *visit, p projects.Project) (ui.Uploads, error) {
	u, err := s.tokens.ProjectUploads(v.Request().Context(), v.principal(), p.Name, chartedTokens)
	out := ui.Uploads{First: u.First, Others: u.Others}
	for _, t := range u.Tokens {
		out.Series = append(out.Series, ui.UploadSeries{Label: t.Label, Owner: t.Owner, Days: t.Days})
	}
	return out, err
}
