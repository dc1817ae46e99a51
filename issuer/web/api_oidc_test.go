package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/idtoken/idtest"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/publishers"
)

// oidcHouse is a house that knows a CI system, and in which ada's project demo has a publisher.
func oidcHouse(t *testing.T) (*house, *idtest.Provider, *person) {
	t.Helper()
	ci := idtest.New(t, "/_services/token")
	h := newHouse(t, func(h *house) { h.issuers = []idtoken.Issuer{ci.Issuer("hub", idtoken.KindGitHub)} })
	ada := h.founder("ada")
	ada.project("demo")
	p := ledger.Principal{Username: "ada"}
	h.must(h.store.View(h.Context(), func(r kv.Reader) (err error) {
		p.UserID, err = authn.People{}.UserNamed(r, "ada")
		return err
	}))
	_, err := h.issuer.Publishers.Add(h.Context(), p, "demo", publishers.Rules{Issuer: ci.URL, Repository: "octo/demo", Workflow: "release.yml", Tag: "v{version}"})
	h.must(err)
	return h, ci, ada
}

// job returns an ID token of a job of octo/demo.
func job(t *testing.T, h *house, ci *idtest.Provider, changes map[string]any) string {
	claims := idtest.Times(h.clock.Now(), "rind.example.org")
	for k, v := range map[string]any{
		"repository": "octo/demo", "repository_id": "74", "repository_owner": "octo", "repository_owner_id": "65", "ref": "refs/tags/v1.2.3", "sha": strings.Repeat("a", 40),
		"workflow_ref": "octo/demo/.github/workflows/release.yml@refs/tags/v1.2.3", "event_name": "push", "run_id": "99",
	} {
		claims[k] = v
	}
	for k, v := range changes {
		claims[k] = v
	}
	return ci.Sign(t, claims)
}

// asks sends a request as a job does: without a cookie, and of no site.
func (h *house) asks(method, path, body string) page {
	h.Helper()
	p := h.visitor("job")
	r := p.request(method, path, "application/json", body)
	r.Header.Del("Sec-Fetch-Site")
	r.Header.Set("Accept", "*/*")
	return p.send(r)
}

// refusal is an answer as clients read it.
type jobRefusal struct {
	Message, Detail, Title string
	Status                 int
	Errors                 []struct{ Code, Description string }
}

func (h *house) refusesJob(got page, status int, code, says string) {
	h.Helper()
	var no jobRefusal
	err := json.Unmarshal([]byte(got.body), &no)
	if err != nil || got.status != status || no.Status != status || no.Message != "Token request failed" || len(no.Errors) != 1 || no.Errors[0].Code != code || !strings.Contains(no.Errors[0].Description, says) {
		h.Errorf("%d %s, want %d %s %q", got.status, got.body, status, code, says)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/problem+json" {
		h.Errorf("Content-Type %s", kind)
	}
}

func tokenBody(text string) string { return fmt.Sprintf(`{"token":%q}`, text) }

