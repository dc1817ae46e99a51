package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/dist"
)

// typeProvenance is the media type of provenance objects, as PyPI has it.
const typeProvenance = "application/vnd.pypi.integrity.v1+json"

// cacheProvenance is the Cache-Control of provenance objects, which may change (PEP 740).
const cacheProvenance = "no-cache"

var errQuarantined = errors.New("folder: the project is quarantined")

// serveBelow serves a file of a project, the metadata of a wheel, or a provenance object.
func (x *index) serveBelow(w http.ResponseWriter, r *http.Request, project, name string) error {
	if !dist.IsNormalized(project) {
		return ErrNotFound
	}
	status, err := x.folder.statusOf(r.Context(), project)
	if err != nil {
		return err
	}
	if status.Marker == StatusQuarantined {
		return errQuarantined
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox") // whoever uploads decides on the bytes
	if file, ok := strings.CutSuffix(name, metadataSuffix); ok {
		text, sum, err := x.folder.Metadata(r.Context(), project, file)
		return x.serveText(w, r, beside{text, "text/plain; charset=utf-8", sum, cacheFile}, err)
	}
	if file, ok := strings.CutSuffix(name, provenanceSuffix); ok {
		text, err := x.folder.Provenance(r.Context(), project, file)
		return x.serveText(w, r, beside{text, typeProvenance, sum(text), cacheProvenance}, err)
	}
	return x.serveFile(w, r, project, name)
}

func (x *index) serveFile(w http.ResponseWriter, r *http.Request, project, name string) error {
	content, file, err := x.folder.Open(r.Context(), project, name)
	if err != nil {
		return err
	}
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", "attachment")
	h.Set("Cache-Control", cacheFile)
	h.Set("ETag", `"`+file.SHA256+`"`)
	http.ServeContent(w, r, "", file.Modified, content)
	return nil
}

// beside is what is served beside a file.
type beside struct {
	text               []byte
	kind, digest, live string // live is the Cache-Control
}

func (x *index) serveText(w http.ResponseWriter, r *http.Request, b beside, err error) error {
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", b.kind)
	h.Set("Content-Disposition", "attachment")
	h.Set("Cache-Control", b.live)
	h.Set("ETag", `"`+b.digest+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.text))
	return nil
}

// Metadata returns the METADATA of a stored wheel, at most 2 MiB, and its SHA-256 in lower-case hex, which the index
// lists. The error is ErrNotFound if there is no such file, or it has no metadata that could be served.
func (f *Folder) Metadata(ctx context.Context, project, name string) (text []byte, digest string, err error) {
	file, known, err := f.Open(ctx, project, name)
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	if known.MetadataSHA256 == "" {
		return nil, "", ErrNotFound
	}
	kept, err := f.readBeside(metadataName(project, name))
	if err == nil && sum(kept) == known.MetadataSHA256 {
		return kept, known.MetadataSHA256, nil
	}
	text = dist.WheelMetadata(contextFile{ctx, file}, known.Size) // .meta is a cache
	if sum(text) != known.MetadataSHA256 {
		return nil, "", fmt.Errorf("folder: the metadata of %s is not what is known of it", name)
	}
	f.keepMetadata(project, name, text)
	return text, known.MetadataSHA256, nil
}

// keepMetadata keeps the METADATA of a wheel for the next reader, unless the wheel was deleted meanwhile.
func (f *Folder) keepMetadata(project, name string, text []byte) {
	f.naming.Lock()
	defer f.naming.Unlock()
	if _, err := f.stat(project, name); err == nil {
		_ = f.keep(project, metadataName(project, name), text) // without it, the next reader opens the wheel again
	}
}

// Provenance returns the provenance object of a stored file (PEP 740): the attestations that it came with, which were checked for
// their form and against the file; whose certificates they have is for the reader to check. The error is ErrNotFound
// if there is no such file, or it came without attestations.
func (f *Folder) Provenance(ctx context.Context, project, name string) ([]byte, error) {
	if _, err := f.File(ctx, project, name); err != nil {
		return nil, err
	}
	return f.readBeside(provenanceName(project, name))
}

// maxBeside is the size limit of what is kept beside a file, in bytes.
const maxBeside = 4 << 20

// readBeside reads a file that is kept about another.
func (f *Folder) readBeside(name string) ([]byte, error) {
	file, err := f.root.Open(name)
	if isMissing(err) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxBeside+1))
	if err == nil && len(text) > maxBeside {
		err = errors.New("it is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("folder: reading %s: %w", path.Base(name), err)
	}
	return text, nil
}
