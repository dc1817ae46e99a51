package gatewayhttp

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/verifier"
)

const (
	alice   = "00000000-0000-4000-8000-0000000000aa"
	demoID  = "00000000-0000-4000-8000-0000000000bb"
	tokenID = "01900000-0000-7000-8000-000000000001"
)

// keyring is a verifier.Store of one token. Its owner is a member of the projects demo and my-lib.
type keyring struct {
	record verifier.Record
	err    error
}

// Lookup implements verifier.Store.
func (k *keyring) Lookup(_ context.Context, id, project string) (verifier.Record, error) {
	switch {
	case k.err != nil:
		return verifier.Record{}, k.err
	case id != tokenID:
		return verifier.Record{}, verifier.ErrUnknownToken
	}
	rec := k.record
	if project == "demo" || project == "my-lib" {
		rec.Project = verifier.Project{ID: demoID, Name: project, Member: true}
	}
	return rec, nil
}

// mint makes the token, for the project demo.
func (k *keyring) mint(t *testing.T) string {
	t.Helper()
	cs := [][]byte{caveats.User(alice).Append(nil), caveats.ProjectNames{"demo"}.Append(nil)}
	minted, err := token.Mint(make([]byte, token.RootKeySize), tokenID, "packages.example.org", cs)
	if err != nil {
		t.Fatal(err)
	}
	k.record = verifier.Record{Location: "packages.example.org", UserID: alice, UserName: "alice", Caveats: cs, Signature: minted.Signature}
	text, err := minted.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// deciding is a server with a real verifier, which knows alice's token for demo.
type deciding struct {
	*Server
	keys *keyring
	text string
	used []verifier.Grant
}

func newDeciding(t *testing.T) *deciding {
	t.Helper()
	d := &deciding{keys: &keyring{}}
	d.text = d.keys.mint(t)
	d.Server = newServer(t, func(c *Config) {
		c.Verifier = verifier.New(d.keys).WithClock(func() time.Time { return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC) })
		c.Secret = secretOf(t, "s3cret")
		c.OnUse = func(g verifier.Grant, _ netip.Addr) { d.used = append(d.used, g) }
	})
	return d
}

func basic(token string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("__token__:"+token))
}

func (d *deciding) verify(t *testing.T, secret string, q map[string]any) (int, decision, http.Header) {
	t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/v1/verify", strings.NewReader(string(body)))
	r.Header.Set("Authorization", secret)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	var out decision
	if w.Header().Get("Content-Type") == "application/json" {
		err := json.Unmarshal(w.Body.Bytes(), &out)
		if err != nil {
			t.Fatal(err)
		}
	}
	return w.Code, out, w.Header()
}

