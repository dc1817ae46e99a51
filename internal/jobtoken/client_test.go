package jobtoken

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats/token"
)

// uploadToken is the text of some upload token.
func uploadToken(t *testing.T) string {
	t.Helper()
	m, err := token.Mint(make([]byte, 32), "01a22000-0000-7000-8000-000000000000", "a.example", [][]byte{[]byte("[0,2,1]")})
	if err != nil {
		t.Fatal(err)
	}
	text, err := m.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// asked are the bodies that a server was sent, by path.
type asked map[string][]string

// server is one that answers as it is told, over TLS, and a client that trusts it and does not wait.
func server(t *testing.T, answers map[string]http.HandlerFunc) (*Client, asked, *time.Duration) {
	t.Helper()
	got := asked{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		_, _ = b.ReadFrom(r.Body)
		got[r.URL.Path] = append(got[r.URL.Path], b.String())
		if h := answers[r.URL.Path]; h != nil {
			h(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c, err := NewClient(s.URL+"/legacy/", roots)
	if err != nil {
		t.Fatal(err)
	}
	var waited time.Duration
	c.sleep = func(_ context.Context, d time.Duration) error { waited += d; return nil }
	return c, got, &waited
}

func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func refusal(code, detail string) string {
	b, _ := json.Marshal(map[string]any{"message": "Token request failed", "errors": []map[string]string{{"code": code, "description": detail}}})
	return string(b)
}

var audienceA = says(200, `{"audience": "a.example"}`)

func gitlabJob(t *testing.T) *Job {
	return jobWith(t, map[string]string{"GITLAB_CI": "1", "A_EXAMPLE_ID_TOKEN": jwt}, nil)
}

func TestGetAndBurn(t *testing.T) {
	t.Parallel()
	text := uploadToken(t)
	c, got, _ := server(t, map[string]http.HandlerFunc{
		pathAudience: audienceA,
		pathMint:     says(200, fmt.Sprintf(`{"success": true, "token": %q, "expires": 1800000000, "projects": ["demo"], "versions": ["1.2"]}`, text)),
		pathBurn:     says(204, ""),
	})
	digest := strings.Repeat("d", 64)
	tok, err := c.Get(t.Context(), gitlabJob(t), []string{digest})
	if err != nil || tok.Text != text || tok.Expires.Unix() != 1800000000 || tok.String() != "the token is for demo, version 1.2, until 2027-01-15T08:00:00Z at most" {
		t.Errorf("%v, %v", tok, err)
	}
	if err := c.Burn(t.Context(), text); err != nil {
		t.Error(err)
	}
	var sent struct {
		Token   string
		Digests []string
	}
	err = json.Unmarshal([]byte(got[pathMint][0]), &sent)
	if err != nil || sent.Token != jwt || !slices.Equal(sent.Digests, []string{digest}) {
		t.Errorf("%v, %v", sent, err)
	}
	if got[pathBurn][0] != fmt.Sprintf(`{"token":%q}`, text) {
		t.Error(got[pathBurn])
	}
}

// What a server refuses is said in its words; what may pass is tried again, and nothing else is.
func TestRefusals(t *testing.T) {
	t.Parallel()
	text := uploadToken(t)
	good := says(200, fmt.Sprintf(`{"token": %q, "expires": 1}`, text))
	once := func(first http.HandlerFunc) http.HandlerFunc {
		var n atomic.Int32
		return func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1) == 1 {
				first(w, r)
				return
			}
			good(w, r)
		}
	}
	hangUp := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for name, c := range map[string]struct {
		audience, mint http.HandlerFunc
		says           string
		asks           int // for a token
		waits          time.Duration
	}{
		"it fits no publisher":        {nil, says(422, refusal("invalid-publisher", `environment: expected "release", got none`)), `answers 422: environment: expected "release", got none`, 1, 0},
		"an escape":                   {nil, says(422, refusal("x", "a\x1b[2Jb\nc")), "answers 422: a [2Jb c", 1, 0},
		"errors are empty":            {nil, says(422, `{"message": "no", "errors": []}`), "answers 422: no", 1, 0},
		"a proxy's page":              {nil, says(413, "<html>"), "answers 413: Request Entity Too Large", 1, 0},
		"busy for a while":            {nil, once(says(429, refusal("too-many-requests", "wait"), "Retry-After", "7")), "", 2, 7 * time.Second},
		"busy for long":               {nil, says(429, refusal("too-many-requests", "wait"), "Retry-After", "3600"), "answers 429: wait", 1, 0},
		"broken for a while":          {nil, once(says(503, refusal("server-error", "down"))), "", 2, time.Second},
		"broken":                      {nil, says(503, "down"), "answers 503: Service Unavailable", 3, 3 * time.Second},
		"it hangs up":                 {nil, once(hangUp), "", 2, time.Second},
		"no token in it":              {nil, says(200, `{"success": true}`), "without an upload token", 1, 0},
		"another token in it":         {nil, says(200, `{"token": "ghp_x"}`), "without an upload token", 1, 0},
		"no JSON":                     {nil, says(200, "<html>"), "no JSON", 1, 0},
		"no exchange":                 {says(404, "<html>"), nil, "does not know trusted publishing", 0, 0},
		"switched off":                {says(403, `{"message": "Trusted publishing is off."}`), nil, "answers 403: Trusted publishing is off.", 0, 0},
		"no audience":                 {says(200, "{}"), nil, "names no audience", 0, 0},
		"a redirect":                  {says(302, "", "Location", "https://evil.example/"), nil, "https://evil.example/, and tokens follow no redirects", 0, 0},
		"a redirect with the token":   {nil, says(307, "", "Location", "https://evil.example/"), "follow no redirects", 1, 0},
		"an audience that has no end": {says(200, `{"audience": "`+strings.Repeat("a", maxAnswer)+`"}`), nil, "more than", 0, 3 * time.Second},
	} {
		if c.audience == nil {
			c.audience = audienceA
		}
		client, got, waited := server(t, map[string]http.HandlerFunc{pathAudience: c.audience, pathMint: c.mint})
		tok, err := client.Get(t.Context(), gitlabJob(t), nil)
		if c.says == "" && (err != nil || tok.Text != text) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
		if len(got[pathMint]) != c.asks || *waited != c.waits {
			t.Errorf("%s: asked %d times, waited %s", name, len(got[pathMint]), *waited)
		}
		if err != nil && strings.Contains(err.Error(), jwt) {
			t.Errorf("%s: the ID token is in the error", name)
		}
	}
}

func TestStrangersCertificate(t *testing.T) {
	t.Parallel()
	c, _, waited := server(t, map[string]http.HandlerFunc{pathAudience: audienceA})
	c.http = newHTTPClient(x509.NewCertPool(), time.Second)
	if _, err := c.Get(t.Context(), gitlabJob(t), nil); err == nil || !strings.Contains(err.Error(), "certificate") || *waited != 0 {
		t.Errorf("%v, waited %s", err, *waited)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://a.example": "https://a.example/legacy/", "https://a.example/": "https://a.example/legacy/", "https://a.example:8443/team-a/": "https://a.example:8443/team-a/",
		"http://localhost:8080": "http://localhost:8080/legacy/", "http://127.0.0.1:8080/legacy/": "http://127.0.0.1:8080/legacy/", "http://[::1]:8080": "http://[::1]:8080/legacy/",
		"http://a.example": "not https", "a.example": "no URL", "https://": "no URL", "": "no URL", "https://u:p@a.example": "leave out user", "https://a.example/?x": "leave out", "ftp://a.example": "not https",
		"http://localhost.evil.example": "not https", "http://127.0.0.1.evil.example/": "not https",
	} {
		c, err := NewClient(address, nil)
		switch {
		case err == nil && c.UploadURL() == want:
		case err != nil && strings.Contains(err.Error(), want):
		default:
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestEnvironLeavesNothingContrary(t *testing.T) {
	t.Parallel()
	old := []string{"PATH=/bin", "TWINE_PASSWORD=old", "UV_PUBLISH_USERNAME=old", "Maturin_Pypi_Token=old", "ODD", "RIND_SERVER=https://a.example"}
	got := Environ(old, "pypi-x", "https://a.example/legacy/")
	if s := strings.Join(got, "\n"); strings.Contains(s, "old") || !strings.Contains(s, "PATH=/bin\nODD\nRIND_SERVER=") || !strings.Contains(s, "\nTWINE_PASSWORD=pypi-x\n") {
		t.Error(s)
	}
	if old[1] != "TWINE_PASSWORD=old" {
		t.Error("the old environment changed")
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 128 + 9} {
		var out bytes.Buffer
		c := Command{Args: []string{"/bin/sh", "-c", "echo $X; " + script}, Env: []string{"X=y"}, Out: &out, Err: &out}
		code, err := c.Run(t.Context(), &Signals{})
		if err != nil || code != want || out.String() != "y\n" {
			t.Errorf("%s: %d, %v, %q", script, code, err, out.String())
		}
	}
	missing := Command{Args: []string{"there-is-no-such-command"}}
	if err := missing.Find(); err == nil {
		t.Error("it was found")
	}
	if _, err := missing.Run(t.Context(), &Signals{}); err == nil {
		t.Error("it was run")
	}
}

// A signal is passed on, and the command may end in its own way.
func TestSignalsArePassedOn(t *testing.T) {
	t.Parallel()
	s := &Signals{c: make(chan os.Signal, 8)}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		_, _ = r.Read(make([]byte, 1)) // it is ready
		s.c <- syscall.SIGTERM
	}()
	c := Command{Args: []string{"/bin/sh", "-c", "trap 'exit 9' TERM; echo; while :; do sleep 0.05; done"}, Out: w}
	code, err := c.Run(t.Context(), s)
	w.Close()
	if err != nil || code != 9 {
		t.Errorf("%d, %v", code, err)
	}
}
