package folder

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/verifier/gateway/internal/gatetest"
)

func inJSON(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	must(t, err)
	return string(raw)
}

// Attestations that came with an upload are served as a provenance object, at an absolute address, after a restart too;
// whoever repeats the upload changes nothing about them.
func TestProvenance(t *testing.T) {
	x := newIndex(t)
	s := disttest.NewSigner(t, elliptic.P256())
	const name = "demo-1.0.tar.gz"
	one := s.Attests(disttest.Statement(name, digest(pack(name, "one")), disttest.Publish))
	form := func(value string) []item {
		return gatetest.With(upload("demo", "1.0", name, pack(name, "one")), attestationField, value)
	}
	if status, body := x.Post(x.Text, form(inJSON(t, []any{one}))); status != "200 OK" {
		t.Fatal(status, body)
	}
	if status, _ := x.Post(x.Text, form(inJSON(t, []any{s.Attests(disttest.Statement(name, digest(pack(name, "one")), "https://slsa.dev/provenance/v1"))}))); status != "200 OK" {
		t.Fatal(status)
	}
	if status, _ := x.Post(x.Text, upload("demo", "1.1", "demo-1.1.tar.gz", pack("demo-1.1.tar.gz", "x"))); status != "200 OK" {
		t.Fatal(status)
	}
	index := openFolder(t, x.Dir).Index("https://packages.example.org/team/legacy/", nil)
	ask := func(path, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		index.ServeHTTP(w, r)
		return w
	}
	const at = "https://packages.example.org/team/packages/demo/" + name + ".provenance"
	var list jsonProject
	must(t, json.Unmarshal(ask("/simple/demo/", typeJSON).Body.Bytes(), &list))
	if list.Files[0].Provenance != at || list.Files[1].Provenance != "" {
		t.Errorf("listed: %+v", list.Files)
	}
	if page := ask("/simple/demo/", typeHTML).Body.String(); strings.Count(page, ` data-provenance="`+at+`"`) != 1 || strings.Count(page, "data-provenance") != 1 {
		t.Error(page)
	}
	got := ask("/packages/demo/"+name+".provenance", "*/*")
	want := `{"version":1,"attestation_bundles":[{"publisher":{"kind":"upload-token","claims":{}},"attestations":[` + inJSON(t, one) + "]}]}\n"
	if got.Code != 200 || got.Header().Get("Content-Type") != typeProvenance || got.Body.String() != want {
		t.Errorf("%d %v\n%s\nwant %s", got.Code, got.Header(), got.Body, want)
	}
	for _, none := range []string{"demo-1.1.tar.gz", "demo-9.0.tar.gz", ".provenance/" + name + ".json", ""} {
		if got := ask("/packages/demo/"+none+".provenance", "*/*"); got.Code != 404 {
			t.Errorf("%s: %d", none, got.Code)
		}
	}
	must(t, x.files.Delete(t.Context(), "demo", []string{name}))
	if got := ask("/packages/demo/"+name+".provenance", "*/*"); got.Code != 404 {
		t.Errorf("of a deleted file: %d", got.Code)
	}
}

