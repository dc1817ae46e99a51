package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/certificate/certtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// pathStore is what stands behind a proxy that asks first: it notes what reaches it.
type pathStore struct {
	*httptest.Server

	mu  sync.Mutex
	got []storeRequest
}

type storeRequest struct {
	method, target string // as they arrived
	header         http.Header
	body           string
}

func newPathStore(t testing.TB) *pathStore {
	s := &pathStore{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, storeRequest{r.Method, r.RequestURI, r.Header.Clone(), string(body)})
		_, _ = io.WriteString(w, "the store")
	}))
	t.Cleanup(s.Close)
	return s
}

// take returns what arrived since the last call.
func (s *pathStore) take() []storeRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

// askingProxy is a proxy as the guide sets it up, in front of a pathStore, and the gateway that it asks.
type askingProxy struct {
	*gatewayProcess
	at    string // of the proxy, host:port
	store *pathStore
	all   string // token for demo and plugins
	one   string // for plugins
	old   string // for plugins, its version 1.0
	net   string // for plugins, from another network
}

// sampleBelow is the first block of a kind below a heading of the guide, for other addresses and files.
func sampleBelow(t testing.TB, heading, block string, replace ...string) string {
	t.Helper()
	guide, err := os.ReadFile("PROXIES.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(guide), "\n### "+heading)
	m := regexp.MustCompile("(?s)```" + block + "\n(.*?)```").FindStringSubmatch(section)
	if m == nil {
		t.Fatalf("the guide has no sample for %s", heading)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(m[1], replace[i]) {
			t.Fatalf("the sample lacks %q", replace[i])
		}
	}
	return strings.NewReplacer(replace...).Replace(m[1])
}

// TestProxiesThatAskFirst sends what an attacker would through nginx and Caddy, as the guide sets them up.
func TestProxiesThatAskFirst(t *testing.T) {
	realtest.NeedClients(t, realtest.Curl)
	realtest.Need(t, realtest.Nginx, realtest.Caddy)
	t.Parallel()
	issuer, dir := newGatewayIssuer(t, 1, "demo"), t.TempDir()
	ca, cert, key := certtest.Signed(t)
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	caFile := filepath.Join(dir, "ca.pem")
	writeFile(t, caFile, 0o644, ca)
	writeFile(t, certFile, 0o644, cert)
	writeFile(t, keyFile, 0o600, key)
	writeFile(t, filepath.Join(dir, "verify.secret"), 0o600, []byte("x"))
	gate := issuer.newGateway(dir, issuer.url, "trusted-proxies = [\"127.0.0.1\"]\nverify-secret-file = \"verify.secret\"\n")
	gateAt := strings.Replace(strings.TrimPrefix(gate.url, "http://"), "localhost", "127.0.0.1", 1)
	var both []*askingProxy
	for _, start := range []func(dir, at, gate, store, cert, key string) *realtest.Process{
		func(dir, at, gate, store, cert, key string) *realtest.Process {
			sample := sampleBelow(t, "nginx, with", "nginx", "listen 443 ssl", "listen "+at+" ssl", "packages.example.org", "localhost",
				"/etc/ssl/packages.pem", cert, "/etc/ssl/packages.key", key, "127.0.0.1:8081", store, "127.0.0.1:8090", gate)
			conf := filepath.Join(dir, "nginx.conf")
			writeFile(t, conf, 0o600, []byte(nginxAround(dir, sample)))
			return realtest.Start(t, nil, realtest.Nginx.Path, "-p", dir, "-c", conf)
		},
		func(dir, at, gate, store, cert, key string) *realtest.Process {
			_, port, _ := net.SplitHostPort(at)
			sample := sampleBelow(t, "Caddy, with", "caddyfile", "packages.example.org {", "https://localhost:"+port+" {\n\ttls "+cert+" "+key, "127.0.0.1:8081", store, "127.0.0.1:8090", gate)
			conf := filepath.Join(dir, "Caddyfile")
			writeFile(t, conf, 0o600, []byte("{\n\tadmin off\n\tauto_https disable_redirects\n}\n"+sample))
			return realtest.Start(t, func(cmd *exec.Cmd) {
				cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
			}, realtest.Caddy.Path, "run", "--adapter", "caddyfile", "--config", conf)
		},
	} {
		p := &askingProxy{gatewayProcess: gate, at: realtest.FreeAddress(t), store: newPathStore(t), all: issuer.all, one: issuer.narrow,
			old: runToken(t, issuer.narrow, "--version", "1.0"), net: runToken(t, issuer.narrow, "--network", "192.0.2.0/24")}
		process := start(t.TempDir(), p.at, gateAt, strings.TrimPrefix(p.store.URL, "http://"), certFile, keyFile)
		process.Answers("https://" + p.at + "/")
		p.store.take()
		p.t = t
		both = append(both, p)
		t.Run(filepath.Base(process.Cmd.Path), func(t *testing.T) {
			p.uploads(t, caFile)
			p.attacks(t)
		})
	}
	_ = gate.End(syscall.SIGKILL)
	for _, p := range both {
		status, body := p.send(t, "PUT", "/upload/plugins/plugins-1.0.tar.gz", p.one, "", "content")
		if got := p.store.take(); len(got) != 0 || !strings.Contains(status, "50") {
			t.Errorf("without a gateway: %s %s %+v", status, body, got)
		}
	}
}

// nginxAround is a whole configuration around servers.
func nginxAround(dir, servers string) string {
	var temp strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	return "daemon off;\nmaster_process off;\npid " + filepath.Join(dir, "pid") + ";\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n" + temp.String() + servers + "}\n"
}

// uploads are by curl, as people would.
func (p *askingProxy) uploads(t *testing.T, ca string) {
	t.Helper()
	large, small := filepath.Join(t.TempDir(), "large"), filepath.Join(t.TempDir(), "small")
	writeFile(t, large, 0o600, []byte(strings.Repeat("content", 300<<10)))
	writeFile(t, small, 0o600, []byte("content")) // Caddy cuts off who still sends when it refuses
	_, port, _ := net.SplitHostPort(p.at)
	curl := realtest.Curl.Drive(t)
	for _, c := range []struct{ file, token, path, status, said string }{
		{large, p.one, "plugins/plugins-1.0.tar.gz", "200", "the store"},
		{small, p.one, "demo/demo-1.0.tar.gz", "403", "token is valid for project 'plugins', not for 'demo'"},
		{small, p.old, "plugins/plugins-1.1.tar.gz", "403", "version '1.0'"},
		{small, p.net, "plugins/plugins-1.0.tar.gz", "403", "Invalid API Token"},
	} {
		out, _ := curl.Run(t, t.TempDir(), t.TempDir(), nil, "-sS", "--cacert", ca, "-T", c.file, "-u", "__token__:"+c.token, "-w", "%{http_code}", "https://localhost:"+port+"/upload/"+c.path)
		got := p.store.take()
		if !strings.HasSuffix(out, c.status) || !strings.Contains(out, c.said) || (len(got) == 1) != (c.status == "200") {
			t.Errorf("%s: %s, %d requests", c.path, out, len(got))
		}
		for _, r := range got {
			if len(r.body) != 7*300<<10 || r.header.Get("X-Rind-User") != "alice" {
				t.Errorf("%s: %d bytes, %v", c.path, len(r.body), r.header)
			}
		}
	}
}

// send sends a request by hand, so that nothing mends it, and returns the status line and what follows.
func (p *askingProxy) send(t *testing.T, method, target, token, headers, body string) (status, rest string) {
	t.Helper()
	conn, err := tls.Dial("tcp", p.at, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(realtest.Patience))
	_, port, _ := net.SplitHostPort(p.at)
	auth := ""
	if token != "" {
		auth = "Authorization: Bearer " + token + "\r\n"
	}
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost:%s\r\nConnection: close\r\nContent-Length: %d\r\n%s%s\r\n%s", method, target, port, len(body), auth, headers, body)
	in := bufio.NewReader(conn)
	status, _ = in.ReadString('\n')
	all, _ := io.ReadAll(in)
	return strings.TrimSpace(status), string(all)
}

// forged are headers with which a client tries to be somebody else, or to ask for something else than it does.
const forged = "X-Rind-Project: plugins\r\nX-Rind-Filename: plugins-1.0.tar.gz\r\nX-Rind-User: root\r\nX-Forwarded-Uri: /upload/plugins/plugins-1.0.tar.gz\r\nX-Forwarded-Method: GET\r\n" +
	"X-Original-URI: /upload/plugins/plugins-1.0.tar.gz\r\nX-Original-URL: /upload/plugins/plugins-1.0.tar.gz\r\nX-Rewrite-URL: /upload/demo/demo-1.0.tar.gz\r\nX-Original-Method: GET\r\n" +
	"X-HTTP-Method-Override: DELETE\r\nX-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\nX_Rind_Project: plugins\r\n"

// attacks: whatever is sent, a request that could change something reaches the store only as an upload of a file of
// plugins, at the address that was checked, and never with a token or a name that the client made up.
func (p *askingProxy) attacks(t *testing.T) {
	t.Helper()
	const file = "/plugins-1.0.tar.gz"
	targets := []string{
		"/upload/demo/demo-1.0.tar.gz", "/upload/demo/plugins-1.0.tar.gz", "/upload/plugins/demo-1.0.tar.gz", "/upload/plugins/plugins-1.1.tar.gz",
		"/upload/plugins/../demo/demo-1.0.tar.gz", "/upload/plugins/%2e%2e/demo/demo-1.0.tar.gz", "/upload/plugins/%252e%252e/demo/demo-1.0.tar.gz",
		"/upload/plugins%2f..%2fdemo/demo-1.0.tar.gz", "/upload/plugins%2f..%2fdemo" + file, "/upload/demo%2f..%2fplugins" + file, "/upload/demo/..%2fplugins" + file,
		"/upload/plugins" + file + "%2f..%2f..%2fdemo%2fdemo-1.0.tar.gz", "/upload/plugins" + file + "/../../demo/demo-1.0.tar.gz", "/upload/plugins" + file + "%00.whl",
		"/upload/plugins" + file + "?project=demo", "/upload/plugins" + file + "%3fproject=demo", "/upload/plugins" + file + ";/../demo", "/upload/plugins;x" + file, "/upload/plugins" + file + "%0d%0aX-Y:%20z",
		"//upload/plugins" + file, "/upload//plugins" + file, "/upload/plugins/" + file, "/./upload/plugins" + file, "/x/../upload/demo/demo-1.0.tar.gz", "/upload/plugins\\..\\demo" + file,
		"/UPLOAD/plugins" + file, "/Upload/demo/demo-1.0.tar.gz", "/upload/PLUGINS" + file, "/upload/%70lugins" + file, "/upl%6fad/demo/demo-1.0.tar.gz", "/%75pload/plugins" + file,
		"/upload/plugins" + file + "/", "/upload/", "/upload", "/", "/upload/plugins/", "/upload/plugins" + file + "#/demo", "/rind-auth", "/@rind-refused", "/v1/auth", "/other",
		"https://localhost/upload/demo/demo-1.0.tar.gz", "https://other.example/upload/plugins" + file, "*",
	}
	may := regexp.MustCompile(`^/upload/plugins/plugins-1\.[01]\.tar\.gz$`)
	reached := 0
	for _, method := range []string{"PUT", "POST", "DELETE", "PATCH", "put", "MKCOL", "MOVE", "OPTIONS", "GET", "HEAD"} {
		for n, target := range targets {
			if method != "PUT" && n%5 != 0 { // each method meets some of them
				continue
			}
			for who, token := range map[string]string{"nobody": "", "one": p.one, "another network": p.net} {
				status, said := p.send(t, method, target, token, forged, "content")
				for _, r := range p.store.take() {
					reached++
					what := fmt.Sprintf("%s %s by %s (%s): the store got %s %s %v", method, target, who, status, r.method, r.target, r.header)
					isRead := (r.method == "GET" || r.method == "HEAD") && r.method == method
					if !isRead && (r.method != "PUT" || who != "one" || !may.MatchString(r.target) || r.body != "content" || r.header.Get("X-Rind-User") != "alice" || len(r.header.Values("X-Rind-User")) != 1) {
						t.Error(what)
					}
					if !isRead && (r.header.Get("Authorization") != "" || r.header.Get("X-HTTP-Method-Override") != "") {
						t.Error(what)
					}
				}
				if strings.Contains(said, "pypi-") {
					t.Errorf("%s %s: the answer has the token: %s", method, target, said)
				}
			}
		}
	}
	if reached < 3 {
		t.Errorf("%d requests reached the store: nothing is shown", reached)
	}
	// A second Authorization, and a second request inside the body of one that is refused.
	inner := "PUT /upload/demo/demo-1.0.tar.gz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"
	for what, headers := range map[string]string{
		"two tokens": "Authorization: Bearer " + p.one + "\r\n", "a length and chunks": "Transfer-Encoding: chunked\r\n", "two lengths": "Content-Length: 1\r\n", "folded": "X-Y: z\r\n Authorization: Bearer " + p.one + "\r\n",
	} {
		status, _ := p.send(t, "PUT", "/upload/demo/demo-1.0.tar.gz", p.one, headers, "0\r\n\r\n"+inner)
		if got := p.store.take(); len(got) != 0 {
			t.Errorf("%s: %s, %+v", what, status, got)
		}
	}
}
