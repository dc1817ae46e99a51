package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/issuer/web"
)

// TestNoIndexHidesAPage holds the addresses that no index may have against those that 'rind serve' has.
func TestNoIndexHidesAPage(t *testing.T) {
	h, err := open(t.Context(), settingsFor(filepath.Join(t.TempDir(), "data")), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	site, ok := h.handler.(*web.Server)
	if !ok {
		t.Fatal("there is no web server")
	}
	var first []string
	for _, route := range site.Routes() {
		_, path, _ := strings.Cut(route, " ")
		segment, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if segment != "" && !slices.Contains(first, segment) {
			first = append(first, segment)
		}
	}
	slices.Sort(first)
	if !slices.Equal(first, slices.Sorted(slices.Values(config.ServeReserved))) {
		t.Errorf("the addresses are %q, and kept from indexes are %q", first, config.ServeReserved)
	}
}

// servedTeam is a real 'rind serve' with indexes behind it.
type servedTeam struct {
	*realtest.Process
	url, all, narrow, able string
}

// newServedTeam writes the settings into a folder, with relative paths, and starts it elsewhere.
func newServedTeam(t *testing.T, dir, indexes string, projects ...string) servedTeam {
	t.Helper()
	g := newIssuerData(t, filepath.Join(dir, "state"), 0, projects...)
	at := realtest.FreeAddress(t)
	s := servedTeam{url: "http://localhost" + at[strings.LastIndexByte(at, ':'):], all: g.all, narrow: g.narrow, able: g.able}
	writeFile(t, filepath.Join(dir, "rind.toml"), 0o644, fmt.Appendf(nil, "listen = %q\npublic-url = %q\ndata = \"state\"\n%s", at, s.url, indexes))
	s.Process = realtest.Start(t, nil, realtest.Rind(t), "serve", "--config", filepath.Join(dir, "rind.toml"))
	s.Answers(s.url + "/healthz")
	return s
}

// page reads a page of the server.
func (s servedTeam) page(t *testing.T, path string) (status int, body string, header http.Header) {
	t.Helper()
	res, err := (&http.Client{Timeout: realtest.Patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

// TestServeBeforeOtherIndexes is 'rind serve' with a real pypiserver instead of its folder, and a second index at a path.
func TestServeBeforeOtherIndexes(t *testing.T) {
	realtest.NeedClients(t, realtest.Pypiserver, realtest.CurrentTwine, realtest.CurrentPip)
	t.Parallel()
	pypiserver, _ := newPypiserver(t)
	gitea, dir := newStandIn(t), t.TempDir()
	writeFile(t, filepath.Join(dir, "pypiserver.password"), 0o600, []byte("s\n"))
	writeFile(t, filepath.Join(dir, "gitea.token"), 0o600, []byte("s\n"))
	s := newServedTeam(t, dir, indexSection("/", pypiserver, `user = "gw"`, `password-file = "pypiserver.password"`, "proxy-reads = true")+
		indexSection("/team-a/", gitea.URL+giteaPath, `bearer-file = "gitea.token"`), "demo")
	post := func(path, token, version string) string {
		status, body, err := postWheel(s.url+path, token, "demo", version, disttest.Wheel("demo", version, ""))
		return fmt.Sprint(status, " ", body, err)
	}

	t.Run("twine and pip", func(t *testing.T) {
		d, home := realtest.CurrentTwine.Drive(t), t.TempDir()
		files := filepath.Join(t.TempDir(), "dist")
		if err := os.Mkdir(files, 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(files, wheelFile("demo", "1.0")), 0o644, disttest.Wheel("demo", "1.0", ""))
		args, env := callTwine(filepath.Dir(files), s.url+"/legacy/", s.narrow, "")
		out, code := d.Run(t, filepath.Dir(files), home, env, args...)
		if code == 0 || !strings.Contains(out, "token is valid for project 'plugins', not for 'demo'") {
			t.Errorf("%d\n%s", code, out)
		}
		args, env = callTwine(filepath.Dir(files), s.url+"/legacy/", s.all, "")
		if out, code := d.Run(t, filepath.Dir(files), home, env, args...); code != 0 {
			t.Fatalf("%d\n%s", code, out)
		}
		into := t.TempDir()
		sum := sha256.Sum256(disttest.Wheel("demo", "1.0", ""))
		writeFile(t, filepath.Join(into, "list.txt"), 0o644, fmt.Appendf(nil, "demo==1.0 --hash=sha256:%s\n", hex.EncodeToString(sum[:])))
		out, code = realtest.CurrentPip.Drive(t).Run(t, into, into, nil, "install", "--no-deps", "--no-cache-dir", "--require-hashes",
			"--index-url", s.url+"/simple/", "-r", filepath.Join(into, "list.txt"), "--target", filepath.Join(into, "here"))
		if code != 0 {
			t.Errorf("pip: %d\n%s", code, out)
		}
	})

	for path, want := range map[string]string{"/": "200 ", "/team-a/": "200 ", "/team-a/legacy/": "200 ", "/team-b/": "404 Upload packages to " + s.url + "/, not to this address.", "/simple/": "404 Upload packages to"} {
		if got := post(path, s.all, "2.0"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	gitea.set(func() {
		if gitea.files[wheelFile("demo", "2.0")] == "" {
			t.Error("the second index lacks the file")
		}
	})
	_, home, _ := s.page(t, "/")
	for _, want := range []string{s.url + "/legacy/", s.url + "/simple/", s.url + "/team-a/<"} {
		if !strings.Contains(home, want) {
			t.Errorf("the first page does not name %s", want)
		}
	}
	if strings.Contains(home, "/team-a/simple/") {
		t.Error("the first page says to install from an index that is not read here")
	}
	if status, _, h := s.page(t, "/project/demo/"); status != http.StatusSeeOther || h.Get("Location") != "/simple/demo/" {
		t.Errorf("the address that flit prints: %d %s", status, h.Get("Location"))
	}
	if status, body, h := s.page(t, "/simple/demo/"); status != 200 || !strings.Contains(body, "demo-1.0") || !strings.Contains(strings.Join(h.Values("Content-Security-Policy"), ";"), "sandbox") || len(h.Values("X-Content-Type-Options")) != 1 {
		t.Errorf("a page of the index: %d %s %v", status, body, h)
	}
	if status, body, _ := s.page(t, "/team-a/simple/demo/"); status != 404 || !strings.Contains(body, "Packages are uploaded to "+s.url+"/team-a/.") {
		t.Errorf("an index that is not read: %d %s", status, body)
	}
	if status, body, _ := s.page(t, "/login"); status != 200 || !strings.Contains(body, "<html") {
		t.Errorf("a page of rind: %d", status)
	}
	for _, kind := range []string{"script", "style", "serviceworker", "iframe"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/packages/"+wheelFile("demo", "1.0"), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Dest", kind)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("a file as %s: %s", kind, res.Status)
		}
	}

	// Credentials are read again after a 401, and at SIGHUP.
	gitea.set(func() { gitea.token = "second" })
	writeFile(t, filepath.Join(dir, "gitea.token"), 0o600, []byte("second\n"))
	if got := post("/team-a/", s.all, "3.0"); !strings.HasPrefix(got, "200 ") {
		t.Error("after a 401:", got)
	}
	gitea.set(func() { gitea.token = "third" })
	writeFile(t, filepath.Join(dir, "gitea.token"), 0o600, []byte("third\n"))
	s.Signal(syscall.SIGHUP)
	s.Says("the settings were read again", 1)
	if err := os.Remove(filepath.Join(dir, "gitea.token")); err != nil {
		t.Fatal(err)
	}
	s.Signal(syscall.SIGHUP)
	s.Says("a secret stays as it was", 1)
	if got := post("/team-a/", s.all, "4.0"); !strings.HasPrefix(got, "200 ") {
		t.Error("after SIGHUP:", got)
	}
}

// TestServeOwnFolderBesideOthers is the folder at "/" with a second index, whose certificate a CA of its own has signed; and
// what is said where the folder is no longer served.
func TestServeOwnFolderBesideOthers(t *testing.T) {
	t.Parallel()
	x := &standIn{token: "s", files: map[string]string{}, kept: map[string][]byte{}}
	x.Server = httptest.NewTLSServer(x)
	t.Cleanup(x.Close)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "token"), 0o600, []byte("s\n"))
	writeFile(t, filepath.Join(dir, "ca.pem"), 0o644, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: x.Certificate().Raw}))
	s := newServedTeam(t, dir, "[[index]]\n"+indexSection("/team-a/", x.URL+giteaPath, `bearer-file = "token"`, `ca-file = "ca.pem"`, "proxy-reads = true"), "demo")
	for path, version := range map[string]string{"/legacy/": "1.0", "/team-a/": "2.0"} {
		if status, body, err := postWheel(s.url+path, s.all, "demo", version, disttest.Wheel("demo", version, "")); err != nil || status != "200 OK" {
			t.Errorf("%s: %s %s %v", path, status, body, err)
		}
	}
	for path, want := range map[string]string{"/simple/demo/": "demo-1.0", "/team-a/simple/demo/": "demo-2.0"} {
		if status, body, _ := s.page(t, path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _, _ := s.page(t, "/no/such/page"); status != 404 {
		t.Errorf("no page: %d", status)
	}
	s.Stop()
	log := new(bytes.Buffer)
	cfg := settingsFor(filepath.Join(dir, "state"))
	cfg.Indexes = []config.Index{{Path: "/team-a/", Upstream: x.URL + giteaPath, BearerFile: filepath.Join(dir, "token"), CAFile: filepath.Join(dir, "ca.pem")}}
	cfg.PublicURL = &url.URL{Scheme: "http", Host: "localhost:8080"}
	h, err := open(t.Context(), cfg, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if !strings.Contains(log.String(), "the files in this folder are no longer served") {
		t.Errorf("the log: %s", log)
	}
	for path, want := range map[string]string{"/legacy/": "Upload packages to http://localhost:8080/team-a/, not to this address.", "/simple/demo/": "There is no index at this address."} {
		method := http.MethodGet
		if path == "/legacy/" {
			method = http.MethodPost
		}
		r, w := httptest.NewRequest(method, path, strings.NewReader("x")), httptest.NewRecorder()
		r.Header.Set("Authorization", "Basic eDp5")
		h.handler.ServeHTTP(w, r)
		if w.Code != 404 || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
