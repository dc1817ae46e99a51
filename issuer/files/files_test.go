package files_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

var (
	alice = issuertest.Alice
	bob   = issuertest.Bob
	carol = issuertest.Carol
	root  = issuertest.Root

	operator = func() ledger.Principal { p := issuertest.Root; p.UserID, p.Username = "", "operator"; return p }()
)

func TestMain(m *testing.M) { os.Exit(issuertest.Main(m, "files")) }

// index is an index in memory. What package folder does with a disk is tested there, and both together in package web.
type index struct {
	id    string
	all   map[string][]files.File
	did   []string
	broke error // of every change, or of those of one project
	only  string
	late  bool // a change that fails was made all the same
	read  func()
}

func newIndex() *index {
	var all []files.File
	for i, name := range []string{"demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz", "demo-1.1.tar.gz"} {
		all = append(all, files.File{
			Name: name, Version: strings.TrimSuffix(name[5:8], "-"), Size: 10, SHA256: "aa", Uploaded: issuertest.Start.Add(time.Duration(i) * time.Hour),
		})
	}
	return &index{id: "here", all: map[string][]files.File{"demo": all}}
}

func (x *index) ID() string { return x.id }

func (x *index) Files(_ context.Context, project string) ([]files.File, error) {
	all, ok := x.all[project]
	if !ok {
		return nil, ledger.ErrNotFound
	}
	if x.read != nil {
		x.read()
	}
	return slices.Clone(all), nil
}

func (x *index) change(what, project string, do func()) error {
	broke := x.broke
	if x.only != "" && x.only != project {
		broke = nil
	}
	if broke == nil || x.late {
		if _, ok := x.all[project]; !ok {
			return ledger.ErrNotFound
		}
		do()
		x.did = append(x.did, what)
	}
	return broke
}

func (x *index) Yank(_ context.Context, project, version, reason string) error {
	return x.change("yank "+version, project, func() {
		for i, f := range x.all[project] {
			if f.Version == version {
				x.all[project][i].Yanked = &files.Yank{Reason: reason}
			}
		}
	})
}

func (x *index) Unyank(_ context.Context, project, version string) error {
	return x.change("unyank "+version, project, func() {
		for i, f := range x.all[project] {
			if f.Version == version {
				x.all[project][i].Yanked = nil
			}
		}
	})
}

func (x *index) Delete(_ context.Context, project string, names []string) error {
	return x.change("delete "+strings.Join(names, " "), project, func() {
		x.all[project] = slices.DeleteFunc(x.all[project], func(f files.File) bool { return slices.Contains(names, f.Name) })
	})
}

type house struct {
	*issuertest.House
	*issuertest.Post
	index *index
	files *files.Service
	names map[string]string
}

func newHouse(t *testing.T, options ...func(*issuer.Config)) *house {
	t.Helper()
	h := &house{House: issuertest.New(t, append(options, issuertest.WithNotices)...), index: newIndex()}
	h.Post = issuertest.PostOf(h.House)
	h.names = map[string]string{"demo": h.Project(alice, "Demo").ID}
	h.Member(alice, "demo", issuertest.BobID, projects.RoleMaintainer)
	h.Notices()
	h.files = files.New(h.Ledger, h.Projects, h.index)
	return h
}

func (h *house) releases(t *testing.T) string {
	t.Helper()
	all, err := h.files.Releases(t.Context(), bob, "Demo")
	h.Check(err)
	var out []string
	for _, r := range all {
		line := fmt.Sprintf("%s:%d", r.Version, len(r.Files))
		if r.Yanked != nil {
			line += ":" + r.Yanked.Reason
		}
		out = append(out, line)
	}
	return strings.Join(out, " ")
}

