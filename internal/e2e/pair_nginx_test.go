package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// nginxPair is a configuration that sends each request to the other one of two servers.
const nginxPair = `daemon off; master_process off; pid DIR/pid; error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi; uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
  upstream pair { server FIRST max_fails=0; server SECOND max_fails=0; }
  server {
    listen 127.0.0.1:PORT;
    listen 127.0.0.1:TLS ssl;
    ssl_certificate CERT;
    ssl_certificate_key KEY;
    client_max_body_size 0;
    location / {
      proxy_pass http://pair;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_request_buffering off;
      proxy_buffering off;
    }
  }
}
`

// startNginx starts nginx in front of two servers, and returns where it serves them with TLS, and the certificate there.
func startNginx(t *testing.T, port int, addresses [2]string) (secure, cert string) {
	t.Helper()
	dir, tls := t.TempDir(), realtest.FreePort(t)
	cert, key, _ := certificate(t)
	text := strings.NewReplacer("DIR", dir, "PORT", fmt.Sprint(port), "TLS", fmt.Sprint(tls), "CERT", cert, "KEY", key, "FIRST", addresses[0], "SECOND", addresses[1]).Replace(nginxPair)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := realtest.Start(t, nil, realtest.Nginx.Path, "-p", dir, "-c", file)
	p.Answers(fmt.Sprintf("http://127.0.0.1:%d/healthz", port))
	return fmt.Sprintf("https://localhost:%d", tls), cert
}

// twoBehind is two servers behind nginx, of which one after the other is killed.
type twoBehind struct {
	t    *testing.T
	of   [2]*server
	next int // that is killed
}

// killed runs a step of which one server does not see the end: it is killed before the last request, and started
// again afterwards.
func (b *twoBehind) killed(step func()) {
	b.t.Helper()
	victim := b.of[b.next]
	b.next = 1 - b.next
	_ = victim.process.End(syscall.SIGKILL)
	step()
	victim.start()
}

// The whole journey through nginx, which sends each request to the other one of two servers, and one of them is killed in
// the middle of each step: a person in a browser signs up, mints and revokes; twine uploads; and a verifier that streams from one
// and reports to the other goes on at the other, without another snapshot.
func TestTwoServersBehindNginx(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium, realtest.Oathtool, realtest.PostgreSQL, realtest.Nginx, realtest.Twine)
	mails := mailtest.Start(t)
	port := realtest.FreePort(t)
	public := fmt.Sprintf("http://localhost:%d", port)
	of, addresses := startTwo(t, public, mails)
	secure, cert := startNginx(t, port, addresses)
	b := &twoBehind{t: t, of: of}
	s := &server{t: t, url: public, web: of[0].web}
	ada := newPerson(t, s, mails, "ada")
	ada.signUp(of[1].setupLink())
	ada.register("demo")
	ada.open(public + "/admin/verifiers")
	ada.fill("name", "mirror")
	ada.press("Register verifier")
	verifier, _ := follow(t, secure, ada.content("#secret"), "SSL_CERT_FILE="+cert)
	snapshots := strings.Count(verifier.Out.String(), "filled from a snapshot")

	ada.press("Sign out")
	ada.giveName(password)
	ada.fill("code", ada.code())
	b.killed(func() { ada.press("Sign in") })
	ada.at("/tokens")

	ada.open(public + "/tokens/new")
	ada.fill("label", "ci")
	ada.tick("scope", "chosen")
	ada.tick("projects", "demo")
	ada.tick("life", "30")
	b.killed(func() { ada.press("Create token") })
	token := ada.content("#token")

	b.killed(func() {
		if out, err := twine(t, s, token, realtest.MakeDist(t, "demo", "1.0")); err != nil {
			t.Errorf("twine, with one server: %v\n%s", err, out)
		}
	})
	for n := range 2 { // once to each, or through both
		if out, err := twine(t, s, token, realtest.MakeDist(t, "demo", fmt.Sprint("2.", n))); err != nil {
			t.Errorf("twine, with two servers: %v\n%s", err, out)
		}
	}

	ada.open(public + "/tokens")
	ada.press("Revoke")
	b.killed(func() { ada.press("Revoke token") })
	ada.at("/tokens")
	for _, each := range of {
		if out, err := twine(t, each, token, realtest.MakeDist(t, "demo", "3.0")); err == nil || !strings.Contains(out, "token was revoked") {
			t.Errorf("twine, with a revoked token: %v\n%s", err, out)
		}
	}
	realtest.Eventually(t, "mirror and the gateways of both servers confirm a revocation", func() error {
		ada.mint("next", "demo")
		revoke(ada, "next")
		if text := ada.text(); !strings.Contains(text, "3 of 3 verifiers have it, in ") {
			return errors.New(text)
		}
		return nil
	})
	said := verifier.Out.String()
	if n := strings.Count(said, "filled from a snapshot"); n != snapshots {
		t.Errorf("the verifier took %d snapshots more: %s", n-snapshots, said)
	}
}
