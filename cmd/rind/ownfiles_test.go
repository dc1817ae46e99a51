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
// install from a deprecated and from an archived project, but not from a quarantined one.
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
	// Deprecated, and then archived too, it is installed; a status says so in both forms of the page.
	page := func(accept string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, index+"demo/", nil)
		must(err)
		req.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(req)
		must(err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		must(err)
		return string(body)
	}
	status := func(marker, reason string) {
		t.Helper()
		meta, object := `<meta name="pypi:project-status" content="`+marker+`">`, `"project-status":{"status":"`+marker+`"`
		if reason != "" {
			meta += "\n" + `<meta name="pypi:project-status-reason" content="` + reason + `">`
			object += `,"reason":"` + reason + `"`
		}
		if html := page("text/html"); !strings.Contains(html, meta+"\n<title>") {
			t.Errorf("not %s:\n%s", meta, html)
		}
		if json := page("application/vnd.pypi.simple.v1+json"); !strings.Contains(json, object+"}") {
			t.Errorf("not %s:\n%s", object, json)
		}
	}
	status("active", "")
	_, err := s.h.issuer.Projects.Deprecate(t.Context(), ledger.Principal{UserID: aliceID, Username: "alice"}, "demo", "Use other.")
	must(err)
	status("deprecated", "Use other.")
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

	_, err = s.h.issuer.Projects.SetArchived(t.Context(), operator, "demo", true)
	must(err)
	status("archived", "")
	try(pip, false, []string{"demo-1.0"}, pipWith("demo")...)
	try(uv, false, []string{"demo==1.0"}, uvWith("demo")...)

	must(s.h.files.DeleteRelease(t.Context(), operator, "demo", "1.1", "1.1"))
	try(pip, true, []string{"No matching distribution found for demo==1.1"}, pipWith("demo==1.1")...)
	try(uv, true, []string{"there is no version of demo==1.1"}, uvWith("demo==1.1")...)

	// Quarantined, it has no files.
	_, err = s.h.issuer.Projects.Quarantine(t.Context(), operator, "demo", "It steals keys.")
	must(err)
	status("quarantined", "It steals keys.")
	try(pip, true, []string{"No matching distribution found for demo"}, pipWith("demo")...)
	try(uv, true, []string{"demo"}, uvWith("demo")...)
	for _, path := range []string{wheel, wheel + ".metadata"} {
		resp, err := http.Get(front.URL + path)
		must(err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	_, err = s.h.issuer.Projects.LiftQuarantine(t.Context(), operator, "demo")
	must(err)
	status("archived", "")
}