// What owners decide is done, is in the audit trail, and the members hear of it; what changes nothing writes nothing.
func TestOwnersDecide(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	if got := h.releases(t); got != "1.1:1 1.0:2" {
		t.Errorf("releases: %s", got)
	}
	rows := h.Wrote(h.names, func() error { return h.files.Yank(ctx, alice, "demo", "v1.0.0", " broken ") }, "project.release_yanked - demo")
	if d := rows[0].Detail; d["version"] != "1.0" || d["reason"] != "broken" || d["project"] != "Demo" {
		t.Errorf("row: %v", d)
	}
	h.WantNotices("release_yanked alice Demo", "release_yanked bob Demo")
	if got := h.releases(t); got != "1.1:1 1.0:2:broken" {
		t.Errorf("releases: %s", got)
	}
	h.Wrote(h.names, func() error { return h.files.Yank(ctx, alice, "demo", "1.0", "broken") })
	h.Wrote(h.names, func() error { return h.files.Yank(ctx, alice, "demo", "1.0", "") }, "project.release_yanked - demo")
	h.Wrote(h.names, func() error { return h.files.Unyank(ctx, alice, "demo", "1.0") }, "project.release_unyanked - demo")
	h.Wrote(h.names, func() error { return h.files.Unyank(ctx, alice, "demo", "1.0") })
	h.Notices()
	rows = h.Wrote(h.names, func() error { return h.files.DeleteFile(ctx, alice, "demo", "demo-1.0.tar.gz", "demo-1.0.tar.gz") }, "project.file_deleted - demo")
	if d := rows[0].Detail; d["file"] != "demo-1.0.tar.gz" || d["sha256"] != "aa" {
		t.Errorf("row: %v", d)
	}
	h.WantNotices("file_deleted alice Demo", "file_deleted bob Demo")
	h.Wrote(h.names, func() error { return h.files.DeleteRelease(ctx, operator, "demo", "1.0", "1.0") }, "project.release_deleted - demo")
	h.WantNotices("release_deleted alice Demo", "release_deleted bob Demo")
	if got := h.releases(t); got != "1.1:1" {
		t.Errorf("releases: %s", got)
	}
	if got := strings.Join(h.index.did, ", "); got != "yank 1.0, yank 1.0, unyank 1.0, delete demo-1.0.tar.gz, delete demo-1.0-py3-none-any.whl" {
		t.Errorf("did: %s", got)
	}
}

// While a project is quarantined, its files are left to the operator, also by an owner who was asked to confirm before.
func TestQuarantinedProject(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	acts := []func(ledger.Principal) error{
		func(p ledger.Principal) error { return h.files.Yank(ctx, p, "demo", "1.0", "mine") },
		func(p ledger.Principal) error { return h.files.Unyank(ctx, p, "demo", "1.1") },
		func(p ledger.Principal) error { return h.files.DeleteRelease(ctx, p, "demo", "1.0", "1.0") },
		func(p ledger.Principal) error {
			return h.files.DeleteFile(ctx, p, "demo", "demo-1.0.tar.gz", "demo-1.0.tar.gz")
		},
	}
	h.Check(h.files.Yank(ctx, alice, "demo", "1.1", "broken"))
	quarantine := func() {
		_, err := h.Projects.Quarantine(ctx, root, "demo", "It steals keys.")
		h.Check(err)
	}
	for i, act := range acts {
		reads := 0
		h.index.read = func() {
			reads++
			if reads == 1 {
				quarantine() // behind the first look at the project
			}
		}
		var ps problem.Problems
		if err := act(alice); !errors.As(err, &ps) || ps.Error() != "quarantined_files_stay" || reads != 1 {
			t.Errorf("%d: quarantined meanwhile: %v, %d reads", i, err, reads)
		}
		h.index.read = func() { t.Errorf("%d: looked at the files", i) }
		h.Refused("quarantined_files_stay", func() error { return act(alice) })
		h.Refused(ledger.ErrNotOwner, func() error { return act(bob) })
		h.index.read = nil
		_, err := h.Projects.LiftQuarantine(ctx, root, "demo")
		h.Check(err)
	}
	quarantine()
	if got := h.releases(t); got != "1.1:1:broken 1.0:2" {
		t.Errorf("releases: %s", got)
	}
	h.Wrote(h.names, func() error { return h.files.DeleteFile(ctx, operator, "demo", "demo-1.0.tar.gz", "demo-1.0.tar.gz") }, "project.file_deleted - demo")
	h.Wrote(h.names, func() error { return h.files.DeleteRelease(ctx, operator, "demo", "1.1", "1.1") }, "project.release_deleted - demo")
	h.Wrote(h.names, func() error { return h.files.Yank(ctx, operator, "demo", "1.0", "") }, "project.release_yanked - demo")
	if got := h.releases(t); got != "1.0:1:" {
		t.Errorf("releases: %s", got)
	}
}