// An attestation that is none, or is one of another file, is refused with the whole upload.
func TestBadAttestations(t *testing.T) {
	x := newIndex(t)
	s, other := disttest.NewSigner(t, elliptic.P256()), disttest.NewSigner(t, elliptic.P384())
	const name = "demo-1.0.tar.gz"
	sum := digest(one)
	good := func() map[string]any { return s.Attests(disttest.Statement(name, sum, disttest.Publish)) }
	changed := func(edit func(a, material, envelope map[string]any)) map[string]any {
		a := good()
		edit(a, a["verification_material"].(map[string]any), a["envelope"].(map[string]any))
		return a
	}
	many := make([]any, maxAttestations+1)
	for i := range many {
		many[i] = good()
	}
	for _, c := range []struct{ why, value, want string }{
		{"text", "attestation", "no JSON array"},
		{"an object", inJSON(t, good()), "no JSON array"},
		{"cut off", strings.TrimSuffix(inJSON(t, []any{good()}), "]"), "no JSON array"},
		{"two arrays", inJSON(t, []any{good()}) + "[]", "something follows"},
		{"a number in it", "[1]", "attestation 1: its version is not 1"},
		{"too many", inJSON(t, many), "a file may have 8"},
		{"twice", inJSON(t, []any{good(), good()}), "attestation 2: there is another"},
		{"version 2", inJSON(t, []any{changed(func(a, _, _ map[string]any) { a["version"] = 2 })}), "version is not 1"},
		{"version in text", inJSON(t, []any{changed(func(a, _, _ map[string]any) { a["version"] = "1" })}), "version is not 1"},
		{"version in other letters", inJSON(t, []any{changed(func(a, _, _ map[string]any) { delete(a, "version"); a["Version"] = 1 })}), "version is not 1"},
		{"no entries", inJSON(t, []any{changed(func(_, m, _ map[string]any) { delete(m, "transparency_entries") })}), "transparency_entries is no array"},
		{"entries of text", inJSON(t, []any{changed(func(_, m, _ map[string]any) { m["transparency_entries"] = []string{"x"} })}), "transparency_entries is no array"},
		{"no certificate", inJSON(t, []any{changed(func(_, m, _ map[string]any) { m["certificate"] = "AAAA" })}), "no X.509 certificate"},
		{"no base64", inJSON(t, []any{changed(func(_, m, _ map[string]any) { m["certificate"] = "-" })}), "certificate is no base64 text"},
		{"another's certificate", inJSON(t, []any{changed(func(_, m, _ map[string]any) {
			m["certificate"] = base64.StdEncoding.EncodeToString(disttest.NewSigner(t, elliptic.P256()).Cert)
		})}), "signature was not made over its statement"},
		{"a key on another curve", inJSON(t, []any{other.Attests(disttest.Statement(name, sum, disttest.Publish))}), "no ECDSA key on the curve P-256"},
		{"another statement", inJSON(t, []any{changed(func(_, _, e map[string]any) {
			e["statement"] = base64.StdEncoding.EncodeToString([]byte(disttest.Statement(name, sum, "https://slsa.dev/provenance/v1")))
		})}), "signature was not made over its statement"},
		{"another name", inJSON(t, []any{s.Attests(disttest.Statement("demo-1.1.tar.gz", sum, disttest.Publish))}), "a file of another name"},
		{"another kind", inJSON(t, []any{s.Attests(disttest.Statement("demo-1.0.zip", sum, disttest.Publish))}), "a file of another name"},
		{"another digest", inJSON(t, []any{s.Attests(disttest.Statement(name, digest("x"), disttest.Publish))}), "another SHA-256"},
		{"another predicate", inJSON(t, []any{s.Attests(disttest.Statement(name, sum, "https://example.org/v1"))}), "predicate type is not one of"},
		{"no subject", inJSON(t, []any{s.Attests(`{"_type":"https://in-toto.io/Statement/v1","subject":[]}`)}), "not exactly one subject"},
		{"no statement", inJSON(t, []any{s.Attests("[]")}), "no in-toto statement"},
	} {
		status, _ := x.Post(x.Text, gatetest.With(upload("demo", "1.0", name, one), attestationField, c.value))
		if !strings.HasPrefix(status, "400 Invalid attestations supplied during upload: ") || !strings.Contains(status, c.want) {
			t.Errorf("%s: %s", c.why, status)
		}
	}
	twice := append([]item{gatetest.Field(attestationField, "[]")}, gatetest.With(upload("demo", "1.0", name, one), attestationField, inJSON(t, []any{good()}))...)
	if status, _ := x.Post(x.Text, twice); !strings.HasPrefix(status, "400 ") || !strings.Contains(status, "'attestations' twice") {
		t.Errorf("two fields: %s", status)
	}
	if kept := x.Stored(); len(kept) > 0 || len(x.Staged()) > 0 {
		t.Errorf("kept %q, staged %q", kept, x.Staged())
	}
	for _, none := range []string{"", " ", "[]"} {
		if status, body := x.Post(x.Text, gatetest.With(upload("demo", "1.0", name, one), attestationField, none)); status != "200 OK" {
			t.Errorf("%q: %s %s", none, status, body)
		}
	}
	if f, err := x.files.Files(t.Context(), "demo"); err != nil || len(f) != 1 || f[0].Attested {
		t.Errorf("%+v, %v", f, err)
	}
}

// Only an address of a secure origin is listed, because PEP 740 demands one.
func TestProvenanceAddress(t *testing.T) {
	for upload, want := range map[string]string{
		"https://packages.example.org/legacy/": "https://packages.example.org/packages/", "https://packages.example.org/team/": "https://packages.example.org/team/packages/",
		"http://localhost:8080/legacy/": "http://localhost:8080/packages/", "http://[::1]:80/legacy/": "http://[::1]:80/packages/",
		"http://packages.example.org/legacy/": "", "/legacy/": "", "": "", "ftp://packages.example.org/legacy/": "",
	} {
		if got := secureBase(upload); got != want {
			t.Errorf("%s: %s", upload, got)
		}
	}
}

// A status is on the page in both forms; the files of a quarantined project are not offered, and those of others are.
func TestProjectStatus(t *testing.T) {
	x := stocked(t)
	now := Status{}
	var failed error
	x.files.status = func(_ context.Context, project string) (Status, error) {
		if project != "demo" {
			return Status{}, nil
		}
		return now, failed
	}
	for _, c := range []struct {
		Status
		files, download int
	}{
		{Status{}, 2, 200}, {Status{StatusActive, ""}, 2, 200}, {Status{StatusArchived, `no "more" releases`}, 2, 200},
		{Status{StatusDeprecated, ""}, 2, 200}, {Status{StatusQuarantined, "malware"}, 0, 403}, {Status{StatusActive, ""}, 2, 200},
	} {
		now = c.Status
		list := x.listed("demo")
		_, page := x.Get("/simple/demo/")
		marker := c.Marker
		if marker == "" {
			marker = StatusActive
		}
		if list.Status != (Status{marker, c.Reason}) || len(list.Files) != c.files || strings.Count(page, "<a ") != c.files ||
			!strings.Contains(page, `<meta name="pypi:project-status" content="`+marker+`">`) || strings.Contains(page, "pypi:project-status-reason") != (c.Reason != "") {
			t.Errorf("%+v: %+v\n%s", c, list, page)
		}
		for _, path := range []string{"demo-1.0.tar.gz", "demo-1.1+local.1-py3-none-any.whl.metadata"} {
			if resp, _ := x.Get("/packages/demo/" + path); resp.StatusCode != c.download {
				t.Errorf("%+v: %s: %s", c, path, resp.Status)
			}
		}
		if other := x.listed("my-lib"); other.Status.Marker != StatusActive {
			t.Errorf("%+v: my-lib is %+v", c, other.Status)
		}
	}
	failed = bytes.ErrTooLarge
	for _, path := range []string{"/simple/demo/", "/packages/demo/demo-1.0.tar.gz"} {
		if resp, _ := x.Get(path); resp.StatusCode != 503 {
			t.Errorf("the status is not known: %s: %s", path, resp.Status)
		}
	}
}
