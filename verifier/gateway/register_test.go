package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/policy"
)

// registrar is an issuer that answers as a test says.
type registrar struct {
	x     *testIndex
	err   error
	idle  bool // it says that it registered the project, and does not
	asked []caveats.Request
}

func (r *registrar) Register(_ context.Context, _ string, req caveats.Request, _ string) error {
	r.asked = append(r.asked, req)
	if r.err == nil && !r.idle {
		r.x.Keys.Add(caveats.NormalizeProject(req.Project))
	}
	return r.err
}

// newRegistering is an index whose gateway asks a registrar, and a token that may create projects.
func newRegistering(t *testing.T) (*testIndex, *registrar, string) {
	t.Helper()
	r := &registrar{}
	r.x = newIndex(t, func(c *gateway.Config) { c.Registrar = r })
	return r.x, r, r.x.Keys.Mint(t, func(rec *verifier.Record) { rec.Registers = true })
}

func fresh(name string) []item {
	return upload(name, "1.0", strings.ToLower(name)+"-1.0.tar.gz", pack(strings.ToLower(name)+"-1.0.tar.gz", "x"))
}

// A token that may create projects registers one with its first upload, with all that is known of the upload; the second asks
// nobody.
func TestFirstUpload(t *testing.T) {
	x, r, able := newRegistering(t)
	if status, body := x.Post(able, fresh("New")); status != "200 OK" || body != "Stored new-1.0.tar.gz in project new\n" {
		t.Fatal(status, body)
	}
	req := r.asked[0]
	if req.Action != caveats.ActionCreate || req.Project != "New" || req.Version != "1.0" || req.Filename != "new-1.0.tar.gz" || len(req.SHA256) != 64 || !req.ClientIP.IsLoopback() {
		t.Errorf("%+v", req)
	}
	if g := x.Grants[0]; g.Project != "new" || g.ProjectID == "" || g.Action != caveats.ActionUpload {
		t.Errorf("%+v", g)
	}
	last := without(fresh("Later"), "name") // the name comes behind the file
	if status, body := x.Post(able, append(last, field("name", "Later"))); status != "200 OK" {
		t.Error(status, body)
	}
	if status, _ := x.Post(able, fresh("New")); status != "200 OK" || len(r.asked) != 2 {
		t.Error(status, len(r.asked))
	}
}

