package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/realtest"
)

// proxySample is a block of the guide, for other addresses and files: pairs of what is
// replaced, and by what.
func proxySample(t testing.TB, block string, replace ...string) string {
	t.Helper()
	guide, err := os.ReadFile("PROXIES.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```" + block + "\n(.*?)```").FindSubmatch(guide)
	if m == nil {
		t.Fatalf("the guide has no sample for %s", block)
	}
	text := string(m[1])
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the sample lacks %q", replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return text
}

// proxied is a proxy in front of a server, which ends TLS with the server's own pair.
type proxied struct {
	t       testing.TB
	server  *uploadServer
	dir     string // of the proxy's files
	backAt  string // address of the server
	at      string // address of the proxy
	url     string // https://localhost:PORT
	process *realtest.Process
}

func newProxied(s *uploadServer) *proxied {
	s.t.Helper()
	p := &proxied{t: s.t, server: s, dir: s.t.TempDir(), at: realtest.FreeAddress(s.t)}
	p.backAt = strings.Replace(strings.TrimPrefix(s.plain, "http://"), "localhost", "127.0.0.1", 1)
	p.url = "https://localhost" + p.at[strings.LastIndexByte(p.at, ':'):]
	return p
}

func (p *proxied) path(name string) string { return filepath.Join(p.dir, name) }

// run starts the proxy, which ends with the test.
func (p *proxied) run(tool realtest.Tool, args ...string) {
	p.t.Helper()
	p.process = realtest.Start(p.t, func(cmd *exec.Cmd) {
		cmd.Env = append(os.Environ(), "HOME="+p.dir, "XDG_DATA_HOME="+p.dir, "XDG_CONFIG_HOME="+p.dir)
	}, tool.Path, args...)
	p.process.Answers(p.url + "/healthz")
}

// startNginx is nginx as the guide sets it up.
func startNginx(s *uploadServer) *proxied {
	s.t.Helper()
	p := newProxied(s)
	sample := proxySample(s.t, "nginx", "listen 443 ssl", "listen "+p.at+" ssl", "packages.example.org", "localhost",
		"/etc/ssl/packages.pem", s.cert, "/etc/ssl/packages.key", s.key, "127.0.0.1:8080", p.backAt)
	var temp strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s/%s;\n", kind, p.dir, kind)
	}
	writeFile(s.t, p.path("nginx.conf"), 0o600, []byte("daemon off;\nmaster_process off;\npid "+p.path("pid")+
		";\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n"+temp.String()+sample+"}\n"))
	p.run(realtest.Nginx, "-p", p.dir, "-c", p.path("nginx.conf"))
	return p
}

// startCaddy is Caddy as the guide sets it up, with a certificate of its own folder.
func startCaddy(s *uploadServer) *proxied {
	s.t.Helper()
	p := newProxied(s)
	sample := proxySample(s.t, "caddy", "packages.example.org {", p.url+" {\n\ttls "+s.cert+" "+s.key, "127.0.0.1:8080", p.backAt)
	writeFile(s.t, p.path("Caddyfile"), 0o600, []byte("{\n\tadmin off\n\tauto_https disable_redirects\n}\n"+sample))
	p.run(realtest.Caddy, "run", "--adapter", "caddyfile", "--config", p.path("Caddyfile"))
	return p
}

// TestNginxSample uploads through nginx as the guide sets it up: more than its own limit
// of 1 MiB, and a refusal whose reason every client prints.
func TestNginxSample(t *testing.T) {
	realtest.NeedClients(t, realtest.CurrentTwine, realtest.Curl)
	realtest.Need(t, realtest.Nginx)
	s := newUploadServer(t)
	tokens := uploadTokens(t, s.h)
	p := startNginx(s)
	d, demo := realtest.CurrentTwine.Drive(t), pyproject(t, "demo", "")
	upload := func(dir, token string) (string, int) {
		args, env := callTwine(dir, p.url+"/legacy/", tokens[token], s.ca)
		return d.Run(t, dir, t.TempDir(), env, args...)
	}
	if out, code := upload(demo, "expired"); code == 0 || !strings.Contains(out, "token is expired") {
		t.Errorf("a refusal: %d\n%s\n%s", code, out, p.process.Out)
	}
	if out, code := upload(pyproject(t, "demo", noise(1<<20)), "allowed"); code == 0 || !strings.Contains(out, "the limit of this index") {
		t.Errorf("more than 1 MiB: %d\n%s\n%s", code, out, p.process.Out)
	}
	if out, code := upload(demo, "allowed"); code != 0 {
		t.Errorf("an upload: %d\n%s\n%s", code, out, p.process.Out)
	}
}

// The guide says of each client what a person reads where a proxy drops the reason
// phrase; TestClients runs them behind Caddy.
func TestGuideSaysWhatClientsShow(t *testing.T) {
	guide, err := os.ReadFile("PROXIES.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range uploaders {
		name, want := strings.TrimPrefix(u.name, "old"), "the body"
		if shown := cmp.Or(u.dropped, u.denied); shown != "" {
			want = "\"" + shown + "\""
		}
		row := regexp.MustCompile(`(?m)^\| (?:\w+, )*` + name + `(?:, \w+)* \|.*$`).FindString(string(guide))
		if !strings.Contains(row, want) {
			t.Errorf("the guide lacks %s for %s: %q", want, u.name, row)
		}
	}
}