func TestExchangeOverHTTP(t *testing.T) {
	t.Parallel()
	h, ci, _ := oidcHouse(t)
	if got := h.asks("GET", pathAudience, ""); got.status != http.StatusOK || strings.TrimSpace(got.body) != `{"audience":"rind.example.org"}` {
		t.Errorf("%d %s", got.status, got.body)
	}
	got := h.asks("GET", pathDiscovery+"?discover=%2Flegacy%2F", "")
	var d map[string]any
	err := json.Unmarshal([]byte(got.body), &d)
	if err != nil || got.status != http.StatusOK || d["token-mint-endpoint"] != h.public()+pathMint || d["audience-endpoint"] != h.public()+pathAudience ||
		got.header.Get("Content-Type") != "application/vnd.pypi.pytp.v1+json" {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, path := range []string{"", "?discover=", "?discover=%2Fsimple%2F", "?discover=https%3A%2F%2Frind.example.org%2Flegacy%2F"} {
		h.refusesJob(h.asks("GET", pathDiscovery+path, ""), http.StatusNotFound, "unknown-path", "/legacy/")
	}

	text := job(t, h, ci, nil)
	for _, path := range []string{pathMint, pathMintGitHub} {
		body := fmt.Sprintf(`{"token":%q,"unknown":{"x":[1]}}`, text)
		if path == pathMintGitHub {
			h.refusesJob(h.asks("POST", path, body), http.StatusUnprocessableEntity, "invalid-reuse-token", "exchanged before")
			body = tokenBody(job(t, h, ci, nil))
		}
		got := h.asks("POST", path, body)
		var a struct {
			Success  bool
			Token    string
			Expires  int64
			Projects []string
		}
		err := json.Unmarshal([]byte(got.body), &a)
		if err != nil || got.status != http.StatusOK || !a.Success || !strings.HasPrefix(a.Token, "pypi-") ||
			a.Expires <= h.clock.Now().Unix() || len(a.Projects) != 1 || got.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if got := h.asks("POST", pathBurn, tokenBody(a.Token)); got.status != http.StatusNoContent {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := h.asks("POST", pathBurn, tokenBody(a.Token)); got.status != http.StatusNoContent {
			t.Errorf("again: %d %s", got.status, got.body)
		}
	}
}

func TestExchangeRefuses(t *testing.T) {
	t.Parallel()
	h, ci, _ := oidcHouse(t)
	for body, says := range map[string]string{
		"": "JSON", "x": "JSON", "[]": "JSON object", `{}`: `"token"`, `{"token":1}`: `"token"`, `{"token":null}`: `"token"`, `{"token":"x"}`: "not a JWT", `{"token":"a.b.c"}`: "base64url",
		`{"token":"x","token":"y"}`: "twice", `{"token":"x","digests":"y"}`: "digests", `{"token":"x","digests":[1]}`: "digests", `{"token":"x","digests":[]}`: "at least one", `{"token":"` + strings.Repeat("a", maxExchange) + `"}`: "more than",
		tokenBody(job(t, h, ci, map[string]any{"iss": "https://evil.example"})): "no publisher here names the issuer",
	} {
		h.refusesJob(h.asks("POST", pathMint, body), http.StatusUnprocessableEntity, idtoken.CodePayload, says)
	}
	h.refusesJob(h.asks("POST", pathMint, tokenBody(job(t, h, ci, map[string]any{"aud": "pypi"}))), http.StatusUnprocessableEntity, idtoken.CodeToken, `expected "rind.example.org", got "pypi"`)
	h.refusesJob(h.asks("POST", pathMint, tokenBody(job(t, h, ci, map[string]any{"workflow_ref": "octo/demo/.github/workflows/test.yml@refs/tags/v1.2.3"}))),
		http.StatusUnprocessableEntity, publishers.CodePublisher, `expected "release.yml", got "test.yml"`)
	h.refusesJob(h.asks("POST", pathMint, fmt.Sprintf(`{"token":%q,"digests":["ABC"]}`, job(t, h, ci, nil))), http.StatusUnprocessableEntity, idtoken.CodePayload, "64 hex digits")
	h.refusesJob(h.asks("POST", pathBurn, tokenBody("pypi-x")), http.StatusUnprocessableEntity, idtoken.CodeToken, "no upload token of this server")
	h.refusesJob(h.asks("POST", pathBurn, "x"), http.StatusUnprocessableEntity, idtoken.CodePayload, "JSON")
	for range 400 {
		h.asks("POST", pathMint, `{"token":"x"}`)
	}
	got := h.asks("POST", pathMint, `{"token":"x"}`)
	h.refusesJob(got, http.StatusTooManyRequests, codeBusy, "in a minute")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// Where changes are stopped, or the store fails, clients get an answer that they can read.
func TestExchangeWhereTheServerIsToBlame(t *testing.T) {
	t.Parallel()
	h, ci, _ := oidcHouse(t)
	ci.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	h.refusesJob(h.asks("POST", pathMint, tokenBody(job(t, h, ci, nil))), http.StatusServiceUnavailable, codeServer, "could not be fetched")
}