// Nobody is asked for a token that may not create the project, or for an upload that is wrong, and nothing is kept.
func TestFirstUploadRefusedHere(t *testing.T) {
	x, r, able := newRegistering(t)
	plain := x.Keys.Mint(t, nil)
	restrict := func(c caveats.Caveat) string {
		text, err := token.Restrict(able, c)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	frozen := x.Keys.Mint(t, func(rec *verifier.Record) { rec.Registers, rec.UserFrozen = true, true })
	for _, c := range []struct {
		what, text string
		form       []item
		want       string
	}{
		{"a plain token", plain, fresh("new"), "403 Invalid API Token: user 'alice' is not a member of project 'new'; if the project is new, register it at packages.example.org first"},
		{"a token for others", x.Text, fresh("new"), "403 Invalid API Token: token is valid for project 'demo', not for 'new'; "},
		{"restricted to others", restrict(caveats.ProjectNames{"demo"}), fresh("new"), "403 Invalid API Token: token is valid for project 'demo', not for 'new'; "},
		{"restricted to uploads", restrict(caveats.Actions{caveats.ActionUpload}), fresh("new"), "403 Invalid API Token: user 'alice' is not a member of project 'new'"},
		{"restricted to another version", restrict(caveats.Versions{"2.0"}), fresh("new"), "403 Invalid API Token: token is valid for version '2.0', not for '1.0'"},
		{"restricted to another file", restrict(caveats.Digests{strings.Repeat("ab", 32)}), fresh("new"), "403 Invalid API Token: "},
		{"a frozen owner", frozen, fresh("new"), "403 Invalid API Token: user 'alice' is frozen"},
		{"somebody else's project", able, fresh("other"), "403 Invalid API Token: user 'alice' is not a member of project 'other'"},
		{"another project inside", able, upload("new", "1.0", "new-1.0.tar.gz", pack("old-1.0.tar.gz", "x")), "400 "},
		{"a wrong digest", able, with(fresh("new"), "md5_digest", strings.Repeat("0", 32)), "400 "},
		{"no such name", able, with(fresh("new"), "name", "n/w"), "400 "},
	} {
		status, _ := x.Post(c.text, c.form)
		if !strings.HasPrefix(status, c.want) {
			t.Errorf("%s: %s", c.what, status)
		}
	}
	if len(r.asked) != 0 || len(x.Stored()) != 0 || len(x.Uploads) != 0 || len(x.Staged()) != 0 {
		t.Errorf("asked %v, stored %v, staged %v", r.asked, x.Stored(), x.Staged())
	}
}

// The rules of an index are checked before a name is registered, wherever the name is in the form.
func TestFirstUploadRefusedByRules(t *testing.T) {
	r := &registrar{}
	small := int64(50)
	r.x = newIndex(t, func(c *gateway.Config) {
		c.Registrar = r
		ruled, err := policy.New(policy.Config{Backend: c.Backend, Rules: policy.Rules{
			{Projects: []string{"acme-*"}, Users: []string{"bob"}},
			{Projects: []string{"small"}, MaxFile: &small},
		}})
		if err != nil {
			t.Fatal(err)
		}
		c.Backend = ruled
	})
	able := r.x.Keys.Mint(t, func(rec *verifier.Record) { rec.Registers = true })
	for _, c := range []struct{ name, want string }{
		{"acme-new", "403 Invalid API Token: user 'alice' may not upload to project 'acme-new' here"},
		{"small", "413 File too large. Limit for project 'small' is 50 bytes."},
	} {
		file := strings.ReplaceAll(c.name, "-", "_") + "-1.0.tar.gz"
		form := upload(c.name, "1.0", file, pack(file, "x"))
		last := append(without(form, "name"), field("name", c.name))
		for _, form := range [][]item{form, last} {
			if status, body := r.x.Post(able, form); !strings.HasPrefix(status, c.want) {
				t.Errorf("%s: %s %s", c.name, status, body)
			}
		}
	}
	if len(r.asked) != 0 || len(r.x.Stored()) != 0 || len(r.x.Staged()) != 0 {
		t.Errorf("asked %v, stored %v, staged %v", r.asked, r.x.Stored(), r.x.Staged())
	}
	last := append(without(fresh("acme"), "name"), field("name", "acme"))
	if status, body := r.x.Post(able, last); status != "200 OK" || len(r.asked) != 1 {
		t.Error(status, body, r.asked)
	}
}

// The issuer's decision reaches the client; every other error is 503, and the log says it.
func TestFirstUploadRefusedByTheIssuer(t *testing.T) {
	x, r, able := newRegistering(t)
	for _, c := range []struct {
		err  error
		want string
	}{
		{&gateway.Refusal{Status: http.StatusBadRequest, Reason: "That name is reserved."}, "400 That name is reserved."},
		{&gateway.Refusal{Status: http.StatusForbidden, Reason: "Not you."}, "403 Not you."},
		{&gateway.Refusal{Status: http.StatusTooManyRequests, Reason: "Too many today."}, "429 Too many today."},
		{&gateway.Refusal{Status: http.StatusFound, Reason: "Elsewhere."}, "503 Project 'new' is new and could not be registered right now."},
		{errors.New("the secret of 4711 is wrong"), "503 Project 'new' is new and could not be registered right now. Try again later."},
	} {
		r.err = c.err
		status, body := x.Post(able, fresh("new"))
		if !strings.HasPrefix(status, c.want) || strings.Contains(status+body, "4711") {
			t.Errorf("%v: %s %s", c.err, status, body)
		}
	}
	if !strings.Contains(x.Log.String(), "level=ERROR") || !strings.Contains(x.Log.String(), "4711") || strings.Contains(x.Log.String(), able) {
		t.Error(x.Log.String())
	}
	r.err, r.idle = nil, true // whatever it says, the upload is checked again
	if status, _ := x.Post(able, fresh("new")); !strings.HasPrefix(status, "403 Invalid API Token: user 'alice' is not a member") {
		t.Error(status)
	}
	if len(x.Stored()) != 0 || len(x.Staged()) != 0 {
		t.Error(x.Stored(), x.Staged())
	}
}
