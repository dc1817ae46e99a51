package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/issuer/feedhttp"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

var shownSecret = regexp.MustCompile(`rindv_[A-Za-z0-9_-]{43}`)

// The secret of a verifier is in one answer, and in no log, no store and no other page.
func TestVerifierPages(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	if !strings.Contains(ada.get("/admin/people").body, `href="/admin/verifiers"`) {
		t.Error("nothing leads there")
	}
	ada.get("/admin/verifiers").says(h.pages.Text("en", "verifiers.empty", nil))
	got := ada.post("/admin/verifiers", "name", "berlin")
	secret := shownSecret.FindString(got.body)
	if got.status != 200 || strings.Count(got.body, secret) != 1 || secret == "" || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, the secret is there %d times", got.status, strings.Count(got.body, secret))
	}
	v, err := h.issuer.Followers.AuthenticateVerifier(t.Context(), secret)
	if err != nil || v.Name != "berlin" || v.CreatedBy != "ada" {
		t.Errorf("registered %+v (%v)", v, err)
	}
	for key, value := range h.state() {
		if strings.Contains(key+value, secret[6:]) {
			t.Errorf("the store has it under %q", key)
		}
	}
	if strings.Contains(h.log.String(), secret[6:]) {
		t.Error("the log has it")
	}
	if body := ada.get("/admin/verifiers").body; shownSecret.MatchString(body) || !strings.Contains(body, "berlin") {
		t.Error("the list shows a secret, or no verifier")
	}
	if got := ada.post("/admin/verifiers", "name", " Berlin "); got.status != 422 || shownSecret.MatchString(got.body) {
		t.Errorf("the same name again: %d", got.status)
	}
	h.clock.pass(authn.FactorFresh + time.Second)
	ada.post("/admin/verifiers", "name", "paris").is(303, "/login/totp?next=%2Fadmin%2Fverifiers")
	ada.get("/admin/verifiers/" + v.ID + "/revoke").says(h.pages.Text("en", "verifier_revoke.store", nil))
	ada.post("/admin/verifiers/"+v.ID+"/revoke").is(303, "/admin/verifiers") // what ends something needs no new factor
	ada.get("/admin/verifiers").says(h.pages.Text("en", "notice.verifier_revoked", nil))
	if _, err := h.issuer.Followers.AuthenticateVerifier(t.Context(), secret); err == nil {
		t.Error("the secret still works")
	}
	ada.get("/admin/verifiers/no-such/revoke").is(404, "")
	ada.get("/account").says(h.pages.Text("en", "audit.verifier.registered", ui.Args{"actor": "You", "verifier": "berlin"}))
}

// remote is a verifier that is connected.
func (h *house) remote(name string) (followers.Verifier, *followers.Stream) {
	h.Helper()
	v, _, err := h.issuer.Followers.RegisterVerifier(h.Context(), ledger.Principal{Admin: true}, name)
	h.must(err)
	at, err := h.issuer.Followers.Position(h.Context())
	h.must(err)
	x, err := h.issuer.Followers.OpenStream(h.Context(), v, at)
	h.must(err)
	return v, x
}

// obeys makes a verifier report whatever it is told, until the test ends.
func (h *house) obeys(v followers.Verifier, x *followers.Stream) {
	done := make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	h.Cleanup(func() { stop(); <-done })
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-x.More():
			}
			_, err := x.Changes(ctx)
			if err == nil {
				err = h.issuer.Followers.Report(ctx, v, feed.Report{Applied: x.Position()})
			}
			if err != nil && ctx.Err() == nil {
				h.Errorf("%s: %v", v.Name, err)
				return
			}
		}
	}()
}

