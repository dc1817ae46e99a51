package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/internal/gatetest"
)

func TestUpload(t *testing.T) {
	x := newIndex(t, nil)
	content := pack("demo-1.0.tar.gz", "one")
	status, body := x.Post(x.Text, upload("Demo", "1.0", "demo-1.0.tar.gz", content))
	if status != "200 OK" || body != "Stored demo-1.0.tar.gz in project demo\n" {
		t.Fatal(status, body)
	}
	path := filepath.Join(x.Dir, "demo", "demo-1.0.tar.gz")
	raw, err := os.ReadFile(path)
	if err != nil || string(raw) != content {
		t.Fatal("not what was sent", err)
	}
	for name, mode := range map[string]os.FileMode{path: 0o644, filepath.Dir(path): 0o755 | os.ModeDir, x.Dir: 0o755 | os.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if s := x.Staged(); len(s) != 0 {
		t.Errorf("left in staging: %v", s)
	}
	up, grant := x.Uploads[0], x.Grants[0]
	if grant.Project != "demo" || grant.UserName != "alice" || up.Project != "demo" || up.Version != "1.0" ||
		up.Filename != "demo-1.0.tar.gz" || up.Filetype != "sdist" || up.Size != int64(len(content)) || up.SHA256 != digest(content) ||
		up.RequiresPython != ">=3.8" || up.Repeated || !up.ClientIP.IsLoopback() || !strings.HasPrefix(up.UserAgent, "Go-http-client") {
		t.Errorf("%+v, %+v", grant, up)
	}
	if up.Form != nil {
		t.Error("a form that no backend reads")
	}

	// Again, as a CI job does that is run twice: 200. Other bytes: no.
	if status, _ := x.Post(x.Text, upload("demo", "1.0", "demo-1.0.tar.gz", content)); status != "200 OK" || !x.Uploads[1].Repeated {
		t.Error("identical again:", status)
	}
	status, body = x.Post(x.Text, upload("demo", "1.0", "demo-1.0.tar.gz", pack("demo-1.0.tar.gz", "two")))
	if !strings.HasPrefix(status, "400 File already exists ('demo-1.0.tar.gz', with different content). ") || !strings.Contains(body, "already exist") {
		t.Error(status, body)
	}
	if raw, _ := os.ReadFile(path); string(raw) != content || len(x.Uploads) != 2 || len(x.Staged()) != 0 {
		t.Error("the refusal left something")
	}
	if strings.Contains(x.Log.String(), x.Text) || !strings.Contains(x.Log.String(), grant.TokenID) {
		t.Error(x.Log.String())
	}
}

// curious reads every field.
type curious struct {
	gateway.Backend
	fields    [][2]string // of the last upload
	discarded int
}

func (c *curious) ReadForm(context.Context) (gateway.Form, error) {
	c.fields = nil
	return c, nil
}

func (c *curious) Field(name string) (io.Writer, error) {
	c.fields = append(c.fields, [2]string{name})
	return c, nil
}

func (c *curious) Write(p []byte) (int, error) {
	c.fields[len(c.fields)-1][1] += string(p)
	return len(p), nil
}

func (c *curious) Discard() { c.discarded++ }

// Every order of fields is some client's.
func TestFieldOrder(t *testing.T) {
	all := &curious{}
	x := newIndex(t, func(c *gateway.Config) { all.Backend, c.Backend = c.Backend, all })
	for i, order := range []func([]item) []item{
		func(in []item) []item { return append(in[len(in)-1:], in[:len(in)-1]...) },                           // content first
		func(in []item) []item { slices.Reverse(in); return in },                                              // all reversed
		func(in []item) []item { return append(append(in[:2:2], in[len(in)-1]), in[2:len(in)-1]...) },         // after name and version
		func(in []item) []item { return append(append(in[1:2:2], in[len(in)-1], in[0]), in[2:len(in)-1]...) }, // name after it
		func(in []item) []item { return append(append(in[:1:1], in[len(in)-1], in[1]), in[2:len(in)-1]...) },  // version after it
		func(in []item) []item {
			return append(in, item{Name: "gpg_signature", Value: "x", Disposition: `form-data; name="gpg_signature"; filename="a.asc"`})
		}, // as twine --sign
	} {
		version := fmt.Sprintf("1.%d", i)
		narrow, err := token.Restrict(x.Text, caveats.Versions{version}, caveats.Digests{digest(pack("demo-"+version+".tar.gz", version))},
			caveats.FileNames{"demo-" + version + ".tar.gz"}, caveats.Networks{"127.0.0.0/8"}, caveats.Actions{"upload"})
		if err != nil {
			t.Fatal(err)
		}
		if status, body := x.Post(narrow, order(upload("demo", version, "demo-"+version+".tar.gz", pack("demo-"+version+".tar.gz", version)))); status != "200 OK" {
			t.Errorf("order %d: %s %s", i, status, body)
		}
		first, second := slices.Index(all.fields, [2]string{"classifiers", "A"}), slices.Index(all.fields, [2]string{"classifiers", "B"})
		if first < 0 || second < 0 || (first < second) == (i == 1) || len(all.fields) != 13 || all.discarded != i+1 {
			t.Errorf("order %d: fields %v", i, all.fields) // the signature is none
		}
	}
}

func TestPathsAndMethods(t *testing.T) {
	x := newIndex(t, nil)
	raw, contentType := encode(demo())
	for _, path := range []string{"/legacy", "/legacy/"} {
		req, _ := http.NewRequest("POST", x.URL+path, bytes.NewReader(raw))
		req.Header.Set("Content-Type", contentType)
		req.SetBasicAuth("__token__", x.Text)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Error(path, resp.Status)
		}
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		req, _ := http.NewRequest(method, x.URL+"/legacy/", nil)
		resp, err := x.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" || !strings.Contains(resp.Status, "upload") {
			t.Error(method, resp.Status, resp.Header)
		}
	}
}