func TestVerify(t *testing.T) {
	d := newDeciding(t)
	narrow, err := token.Restrict(d.text, caveats.Versions{"1.0"}, caveats.Networks{"192.0.2.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	no := false
	for _, c := range []struct {
		what    string
		q       map[string]any
		status  int
		allowed bool
		reason  string
	}{
		{"the file of another project", map[string]any{"authorization": basic(d.text), "project": "demo", "version": "1.0", "filename": "other-1.0.tar.gz"}, 403, false, "does not belong to project 'demo'"},
		{"the wheel of another project, before all is known", map[string]any{"authorization": basic(d.text), "project": "demo", "filename": "other-1.0-py3-none-any.whl", "final": false}, 403, false, "does not belong to project 'demo'"},
		{"the file of another version", map[string]any{"authorization": basic(d.text), "project": "demo", "version": "1.0", "filename": "demo-1.0.5.tar.gz"}, 403, false, "does not match the version '1.0'"},
		{"all is known", map[string]any{"authorization": basic(d.text), "project": "Demo", "version": "1.0", "filename": "demo-1.0.tar.gz"}, 200, true, ""},
		{"a bearer token", map[string]any{"authorization": "Bearer " + d.text, "project": "demo"}, 200, true, ""},
		{"another project", map[string]any{"authorization": basic(d.text), "project": "my-lib"}, 403, false, "not for 'my-lib'"},
		{"no project, and nothing more to come", map[string]any{"authorization": basic(d.text)}, 403, false, "Invalid API Token"},
		{"no project yet", map[string]any{"authorization": basic(d.text), "final": no}, 200, false, ""},
		{"no version yet", map[string]any{"authorization": basic(narrow), "project": "demo", "client_ip": "192.0.2.7", "final": no}, 200, false, ""},
		{"another version", map[string]any{"authorization": basic(narrow), "project": "demo", "version": "2.0", "client_ip": "192.0.2.7", "final": no}, 403, false, "version '1.0'"},
		{"the version", map[string]any{"authorization": basic(narrow), "project": "demo", "version": "1.0", "client_ip": "192.0.2.7"}, 200, true, ""},
		{"another network", map[string]any{"authorization": basic(narrow), "project": "demo", "version": "1.0", "client_ip": "198.51.100.7", "final": no}, 403, false, "Invalid API Token"},
		{"no address", map[string]any{"authorization": basic(narrow), "project": "demo", "version": "1.0", "final": no}, 403, false, "Invalid API Token"},
		{"a password", map[string]any{"authorization": "Basic YTpi", "project": "demo"}, 403, false, "no longer supported"},
		{"no credentials", map[string]any{"project": "demo"}, 403, false, "non-existent authentication"},
		{"another action", map[string]any{"authorization": basic(d.text), "project": "demo", "action": "delete"}, 400, false, ""},
		{"not an address", map[string]any{"authorization": basic(d.text), "client_ip": "x"}, 400, false, ""},
		{"an unknown field", map[string]any{"authorisation": basic(d.text)}, 400, false, ""},
	} {
		status, got, h := d.verify(t, "Bearer s3cret", c.q)
		if status != c.status || got.Allowed != c.allowed || !strings.Contains(got.Reason, c.reason) || h.Get("X-Rind-Reason") != got.Reason {
			t.Errorf("%s: %d %+v", c.what, status, got)
		}
		if c.allowed && (got.Project != "demo" || got.TokenID == "" || got.User != "alice") {
			t.Errorf("%s: %+v", c.what, got)
		}
	}
	if len(d.used) != 3 {
		t.Errorf("%d uses were noted, of 3 that were allowed", len(d.used))
	}
	d.keys.err = errors.New("the disk is gone, at /secret/place")
	if status, got, _ := d.verify(t, "Bearer s3cret", map[string]any{"authorization": basic(d.text), "project": "demo"}); status != 503 || strings.Contains(got.Reason, "place") {
		t.Error(status, got)
	}
}

func secretOf(t *testing.T, secret string) *Secret {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSecret(path, private.Owner)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A file that changed is taken when it is read again, and one that can't be read changes nothing.
func TestReloadedSecret(t *testing.T) {
	s := secretOf(t, "one")
	if err := os.WriteFile(s.file, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !s.is("one") || s.is("two") {
		t.Error("it is read too early")
	}
	if err := s.Reload(t.Context()); err != nil || s.is("one") || !s.is("two") {
		t.Error("it is not read again:", err)
	}
	if err := os.WriteFile(s.file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(t.Context()); err == nil || !s.is("two") || s.is("") {
		t.Error("an empty file:", err)
	}
	none, err := OpenSecret("", private.Owner)
	if err != nil || none.used() || none.is("") {
		t.Error("no file:", err)
	}
}

// Who does not know the secret learns nothing.
func TestVerifySecret(t *testing.T) {
	d := newDeciding(t)
	q := map[string]any{"authorization": basic(d.text), "project": "demo"}
	for _, auth := range []string{"", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret ", "Basic s3cret", "s3cret", basic(d.text)} {
		if status, got, _ := d.verify(t, auth, q); status != http.StatusUnauthorized || got != (decision{}) {
			t.Errorf("%q: %d %+v", auth, status, got)
		}
	}
	d.cfg.Secret = &Secret{}
	for _, auth := range []string{"", "Bearer ", "Bearer s3cret"} {
		if status, got, _ := d.verify(t, auth, q); status != http.StatusNotFound || got != (decision{}) {
			t.Errorf("not in use, %q: %d %+v", auth, status, got)
		}
	}
}

// A proxy hears that a token is not refused as far as is known, or why it is.
func TestForwardAuth(t *testing.T) {
	d := newDeciding(t)
	for _, c := range []struct {
		what    string
		header  []string
		status  int
		allowed bool
		reason  string
	}{
		{"the path is not known", []string{"Authorization", basic(d.text)}, 200, false, ""},
		{"the project", []string{"Authorization", basic(d.text), "X-Rind-Project", "Demo"}, 200, true, ""},
		{"another project", []string{"Authorization", basic(d.text), "X-Rind-Project", "my-lib"}, 403, false, "not for 'my-lib'"},
		{"no credentials", nil, 403, false, "non-existent authentication"},
		{"a password", []string{"Authorization", "Basic YTpi"}, 403, false, "no longer supported"},
	} {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			w := ask(d, method, "/v1/auth", c.header...)
			var got decision
			err := json.Unmarshal(w.Body.Bytes(), &got)
			if err != nil {
				t.Fatal(err)
			}
			if w.Code != c.status || got.Allowed != c.allowed || !strings.Contains(w.Header().Get("X-Rind-Reason"), c.reason) {
				t.Errorf("%s, %s: %d %+v %v", c.what, method, w.Code, got, w.Header())
			}
			if (w.Header().Get("X-Rind-Token") != "") != (c.status == 200) {
				t.Errorf("%s: %v", c.what, w.Header())
			}
		}
	}
	r := httptest.NewRequest("GET", "/v1/auth", nil)
	r.Header["Authorization"] = []string{basic(d.text), "Bearer x"}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Error("two headers:", w.Code)
	}
	r = httptest.NewRequest("GET", "/v1/auth", nil)
	r.Header = http.Header{"Authorization": {basic(d.text)}, "X-Rind-Project": {"demo", "my-lib"}}
	w = httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Error("two projects:", w.Code)
	}
	if len(d.used) != 0 {
		t.Error("a question of a proxy is no use")
	}
}

// A proxy that names the project and the file gets a decision, and no maybe. Envoy has the client's path behind ours, with
// the client's query.
func TestForwardAuthFile(t *testing.T) {
	d := newDeciding(t)
	narrow := func(c ...caveats.Caveat) string {
		text, err := token.Restrict(d.text, c...)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	version, digest := narrow(caveats.Versions{"1.0"}), narrow(caveats.Digests{strings.Repeat("ab", 32)})
	for _, c := range []struct {
		what, text, project, file string
		status                    int
		reason                    string
	}{
		{"the file", d.text, "Demo", "demo-1.0.tar.gz", 200, ""},
		{"its version", version, "demo", "demo-1.0-py3-none-any.whl", 200, ""},
		{"another version", version, "demo", "demo-1.1.tar.gz", 403, "version '1.0'"},
		{"the file of another project", d.text, "demo", "other-1.0.tar.gz", 403, "does not belong to project 'demo'"},
		{"another project", d.text, "my-lib", "my_lib-1.0.tar.gz", 403, "not for 'my-lib'"},
		{"a digest, which a proxy does not know", digest, "demo", "demo-1.0.tar.gz", 403, "Invalid API Token"},
		{"no project", d.text, "", "demo-1.0.tar.gz", 403, "names a file without its project"},
	} {
		for _, target := range []string{"/v1/auth", "/v1/auth/upload/other/x?project=my-lib"} {
			d.used = nil
			w := ask(d, "PUT", target, "Authorization", basic(c.text), "X-Rind-Project", c.project, "X-Rind-Filename", c.file)
			if w.Code != c.status || !strings.Contains(w.Header().Get("X-Rind-Reason"), c.reason) || (len(d.used) == 1) != (c.status == 200) {
				t.Errorf("%s at %s: %d %s, %d uses", c.what, target, w.Code, w.Body, len(d.used))
			}
		}
	}
	r := httptest.NewRequest("PUT", "/v1/auth", nil)
	r.Header = http.Header{"Authorization": {basic(d.text)}, "X-Rind-Project": {"demo"}, "X-Rind-Filename": {"demo-1.0.tar.gz", "demo-1.1.tar.gz"}}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Error("two files:", w.Code)
	}
}

// A program at the socket needs no secret, and finds nothing but the one address.
func TestLocal(t *testing.T) {
	d := newDeciding(t)
	local := d.Local()
	body := `{"authorization": "` + basic(d.text) + `", "project": "demo", "version": "1.0", "filename": "demo-1.0.tar.gz"}`
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"POST", "/v1/verify", body, 200},
		{"POST", "/v1/verify", strings.Replace(body, "demo-1.0", "other-1.0", 1), 403},
		{"POST", "/v1/verify", "{", 400},
		{"GET", "/v1/verify", "", 404}, {"POST", "/", body, 404}, {"POST", "/legacy/", body, 404}, {"GET", "/v1/auth", "", 404},
	} {
		w := httptest.NewRecorder()
		local.ServeHTTP(w, httptest.NewRequest(c.method, c.target, strings.NewReader(c.body)))
		if w.Code != c.status {
			t.Errorf("%s %s %s: %d %s", c.method, c.target, c.body, w.Code, w.Body)
		}
	}
	if len(d.used) != 1 {
		t.Errorf("%d uses", len(d.used))
	}
	d.cfg.Secret = &Secret{} // nobody may ask over the network
	if status, _, _ := d.verify(t, "Bearer s3cret", map[string]any{}); status != http.StatusNotFound {
		t.Error(status)
	}
	w := httptest.NewRecorder()
	d.Local().ServeHTTP(w, httptest.NewRequest("POST", "/v1/verify", strings.NewReader(body)))
	if w.Code != http.StatusOK {
		t.Error("the socket needs the secret:", w.Code, w.Body)
	}
}

