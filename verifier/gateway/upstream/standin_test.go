package upstream

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/gateway/internal/gatetest"
)

// standIn is an index as several products are: what it answers can be changed while it runs.
type standIn struct {
	*httptest.Server

	mu       sync.Mutex
	files    map[string]string // project/name → content
	user     string            // "user:password" or a bearer token that it asks for; "" for none
	path     string            // that uploads are posted to
	simple   string            // where its pages are
	json     bool              // pages are JSON
	noDigest bool              // pages say no digest
	again    int               // status for a file that it has
	same     int               // status for the same file again
	replaces bool              // other content is taken

	// answer is asked before the upload is kept, and after it was if it says so.
	before, after func(w http.ResponseWriter, r *http.Request) bool
	paged         func() // is called before the page of a project is made, while nothing else is

	forms [][][2]string // fields of what was posted, in order, the file as name and digest
	heads []http.Header
	under int // uploads under way
	most  int
}

func startIndex(t testing.TB) *standIn {
	t.Helper()
	return startIndexAt(t, "127.0.0.1:0")
}

// startIndexAt is startIndex at an address, which is taken again when the index comes back.
func startIndexAt(t testing.TB, address string) *standIn {
	t.Helper()
	x := &standIn{files: map[string]string{}, user: "rind:secret", path: "/", simple: "/simple/", again: 409, same: 409}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	x.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: x, ReadHeaderTimeout: time.Minute}}
	x.Start()
	t.Cleanup(x.Close)
	return x
}

// ServeHTTP implements http.Handler.
func (x *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	user, path, simple := x.user, x.path, x.simple
	x.mu.Unlock()
	if r.Method == http.MethodPost {
		if user != "" && !authorized(r, user) {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		if r.URL.Path != path {
			http.NotFound(w, r)
			return
		}
		x.take(w, r)
		return
	}
	if project, ok := strings.CutPrefix(r.URL.Path, simple); ok {
		x.page(w, strings.TrimSuffix(project, "/"))
		return
	}
	if name, ok := strings.CutPrefix(r.URL.Path, "/packages/"); ok {
		x.mu.Lock()
		content, there := x.files[name]
		x.mu.Unlock()
		if there {
			_, _ = io.WriteString(w, content)
			return
		}
	}
	if r.URL.Path == "/+simple/" { // as pypiserver does
		http.Redirect(w, r, r.URL.Path, http.StatusSeeOther)
		return
	}
	if r.URL.Path == "/" {
		_, _ = io.WriteString(w, "<h1>An index</h1>")
		return
	}
	http.NotFound(w, r)
}

func authorized(r *http.Request, user string) bool {
	name, password, ok := r.BasicAuth()
	return ok && name+":"+password == user || r.Header.Get("Authorization") == "Bearer "+user
}

func (x *standIn) take(w http.ResponseWriter, r *http.Request) {
	x.mu.Lock()
	x.under++
	x.most = max(x.most, x.under)
	before, after := x.before, x.after
	x.mu.Unlock()
	defer func() { x.mu.Lock(); x.under--; x.mu.Unlock() }()
	if before != nil && before(w, r) {
		return
	}
	parts, err := r.MultipartReader()
	if err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	var fields [][2]string
	var project, file, content string
	for {
		p, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		b, err := io.ReadAll(p)
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		if p.FormName() == "content" {
			file, content = p.FileName(), string(b)
			fields = append(fields, [2]string{"content", p.FileName() + " " + digestOf(string(b))})
			continue
		}
		if p.FormName() == "name" {
			project = strings.ToLower(string(b))
		}
		fields = append(fields, [2]string{p.FormName(), string(b)})
	}
	x.mu.Lock()
	x.forms, x.heads = append(x.forms, fields), append(x.heads, r.Header.Clone())
	old, there := x.files[project+"/"+file]
	status := 200
	switch {
	case there && old == content && x.same != 200:
		status = x.same
	case there && old != content && !x.replaces:
		status = x.again
	default:
		x.files[project+"/"+file] = content
	}
	x.mu.Unlock()
	if after != nil && after(w, r) {
		return
	}
	if status >= 400 {
		http.Error(w, "<html><pre>File already exists!</pre></html>", status)
		return
	}
	w.WriteHeader(status)
}

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// page is the list of a project. The list of all projects is where devpi is told by.
func (x *standIn) page(w http.ResponseWriter, project string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if project == "" {
		_, _ = io.WriteString(w, "<html></html>") // devpi's is what it is told by
		return
	}
	if x.paged != nil {
		x.paged()
	}
	type file struct {
		Filename string            `json:"filename"`
		URL      string            `json:"url"`
		Hashes   map[string]string `json:"hashes"`
	}
	files := []file{}
	for name, content := range x.files {
		if in, base, _ := strings.Cut(name, "/"); in == project {
			f := file{base, "../../packages/" + name, map[string]string{"sha256": digestOf(content)}}
			if x.noDigest {
				f.Hashes = map[string]string{}
			}
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		http.Error(w, "no such project", http.StatusNotFound)
		return
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.Filename, b.Filename) })
	if x.json {
		w.Header().Set("Content-Type", jsonType)
		_ = json.NewEncoder(w).Encode(map[string]any{"files": files})
		return
	}
	w.Header().Set("Content-Type", "text/html")
	for _, f := range files {
		anchor := ""
		if sum := f.Hashes["sha256"]; sum != "" {
			anchor = "#sha256=" + sum
		}
		fmt.Fprintf(w, "<a href=\"%s\">%s</a><br>\n", html.EscapeString(f.URL+anchor), html.EscapeString(f.Filename))
	}
}

func (x *standIn) set(change func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change()
}

func (x *standIn) names() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	names := []string{}
	for n := range x.files {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// behind is a gateway in front of an index.
type behind struct {
	*gatetest.Index
	up    *Upstream
	index *standIn
	cfg   Config
}

func newBehind(t testing.TB, index *standIn, edit func(*Config)) *behind {
	t.Helper()
	dir := t.TempDir()
	b := &behind{index: index}
	b.cfg = Config{URL: index.URL + index.path, User: "rind", PasswordFile: secretFile(t, "secret"), Spool: dir + "/spool", Logger: nil}
	if edit != nil {
		edit(&b.cfg)
	}
	var err error
	b.up, err = Open(b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.Index = gatetest.Start(t, dir, b.up, nil)
	b.up.log = b.logger()
	return b
}

// eventually waits for what another goroutine does.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
		time.Sleep(time.Millisecond)
	}
}