// The token's side of an upload: what is refused, in which words, and that the
// refusal of a token does not wait for the file.
func TestDenials(t *testing.T) {
	x := newIndex(t, nil)
	restrict := func(cs ...caveats.Caveat) string {
		text, err := token.Restrict(x.Text, cs...)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	flipped := []byte(x.Text)
	flipped[len(flipped)-20] ^= 1
	stranger := (&gatetest.Keyring{Records: map[string]verifier.Record{"": {}, " ": {}, "  ": {}, "   ": {}, "    ": {}, "     ": {}, "x": {}, "xx": {}}}).Mint(t, nil)
	for _, c := range []struct {
		name, auth string
		form       []item
		status     string // how the status line begins
	}{
		{"no credentials", "", demo(), "403 Invalid or non-existent authentication information. "},
		{"a password", basicAuth("alice", "correct horse"), demo(), "403 Username/Password authentication is no longer supported. "},
		{"empty token", basicAuth("__token__", ""), demo(), "403 Invalid or non-existent authentication information. The token is empty"},
		{"no token", basicAuth("__token__", "correct horse"), demo(), "403 Invalid API Token: token is malformed"},
		{"too large", basicAuth("__token__", "pypi-"+strings.Repeat("A", 9000)), demo(), "403 Invalid API Token: token is too large"},
		{"changed", "Bearer " + string(flipped), demo(), "403 Invalid API Token: token "},
		{"unknown", "Bearer " + stranger, demo(), "403 Invalid API Token: token is not known here"},
		{"expired", "Bearer " + x.Keys.Mint(t, nil, caveats.Life{ExpiresAt: noon.Unix()}), demo(), "403 Invalid API Token: token is expired"},
		{"not yet valid", "Bearer " + x.Keys.Mint(t, nil, caveats.Life{ExpiresAt: noon.Unix() + 9, NotBefore: noon.Unix() + 1}), demo(), "403 Invalid API Token: token is not valid"},
		{"revoked", "Bearer " + x.Keys.Mint(t, func(r *verifier.Record) { r.RevokedAt, r.RevokedWhy = noon, "by its owner" }), demo(),
			"403 Invalid API Token: token was revoked by its owner on 2026-08-01"},
		{"frozen", "Bearer " + x.Keys.Mint(t, func(r *verifier.Record) { r.UserFrozen = true }), demo(), "403 Invalid API Token: user 'alice' is frozen"},
		{"other project's token", "Bearer " + x.Text, upload("my-lib", "1.0", "my_lib-1.0.tar.gz", pack("my_lib-1.0.tar.gz", "x")),
			"403 Invalid API Token: token is valid for project 'demo', not for 'my-lib'"},
		{"no member", "Bearer " + x.Keys.Mint(t, nil), upload("other", "1.0", "other-1.0.tar.gz", pack("other-1.0.tar.gz", "x")),
			"403 Invalid API Token: user 'alice' is not a member of project 'other'; if the project is new, register it at packages.example.org first"},
		{"unknown project, in the same words", "Bearer " + x.Keys.Mint(t, nil), upload("nowhere", "1.0", "nowhere-1.0.tar.gz", pack("nowhere-1.0.tar.gz", "x")),
			"403 Invalid API Token: user 'alice' is not a member of project 'nowhere'; if the project is new, register it at packages.example.org first"},
		{"other version", "Bearer " + restrict(caveats.Versions{"2.0"}), demo(), "403 Invalid API Token: token is valid for version '2.0', not for '1.0'"},
		{"other file", "Bearer " + restrict(caveats.FileNames{"demo-1.0.zip"}), demo(), "403 Invalid API Token: token is valid for file"},
		{"other digest", "Bearer " + restrict(caveats.Digests{digest("x")}), demo(), "403 Invalid API Token: "},
		{"other network", "Bearer " + restrict(caveats.Networks{"203.0.113.0/24"}), demo(), "403 Invalid API Token: "},
		{"other action", "Bearer " + restrict(caveats.Actions{"create"}), demo(), "403 Invalid API Token: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, contentType := encode(c.form)
			status, body := x.Send(c.auth, contentType, bytes.NewReader(raw))
			if !strings.HasPrefix(status, c.status) || !strings.HasPrefix(body, c.status[4:]) {
				t.Errorf("%s\n%s\nwant %s", status, body, c.status)
			}
			// In the other order of fields it is the same in the end.
			swapped := append([]item{c.form[len(c.form)-1]}, c.form[:len(c.form)-1]...)
			raw, contentType = encode(swapped)
			if status, _ := x.Send(c.auth, contentType, bytes.NewReader(raw)); !strings.HasPrefix(status, c.status) {
				t.Errorf("content first: %s", status)
			}
		})
	}
	if len(x.Stored())+len(x.Staged())+len(x.Uploads) != 0 {
		t.Errorf("refused, and yet: %v, %v, %v", x.Stored(), x.Staged(), x.Uploads)
	}
	for _, secret := range []string{x.Text, "correct horse", stranger} {
		if strings.Contains(x.Log.String(), secret) {
			t.Error("a credential in the log")
		}
	}
}

