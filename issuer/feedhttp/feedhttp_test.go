package feedhttp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/clientip"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/kvtest"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

const adaID = "00000000-0000-4000-8000-0000000000aa"

var (
	ada   = ledger.Principal{UserID: adaID, Username: "ada", Actor: audit.Actor{IP: "203.0.113.9"}}
	chief = ledger.Principal{Username: "chief", Admin: true}
)

// source is an issuer on a real store whose feed is served on loopback.
type source struct {
	testing.TB
	*issuer.Service
	store  kv.Store
	feed   *Handler
	server *httptest.Server
	log    *buffer
}

// newSource serves a feed; change comes before it is served.
func newSource(t testing.TB, change ...func(*Handler)) *source {
	t.Helper()
	h := &source{TB: t, log: &buffer{}}
	sealer, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	h.must(err)
	h.store, err = teststore.Open(t, filepath.Join(t.TempDir(), "rind.db"))
	h.must(err)
	h.store = kvtest.Again(h.store)
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.Service, err = issuer.New(issuer.Config{Store: h.store, Sealer: sealer, Location: "rind.example.org", KeepChanges: 64, Logger: log})
	h.must(err)
	h.must(h.store.Update(t.Context(), func(tx kv.Tx) error { return h.Ledger.RecordUser(tx, adaID, "ada", false) }))
	h.feed = New(Config{Issuer: h.Service, Logger: log})
	h.feed.heartbeat = 20 * time.Millisecond
	for _, c := range change {
		c(h.feed)
	}
	h.server = httptest.NewUnstartedServer(h.feed)
	h.server.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	h.server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		h.must(c.(*net.TCPConn).SetWriteBuffer(16 << 10)) // so that a client that does not read is noticed
		return ctx
	}
	h.server.Start()
	t.Cleanup(func() {
		h.feed.EndStreams()
		h.server.Close()
		h.must(h.store.Close())
	})
	return h
}

func (h *source) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *source) secret(name string) (id, secret string) {
	h.Helper()
	v, secret, err := h.Followers.RegisterVerifier(h.Context(), chief, name)
	h.must(err)
	return v.ID, secret
}

func (h *source) at() feed.Position {
	h.Helper()
	at, err := h.Followers.Position(h.Context())
	h.must(err)
	return at
}

func (h *source) mint(label string) tokens.Minted {
	h.Helper()
	m, err := h.Tokens.Mint(h.Context(), ada, tokens.MintRequest{Label: label, Scope: tokens.ScopeAll, Life: tokens.LifeNever})
	h.must(err)
	return m
}

func streamPath(at feed.Position) string {
	return feed.PathStream + "?" + url.Values{
		"issuer": {at.Issuer}, "epoch": {strconv.FormatUint(at.Epoch, 10)}, "after": {strconv.FormatUint(at.Revision, 10)}, "chain": {at.Chain.String()},
	}.Encode()
}

// ask sends a request with a secret.
func (h *source) ask(ctx context.Context, method, path, secret string, body io.Reader) *http.Response {
	h.Helper()
	r, err := http.NewRequestWithContext(ctx, method, h.server.URL+path, body)
	h.must(err)
	r.Header.Set("Authorization", "Bearer "+secret)
	res, err := http.DefaultTransport.RoundTrip(r)
	h.must(err)
	return res
}

// status is ask's, with the text of the answer.
func (h *source) status(method, path, secret string, body io.Reader) (int, string) {
	h.Helper()
	res := h.ask(h.Context(), method, path, secret, body)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	h.must(err)
	return res.StatusCode, string(text)
}

// follow opens a stream, which closes with the test.
func (h *source) follow(secret string, at feed.Position) *feed.FrameReader {
	h.Helper()
	res := h.ask(h.Context(), "GET", streamPath(at), secret, nil)
	h.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		h.Fatalf("status %d", res.StatusCode)
	}
	return feed.NewFrameReader(res.Body)
}

// reports sends a report.
func (h *source) reports(secret string, r feed.Report) (int, string) {
	h.Helper()
	b, err := json.Marshal(r)
	h.must(err)
	return h.status("POST", feed.PathReport, secret, bytes.NewReader(b))
}

