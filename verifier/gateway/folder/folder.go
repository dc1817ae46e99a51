// Package folder keeps packages in a folder that any web server can serve, as a backend of
// [gateway.Gateway], and serves that folder to pip, uv and people (PEP 503, PEP 691, PEP 700).
//
//	files, err := folder.Open("data/packages")
//	upload, err := gateway.New(gateway.Config{Verifier: v, Backend: files})
//	index := files.Index("https://packages.example.org/legacy/", logger)
//	mux.Handle("/simple", index)
//	mux.Handle("/simple/", index)
//	mux.Handle("/packages/", index)
//	mux.Handle("/legacy/+simple/", index) // hatch looks there before it uploads
package folder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rind-dev/rind/verifier/gateway"
)

// The folders and files that a Folder uses itself. The names of the folders begin
// with a dot, unlike any name of a project or package.
const (
	stagingDir = ".staging" // files on their way in, mode 0700
	metaDir    = ".meta"    // in a project's folder: what is known of each file

	provenanceDir = ".provenance" // in a project's folder: the attestations that files came with
	stateName     = ".index.json" // in a project's folder: what was yanked and deleted
	idName        = ".id"         // the ID of the folder

	metaSuffix       = ".json"
	metadataSuffix   = ".metadata"   // PEP 658
	provenanceSuffix = ".provenance" // in addresses
)

// Modes of stored files and folders, so that any web server can serve them.
const (
	dirMode  = 0o755
	fileMode = 0o644
)

var stagedName = regexp.MustCompile(`^(upload|probe|meta)-[a-z2-7]{26}\.part$`)

var folderID = regexp.MustCompile(`^[a-z2-7]{26}$`)

// Folder is the [gateway.Backend] that keeps files in a folder of its own:
//
//	<project>/<file>                    the packages, by normalized project name
//	<project>/.index.json               releases that were yanked, and the names of deleted files
//	<project>/.provenance/<file>.json   the attestations that a file came with
//	<project>/.meta/files.jsonl         digest, size and more of each: a cache
//	<project>/.meta/<file>.metadata     the METADATA of each wheel that somebody asked for: a cache
//	.id                                 a text that no other folder has
//	.staging/                           files on their way in
//
// A file appears whole or not at all, by a hard link from the staging folder. It
// is never replaced, and no file whose name is an equivalent spelling is added
// beside it. Files that an operator copies into a project's folder are listed like
// uploaded ones; what .meta does not say, or says about a file of another size or
// time, is learned from the file. What Delete removed stays away: a file that is put back by hand is not served until its name is taken
// out of .index.json. Only one process may use a folder at a time. Several
// goroutines may call the methods at once.
type Folder struct {
	root *os.Root
	disk disk
	id   string
	now  func() time.Time

	status func(context.Context, string) (Status, error)

	catalogue *catalogue

	naming sync.Mutex // held from the search for an equivalent file to the link, and while .index.json is written
	learn  sync.Mutex // held while a file is read to learn what .meta lacks
	noting sync.Mutex // held while .meta/files.jsonl is written
}

// Option changes how a Folder works.
type Option func(*Folder)

// WithClock sets the clock that gives the time of an upload: time.Now by default.
func WithClock(now func() time.Time) Option {
	return func(f *Folder) { f.now = now }
}

// WithStatus sets what says the status of a project, by its normalized name; by default all are active. The index asks for
// each page and each file, so the answer must be quick; after an error, neither is served.
func WithStatus(status func(ctx context.Context, project string) (Status, error)) Option {
	return func(f *Folder) { f.status = status }
}

// Open opens the folder dir, which it makes if necessary, and removes what
// unfinished uploads of an earlier process left. It fails if the file system
// has no hard links. Close releases the folder.
func Open(dir string, opts ...Option) (*Folder, error) {
	started := time.Now()
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	f := &Folder{root: root, disk: rootDisk{root}, now: time.Now, status: alwaysActive, catalogue: newCatalogue()}
	for _, set := range opts {
		set(f)
	}
	err = f.prepare(started)
	if err == nil {
		err = f.identify()
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("folder: the folder %s can't keep packages: %w", dir, err)
	}
	return f, nil
}

// makeDir makes the folder dir durably, unless it exists.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	if err := os.Chmod(dir, dirMode); err != nil { // whatever the umask says
		return err
	}
	parent, err := os.OpenRoot(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return err
	}
	defer parent.Close()
	return rootDisk{parent}.syncDir(".")
}

// ID returns a text that tells this folder from all others, and stays the same.
func (f *Folder) ID() string { return f.id }

// identify reads the folder's ID, or makes one.
func (f *Folder) identify() error {
	raw, err := f.readBeside(idName)
	if errors.Is(err, ErrNotFound) {
		raw = []byte(strings.ToLower(rand.Text()) + "\n")
		err = f.replace(idName, raw, true)
	}
	f.id = strings.TrimSpace(string(raw))
	if err == nil && !folderID.MatchString(f.id) {
		err = errors.New("its file " + idName + " is damaged: remove it")
	}
	return err
}

// Close releases the folder.
func (f *Folder) Close() error { return f.root.Close() }

// prepare makes the staging folder, removes from it what is older than started,
// and tries to make a hard link, because storing a file needs one.
func (f *Folder) prepare(started time.Time) error {
	if err := f.disk.mkdir(stagingDir, 0o700); err != nil {
		return err
	}
	old, err := f.entries(stagingDir)
	if err != nil {
		return err
	}
	for _, e := range old {
		info, err := e.Info()
		if err == nil && stagedName.MatchString(e.Name()) && info.Mode().IsRegular() && info.ModTime().Before(started) {
			_ = f.disk.remove(path.Join(stagingDir, e.Name()))
		}
	}
	from, to := newStagedName("probe"), newStagedName("probe")
	file, err := f.disk.create(from)
	if err != nil {
		return err
	}
	file.Close()
	defer f.disk.remove(from)
	if err := f.disk.link(from, to); err != nil {
		return fmt.Errorf("its file system must have hard links: %w", err)
	}
	return f.disk.remove(to)
}

func newStagedName(kind string) string {
	return path.Join(stagingDir, kind+"-"+strings.ToLower(rand.Text())+".part")
}

var _ gateway.IndexServer = (*Folder)(nil)

// Known implements [gateway.Lister].
func (f *Folder) Known(ctx context.Context, project string) (all []gateway.Known, err error) {
	files, err := f.Files(ctx, project)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	for _, file := range files {
		all = append(all, gateway.Known{Name: file.Name, Size: file.Size, Uploaded: file.Uploaded})
	}
	return all, err
}

// makeFolder makes the folder of a project, unless it is there. The lock of names is held.
func (f *Folder) makeFolder(project string) error {
	_, err := f.statFolder(project)
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := f.disk.mkdir(project, dirMode); err != nil {
		return err
	}
	f.catalogue.folder(project).made.Add(1)
	return nil
}

// syncName makes the name of a project's folder durable, unless it is since the folder was made.
func (f *Folder) syncName(project string) error {
	entry := f.catalogue.folder(project)
	made := entry.made.Load()
	if entry.durable.Load() == made+1 {
		return nil
	}
	if err := f.syncFolder(rootFolder); err != nil {
		return err
	}
	entry.durable.Store(made + 1)
	return nil
}

// syncFolder syncs what a folder lists, together with others who want that at the same time.
func (f *Folder) syncFolder(name string) error {
	return f.catalogue.folder(name).sync.do(func() error { return f.disk.syncDir(name) })
}
