package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/realtest"
)

// rulesOf are the rules of an index in these tests.
const rulesOf = `
release-closes = "14d"
max-file = "2MiB"
max-project = "3MiB"

[[index.rule]]
projects = ["acme-*"]
users = ["bob"]

[[index.rule]]
projects = ["plugins"]
wheels-only = true
`

// TestGatewayRules is a gateway with rules in front of a real pypiserver, which tells neither times nor sizes: twine shows
// what is refused, and neither a kill nor the loss of the ledger opens anything.
func TestGatewayRules(t *testing.T) {
	realtest.NeedClients(t, realtest.Pypiserver, realtest.CurrentTwine)
	t.Parallel()
	pypiserver, _ := newPypiserver(t)
	g, gitea, dir := newGatewayIssuer(t, 1, "demo", "acme-tool", "sized"), newStandIn(t), t.TempDir()
	writeFile(t, filepath.Join(dir, "pypiserver.password"), 0o600, []byte("s\n"))
	writeFile(t, filepath.Join(dir, "gitea.token"), 0o600, []byte("s\n"))
	p := g.newGateway(dir, g.url, indexSection("/", pypiserver, `user = "gw"`, `password-file = "pypiserver.password"`, rulesOf)+
		indexSection("/team-a/", gitea.URL+giteaPath, `bearer-file = "gitea.token"`, rulesOf))
	post := func(path, project, version, more string) string {
		status, body, err := postWheel(p.url+path, g.all, project, version, disttest.Wheel(project, version, more))
		return fmt.Sprint(status, " ", body, err)
	}
	want := func(got, want string) {
		t.Helper()
		if !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	want(post("/", "demo", "1.0", ""), "200 OK")
	want(post("/", "demo", "1.0", ""), "200 OK")
	want(post("/", "acme-tool", "1.0", ""), "403 Invalid API Token: user 'alice' may not upload to project 'acme-tool' here: the operators of this index name who may")

	twine := func(project string, files map[string][]byte) string {
		t.Helper()
		folder := t.TempDir()
		for name, content := range files {
			if err := os.MkdirAll(filepath.Join(folder, "dist"), 0o755); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(folder, "dist", name), 0o644, content)
		}
		args, env := callTwine(folder, p.url+"/", g.all, "")
		out, code := realtest.CurrentTwine.Drive(t).Run(t, folder, t.TempDir(), env, args...)
		if code == 0 {
			t.Errorf("%s was taken", project)
		}
		return strings.Join(strings.Fields(out), " ")
	}
	status, _, err := postFile(p.url+"/", g.all, "plugins", "1.0", "plugins-1.0.tar.gz", "sdist", disttest.SDist("plugins", "1.0", ""))
	if err != nil || !strings.HasPrefix(status, "400 This index takes only wheels of project 'plugins'") {
		t.Error(status, err)
	}
	big := filepath.Join(t.TempDir(), "dist", wheelFile("sized", "1.0"))
	writeBigWheel(t, big, "sized", 3<<20)
	content, err := os.ReadFile(big)
	if err != nil {
		t.Fatal(err)
	}
	if out := twine("sized", map[string][]byte{wheelFile("sized", "1.0"): content}); !strings.Contains(out, "File too large. Limit for project 'sized' is 2 MiB.") {
		t.Error(out)
	}

	// Killed after the index has the file and before anybody heard of it.
	arrived, dead, answered := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	gitea.set(func() { gitea.after = func() { close(arrived); <-dead } })
	go func() { answered <- post("/team-a/", "demo", "1.0", "") }()
	<-arrived
	_ = p.End(syscall.SIGKILL)
	gitea.set(func() { gitea.after = nil })
	close(dead)
	if got := <-answered; strings.HasPrefix(got, "200") {
		t.Error("it was acknowledged:", got)
	}
	p.start()
	want(post("/team-a/", "demo", "1.0", ""), "200 OK Already stored")
	want(post("/team-a/", "demo", "1.0", "other = 1\n"), "400 File already exists")
	want(post("/team-a/", "demo", "1.1", ""), "200 OK")

	// The ledger is lost.
	if err := p.End(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "gateway", ledgerFile)); err != nil {
		t.Fatal(err)
	}
	p.start()
	second := func(path string) string {
		status, body, err := postFile(p.url+path, g.all, "demo", "1.0", "demo-1.0.tar.gz", "sdist", disttest.SDist("demo", "1.0", ""))
		return fmt.Sprint(status, " ", body, err)
	}
	for _, path := range []string{"/", "/team-a/"} {
		want(second(path), "400 Release 1.0 of project 'demo' is closed: nobody knows how long it has had the file 'demo-1.0-py3-none-any.whl'")
		want(post(path, "demo", "1.0", ""), "200 ")
		want(second(path), "400 Release 1.0 of project 'demo' is closed")
		want(post(path, "demo", "2.0", ""), "200 ")
	}
}

// TestServeRules are rules of the folder of 'rind serve', which tells times and sizes itself.
func TestServeRules(t *testing.T) {
	t.Parallel()
	s := newServedTeam(t, t.TempDir(), "[[index]]"+rulesOf, "demo", "acme-tool")
	for name, want := range map[string]string{"demo": "200 OK", "acme-tool": "403 Invalid API Token: user 'alice' may not upload to project 'acme-tool' here"} {
		status, _, err := postWheel(s.url+"/legacy/", s.all, name, "1.0", disttest.Wheel(name, "1.0", ""))
		if err != nil || !strings.HasPrefix(status, want) {
			t.Errorf("%s: %s %v", name, status, err)
		}
	}
	if _, body, _ := s.page(t, "/simple/demo/"); !strings.Contains(body, "demo-1.0") {
		t.Error(body)
	}
}