func TestFeedStatuses(t *testing.T) {
	h := newSource(t)
	_, secret := h.secret("berlin")
	gone, revoked := h.secret("gone")
	h.must(h.Followers.RevokeVerifier(t.Context(), chief, gone))
	for i := range 200 { // the log keeps 64
		h.must(h.store.Update(t.Context(), func(tx kv.Tx) error { return h.Ledger.RecordUser(tx, adaID, fmt.Sprint("ada", i), false) }))
	}
	at := h.at()
	with := func(change func(*feed.Position)) string { p := at; change(&p); return streamPath(p) }
	for _, tt := range []struct {
		method, path, secret, body string
		want                       int
	}{
		{"GET", streamPath(at), "", "", 401},
		{"GET", streamPath(at), secret + "x", "", 401},
		{"GET", streamPath(at), revoked, "", 401},
		{"GET", feed.PathSnapshot, revoked, "", 401},
		{"POST", feed.PathReport, revoked, "{}", 401},
		{"GET", with(func(p *feed.Position) { *p = feed.Position{} }), secret, "", 410},
		{"GET", feed.PathStream, secret, "", 410},
		{"GET", with(func(p *feed.Position) { p.Revision = 1 }), secret, "", 410},
		{"GET", with(func(p *feed.Position) { p.Epoch = 0 }), secret, "", 410},
		{"GET", with(func(p *feed.Position) { p.Issuer = adaID }), secret, "", 409},
		{"GET", with(func(p *feed.Position) { p.Epoch++ }), secret, "", 409},
		{"GET", with(func(p *feed.Position) { p.Revision++ }), secret, "", 409},
		{"GET", with(func(p *feed.Position) { p.Chain[31]++ }), secret, "", 409},
		{"GET", with(func(p *feed.Position) { p.Chain = feed.Chain{} }), secret, "", 409},
		{"GET", strings.Replace(streamPath(at), "&epoch", "0&epoch", 1), secret, "", 400},
		{"GET", strings.ReplaceAll(streamPath(at), at.Chain.String(), strings.ToUpper(at.Chain.String())), secret, "", 400},
		{"GET", feed.PathStream + "?after=1", secret, "", 400},
		{"GET", feed.PathStream + "?issuer=" + at.Issuer + "&after=-1", secret, "", 400},
		{"GET", feed.PathStream + "?issuer=" + strings.Repeat("x", 65), secret, "", 400},
		{"GET", streamPath(at) + "&after=1", secret, "", 400},
		{"GET", streamPath(at) + ";x", secret, "", 400},
		{"POST", feed.PathReport, secret, "{", 400},
		{"POST", feed.PathReport, secret, "{}{}", 400},
		{"POST", feed.PathReport, secret, `{"uses":[` + strings.Repeat(`{},`, feed.MaxReport/3) + `{}]}`, 413},
		{"POST", feed.PathReport, secret, `{"applied":{"issuer":"` + adaID + `"}}`, 409},
		{"POST", feed.PathReport, secret, "{}", 204},
	} {
		status, text := h.status(tt.method, tt.path, tt.secret, strings.NewReader(tt.body))
		if status != tt.want || (status != 204) != (strings.HasPrefix(text, "followers: ") || len(text) > 10) {
			t.Errorf("%s %s: %d %q, want %d", tt.method, tt.path, status, text, tt.want)
		}
		if tt.secret != "" && strings.Contains(text, tt.secret) {
			t.Error("an answer holds the secret")
		}
	}
	if log := h.log.String(); strings.Contains(log, secret[6:]) || strings.Contains(log, revoked[6:]) || !strings.Contains(log, "verifier registered") {
		t.Error("the log holds a secret, or nothing")
	}
	h.must(h.store.Close())
	if status, _ := h.status("GET", streamPath(at), secret, nil); status != 503 {
		t.Errorf("without a store: %d", status)
	}
}