// The log says who asked for what, how that was decided, and why, and never the token or the secret.
func TestLog(t *testing.T) {
	d := newDeciding(t)
	var log strings.Builder
	d.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	ask := func(project, filename string, final bool) string {
		log.Reset()
		d.verify(t, "Bearer s3cret", map[string]any{"authorization": basic(d.text), "project": project, "filename": filename, "final": final, "client_ip": "192.0.2.7"})
		return log.String()
	}
	for what, c := range map[string]struct {
		got  string
		want []string
	}{
		"allowed": {ask("demo", "demo-1.0.tar.gz", true), []string{"decision=allowed", "token=" + tokenID, "user=alice", "user_id=" + alice, "project=demo", "file=demo-1.0.tar.gz", "client=192.0.2.7", "asked at /v1/verify"}},
		"not yet": {ask("", "", false), []string{`decision="not refused yet"`, "token=" + tokenID, "user_id=" + alice}},
		"refused": {ask("my-lib", "my_lib-1.0.tar.gz", true), []string{"decision=refused", "token=" + tokenID, "user_id=" + alice, "project=my-lib", "not for 'my-lib'"}},
		"misfit":  {ask("demo", "other-1.0.tar.gz\nlevel=ERROR", true), []string{"decision=refused", "does not belong to project 'demo'"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.got, want) {
				t.Errorf("%s: no %s in %s", what, want, c.got)
			}
		}
		if strings.Contains(c.got, d.text) || strings.Contains(c.got, "s3cret") || strings.Contains(c.got, "pypi-") || strings.Count(c.got, "\n") != 1 {
			t.Errorf("%s: %s", what, c.got)
		}
	}
	log.Reset()
	r := httptest.NewRequest("GET", "/v1/auth", nil)
	r.Header.Set("Authorization", basic(d.text))
	r.Header.Set("X-Rind-Project", "my-lib")
	d.ServeHTTP(httptest.NewRecorder(), r)
	if got := log.String(); !strings.Contains(got, "asked at /v1/auth") || !strings.Contains(got, "decision=refused") || !strings.Contains(got, "project=my-lib") || strings.Contains(got, "pypi-") {
		t.Error(got)
	}
}
