package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/realtest"
)

// TestGatewayRegistersProjects: a token that may register projects uploads a new name through 'rind gateway', in front of an
// index that allows it; everything else is refused with what to do, and while the issuer is away nobody loses anything.
func TestGatewayRegistersProjects(t *testing.T) {
	realtest.NeedClients(t, realtest.CurrentTwine)
	t.Parallel()
	gitea, dir := newStandIn(t), t.TempDir()
	data, at := filepath.Join(t.TempDir(), "data"), realtest.FreeAddress(t)
	g := newIssuerData(t, data, 1, "demo")
	issuer := func() *realtest.Process {
		p := realtest.Start(t, nil, realtest.Rind(t), "serve", "--data", data, "--listen", at, "--public-url", "http://localhost:8080")
		p.Answers("http://" + at + "/healthz")
		return p
	}
	serve := issuer()
	writeFile(t, filepath.Join(dir, "gitea.token"), 0o600, []byte("s\n"))
	p := g.newGateway(dir, "http://"+at, indexSection("/", gitea.URL+giteaPath, `bearer-file = "gitea.token"`, "register-on-first-upload = true", "[[index.rule]]", `projects = ["acme-*"]`, `users = ["bob"]`)+
		indexSection("/strict/", gitea.URL+giteaPath, `bearer-file = "gitea.token"`))
	post := func(path, token, project, version string) string {
		status, body, err := postWheel(p.url+path, token, project, version, disttest.Wheel(project, version, ""))
		return fmt.Sprint(status, " ", body, err)
	}
	others, err := token.Restrict(g.able, caveats.ProjectNames{"demo"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, path, token, project, want string }{
		{"a token that may not", "/", g.all, "new", "403 Invalid API Token: user 'alice' is not a member of project 'new'; if the project is new, register it at localhost first"},
		{"a token for other projects", "/", g.narrow, "new", "403 Invalid API Token: token is valid for project 'plugins', not for 'new'"},
		{"a text restricted to other projects", "/", others, "new", "403 Invalid API Token: token is valid for project 'demo', not for 'new'"},
		{"an index that does not allow it", "/strict/", g.able, "new", "403 Invalid API Token: user 'alice' is not a member of project 'new'"},
		{"a name of the index itself", "/", g.able, "simple", "400 The project can't be registered. The index itself uses the name simple. Choose another."},
		{"a name for others, by a rule", "/", g.able, "acme-tool", "403 Invalid API Token: user 'alice' may not upload to project 'acme-tool' here"},
		{"the file of another project", "/", g.able, "new", "400 "},
	} {
		got := ""
		if c.want == "400 " {
			status, body, err := postFile(p.url+c.path, c.token, c.project, "1.0", wheelFile("new", "1.0"), "bdist_wheel", disttest.Wheel("old", "1.0", ""))
			got = fmt.Sprint(status, " ", body, err)
		} else {
			got = post(c.path, c.token, c.project, "1.0")
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s", c.what, got)
		}
	}
	if len(gitea.files) != 0 {
		t.Errorf("the index has %v", gitea.files)
	}

	// twine uploads a name that nobody has.
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "dist"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "dist", wheelFile("new", "1.0")), 0o644, disttest.Wheel("new", "1.0", ""))
	args, env := callTwine(folder, p.url+"/", g.able, "")
	if out, code := realtest.CurrentTwine.Drive(t).Run(t, folder, t.TempDir(), env, args...); code != 0 {
		t.Errorf("%d\n%s", code, out)
	}
	if got := post("/", g.all, "new", "1.1"); !strings.HasPrefix(got, "200 OK") { // from now on it is hers, for every token of hers
		t.Error(got)
	}
	if got := post("/", g.narrow, "new", "1.2"); !strings.HasPrefix(got, "403 ") {
		t.Error(got)
	}

	// The issuer is away: known projects go on, a new one waits.
	if err := serve.End(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if got := post("/", g.able, "later", "1.0"); !strings.HasPrefix(got, "503 Project 'later' is new and could not be registered right now. Try again later.") {
		t.Error(got)
	}
	if got := post("/", g.able, "demo", "1.0"); !strings.HasPrefix(got, "200 OK") {
		t.Error(got)
	}
	if got := post("/", g.all, "later", "1.0"); !strings.HasPrefix(got, "403 ") { // decided offline
		t.Error(got)
	}
	issuer()
	p.Eventually("it follows again", func() error {
		if got := post("/", g.able, "later", "1.0"); !strings.HasPrefix(got, "200 OK") {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
	if log := p.Out.String(); strings.Contains(log, g.able) || !strings.Contains(log, "could not be registered right now") {
		t.Error(log)
	}
}

// TestServeRegistersProjects is the same for the folder of 'rind serve', which is the issuer itself.
func TestServeRegistersProjects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newServedTeam(t, dir, "[[index]]\nregister-on-first-upload = true\n", "demo")
	post := func(token, project string) string {
		status, body, err := postWheel(s.url+"/legacy/", token, project, "1.0", disttest.Wheel(project, "1.0", ""))
		return fmt.Sprint(status, " ", body, err)
	}
	for _, c := range []struct{ token, project, want string }{
		{s.all, "new", "403 Invalid API Token: user 'alice' is not a member of project 'new'; if the project is new, register it at localhost"},
		{s.narrow, "new", "403 Invalid API Token: token is valid for project 'plugins', not for 'new'"},
		{s.able, "simple", "400 The project can't be registered. The index itself uses the name simple. Choose another."},
		{s.able, "new", "200 OK Stored"}, {s.able, "new", "200 OK Already stored"}, {s.all, "new", "200 OK"},
	} {
		if got := post(c.token, c.project); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s", c.project, got)
		}
	}
	if status, body, _ := s.page(t, "/simple/new/"); status != http.StatusOK || !strings.Contains(body, "new-1.0") {
		t.Error(status, body)
	}

	f := &ownFiles{t, s, filepath.Join(dir, "state"), func() string { return post(s.able, "new") }}
	f.yanks()
	f.lists()
	f.quarantines()
	f.takesDown()
}
