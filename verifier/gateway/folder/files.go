package folder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/dist"
)

// ErrNotFound says that a Folder has no such project or file.
var ErrNotFound = errors.New("folder: no such project or file")

// chunk is how many bytes of a file are in memory at once.
const chunk = 64 << 10

// File describes a stored file. Lines of .meta/files.jsonl have its JSON form, with its name.
type File struct {
	Name           string    `json:"-"`
	Version        string    `json:"version"` // in the normal form of PEP 440
	Size           int64     `json:"size"`    // bytes
	SHA256         string    `json:"sha256"`  // lower-case hex
	RequiresPython string    `json:"requires_python,omitempty"`
	MetadataSHA256 string    `json:"metadata_sha256,omitempty"` // of a wheel's METADATA, which the index serves beside it; lower-case hex
	Uploaded       time.Time `json:"uploaded"`

	// Modified is the modification time of the file when the other fields were
	// written down. If it differs from the file's, they are not believed.
	Modified time.Time `json:"modified"`

	Yanked   *Yank `json:"-"` // nil: its release is not yanked. Only Files sets it.
	Attested bool  `json:"-"` // it came with attestations. Only Files sets it.
}

// Open opens a file for reading. It returns the same errors as [Folder.File].
func (f *Folder) Open(ctx context.Context, project, name string) (*os.File, File, error) {
	known, err := f.File(ctx, project, name)
	if err != nil {
		return nil, File{}, err
	}
	file, err := f.root.Open(path.Join(project, name))
	if err != nil {
		return nil, File{}, fmt.Errorf("folder: opening %s: %w", name, err)
	}
	info, err := file.Stat()
	if err == nil && (!info.Mode().IsRegular() || !known.describes(info)) {
		err = errors.New("it changed at this moment")
	}
	if err != nil {
		file.Close()
		return nil, File{}, fmt.Errorf("folder: opening %s: %w", name, err)
	}
	return file, known, nil
}

// stat finds a regular file by its name in a project's folder; it follows no
// symbolic link.
func (f *Folder) stat(project, name string) (fs.FileInfo, error) {
	if !dist.IsNormalized(project) || dist.VersionOf(name, project) == "" {
		return nil, ErrNotFound
	}
	info, err := f.root.Lstat(path.Join(project, name))
	switch {
	case isMissing(err), err == nil && !info.Mode().IsRegular():
		return nil, ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("folder: looking for %s: %w", name, err)
	}
	return info, nil
}

// metadataName is the name of the file with a wheel's METADATA.
func metadataName(project, name string) string {
	return path.Join(project, metaDir, besideName(name, metadataSuffix))
}

// besideName is the base name of a file that is kept about a stored file. If common file systems could not hold the
// name with the suffix, it is the digest of the name.
func besideName(name, suffix string) string {
	if len(name)+len(suffix) > dist.MaxFilename {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:])
	}
	return name + suffix
}

// isDigest tells whether s is a SHA-256 in lower-case hex.
func isDigest(s string) bool {
	digest, err := hex.DecodeString(s)
	return err == nil && len(digest) == sha256.Size && strings.ToLower(s) == s
}

// sum is the SHA-256 of a text in lower-case hex, or "" for nil.
func sum(text []byte) string {
	if text == nil {
		return ""
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:])
}

// normalVersion returns a version in the normal form of PEP 440, or "-" if it is not a
// version.
func normalVersion(s string) string {
	version, err := caveats.ParseVersion(s)
	if err != nil {
		return "-"
	}
	return version.String()
}

// weight estimates how many bytes of memory it takes; no file takes none.
func (file File) weight() int64 {
	if file.Name == "" {
		return 0
	}
	return int64(len(file.Name)+len(file.Version)+len(file.SHA256)+len(file.MetadataSHA256)+len(file.RequiresPython)) + 184
}

func (file File) describes(info fs.FileInfo) bool {
	return file.Size == info.Size() && file.Modified.Equal(info.ModTime())
}

// keep writes a file of .meta. Readers can tell by what is in it whether it is whole, so a new one is written in place.
func (f *Folder) keep(project, name string, content []byte) error {
	err := f.write(name, content, false)
	if isMissing(err) {
		err = f.disk.mkdir(path.Join(project, metaDir), dirMode)
		if err == nil {
			err = f.write(name, content, false)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		err = f.replace(name, content, false)
	}
	return err
}

// examine reads a file that .meta knows nothing about.
func (f *Folder) examine(ctx context.Context, project, name string) (file File, err error) {
	r, err := f.root.Open(path.Join(project, name))
	if err != nil {
		return File{}, err
	}
	defer r.Close()
	before, err := r.Stat()
	if err != nil {
		return File{}, err
	}
	content := contextFile{ctx, r}
	h := sha256.New()
	if _, err := io.CopyBuffer(h, content, make([]byte, chunk)); err != nil {
		return File{}, err
	}
	after, err := r.Stat()
	if err != nil {
		return File{}, err
	}
	var metadata []byte
	if strings.HasSuffix(name, ".whl") {
		metadata = dist.WheelMetadata(content, after.Size())
	}
	file = File{
		Name: name, Version: normalVersion(dist.VersionOf(name, project)), Size: after.Size(), SHA256: hex.EncodeToString(h.Sum(nil)),
		RequiresPython: dist.RequiresPython(content, after.Size(), name), MetadataSHA256: sum(metadata),
		Uploaded: after.ModTime().UTC(), Modified: after.ModTime(),
	}
	if !file.describes(before) {
		return File{}, errors.New("it changed while it was read")
	}
	return file, nil
}

// entries lists a folder, sorted by name.
func (f *Folder) entries(name string) ([]fs.DirEntry, error) {
	return fs.ReadDir(f.root.FS(), name)
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// contextFile is a file whose reads fail with the context's error once the context is done.
//
// It does not embed the file, whose WriteTo would ignore the context.
type contextFile struct {
	ctx  context.Context
	file *os.File
}

// Read implements io.Reader.
func (f contextFile) Read(p []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	return f.file.Read(p)
}

// ReadAt implements io.ReaderAt.
func (f contextFile) ReadAt(p []byte, off int64) (int, error) { return f.file.ReadAt(p, off) }

// Seek implements io.Seeker.
func (f contextFile) Seek(offset int64, whence int) (int64, error) {
	return f.file.Seek(offset, whence)
}
