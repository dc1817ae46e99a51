package main

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/realtest"
)

// ownFiles is what the operator does to the files of the project new, with one release 1.0.
type ownFiles struct {
	*testing.T
	s    servedTeam
	data string
	post func() string // uploads it again
}

func (f *ownFiles) admin(args ...string) (string, error) {
	out, err := exec.Command(realtest.Rind(f), append([]string{"admin", "--data", f.data}, args...)...).CombinedOutput()
	return string(out), err
}

// yanks yanks the release, and undoes it.
func (f *ownFiles) yanks() {
	f.Helper()
	for _, c := range []struct {
		args []string
		says string
		page bool // shows a yank
	}{
		{[]string{"yank", "new", "1.0", "--reason", "broken wheel"}, "The release 1.0 of new is yanked.", true},
		{[]string{"yank", "new", "2.0"}, "There is nothing with this name or ID.", true},
		{[]string{"yank", "new", "1.0", "--reason", strings.Repeat("x", 301)}, "300", true},
		{[]string{"unyank", "new", "1.0"}, "The release 1.0 of new is not yanked.", false},
		{[]string{"yank", "nobodys", "1.0"}, "There is nothing with this name or ID.", false},
	} {
		out, err := f.admin(c.args...)
		_, body, _ := f.s.page(f.T, "/simple/new/")
		if !strings.Contains(out, c.says) || (err == nil) != strings.HasPrefix(c.says, "The release") || strings.Contains(body, `data-yanked="broken wheel"`) != c.page {
			f.Errorf("%q: %s, %v\n%s", c.args, out, err, body)
		}
	}
}

// lists lists what there is.
func (f *ownFiles) lists() {
	f.Helper()
	for _, c := range []struct{ args, says []string }{
		{[]string{"yank", "new", "1.0", "--reason", "broken wheel"}, nil},
		{[]string{"releases", "new"}, []string{"1.0", "new-1.0-py3-none-any.whl", "yanked: broken wheel"}},
		{[]string{"releases", "new", "--json"}, []string{`"version":"1.0"`, `"yanked":true,"yanked_reason":"broken wheel"`, `"sha256":"`}},
		{[]string{"unyank", "new", "1.0"}, nil},
		{[]string{"releases", "new"}, []string{"not yanked"}},
		{[]string{"releases", "simple", "--json"}, []string{"There is nothing with this name or ID."}},
		{[]string{"releases", "plugins"}, []string{"The project has no releases."}},
		{[]string{"releases", "plugins", "--json"}, []string{`{"releases":[]}`}},
	} {
		out, _ := f.admin(c.args...)
		for _, says := range c.says {
			if !strings.Contains(out, says) {
				f.Errorf("%q: %s, want %s", c.args, out, says)
			}
		}
	}
}

// quarantines quarantines the project, and lifts that.
func (f *ownFiles) quarantines() {
	f.Helper()
	for _, c := range []struct {
		args         []string
		says, upload string
		files        int
	}{
		{[]string{"quarantine", "new", "--reason", "two\nlines"}, "The reason must be plain text on one line.", "200 ", 1},
		{[]string{"quarantine", "nobodys", "--reason", "x"}, "There is nothing with this name or ID.", "200 ", 1},
		{[]string{"quarantine", "new", "--reason", "It steals keys."}, "The project new is quarantined.", "403 Invalid API Token: project 'new' is quarantined and takes no uploads", 0},
		{[]string{"projects", "new"}, "quarantined", "403 ", 0},
		{[]string{"lift-quarantine", "new"}, "The project new is not quarantined.", "200 ", 1},
	} {
		out, err := f.admin(c.args...)
		_, body, _ := f.s.page(f.T, "/simple/new/")
		if got := f.post(); !strings.Contains(out, c.says) || !strings.HasPrefix(got, c.upload) || strings.Count(body, "<a ") != c.files || strings.Contains(body, "It steals keys.") != (c.files == 0) {
			f.Errorf("%q: %s, %v; then %s\n%s", c.args, out, err, got, body)
		}
	}
}

// takesDown deletes a release while the project is quarantined, and then a file.
func (f *ownFiles) takesDown() {
	f.Helper()
	if out, err := f.admin("releases", "nobodys"); err == nil || !strings.Contains(out, "There is nothing with this name or ID.") {
		f.Error(out, err)
	}
	if status, body, err := postWheel(f.s.url+"/legacy/", f.s.able, "new", "2.0", disttest.Wheel("new", "2.0", "")); err != nil || status != "200 OK" {
		f.Error(status, body, err)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"releases", "new"}, "new-2.0-py3-none-any.whl"}, {[]string{"delete-release", "new", "3.0"}, "There is nothing with this name or ID."},
		{[]string{"delete-file", "new", "new-1.0"}, "There is nothing with this name or ID."},
		{[]string{"quarantine", "new", "--reason", "It steals keys."}, "The project new is quarantined."},
		{[]string{"delete-release", "new", "v1.0.0\n"}, "The release 1.0 of new is deleted.\n"}, {[]string{"delete-release", "new", "1.0"}, "There is nothing with this name or ID."},
		{[]string{"delete-file", "new", "new-2.0-py3-none-any.whl"}, "The file new-2.0-py3-none-any.whl of new is deleted."},
		{[]string{"lift-quarantine", "new"}, "The project new is not quarantined."},
	} {
		if out, err := f.admin(c.args...); !strings.Contains(out, c.says) || (err == nil) == strings.HasPrefix(c.says, "There ") {
			f.Errorf("%q: %s, %v", c.args, out, err)
		}
	}
	if status, body, _ := f.s.page(f.T, "/simple/new/"); status != http.StatusNotFound || strings.Contains(body, "<a ") {
		f.Error(status, body)
	}
	if got := f.post(); !strings.HasPrefix(got, "400 ") || !strings.Contains(got, "This filename has already been used") {
		f.Errorf("the deleted file, uploaded again: %s", got)
	}
}