// stalled is a body whose bytes end where the server should have answered.
type stalled struct {
	first *bytes.Reader
	done  chan struct{}
}

func (s *stalled) Read(p []byte) (int, error) {
	if s.first.Len() > 0 {
		return s.first.Read(p)
	}
	<-s.done
	return 0, errors.New("the test is over")
}

// A token that can't be good for the upload is refused before the file arrives:
// here the rest of the file never does.
func TestRefusedBeforeTheFile(t *testing.T) {
	x := newIndex(t, func(c *gateway.Config) { c.Refuser.MaxDrain = -1 })
	version, err := token.Restrict(x.Text, caveats.Versions{"2.0"})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := token.Restrict(x.Text, caveats.Digests{digest("x")})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		form []item
	}{
		"project":          {x.Text, upload("my-lib", "1.0", "my_lib-1.0.tar.gz", pack("my_lib-1.0.tar.gz", "x"))},
		"version":          {version, demo()},
		"digest":           {sum, demo()},
		"name of the file": {x.Text, upload("demo", "1.0", "other-1.0.tar.gz", pack("other-1.0.tar.gz", "x"))},
	} {
		t.Run(name, func(t *testing.T) {
			raw, contentType := encode(c.form)
			raw = raw[:bytes.Index(raw, []byte("\x1f\x8b"))+3]
			body := &stalled{bytes.NewReader(raw), make(chan struct{})}
			defer close(body.done)
			status, _ := x.Send("Bearer "+c.text, contentType, body)
			if !strings.HasPrefix(status, "403 Invalid API Token: ") && !strings.HasPrefix(status, "400 The file 'other-1.0.tar.gz' does not belong") {
				t.Error(status)
			}
		})
	}
	if len(x.Staged()) != 0 {
		t.Error("something was staged")
	}
}

