package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// giteaPath is where Gitea has the packages of an owner.
const giteaPath = "/api/packages/team/pypi/"

// standIn is an index as Gitea is one, which can't be run in a test: it answers 409 for each file that it has, asks for a
// token, and has its pages at simple/.
type standIn struct {
	*httptest.Server

	mu    sync.Mutex
	token string
	files map[string]string // name of a file → its SHA-256, lower-case hex
	kept  map[string][]byte // name of a file → its bytes, up to keptSize
	deny  int               // status for each upload, where it is not 0

	// after, where it is not nil, is called with each upload that was kept, before it is answered.
	after func()

	// hold, where it is not nil, is called with each upload before its body is read.
	hold func()
}

// keptSize is the size of the largest file of which a stand-in keeps the bytes.
const keptSize = 4 << 20

func newStandIn(t testing.TB) *standIn {
	x := &standIn{token: "s", files: map[string]string{}, kept: map[string][]byte{}}
	x.Server = httptest.NewServer(x)
	t.Cleanup(x.Close)
	return x
}

func (x *standIn) set(change func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change()
}

// ServeHTTP implements http.Handler.
func (x *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, giteaPath)
	x.mu.Lock()
	token, deny, hold, after := x.token, x.deny, x.hold, x.after
	x.mu.Unlock()
	switch project, isPage := strings.CutPrefix(rest, "simple/"); {
	case !ok:
		http.NotFound(w, r)
	case r.Method == http.MethodPost && r.Header.Get("Authorization") != "Bearer "+token:
		http.Error(w, "token required", http.StatusUnauthorized)
	case r.Method == http.MethodPost && deny != 0:
		http.Error(w, "the quota of the owner is exhausted", deny)
	case r.Method == http.MethodPost:
		if hold != nil {
			hold()
		}
		err := x.take(w, r)
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		case after != nil:
			after()
		}
	case isPage && project != "":
		x.page(w, strings.TrimSuffix(project, "/"))
	case strings.HasPrefix(rest, "files/"):
		x.mu.Lock()
		defer x.mu.Unlock()
		_, _ = w.Write(x.kept[strings.TrimPrefix(rest, "files/")])
	default:
		http.NotFound(w, r)
	}
}

// take keeps a file once the form is whole.
func (x *standIn) take(w http.ResponseWriter, r *http.Request) error {
	parts, err := r.MultipartReader()
	if err != nil {
		return err
	}
	var name, stated, sum string
	var content []byte
	for {
		p, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		switch p.FormName() {
		case "content":
			name = p.FileName()
			sum, content, err = readAndHash(p)
		case "sha256_digest":
			var b []byte
			b, err = io.ReadAll(p)
			stated = string(b)
		default:
			_, err = io.Copy(io.Discard, p)
		}
		if err != nil {
			return err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case name == "" || stated != sum:
		return fmt.Errorf("hash mismatch: %s, %s", stated, sum)
	case x.files[name] != "":
		http.Error(w, "package file already exists", http.StatusConflict)
	default:
		x.files[name], x.kept[name] = sum, content
		w.WriteHeader(http.StatusCreated)
	}
	return nil
}

func (x *standIn) page(w http.ResponseWriter, project string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	module := strings.ReplaceAll(project, "-", "_") + "-"
	any := false
	for name, sum := range x.files {
		if strings.HasPrefix(name, module) {
			if !any {
				_, _ = io.WriteString(w, "<!DOCTYPE html>\n")
			}
			any = true
			fmt.Fprintf(w, "<a href=\"../../files/%s#sha256=%s\">%s</a><br>\n", name, sum, name)
		}
	}
	if !any {
		w.WriteHeader(http.StatusNotFound)
	}
}

// readAndHash returns the SHA-256 of what it reads, and its bytes where they are not too many.
func readAndHash(r io.Reader) (sum string, content []byte, err error) {
	h := sha256.New()
	content, err = io.ReadAll(io.TeeReader(io.LimitReader(r, keptSize), h))
	if err == nil {
		_, err = io.Copy(h, r)
	}
	return hex.EncodeToString(h.Sum(nil)), content, err
}
