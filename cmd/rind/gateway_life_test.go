package main

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/realtest"
)

// TestGatewayLife is what an operator does to a gateway: a new credential, a restart while uploads are under way, and an
// issuer that is gone.
func TestGatewayLife(t *testing.T) {
	t.Parallel()
	g := newGatewayIssuer(t, 1, "demo")
	to, err := url.Parse(g.url)
	if err != nil {
		t.Fatal(err)
	}
	way := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, FlushInterval: -1} // says nothing of itself
	issuer := httptest.NewServer(way)
	defer issuer.Close()
	index, dir := newStandIn(t), t.TempDir()
	writeFile(t, filepath.Join(dir, "index.token"), 0o600, []byte("s\n"))
	metricsAt := realtest.FreeAddress(t)
	p := g.newGateway(dir, issuer.URL, "max-staleness = \"30s\"\nmetrics-listen = \""+metricsAt+"\"\n"+indexSection("/", index.URL+giteaPath, `bearer-file = "index.token"`))
	post := func(version string) string {
		status, body, err := postWheel(p.url+"/", g.all, "demo", version, disttest.Wheel("demo", version, ""))
		return fmt.Sprint(status, " ", body, err)
	}
	if got := post("1.0"); !strings.HasPrefix(got, "200 ") {
		t.Fatal(got)
	}

	watched(t, p, g, metricsAt)

	// The credential of the file at SIGHUP counts: the file is gone when it is used.
	index.set(func() { index.token = "renewed" })
	writeFile(t, filepath.Join(dir, "index.token"), 0o600, []byte("renewed\n"))
	p.Signal(syscall.SIGHUP)
	p.Says("the settings were read again", 1)
	if err := os.Remove(filepath.Join(dir, "index.token")); err != nil {
		t.Fatal(err)
	}
	p.Signal(syscall.SIGHUP)
	p.Says("a secret stays as it was", 1)
	if got := post("1.2"); !strings.HasPrefix(got, "200 ") {
		t.Error("the credential was not read, or did not stay:", got)
	}
	writeFile(t, filepath.Join(dir, "index.token"), 0o600, []byte("renewed\n"))

	endWhole(t, p, index, post)
	p.start()

	// The issuer goes. Uploads go on, and stop when the store is too old.
	issuer.CloseClientConnections()
	issuer.Close()
	if got := post("3.0"); !strings.HasPrefix(got, "200 ") {
		t.Error("while the issuer is gone:", got)
	}
	n := 0
	realtest.Eventually(t, "a stale store decides nothing", func() error {
		n++
		if got := post(fmt.Sprintf("4.%d", n)); !strings.HasPrefix(got, "503 ") || !strings.Contains(got, "API tokens can't be checked right now. Try again later.") {
			return errors.New(got)
		}
		return nil
	})
	if err := realtest.Get(p.url+"/readyz", 503, "The root-key store is too old"); err != nil {
		t.Error(err)
	}
	index.set(func() {
		if name := wheelFile("demo", fmt.Sprintf("4.%d", n)); index.files[name] != "" {
			t.Error("the index has", name)
		}
	})
}

// endWhole ends the gateway while an upload is under way, which arrives whole, and is acknowledged.
func endWhole(t *testing.T, p *gatewayProcess, index *standIn, post func(version string) string) {
	t.Helper()
	arrived, proceed := make(chan struct{}), make(chan struct{})
	index.set(func() { index.hold = sync.OnceFunc(func() { close(arrived); <-proceed }) })
	answer := make(chan string, 1)
	go func() { answer <- post("2.0") }()
	<-arrived
	p.Signal(syscall.SIGTERM)
	realtest.Eventually(t, "it takes no more", func() error {
		if realtest.Get(p.url+"/livez", 200, "ok") == nil {
			return errors.New("it answers")
		}
		return nil
	})
	if !p.Running() {
		t.Error("it did not wait")
	}
	close(proceed)
	if got := <-answer; !strings.HasPrefix(got, "200 ") {
		t.Error("an upload at the end:", got)
	}
	if err := p.End(syscall.Signal(0)); err != nil { // no second signal, which would end it at once
		t.Error(err)
	}
	index.set(func() {
		if name := wheelFile("demo", "2.0"); index.files[name] == "" {
			t.Error("the index lacks", name)
		}
	})
}

// watched is what an operator sees of a gateway: metrics that say how many, how fast and why, and name nobody, and a log
// that says who.
func watched(t *testing.T, p *gatewayProcess, g *gatewayIssuer, metricsAt string) {
	t.Helper()
	wheel := disttest.Wheel("demo", "9.0", "")
	for _, c := range []struct{ token, project, status string }{
		{g.narrow, "demo", "403 "}, {g.all, "plugins", "400 "}, {"pypi-nonsense", "demo", "403 "},
	} {
		if status, body, err := postWheel(p.url+"/", c.token, c.project, "9.0", wheel); err != nil || !strings.HasPrefix(status, c.status) {
			t.Errorf("%s: %s %s %v", c.project, status, body, err)
		}
	}
	metrics := get200(t, "http://"+metricsAt+"/metrics")
	for _, want := range []string{
		`rind_checks_total{outcome="allowed"}`, `rind_checks_total{outcome="wrong_project"}`, `rind_checks_total{outcome="malformed_token"}`, `rind_check_seconds_bucket{le="1.6e-05"}`,
		`rind_upload_seconds_count{status="200"} 1`, `rind_upload_seconds_count{status="403"} 2`, `rind_upload_seconds_count{status="400"} 1`, `rind_upload_seconds_bucket{status="200",le="0.064"}`,
		`rind_index_seconds_count{method="POST",path="/",status="201"} 1`, `rind_index_seconds_count{method="GET",path="/",status="404"}`,
		"rind_verifier_revision 6", "rind_verifier_usable 1", `rind_http_answers_total{class="2xx"}`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %q in\n%s", want, metrics)
		}
	}
	if strings.Contains(metrics, "rind_upload_bytes_total 0") {
		t.Error("no bytes are counted")
	}
	p.Eventually("a heartbeat makes the store current", func() error {
		if now := get200(t, "http://"+metricsAt+"/metrics"); !strings.Contains(now, "rind_verifier_age_seconds 0") {
			return errors.New(now)
		}
		return nil
	})
	log := p.Out.String()
	for _, line := range []string{
		`msg="upload kept" client=127.0.0.1 token=[0-9a-f-]+ user=alice user_id=` + aliceID + ` project=demo version=1.0 file=` + wheelFile("demo", "1.0"),
		`msg="upload refused" client=127.0.0.1 token=[0-9a-f-]+ user=alice user_id=` + aliceID + ` project=demo .*status=403 error=.*not for 'demo'`,
		`msg="upload refused" client=127.0.0.1 token=[0-9a-f-]+ user=alice user_id=` + aliceID + ` project=plugins .*status=400 error=.*uploaded as 'plugins'`,
	} {
		if !regexp.MustCompile(line).MatchString(log) {
			t.Errorf("no %s in\n%s", line, log)
		}
	}
	for _, secret := range []string{"alice", "demo", aliceID, "pypi-"} {
		if strings.Contains(metrics, secret) || secret == "pypi-" && strings.Contains(log, secret) {
			t.Errorf("%q is told", secret)
		}
	}
}