// After what takes a right away, the next page says who has heard of it.
func TestPagesSayWhoHasIt(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	ada.project("demo")
	h.join(ledger.Principal{UserID: ada.id, Username: "ada"}, "demo", bob, projects.RoleMaintainer)
	_, first := ada.mint("first")
	_, second := ada.mint("second")

	ada.post("/tokens/"+first+"/revoke").is(303, "/tokens")
	ada.get("/tokens").says("1 of 1 verifier has it, in ").says(h.pages.Text("en", "notice.token_revoked", nil))
	if strings.Contains(ada.get("/tokens").body, "1 of 1 verifier") {
		t.Error("it is said again")
	}

	h.obeys(h.remote("berlin"))
	h.obeys(h.remote("paris"))
	ada.post("/projects/demo/members/"+bob.id+"/remove").is(303, "/projects/demo")
	ada.get("/projects/demo").says("3 of 3 verifiers have it, in ")
	ada.post("/admin/people/"+bob.id+"/freeze").is(303, "/admin/people")
	ada.get("/admin/people/" + bob.id).says("3 of 3 verifiers have it, in ")

	h.remote("slow <b>")
	_, gone := h.remote("gone")
	gone.Close()
	ada.post("/tokens/"+second+"/revoke").is(303, "/tokens")
	got := ada.get("/tokens")
	got.says("3 of 4 connected verifiers have it.").says("Still waiting for slow <b>.").says("Not connected: gone.").
		says(h.pages.Text("en", "propagation.bound", nil)).says(h.pages.Text("en", "notice.token_revoked_soon", nil))
	if !strings.Contains(got.body, `<p class="warning" role="status">`) {
		t.Error("it looks as if all were well")
	}
}

// What is kept for the next page is bounded, however many verifiers lack a change,
// and a word of another kind says nothing.
func TestNoticesAreBounded(t *testing.T) {
	r := ui.Propagation{Connected: 9000, Applied: 3}
	for range 9000 {
		r.Behind = append(r.Behind, strings.Repeat("é", followers.MaxVerifierName))
		r.Away = append(r.Away, "x")
	}
	if s := r.Short(); len(s.Behind)+len(s.Away) != 8 || s.More != 18000-8 || !s.Missing() || len(r.Behind) != 9000 {
		t.Errorf("%d and %d are named, %d are not", len(s.Behind), len(s.Away), s.More)
	}
	for word, want := range map[string]string{"": "", "signed_out": "signed_out", "{": "", `{"Code":"x","Propagation":{"Connected":2}}`: "x", `{"Code":7}`: ""} {
		if n := readNotice(word); n.Code != want {
			t.Errorf("%q is read as %+v", word, n)
		}
	}
}

// The server serves the feed where it is given one, and ends its streams.
func TestFeedIsServed(t *testing.T) {
	h := newHouse(t)
	served, err := New(Config{
		Auth: h.auth, Issuer: h.issuer, Pages: h.pages, CatchUp: h.catchUp, PublicURL: h.web.public,
		Gateway: http.NotFoundHandler(), Index: http.NotFoundHandler(), Indexes: []Index{{Path: "/"}}, Feed: feedhttp.New(feedhttp.Config{Issuer: h.issuer}),
		Clock: h.clock.Now, Logger: slog.New(slog.DiscardHandler),
	})
	h.must(err)
	server := httptest.NewServer(served)
	defer server.Close()
	server.Config.RegisterOnShutdown(served.EndStreams)
	_, secret, err := h.issuer.Followers.RegisterVerifier(t.Context(), ledger.Principal{Admin: true}, "berlin")
	h.must(err)
	ask := func(path, secret string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		h.must(err)
		r.Header.Set("Authorization", "Bearer "+secret)
		res, err := http.DefaultTransport.RoundTrip(r)
		h.must(err)
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	if res := ask(feed.PathSnapshot, "x"); res.StatusCode != 401 || len(res.Cookies()) != 0 {
		t.Errorf("a wrong secret: %d", res.StatusCode)
	}
	if res := ask(feedhttp.Prefix+"none", secret); res.StatusCode != 404 {
		t.Errorf("no such path: %d", res.StatusCode)
	}
	at, err := h.issuer.Followers.Position(t.Context())
	h.must(err)
	frames := feed.NewFrameReader(ask(feed.PathStream+"?epoch=1&after=0&issuer="+at.Issuer, secret).Body)
	for got := uint64(0); got < at.Revision; {
		f, err := frames.Next()
		h.must(err)
		if f.Set != nil {
			got = f.Set.Revision
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := server.Config.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}
