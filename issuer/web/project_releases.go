package web

import (
	"net/http"
	"slices"

	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

// How many releases a page lists.
const (
	projectPageReleases = 5
	releasePageSize     = 50
)

// releases is a part of a project's releases, behind the version after; "" begins with the first.
func (s *projectServer) releases(v *visit, p projects.Project, after string, limit int) (ui.Releases, error) {
	out := ui.Releases{Kept: s.files != nil, Project: p.Name, Owner: p.Role == projects.RoleOwner, Withheld: p.Quarantined.Set(), Later: after != ""}
	if !out.Kept {
		return out, nil
	}
	all, err := s.files.Releases(v.Request().Context(), v.principal(), p.Name)
	if err != nil {
		return out, err
	}
	if after != "" {
		i := slices.IndexFunc(all, func(r files.Release) bool { return r.Version == after })
		if i < 0 {
			return out, ledger.ErrNotFound
		}
		all = all[i+1:]
	}
	for _, r := range all[:min(len(all), limit)] {
		out.Rows = append(out.Rows, releaseRow(r))
	}
	if len(all) > limit {
		out.Next = all[limit-1].Version
	}
	return out, nil
}

// decides reports whether the reader may yank and delete releases of a project.
func decides(p projects.Project) bool { return p.Role == projects.RoleOwner && !p.Quarantined.Set() }

func releaseRow(r files.Release) ui.ReleaseRow {
	row := ui.ReleaseRow{Version: r.Version, Files: len(r.Files), Bytes: r.Size(), UploadedAt: r.Uploaded, Yanked: r.Yanked != nil}
	if r.Yanked != nil {
		row.Reason = r.Yanked.Reason
	}
	return row
}

func (s *projectServer) fileRows(p projects.Project, all []files.File) (rows []ui.FileRow) {
	for _, f := range all {
		rows = append(rows, ui.FileRow{
			Name: f.Name, Version: f.Version, Bytes: f.Size, SHA256: f.SHA256, UploadedAt: f.Uploaded, Attested: f.Attested,
			URL: ui.Path(pathPackages+"/{project}/{file}").With(p.Normalized, f.Name), Withheld: p.Quarantined.Set(),
		})
	}
	return rows
}

func (s *projectServer) listReleases(v *visit) error {
	p, err := s.project(v)
	if err != nil {
		return err
	}
	page := ui.ReleasesPage{Layout: v.layout()}
	page.Releases, err = s.releases(v, p, v.QueryParam("after"), releasePageSize)
	if err != nil {
		return err
	}
	if !page.Releases.Kept {
		return fail(http.StatusNotFound, "not_found")
	}
	return v.show(page)
}

// release finds the release that the address names, for members.
func (s *projectServer) release(v *visit) (projects.Project, files.Release, error) {
	p, err := s.project(v)
	if err == nil && s.files == nil {
		err = fail(http.StatusNotFound, "not_found")
	}
	if err != nil {
		return p, files.Release{}, err
	}
	r, err := s.files.Release(v.Request().Context(), v.principal(), p.Name, v.Param("version"))
	return p, r, err
}

// deciding is owned where the owners may yank and delete releases. The problem for others is the one of package files.
func (s *projectServer) deciding(v *visit) (projects.Project, error) {
	p, err := s.owned(v)
	switch {
	case err != nil:
		return p, err
	case s.files == nil:
		return p, fail(http.StatusNotFound, "not_found")
	case !decides(p):
		return p, files.Withheld(p.Name)
	}
	return p, nil
}

// ownedRelease is release for owners who may change it.
func (s *projectServer) ownedRelease(v *visit) (projects.Project, files.Release, error) {
	if _, err := s.deciding(v); err != nil {
		return projects.Project{}, files.Release{}, err
	}
	return s.release(v)
}

func (s *projectServer) releasePage(v *visit, status int, l ui.Layout) error {
	p, r, err := s.release(v)
	if err != nil {
		return err
	}
	return v.render(status, ui.ReleasePage{
		Layout: l, Project: p.Name, Owner: decides(p), Quarantined: mark(p.Quarantined), Release: releaseRow(r), Files: s.fileRows(p, r.Files),
	})
}

func (s *projectServer) yankPage(v *visit, status int, l ui.Layout) error {
	p, r, err := s.ownedRelease(v)
	if err != nil {
		return err
	}
	row := releaseRow(r)
	return v.render(status, ui.ReleaseYankPage{Layout: l, Project: p.Name, Release: row, Reason: v.typed("reason", row.Reason)})
}

func (s *projectServer) yankRelease(v *visit) error {
	p, r, err := s.ownedRelease(v)
	if err != nil {
		return err
	}
	if err := s.files.Yank(v.Request().Context(), v.principal(), p.Name, r.Version, v.form.Get("reason")); err != nil {
		return err
	}
	return v.done("release_yanked", p.Name, r.Version)
}

func (s *projectServer) unyankPage(v *visit, status int, l ui.Layout) error {
	p, r, err := s.ownedRelease(v)
	if err != nil {
		return err
	}
	return v.render(status, ui.ReleaseYankPage{Layout: l, Project: p.Name, Release: releaseRow(r), Undo: true})
}

func (s *projectServer) unyankRelease(v *visit) error {
	p, r, err := s.ownedRelease(v)
	if err != nil {
		return err
	}
	if err := s.files.Unyank(v.Request().Context(), v.principal(), p.Name, r.Version); err != nil {
		return err
	}
	return v.done("release_unyanked", p.Name, r.Version)
}

func (s *projectServer) releaseDeletePage(v *visit, status int, l ui.Layout) error {
	p, r, err := s.ownedRelease(v)
	if err != nil {
		return err
	}
	return v.render(status, ui.ReleaseDeletePage{
		Layout: l, Project: p.Name, Release: releaseRow(r), Files: s.fileRows(p, r.Files), Confirm: v.typed("confirm", ""),
	})
}

func (s *projectServer) deleteRelease(v *visit) error {
	p, r, err := s.ownedRelease(v)
	if err != nil {
		return err
	}
	if err := s.files.DeleteRelease(v.Request().Context(), v.principal(), p.Name, r.Version, v.form.Get("confirm")); err != nil {
		return err
	}
	return v.done("release_deleted", p.Name)
}

// ownedFile finds the file that the address names, for owners who may delete it.
func (s *projectServer) ownedFile(v *visit) (p projects.Project, f files.File, err error) {
	p, err = s.deciding(v)
	if err != nil {
		return p, f, err
	}
	f, err = s.files.File(v.Request().Context(), v.principal(), p.Name, v.Param("file"))
	return p, f, err
}

func (s *projectServer) fileDeletePage(v *visit, status int, l ui.Layout) error {
	p, f, err := s.ownedFile(v)
	if err != nil {
		return err
	}
	return v.render(status, ui.ReleaseDeletePage{
		Layout: l, Project: p.Name, Release: ui.ReleaseRow{Version: f.Version, Yanked: f.Yanked != nil}, Files: s.fileRows(p, []files.File{f}), One: f.Name,
		Confirm: v.typed("confirm", ""),
	})
}

func (s *projectServer) deleteFile(v *visit) error {
	p, f, err := s.ownedFile(v)
	if err != nil {
		return err
	}
	if err := s.files.DeleteFile(v.Request().Context(), v.principal(), p.Name, f.Name, v.form.Get("confirm")); err != nil {
		return err
	}
	return v.done("file_deleted", p.Name)
}
