// Package gatetest is an index on loopback for tests of the gateway and its backends: tokens in memory, a real
// verifier, a gateway over the backend of the test, and the forms that clients send.
package gatetest

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
	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway"
)

const (
	host   = "packages.example.org"
	alice  = "00000000-0000-4000-8000-0000000000aa"
	demoID = "00000000-0000-4000-8000-0000000000bb"
)

// Noon is when everything happens.
var Noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// Keyring is a verifier.Store in memory. The projects demo and my-lib are
// alice's; other is somebody else's.
type Keyring struct {
	mu      sync.Mutex
	Records map[string]verifier.Record
	Err     error // of every lookup
	added   map[string]bool
}

// Add makes alice a member of a new project.
func (k *Keyring) Add(project string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.added == nil {
		k.added = map[string]bool{}
	}
	k.added[project] = true
}

// Lookup implements verifier.Store.
func (k *Keyring) Lookup(_ context.Context, id, project string) (verifier.Record, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.Err != nil {
		return verifier.Record{}, k.Err
	}
	rec, ok := k.Records[id]
	if !ok {
		return verifier.Record{}, verifier.ErrUnknownToken
	}
	switch {
	case project == "demo", project == "my-lib", k.added[project]:
		rec.Project = verifier.Project{ID: demoID[:len(demoID)-2] + fmt.Sprintf("%02x", len(project)), Name: project, Member: true}
	case project == "other":
		rec.Project = verifier.Project{ID: demoID, Name: project}
	}
	return rec, nil
}

// Mint issues a token for alice with further caveats; edit changes its record.
func (k *Keyring) Mint(t testing.TB, edit func(*verifier.Record), more ...caveats.Caveat) string {
	t.Helper()
	return k.MintFor(t, alice, edit, more...)
}

// MintFor is Mint for another account, by its id.
func (k *Keyring) MintFor(t testing.TB, user string, edit func(*verifier.Record), more ...caveats.Caveat) string {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	id := fmt.Sprintf("01900000-0000-7000-8000-%012d", len(k.Records)+1)
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
	k.Records[id] = rec
	return text
}

// Index is a whole index on loopback: uploads, lists and files.
type Index struct {
	T    testing.TB
	Dir  string // where the backend keeps its files
	Keys *Keyring
	Text string // of a token for the project demo
	Gate *gateway.Gateway
	*httptest.Server
	Log *Log

	mu      sync.Mutex
	Uploads []gateway.Upload // as OnUpload had them
	Grants  []verifier.Grant
}

// Log is what was logged.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is all that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Start serves uploads into files, which keeps them in the folder dir, if it has one, and is closed by the caller. edit changes the Config.
func Start(t testing.TB, dir string, files gateway.Backend, edit func(*gateway.Config)) *Index {
	t.Helper()
	x := &Index{T: t, Dir: dir, Keys: &Keyring{Records: map[string]verifier.Record{}}, Log: &Log{}}
	x.Text = x.Keys.Mint(t, nil, caveats.ProjectNames{"demo"})
	logger := slog.New(slog.NewTextHandler(x.Log, nil))
	cfg := gateway.Config{
		Verifier: verifier.New(x.Keys).WithClock(func() time.Time { return Noon }),
		Backend:  files, Logger: logger,
		OnUpload: func(_ context.Context, g verifier.Grant, up gateway.Upload) {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.Uploads, x.Grants = append(x.Uploads, up), append(x.Grants, g)
		},
	}
	if edit != nil {
		edit(&cfg)
	}
	var err error
	x.Gate, err = gateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/legacy", x.Gate)
	mux.Handle("/legacy/", x.Gate)
	if reads, ok := files.(gateway.IndexServer); ok {
		mux.Handle("/", reads.Index("", logger))
	}
	x.Server = httptest.NewServer(mux)
	t.Cleanup(x.Close)
	return x
}

// Stored are the packages in the folder, as project/file.
func (x *Index) Stored() []string {
	x.T.Helper()
	found, err := filepath.Glob(filepath.Join(x.Dir, "[a-z0-9]*", "[A-Za-z0-9]*"))
	if err != nil {
		x.T.Fatal(err)
	}
	for i, f := range found {
		found[i], _ = filepath.Rel(x.Dir, f)
	}
	return found
}

