package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/certificate/certtest"
	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// tour is a run of everything that people do with rind, on the real server behind
// TLS. What it makes that is secret is in the vault, and each answer is looked at.
//
// A page or a form that is new is found by itself where a page links to it; one
// that needs somebody to get there first needs a step in a tour_*_test.go.
type tour struct {
	t       *testing.T
	server  *server
	mails   *mailtest.Server
	vault   *vault
	scanner *ecdsa.PrivateKey // reports leaks
	logs    []byte            // of runs before the last
	opened  map[string]bool   // links that were mailed and read
	routes  routes
	forms   map[string]bool // where forms are sent to that were seen
	found   map[string]bool // what was found wrong, once each
	pages   map[string]visitedPage
	house   *household // nil while they do things
}

// What the tour calls things.
const (
	setupSecret = "set-up link"
	sealingKey  = "key that seals"
	storeFile   = "the file /rind.db"
	keyFile     = "the file /rind.key"
)

// TestTour does all that people do, visits every page as everybody, and then looks for
// each secret of the run in every place that outlives it.
func TestTour(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Oathtool)
	tr := startTour(t)
	tr.house = tr.walkAll()
	tr.crawl(tr.house)
	if !testing.Short() {
		t.Run("accessible", tr.accessible)
	}
	tr.pokeForms(tr.house)
	for link := range tr.opened { // those of mails
		tr.routes.linked(strings.TrimPrefix(link, tr.server.url))
	}
	tr.routes.complete(t)
	tr.server.stop()
	tr.search()
}

// startTour starts the server.
func startTour(t *testing.T) *tour {
	t.Helper()
	tr := &tour{t: t, vault: &vault{}, mails: mailtest.Start(t), opened: map[string]bool{}, forms: map[string]bool{}, found: map[string]bool{}, pages: map[string]visitedPage{}, routes: readRoutes(t)}
	cert, key, client := certificate(t)
	list := tr.makeScanner()
	port := realtest.FreePort(t)
	settings := fmt.Sprintf("registration = \"open\"\ntrusted-proxies = [\"127.0.0.1\"]\ntls-cert = %q\ntls-key = %q\nleak-keys = %q\n%s\n%s",
		cert, key, list, mailSettings(tr.mails), ciSettings)
	tr.server = launch(t, client, port, fmt.Sprintf("https://localhost:%d", port), settings)
	sealing, err := os.ReadFile(filepath.Join(tr.server.data, "rind.key"))
	if err != nil {
		t.Fatal(err)
	}
	tr.vault.add(sealingKey, strings.TrimSpace(string(sealing)))
	return tr
}

// certificate makes one for localhost, and a client that trusts it.
func certificate(t *testing.T) (cert, key string, client *http.Client) {
	t.Helper()
	cert, key = certtest.Files(t)
	public, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(public)
	return cert, key, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
}

// wrong says once what is wrong, and where.
func (tr *tour) wrong(format string, args ...any) {
	tr.t.Helper()
	text := fmt.Sprintf(format, args...)
	if !tr.found[text] {
		tr.found[text] = true
		tr.t.Error(text)
	}
}

// look checks an answer: what all of them carry, what pages may hold, and that it
// gives away no secret that was made before.
func (tr *tour) look(g *guest, a answer) {
	tr.t.Helper()
	path, _, _ := strings.Cut(a.path, "?")
	route := tr.routes.saw(a.method, path, g.name, a.status, a.header.Get("Location"))
	where := fmt.Sprintf("%s (%s %s as %s)", route, a.method, path, g.name)
	if a.status >= 500 {
		tr.wrong("%s: the status is %d", where, a.status)
	}
	for _, w := range wrongHeaders(path, a.header) {
		tr.wrong("%s: %s", where, w)
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") && !open(path) && len(a.body) > 0 {
		tr.keepPage(g, route, a)
		tr.routes.linked(linksOf(a.body)...)
		for _, w := range wrongMarkup(a.body) {
			tr.wrong("%s: %s", where, w)
		}
	}
	tr.routes.linked(a.header.Get("Location"))
	if to := a.header.Get("Location"); to != "" && !local(to) && path != "/simple" {
		tr.wrong("%s: it leads to %q", where, to)
	}
	body, to := indexed([]byte(a.body)), haystack{b: []byte(a.header.Get("Location"))}
	for _, s := range tr.vault.list() {
		if !s.mayBeAt(path) && s.in(body) {
			tr.wrong("%s: the %s is on the page", where, s.what)
		}
		if s.in(to) {
			tr.wrong("%s: the %s is in the address that it leads to", where, s.what)
		}
	}
}

// search looks for each secret in the log, the mails and all files.
func (tr *tour) search() {
	tr.t.Helper()
	places := map[string][]byte{"the output of the server": append(tr.logs, tr.server.process.Out.String()...)}
	for i, m := range tr.mails.Messages() {
		places[fmt.Sprintf("mail %d, %q to %s", i, m.Subject, strings.Join(m.To, " "))] = fmt.Appendf(nil, "%s\n%v\n%s\n%s", m.Subject, m.Header, m.Text, m.HTML)
	}
	files := 0
	if err := filepath.WalkDir(tr.server.data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files++
		places["the file "+strings.TrimPrefix(path, tr.server.data)] = b
		return err
	}); err != nil || files < 4 {
		tr.t.Fatalf("%d files: %v", files, err)
	}
	places["the audit trail"] = tr.auditTrail()
	if !bytes.Contains(places[storeFile], []byte("demo-plugins")) || !bytes.Contains(places["the audit trail"], []byte("203.0.113.1")) {
		tr.t.Error("what is known to be kept is not found")
	}
	if len(tr.vault.list()) < 60 || len(places) < 30 {
		tr.t.Errorf("%d secrets, %d places: this was no whole tour", len(tr.vault.list()), len(places))
	}
	for name, b := range places {
		for _, s := range tr.vault.list() {
			if s.in(haystack{b: tr.without(name, s, b)}) {
				tr.wrong("%s: the %s is in it", name, s.what)
			}
		}
	}
}

// without is what a place holds beside what it is for: a mail has the link that is
// mailed to that address, the first start prints one, and the key has its file.
func (tr *tour) without(place string, s *secret, b []byte) []byte {
	_, to, mailed := strings.Cut(s.what, " mailed to ")
	switch {
	case mailed && strings.HasPrefix(place, "mail ") && strings.HasSuffix(place, " to "+to), s.what == setupSecret:
		return bytes.ReplaceAll(b, []byte("?link="+s.text), []byte("?link="))
	case s.what == sealingKey && place == keyFile:
		return nil
	}
	return b
}