// Whoever could be read along with is refused, before its secret is looked at.
func TestFeedWantsTLS(t *testing.T) {
	f := &Handler{clients: clientip.Trusting([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})}
	for _, tt := range []struct {
		peer, header, value string
		tls, want           bool
	}{
		{"127.0.0.1:1", "", "", false, true},
		{"[::1]:1", "", "", false, true},
		{"[::ffff:127.0.0.1]:1", "", "", false, true},
		{"203.0.113.5:1", "", "", false, false},
		{"203.0.113.5:1", "", "", true, true},
		{"203.0.113.5:1", "X-Forwarded-Proto", "https", false, false}, // says whoever likes
		{"10.1.2.3:1", "X-Forwarded-Proto", "https", false, true},
		{"10.1.2.3:1", "X-Forwarded-Proto", "http", false, false},
		{"10.1.2.3:1", "X-Forwarded-Proto", "http", true, false},
		{"10.1.2.3:1", "", "", false, false},
		{"127.0.0.1:1", "X-Forwarded-Proto", "http", false, false}, // a proxy on this machine
		{"127.0.0.1:1", "X-Forwarded-For", "203.0.113.5", false, false},
		{"127.0.0.1:1", "Forwarded", "for=203.0.113.5", false, false},
		{"127.0.0.1:1", "Via", "1.1 proxy", false, false},
		{"127.0.0.1:1", "X-Real-IP", "203.0.113.5", false, false},
		{"127.0.0.1:1", "X-Forwarded-Host", "packages.example.org", false, false},
		{"127.0.0.1:1", "X-Of-A-Proxy-That-Nobody-Knows", "1", false, false},
		{"127.0.0.1:1", "Accept", "*/*", false, true},
		{"10.1.2.3:1", "Via", "1.1 proxy", false, false},
		{"127.0.0.1:1", "X-Forwarded-Proto", "https", false, true},
		{"pipe", "", "", false, false},
	} {
		r := httptest.NewRequest("GET", feed.PathStream, nil)
		r.RemoteAddr = tt.peer
		r.TLS = nil
		if tt.tls {
			r.TLS = httptest.NewRequest("GET", "https://x/", nil).TLS
		}
		if tt.header != "" {
			r.Header.Set(tt.header, tt.value)
		}
		if got := f.guard(r) == nil; got != tt.want {
			t.Errorf("%+v: %t", tt, got)
		}
	}
	h := newSource(t)
	_, secret := h.secret("berlin")
	r, err := http.NewRequest("GET", h.server.URL+feed.PathSnapshot, nil)
	h.must(err)
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set("X-Forwarded-Proto", "http")
	res, err := http.DefaultTransport.RoundTrip(r)
	h.must(err)
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestFeedSnapshot(t *testing.T) {
	h := newSource(t)
	_, secret := h.secret("berlin")
	m := h.mint("ci")
	res := h.ask(t.Context(), "GET", feed.PathSnapshot, secret, nil)
	defer res.Body.Close()
	r := feed.NewFrameReader(res.Body)
	count := 0
	for i := 0; ; i++ {
		f, err := r.Next()
		h.must(err)
		if i == 0 && (f.Position == nil || *f.Position != h.at() || f.Time.IsZero()) {
			t.Errorf("begins with %+v", f)
		}
		count += len(f.Records)
		for _, c := range f.Records {
			if c.Token != nil && c.Token.ID != m.Token.ID {
				t.Errorf("token %+v", c.Token)
			}
		}
		if f.End {
			if f.Count != count || count != 2 {
				t.Errorf("%d records, says %d", count, f.Count)
			}
			break
		}
	}
	if _, err := r.Next(); err != io.EOF { //nolint:errorlint // the very value
		t.Errorf("behind the end: %v", err)
	}
}

// A snapshot that fails under way ends in the middle, not as if it were whole.
func TestFeedSnapshotThatFails(t *testing.T) {
	h := newSource(t)
	_, secret := h.secret("berlin")
	m := h.mint("ci")
	h.must(h.store.Update(t.Context(), func(tx kv.Tx) error { return tx.Delete([]byte("issuer/chain/" + m.Token.ID)) }))
	res := h.ask(t.Context(), "GET", feed.PathSnapshot, secret, nil)
	defer res.Body.Close()
	r := feed.NewFrameReader(res.Body)
	for {
		f, err := r.Next()
		if err == io.EOF { //nolint:errorlint // the very value
			t.Error("it ended as if it were whole")
		}
		if err != nil {
			break
		}
		if f.End {
			t.Fatal("it says that it is complete")
		}
	}
}

// A client that reads nothing more is dropped: the server neither waits for it nor
// keeps anything for it.
func TestFeedHalfOpen(t *testing.T) {
	h := newSource(t, func(f *Handler) { f.routes(deadline.Stream.WithStall(300 * time.Millisecond)) })
	id, secret := h.secret("berlin")
	members := make(map[string]any)
	for i := range projects.MaxMembers {
		members[fmt.Sprintf("00000000-0000-4000-9000-%012d", i)] = map[string]any{"role": "maintainer"}
	}
	at := h.at()
	for i := range 50 { // 2.5 MB and more
		p, _, err := h.Projects.Create(t.Context(), ada, fmt.Sprint("p", i))
		h.must(err)
		h.must(h.store.Update(t.Context(), func(tx kv.Tx) error {
			return kv.PutJSON(tx, "issuer/project/"+p.ID, map[string]any{"name": p.Name, "normalized": p.Normalized, "members": members})
		}))
	}
	address := strings.TrimPrefix(h.server.URL, "http://")
	for _, path := range []string{streamPath(at), feed.PathSnapshot} {
		c, err := net.Dial("tcp", address)
		h.must(err)
		defer c.Close()
		h.must(c.(*net.TCPConn).SetReadBuffer(4096))
		_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, secret)
		h.must(err)
		h.eventually(path+" is dropped", func() bool {
			_, err := c.Write([]byte{0}) // a reset, once the other side has closed with something unread
			return err != nil
		})
	}
	h.eventually("it no longer counts as connected", func() bool {
		v, err := h.Followers.Verifier(t.Context(), chief, id)
		h.must(err)
		return v.Connected.IsZero()
	})
}

// eventually waits for what another goroutine does.
func (h *source) eventually(what string, ok func() bool) {
	h.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.Fatalf("not within 20 s: %s", what)
		}
	}
}

// buffer is a log that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