// Staged are the names in the staging folder of package folder.
func (x *Index) Staged() []string {
	x.T.Helper()
	entries, err := os.ReadDir(filepath.Join(x.Dir, ".staging"))
	if err != nil {
		x.T.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Item is a part of a form: a text field, or a file where Disposition is set.
type Item struct {
	Name, Value string
	Disposition string // of a file: the whole header field
}

// Field is a text field.
func Field(name, value string) Item { return Item{Name: name, Value: value} }

// File is the field with the file.
func File(filename, content string) Item {
	return Item{"content", content, fmt.Sprintf(`form-data; name="content"; filename="%s"`, filename)}
}

// Upload is the form that twine sends for a file, content last.
func Upload(name, version, filename, content string) []Item {
	sum, weak := sha256.Sum256([]byte(content)), md5.Sum([]byte(content))
	filetype := "sdist"
	if strings.HasSuffix(filename, ".whl") {
		filetype = "bdist_wheel"
	}
	return []Item{
		{"name", name, ""}, {"version", version, ""}, {"filetype", filetype, ""}, {"metadata_version", "2.1", ""},
		{"summary", "", ""}, {"requires_python", ">=3.8", ""}, {"classifiers", "A", ""}, {"classifiers", "B", ""},
		{"description", "# Demo\n", ""}, {"md5_digest", hex.EncodeToString(weak[:]), ""},
		{"sha256_digest", hex.EncodeToString(sum[:]), ""}, {":action", "file_upload", ""}, {"protocol_version", "1", ""},
		File(filename, content),
	}
}

// Demo is the upload of demo 1.0.
func Demo() []Item { return Upload("demo", "1.0", "demo-1.0.tar.gz", Pack("demo-1.0.tar.gz", "one")) }

// With is the form with the value of a field changed, or the field added.
func With(items []Item, name, value string) []Item {
	out := append([]Item(nil), items...)
	for i := range out {
		if out[i].Name == name {
			out[i].Value = value
			return out
		}
	}
	return append([]Item{{name, value, ""}}, out...)
}

// Without is the form without a field.
func Without(items []Item, name string) []Item {
	var out []Item
	for _, it := range items {
		if it.Name != name {
			out = append(out, it)
		}
	}
	return out
}

// Encode is the form as it is sent.
func Encode(items []Item) (body []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, it := range items {
		h := textproto.MIMEHeader{"Content-Disposition": {it.Disposition}}
		if it.Disposition == "" {
			h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"`, it.Name))
		}
		part, _ := w.CreatePart(h)
		_, _ = io.WriteString(part, it.Value)
	}
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

// BasicAuth is a header Authorization.
func BasicAuth(user, pass string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+pass))
}

// Post sends a form with a token; "" sends no credentials.
func (x *Index) Post(text string, items []Item) (status, body string) {
	x.T.Helper()
	raw, contentType := Encode(items)
	auth := ""
	if text != "" {
		auth = BasicAuth("__token__", text)
	}
	return x.Send(auth, contentType, bytes.NewReader(raw))
}

// Send posts a body to the upload address.
func (x *Index) Send(auth, contentType string, body io.Reader) (status, text string) {
	x.T.Helper()
	req, err := http.NewRequest("POST", x.URL+"/legacy/", body)
	if err != nil {
		x.T.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := x.Client().Do(req)
	if err != nil {
		x.T.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		x.T.Fatal(err)
	}
	return resp.Status, string(raw)
}

// Get reads a path of the index without following redirects.
func (x *Index) Get(path string, header ...string) (*http.Response, string) {
	x.T.Helper()
	req, err := http.NewRequest("GET", x.URL, nil)
	if err != nil {
		x.T.Fatal(err)
	}
	req.URL.Opaque = "//" + req.URL.Host + path // as it stands, uncleaned
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		x.T.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		x.T.Fatal(err)
	}
	return resp, string(raw)
}

// Pack is an archive that is what its file name says, and has some content.
func Pack(filename, content string) string { return string(disttest.Pack(filename, content)) }

// Gzip is a gzip file around some content.
func Gzip(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, content)
	w.Close()
	return b.String()
}

// Zip is a zip file of one entry.
func Zip(entry, content string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, _ := w.Create(entry)
	_, _ = io.WriteString(f, content)
	w.Close()
	return b.String()
}

// Digest is the SHA-256 of content, in hex.
func Digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}