// The files of a deleted project stay in the index, and only the operator can remove them.
func TestDeletedProject(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.Deletes(alice, "Demo")
	h.Refused(ledger.ErrNotFound, func() error { return h.files.DeleteRelease(ctx, alice, "demo", "1.0", "1.0") })
	h.Refused(ledger.ErrNotFound, func() error { return h.files.DeleteRelease(ctx, root, "demo", "1.0", "1.0") })
	h.Refused(ledger.ErrNotFound, func() error { return h.files.DeleteRelease(ctx, operator, "demos", "1.0", "1.0") })
	h.index.all["../demo"], h.index.all[strings.Repeat("a", 300)] = h.index.all["demo"], h.index.all["demo"]
	for _, name := range []string{"../demo", strings.Repeat("a", 300), "demos"} {
		h.Refused(ledger.ErrNotFound, func() error { return h.files.DeleteRelease(ctx, operator, name, "1.0", "1.0") })
		if all, err := h.files.Releases(ctx, operator, name); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("%.10q: %v, %v", name, all, err)
		}
	}
	all, err := h.files.Releases(ctx, operator, "Demo")
	if err != nil || len(all) != 2 {
		t.Errorf("%d releases, %v", len(all), err)
	}
	rows := h.Wrote(h.names, func() error { return h.files.DeleteRelease(ctx, operator, "Demo", "1.0", "1.0") }, "project.release_deleted - -")
	if d := rows[0].Detail; d["project"] != "demo" || d["version"] != "1.0" {
		t.Errorf("row: %v", d)
	}
	if got := strings.Join(h.index.did, ", "); got != "delete demo-1.0-py3-none-any.whl demo-1.0.tar.gz" {
		t.Errorf("did: %s", got)
	}
}

// Nobody but the owners and the operator decides, and what was typed has to be right. Whatever is refused changes nothing.
func TestRefused(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	acts := map[string]func(p ledger.Principal, project, version, file string) error{
		"yank": func(p ledger.Principal, project, version, _ string) error {
			return h.files.Yank(ctx, p, project, version, "")
		},
		"unyank": func(p ledger.Principal, project, version, _ string) error {
			return h.files.Unyank(ctx, p, project, version)
		},
		"delete a release": func(p ledger.Principal, project, version, _ string) error {
			return h.files.DeleteRelease(ctx, p, project, version, version)
		},
		"delete a file": func(p ledger.Principal, project, _, file string) error {
			return h.files.DeleteFile(ctx, p, project, file, file)
		},
	}
	for name, act := range acts {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				p                      ledger.Principal
				project, version, file string
				want                   error
			}{
				{bob, "demo", "1.0", "demo-1.0.tar.gz", ledger.ErrNotOwner}, {carol, "demo", "1.0", "demo-1.0.tar.gz", ledger.ErrNotFound},
				{root, "demo", "1.0", "demo-1.0.tar.gz", ledger.ErrNotOwner}, // a person has to become an owner first
				{alice, "other", "1.0", "demo-1.0.tar.gz", ledger.ErrNotFound}, {alice, "demo", "1.2", "demo-1.2.tar.gz", ledger.ErrNotFound},
				{alice, "demo", "", "", ledger.ErrNotFound}, {operator, "other", "1.0", "demo-1.0.tar.gz", ledger.ErrNotFound},
				{ledger.Principal{UserID: alice.UserID, Username: "x"}, "demo", "one", "../demo-1.0.tar.gz", ledger.ErrNotFound},
			} {
				h.Refused(c.want, func() error { return act(c.p, c.project, c.version, c.file) })
			}
		})
	}
	h.Refused("confirm: release_version_mismatch", func() error { return h.files.DeleteRelease(ctx, alice, "demo", "1.0", "1.0.0") })
	h.Refused("confirm: file_name_mismatch", func() error { return h.files.DeleteFile(ctx, alice, "demo", "demo-1.0.tar.gz", "demo") })
	h.Refused("reason: reason_too_long", func() error { return h.files.Yank(ctx, alice, "demo", "1.0", strings.Repeat("é", files.MaxReason+1)) })
	for _, reason := range []string{"two\nlines", "\x1b[31m", "\xff", "\u202egpj"} {
		h.Refused("reason: reason_invalid", func() error { return h.files.Yank(ctx, alice, "demo", "1.0", reason) })
	}
	for name, read := range map[string]func(ledger.Principal) error{
		"releases": func(p ledger.Principal) error { _, err := h.files.Releases(ctx, p, "demo"); return err },
		"release":  func(p ledger.Principal) error { _, err := h.files.Release(ctx, p, "demo", "1.0"); return err },
		"file":     func(p ledger.Principal) error { _, err := h.files.File(ctx, p, "demo", "demo-1.0.tar.gz"); return err },
	} {
		if err := read(carol); !errors.Is(err, ledger.ErrNotFound) || read(bob) != nil || read(root) != nil {
			t.Errorf("%s for strangers: %v", name, err)
		}
	}
	if len(h.index.did) > 0 {
		t.Errorf("did %q", h.index.did)
	}
}
