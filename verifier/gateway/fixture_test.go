package gateway

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier"
)

const (
	host   = "packages.example.org"
	alice  = "00000000-0000-4000-8000-0000000000aa"
	demoID = "00000000-0000-4000-8000-0000000000bb"
)

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// keyring is a verifier.Store in memory. The projects demo and my-lib are
// alice's; other is somebody else's.
type keyring struct {
	mu   sync.Mutex
	recs map[string]verifier.Record
	err  error // of every lookup
}

func (k *keyring) Lookup(_ context.Context, id, project string) (verifier.Record, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return verifier.Record{}, k.err
	}
	rec, ok := k.recs[id]
	if !ok {
		return verifier.Record{}, verifier.ErrUnknownToken
	}
	switch project {
	case "demo", "my-lib":
		rec.Project = verifier.Project{ID: demoID[:len(demoID)-2] + fmt.Sprintf("%02x", len(project)), Name: project, Member: true}
	case "other":
		rec.Project = verifier.Project{ID: demoID, Name: project}
	}
	return rec, nil
}

// mint issues a token for alice with further caveats; edit changes its record.
func (k *keyring) mint(t testing.TB, edit func(*verifier.Record), more ...caveats.Caveat) string {
	t.Helper()
	return k.mintFor(t, alice, edit, more...)
}

func (k *keyring) mintFor(t testing.TB, user string, edit func(*verifier.Record), more ...caveats.Caveat) string {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	id := fmt.Sprintf("01900000-0000-7000-8000-%012d", len(k.recs)+1)
	cs := [][]byte{caveats.User(user).Append(nil)}
	for _, c := range more {
		cs = append(cs, c.Append(nil))
	}
	minted, err := token.Mint(bytes.Repeat([]byte{7}, token.RootKeySize), id, host, cs)
	if err != nil {
		t.Fatal(err)
	}
	text, err := minted.Text()
	if err != nil {
		t.Fatal(err)
	}
	rec := verifier.Record{Location: host, UserID: user, UserName: "alice", Caveats: cs, Signature: minted.Signature}
	if edit != nil {
		edit(&rec)
	}
	k.recs[id] = rec
	return text
}

// index is a whole index on loopback: uploads, lists and files.
type testIndex struct {
	t    testing.TB
	dir  string
	keys *keyring
	text string // of a token for the project demo
	gate *Gateway
	*httptest.Server
	log *lockedBuffer

	mu      sync.Mutex
	uploads []Upload
	grants  []verifier.Grant
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newIndex(t testing.TB, edit func(*Config)) *testIndex {
	t.Helper()
	x := &testIndex{t: t, dir: filepath.Join(t.TempDir(), "packages"), keys: &keyring{recs: map[string]verifier.Record{}}, log: &lockedBuffer{}}
	x.text = x.keys.mint(t, nil, caveats.ProjectNames{"demo"})
	folder, err := NewFolder(x.dir, WithClock(func() time.Time { return noon }))
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(x.log, nil))
	cfg := Config{
		Verifier: verifier.New(x.keys).WithClock(func() time.Time { return noon }),
		Backend:  folder, Logger: logger,
		OnUpload: func(_ context.Context, g verifier.Grant, up Upload) {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.uploads, x.grants = append(x.uploads, up), append(x.grants, g)
		},
	}
	if edit != nil {
		edit(&cfg)
	}
	if x.gate, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/legacy", x.gate)
	mux.Handle("/legacy/", x.gate)
	mux.Handle("/", NewIndex(folder, logger))
	x.Server = httptest.NewServer(mux)
	t.Cleanup(func() { x.Close(); folder.Close() })
	return x
}

// kept are the packages in the folder, as project/file.
func (x *testIndex) kept() []string {
	x.t.Helper()
	found, err := filepath.Glob(filepath.Join(x.dir, "[a-z0-9]*", "[A-Za-z0-9]*"))
	if err != nil {
		x.t.Fatal(err)
	}
	for i, f := range found {
		found[i], _ = filepath.Rel(x.dir, f)
	}
	return found
}

// staged are the names in the staging folder.
func (x *testIndex) staged() []string {
	x.t.Helper()
	entries, err := os.ReadDir(filepath.Join(x.dir, stagingDir))
	if err != nil {
		x.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// item is a part of a form: a text field, or a file where disposition is set.
type item struct {
	name, value string
	disposition string // of a file: the whole header field
}

func file(filename, content string) item {
	return item{fileField, content, fmt.Sprintf(`form-data; name="content"; filename="%s"`, filename)}
}

// upload is the form that twine sends for a file, content last.
func upload(name, version, filename, content string) []item {
	sum, weak := sha256.Sum256([]byte(content)), md5.Sum([]byte(content))
	filetype := "sdist"
	if strings.HasSuffix(filename, ".whl") {
		filetype = "bdist_wheel"
	}
	return []item{
		{"name", name, ""}, {"version", version, ""}, {"filetype", filetype, ""}, {"metadata_version", "2.1", ""},
		{"summary", "", ""}, {"requires_python", ">=3.8", ""}, {"classifiers", "A", ""}, {"classifiers", "B", ""},
		{"description", "# Demo\n", ""}, {"md5_digest", hex.EncodeToString(weak[:]), ""},
		{"sha256_digest", hex.EncodeToString(sum[:]), ""}, {":action", "file_upload", ""}, {"protocol_version", "1", ""},
		file(filename, content),
	}
}

func demo() []item { return upload("demo", "1.0", "demo-1.0.tar.gz", gz("one")) }

// with is the form with the value of a field changed, or the field added.
func with(items []item, name, value string) []item {
	out := append([]item(nil), items...)
	for i := range out {
		if out[i].name == name {
			out[i].value = value
			return out
		}
	}
	return append([]item{{name, value, ""}}, out...)
}

func without(items []item, name string) []item {
	var out []item
	for _, it := range items {
		if it.name != name {
			out = append(out, it)
		}
	}
	return out
}

func encode(items []item) (body []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, it := range items {
		h := textproto.MIMEHeader{"Content-Disposition": {it.disposition}}
		if it.disposition == "" {
			h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"`, it.name))
		}
		part, _ := w.CreatePart(h)
		_, _ = io.WriteString(part, it.value)
	}
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

func basicAuth(user, pass string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+pass))
}

// post sends a form with a token; "" sends no credentials.
func (x *testIndex) post(text string, items []item) (status, body string) {
	x.t.Helper()
	raw, contentType := encode(items)
	auth := ""
	if text != "" {
		auth = basicAuth("__token__", text)
	}
	return x.send(auth, contentType, bytes.NewReader(raw))
}

func (x *testIndex) send(auth, contentType string, body io.Reader) (status, text string) {
	x.t.Helper()
	req, err := http.NewRequest("POST", x.URL+"/legacy/", body)
	if err != nil {
		x.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := x.Client().Do(req)
	if err != nil {
		x.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		x.t.Fatal(err)
	}
	return resp.Status, string(raw)
}

// get reads a path of the index without following redirects.
func (x *testIndex) get(path string, header ...string) (*http.Response, string) {
	x.t.Helper()
	req, err := http.NewRequest("GET", x.URL, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	req.URL.Opaque = "//" + req.URL.Host + path // as it stands, uncleaned
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		x.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		x.t.Fatal(err)
	}
	return resp, string(raw)
}

// gz is a gzip file around some content.
func gz(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, content)
	w.Close()
	return b.String()
}

// zipped is a zip file of one entry.
func zipped(entry, content string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, _ := w.Create(entry)
	_, _ = io.WriteString(f, content)
	w.Close()
	return b.String()
}

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}
