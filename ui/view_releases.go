package ui

import (
	"fmt"
	"html/template"
	"net/url"
	"time"
)

// ReleaseRow is a release of a project, where this server keeps its files.
type ReleaseRow struct {
	Version    string // links use it
	Files      int
	Bytes      int64 // of all files
	UploadedAt time.Time
	Yanked     bool
	Reason     string // why it was yanked; may be ""
}

// Size returns the size of the release's files for people: "12.5 MB".
func (r ReleaseRow) Size() string { return size(r.Bytes) }

// FileRow is an uploaded file.
type FileRow struct {
	Name       string
	Version    string
	Bytes      int64
	SHA256     string // hex
	UploadedAt time.Time
	Attested   bool   // it came with attestations
	URL        string // where it is downloaded
	Withheld   bool   // it can't be downloaded now
}

// Size returns the size of the file for people: "12.5 MB".
func (f FileRow) Size() string { return size(f.Bytes) }

// size writes a number of bytes with three digits or fewer, and a space that breaks no line.
func size(bytes int64) string {
	n, unit := float64(bytes), "bytes"
	for _, larger := range []string{"kB", "MB", "GB", "TB"} {
		if n < 1000 {
			break
		}
		n, unit = n/1000, larger
	}
	if unit == "bytes" || n >= 100 {
		return fmt.Sprintf("%.0f\u00a0%s", n, unit)
	}
	return fmt.Sprintf("%.1f\u00a0%s", n, unit)
}

// Releases is a part of a project's releases, the one that was uploaded last first.
type Releases struct {
	Kept     bool // this server keeps the files; without it there is nothing to show
	Project  string
	Owner    bool // the reader is one
	Withheld bool // the project is quarantined: installers find nothing
	Rows     []ReleaseRow
	Next     string // version behind which the next page begins; "" on the last page
	Later    bool   // this is not the first page
}

// NextPage returns the address of the next page.
func (r Releases) NextPage() template.URL {
	return template.URL(PathReleases.With(r.Project) + "?" + url.Values{"after": {r.Next}}.Encode())
}

// ReleasesPage lists the releases of a project.
type ReleasesPage struct {
	Layout
	Releases Releases
}

func (v ReleasesPage) about() about {
	return about{page: "releases", title: "releases.title", args: Args{"project": v.Releases.Project}, place: placeProjects}
}

// ReleasePage shows a release and its files.
type ReleasePage struct {
	Layout
	Project     string
	Owner       bool // the reader may yank and delete
	Quarantined Mark // owners may not, and installers find nothing
	Release     ReleaseRow
	Files       []FileRow
}

func (v ReleasePage) about() about {
	return about{page: "release", title: "release.title", args: Args{"project": v.Project, "version": v.Release.Version}, place: placeProjects}
}

// ReleaseYankPage asks before a release is yanked, or not yanked any more. Form: POST PathReleaseYank with reason, or PathReleaseUnyank
// without fields.
type ReleaseYankPage struct {
	Layout
	Project string
	Release ReleaseRow
	Reason  string // what was typed
	Undo    bool
}

func (v ReleaseYankPage) about() about {
	title := "release_yank.title"
	if v.Undo {
		title = "release_unyank.title"
	}
	return about{page: "release_yank", title: title, args: Args{"project": v.Project, "version": v.Release.Version}, place: placeProjects}
}

// ReleaseDeletePage asks before a release is deleted, or one of its files. Form: POST PathReleaseDelete or PathFileDelete with
// confirm.
type ReleaseDeletePage struct {
	Layout
	Project string
	Release ReleaseRow
	Files   []FileRow // that are deleted
	One     string    // name of the file, where only one is deleted
	Confirm string    // what was typed
}

func (v ReleaseDeletePage) about() about {
	if v.One != "" {
		return about{page: "release_delete", title: "file_delete.title", args: Args{"file": v.One}, place: placeProjects}
	}
	return about{page: "release_delete", title: "release_delete.title", args: Args{"project": v.Project, "version": v.Release.Version}, place: placeProjects}
}
