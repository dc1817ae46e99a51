package samples

import (
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/ui"
)

func releases() []ui.ReleaseRow {
	return []ui.ReleaseRow{
		{Version: "1.1.0", Files: 2, Bytes: 48_213, UploadedAt: ago(2 * time.Hour)},
		{Version: "1.0", Files: 12, Bytes: 312_450_113, UploadedAt: ago(30 * day), Yanked: true, Reason: "Loses data when two processes write: use 1.1.0."},
		{Version: "1.0rc1", Files: 1, Bytes: 912, UploadedAt: ago(90 * day), Yanked: true},
		{Version: "2026.11.29.dev20261129+with.a.rather.long.local.version.of.the.department", Files: 1, Bytes: 1_900_000_000, UploadedAt: ago(400 * day)},
	}
}

func releaseFiles() []ui.FileRow {
	sum := strings.Repeat("9f86d081884c7d65", 4)
	return []ui.FileRow{
		{Name: "demo_plugins-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", Version: "1.0", Bytes: 12_500_000, SHA256: sum, UploadedAt: ago(30 * day), Attested: true, URL: "/packages/demo-plugins/x.whl"},
		{Name: "demo_plugins-1.0.tar.gz", Version: "1.0", Bytes: 48_213, SHA256: sum, UploadedAt: ago(30*day - time.Minute), URL: "/packages/demo-plugins/x.tar.gz"},
	}
}

// withheld are the files while their project is quarantined.
func withheld(all []ui.FileRow) []ui.FileRow {
	out := slices.Clone(all)
	for i := range out {
		out[i].Withheld = true
	}
	return out
}

func releasePages() []Page {
	const name = "demo-plugins"
	all, files := releases(), releaseFiles()
	return []Page{
		{"releases", ui.ReleasesPage{Layout: done(member(), "release_deleted"), Releases: ui.Releases{Kept: true, Project: name, Owner: true, Rows: all, Next: "1.0rc1"}}},
		{"releases-maintainer", ui.ReleasesPage{Layout: done(member(), "file_deleted"), Releases: ui.Releases{Kept: true, Project: name}}},
		{"releases-quarantined", ui.ReleasesPage{Layout: member(), Releases: ui.Releases{Kept: true, Project: name, Withheld: true, Rows: all[:2]}}},
		{"releases-end", ui.ReleasesPage{Layout: member(), Releases: ui.Releases{Kept: true, Project: name, Later: true}}},
		{"release", ui.ReleasePage{Layout: done(member(), "release_unyanked"), Project: name, Owner: true, Release: all[0], Files: files}},
		{"release-yanked", ui.ReleasePage{Layout: done(member(), "release_yanked"), Project: name, Owner: true, Release: all[1], Files: files}},
		{"release-yanked-maintainer", ui.ReleasePage{Layout: member(), Project: name, Release: all[2], Files: files[1:]}},
		{"release-quarantined", ui.ReleasePage{Layout: member(), Project: name, Release: all[2], Files: withheld(files),
			Quarantined: ui.Mark{At: ago(time.Hour), Reason: "Version 1.0rc1 reads the keys of other programs."}}},
		{"release-yank", ui.ReleaseYankPage{Layout: member(), Project: name, Release: all[0]}},
		{"release-yank-problems", ui.ReleaseYankPage{Project: name, Release: all[1], Reason: "a long reason", Layout: wrong(member(),
			ui.Problem{Field: "reason", Code: "reason_too_long", Args: ui.Args{"max": 300}}, ui.Problem{Field: "reason", Code: "reason_invalid"})}},
		{"release-unyank", ui.ReleaseYankPage{Layout: member(), Project: name, Release: all[1], Undo: true}},
		{"release-delete", ui.ReleaseDeletePage{Layout: member(), Project: name, Release: all[0], Files: files}},
		{"release-delete-problems", ui.ReleaseDeletePage{Project: name, Release: all[1], Files: files[:1], Confirm: "1", Layout: wrong(member(),
			ui.Problem{Field: "confirm", Code: "release_version_mismatch", Args: ui.Args{"version": "1.0"}})}},
		{"file-delete", ui.ReleaseDeletePage{Layout: member(), Project: name, Release: all[0], Files: files[:1], One: files[0].Name}},
		{"file-delete-problems", ui.ReleaseDeletePage{Project: name, Release: all[0], Files: files[1:], One: files[1].Name, Confirm: "demo", Layout: wrong(member(),
			ui.Problem{Field: "confirm", Code: "file_name_mismatch", Args: ui.Args{"file": files[1].Name}})}},
	}
}
