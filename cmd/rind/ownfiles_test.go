package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/issuer/ledger"
)

// TestInstallersReadTheIndex yanks, archives and deletes, and asks today's pip and uv what they make of it: they pass a yanked
// release over, print the reason to whoever asks for exactly it, resolve by the .metadata beside a wheel instead of the wheel, and
// install from an archived project.
func TestInstallersReadTheIndex(t *testing.T) {
	realtest.NeedClients(t, realtest.UV, realtest.CurrentPip)
	s := newUploadServer(t)
	uploadTokens(t, s.h) // registers demo
	dir := filepath.Join(s.h.cfg.DataDir, packagesFolder, "demo")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"1.0", "1.1"} {
		name := "demo-" + version + "-py3-none-any.whl"
		writeFile(t, filepath.Join(dir, name), 0o644, disttest.Pack(name, "x"))
	}
	var mu sync.Mutex
	var asked []string
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		s.h.handler.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	requests := func() []string {
		mu.Lock()
		defer mu.Unlock()
		all := asked
		asked = nil
		return all
	}
	operator := ledger.Principal{Username: "operator", Admin: true}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pip, uv, home := realtest.CurrentPip.Drive(t), realtest.UV.Drive(t), t.TempDir()
	try := func(c *realtest.Driver, fails bool, says []string, args ...string) {
		t.Helper()
		out, code := c.Run(t, t.TempDir(), home, nil, args...)
		for _, want := range says {
			if !strings.Contains(out, want) {
				t.Errorf("%v does not say %q:\n%s", args, want, out)
			}
		}
		if (code != 0) != fails {
			t.Errorf("%v: %d\n%s", args, code, out)
		}
	}
	index := front.URL + "/simple/"
	pipWith := func(more ...string) []string {
		return append([]string{"install", "--no-cache-dir", "--target", t.TempDir(), "--index-url", index}, more...)
	}
	uvWith := func(more ...string) []string {
		return append([]string{"pip", "install", "--no-cache", "--no-config", "--target", t.TempDir(), "--default-index", index}, more...)
	}
	try(pip, false, []string{"demo-1.1"}, pipWith("demo")...)
	must(s.h.files.Yank(t.Context(), operator, "demo", "1.1", "Loses data: use 1.2."))
	try(pip, false, []string{"demo-1.0"}, pipWith("demo")...)
	try(pip, false, []string{"demo-1.1", "Loses data: use 1.2."}, pipWith("demo==1.1")...)
	try(uv, false, []string{"demo==1.0"}, uvWith("demo")...)
	try(uv, false, []string{"demo==1.1", "Loses data: use 1.2."}, uvWith("demo==1.1")...)

	const wheel = "/packages/demo/demo-1.0-py3-none-any.whl"
	requests()
	try(pip, false, []string{"demo-1.0"}, "install", "--no-cache-dir", "--dry-run", "--ignore-installed", "--index-url", index, "demo")
	if all := requests(); !slices.Contains(all, wheel+".metadata") || slices.Contains(all, wheel) {
		t.Errorf("pip resolved with %q", all)
	}
	try(uv, false, nil, "pip", "install", "--no-cache", "--no-config", "--dry-run", "--target", t.TempDir(), "--default-index", index, "demo")
	if all := requests(); !slices.Contains(all, wheel+".metadata") || slices.Contains(all, wheel) {
		t.Errorf("uv resolved with %q", all)
	}

	_, err := s.h.issuer.Projects.SetArchived(t.Context(), operator, "demo", true)
	must(err)
	resp, err := http.Get(index + "demo/")
	must(err)
	defer resp.Body.Close()
	var page strings.Builder
	_, err = io.Copy(&page, resp.Body)
	must(err)
	if !strings.Contains(page.String(), `<meta name="pypi:project-status" content="archived">`) {
		t.Error(page.String())
	}
	try(pip, false, []string{"demo-1.0"}, pipWith("demo")...)
	try(uv, false, []string{"demo==1.0"}, uvWith("demo")...)

	must(s.h.files.DeleteRelease(t.Context(), operator, "demo", "1.1", "1.1"))
	try(pip, true, []string{"No matching distribution found for demo==1.1"}, pipWith("demo==1.1")...)
	try(uv, true, []string{"there is no version of demo==1.1"}, uvWith("demo==1.1")...)
}