func TestUnavailable(t *testing.T) {
	x := newIndex(t, nil)
	x.Keys.Err = errors.New("the store is stale")
	req, _ := http.NewRequest("POST", x.URL+"/legacy/", nil)
	req.SetBasicAuth("__token__", x.Text)
	resp, err := x.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || strings.Contains(resp.Status, "stale") {
		t.Error(resp.Status, resp.Header)
	}
}

// Of twenty uploads of one name with different bytes, one is kept.
func TestOneWins(t *testing.T) {
	x := newIndex(t, nil)
	statuses := make([]string, 20)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			statuses[i], _ = x.Post(x.Text, upload("demo", "1.0", "demo-1.0.tar.gz", pack("demo-1.0.tar.gz", fmt.Sprint(i))))
		})
	}
	all.Wait()
	won := -1
	for i, s := range statuses {
		switch {
		case s == "200 OK" && won < 0:
			won = i
		case strings.HasPrefix(s, "400 File already exists"):
		default:
			t.Errorf("upload %d: %s", i, s)
		}
	}
	if won < 0 {
		t.Fatal("nobody won")
	}
	raw, err := os.ReadFile(filepath.Join(x.Dir, "demo", "demo-1.0.tar.gz"))
	if err != nil || string(raw) != pack("demo-1.0.tar.gz", fmt.Sprint(won)) {
		t.Error("other bytes than the winner's", err)
	}
	_, page := x.Get("/simple/demo/")
	if !strings.Contains(page, "#sha256="+digest(pack("demo-1.0.tar.gz", fmt.Sprint(won)))) || len(x.Staged()) != 0 {
		t.Error(page, x.Staged())
	}
}

// Twenty identical uploads at once are all accepted.
func TestIdenticalAtOnce(t *testing.T) {
	x := newIndex(t, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if status, _ := x.Post(x.Text, demo()); status != "200 OK" {
				t.Error(status)
			}
		})
	}
	all.Wait()
	fresh := 0
	for _, up := range x.Uploads {
		if !up.Repeated {
			fresh++
		}
	}
	if fresh != 1 || len(x.Uploads) != 20 {
		t.Errorf("%d of %d were the first", fresh, len(x.Uploads))
	}
}

// The address that networks are held against is the Config's to read.
func TestClientIP(t *testing.T) {
	seen := netip.MustParseAddr("203.0.113.9")
	x := newIndex(t, func(c *gateway.Config) { c.ClientIP = func(*http.Request) netip.Addr { return seen } })
	text, err := token.Restrict(x.Text, caveats.Networks{"203.0.113.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := x.Post(text, demo()); status != "200 OK" || x.Uploads[0].ClientIP != seen {
		t.Error(status)
	}
	x = newIndex(t, func(c *gateway.Config) { c.ClientIP = nil })
	for remote, want := range map[string]string{"[::ffff:192.0.2.1]:80": "192.0.2.1", "[fe80::1%eth0]:80": "fe80::1", "@": "invalid IP"} {
		if got := x.Gate.ClientIP(&http.Request{RemoteAddr: remote}).String(); got != want {
			t.Errorf("%s: %s", remote, got)
		}
	}
}

func TestNewWantsItsParts(t *testing.T) {
	if _, err := gateway.New(gateway.Config{}); err == nil {
		t.Error("a gateway without a verifier")
	}
}

// misled grants another project than it was asked for.
type misled struct{ gateway.Verifier }

func (m misled) Verify(ctx context.Context, text string, req caveats.Request) (verifier.Grant, error) {
	grant, err := m.Verifier.Verify(ctx, text, req)
	grant.Project = "my-lib"
	return grant, err
}

func TestGrantDecidesTheProject(t *testing.T) {
	x := newIndex(t, func(c *gateway.Config) { c.Verifier = misled{c.Verifier} })
	if status, _ := x.Post(x.Text, demo()); !strings.HasPrefix(status, "503 ") || len(x.Stored()) != 0 {
		t.Error(status, x.Stored())
	}
}
