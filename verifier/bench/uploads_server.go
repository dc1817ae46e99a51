package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/archive"
	"github.com/rind-dev/rind/verifier/gateway/folder"
	"github.com/rind-dev/rind/verifier/gateway/upstream"
)

// The servers of the benchmark of uploads that are this program, each in a process of its own.

const (
	benchUser  = "00000000-0000-4000-8000-0000000000aa"
	benchToken = "01900000-0000-7000-8000-000000000001"
	benchHost  = "packages.example.org"
)

// oneToken is a verifier.Store in memory. Its user may upload to every project.
type oneToken struct{ record verifier.Record }

// Lookup implements verifier.Store.
func (o *oneToken) Lookup(_ context.Context, id, project string) (verifier.Record, error) {
	if id != benchToken {
		return verifier.Record{}, verifier.ErrUnknownToken
	}
	rec := o.record
	if project != "" {
		rec.Project = verifier.Project{ID: benchUser, Name: project, Member: true}
	}
	return rec, nil
}

// mintToken makes the one token, the same in each process.
func mintToken() (*oneToken, string, error) {
	cs := [][]byte{caveats.User(benchUser).Append(nil)}
	minted, err := token.Mint(make([]byte, token.RootKeySize), benchToken, benchHost, cs)
	if err != nil {
		return nil, "", err
	}
	text, err := minted.Text()
	return &oneToken{verifier.Record{Location: benchHost, UserID: benchUser, UserName: "bench", Caveats: cs, Signature: minted.Signature}}, text, err
}

// serveUploads is a server until its input ends: "bare", "gateway" in front of a folder, or "upstream" in front of the index
// at url, whose user gw has the password in a file. It prints its address.
func serveUploads(kind, dir, url string) error {
	handler, err := uploadHandler(kind, dir, url)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := deadline.Server(handler, slog.New(slog.DiscardHandler))
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		server.Close()
	}()
	fmt.Println(l.Addr())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func uploadHandler(kind, dir, url string) (http.Handler, error) {
	if kind == "bare" {
		return bare{dir}, os.MkdirAll(filepath.Join(dir, "staging"), 0o755)
	}
	keys, _, err := mintToken()
	if err != nil {
		return nil, err
	}
	var backend gateway.Backend
	if kind == "upstream" {
		backend, err = upstream.Open(upstream.Config{URL: url, User: "gw", PasswordFile: filepath.Join(dir, "password"), Spool: filepath.Join(dir, "spool")})
	} else {
		backend, err = folder.Open(dir)
	}
	if err != nil {
		return nil, err
	}
	uploads, err := gateway.New(gateway.Config{Verifier: verifier.New(keys), Backend: backend, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return nil, err
	}
	mux := deadline.NewMux()
	mux.Handle("POST /", deadline.Mounted, uploads)
	if reads, ok := backend.(gateway.IndexServer); ok {
		mux.Handle("/", deadline.Download, reads.Index("", nil))
	}
	return mux, nil
}

// bare is a handler that takes an upload without asking whether it may: the same digests, the same look into the archive
// and the same syncs of a file and its folders, with the standard library's reader of forms.
type bare struct{ dir string }

// ServeHTTP implements http.Handler.
func (b bare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	deadline.Upload.Serve(w, r, func(w http.ResponseWriter, r *http.Request) {
		if err := b.take(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
}

func (b bare) take(r *http.Request) error {
	parts, err := r.MultipartReader()
	if err != nil {
		return err
	}
	fields := map[string]string{}
	staged, err := os.CreateTemp(filepath.Join(b.dir, "staging"), "*")
	if err != nil {
		return err
	}
	defer os.Remove(staged.Name())
	defer staged.Close()
	var filename, sum string
	var size int64
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if p.FormName() != "content" {
			value, err := io.ReadAll(io.LimitReader(p, 1<<20))
			if err != nil {
				return err
			}
			fields[p.FormName()] = string(value)
			continue
		}
		filename = filepath.Base(p.FileName())
		h := sha256.New() // the one that the form declares
		size, err = io.CopyBuffer(io.MultiWriter(h, writeOnly{staged}), p, make([]byte, 64<<10))
		if err != nil {
			return err
		}
		sum = hex.EncodeToString(h.Sum(nil))
	}
	if sum != fields["sha256_digest"] {
		return errors.New("another digest")
	}
	if err := archive.Check(r.Context(), staged, size, archive.Want{Filename: filename, Project: fields["name"], Version: fields["version"]}); err != nil {
		return err
	}
	return b.keep(staged, fields["name"], filename)
}

// writeOnly hides that a file could read by itself.
type writeOnly struct{ io.Writer }

func (b bare) keep(staged *os.File, project, filename string) error {
	to := filepath.Join(b.dir, strings.ToLower(project))
	sync := []string{to}
	err := os.Mkdir(to, 0o755)
	switch {
	case err == nil:
		sync = append(sync, b.dir)
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	if err := staged.Sync(); err != nil {
		return err
	}
	if err := os.Rename(staged.Name(), filepath.Join(to, filename)); err != nil {
		return err
	}
	for _, dir := range sync {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
