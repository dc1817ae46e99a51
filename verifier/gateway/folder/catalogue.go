package folder

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rind-dev/rind/internal/dist"
)

// How long the listing of a folder in memory stays valid.
const (
	// settleTime is how old the last change of a folder must be before its time can reveal the
	// next change: file systems round times by as much as two seconds.
	settleTime = 2 * time.Second
	// recheckTime is how long a file that was overwritten in place is still listed as it was. Such
	// a change does not change the time of the folder.
	recheckTime = time.Minute
)

// maxCatalogue bounds the memory for the listings of all folders together, in bytes.
const maxCatalogue = 64 << 20

// rootFolder is the catalogue's name for the folder whose entries are the projects.
const rootFolder = "."

// catalogue keeps in memory the listings of the folders of a Folder that were requested
// recently, and the pages made from them. The listing of a folder is valid until the
// folder's time changes, or an upload of this process changes the folder.
type catalogue struct {
	mu    sync.Mutex
	known map[string]*list.Element // of *cachedFolder
	order *list.List               // the one that was asked for last in front
	size  int64                    // bytes of all, about
	limit int64
}

// cachedFolder is what is known of one folder.
type cachedFolder struct {
	name    string
	size    int64 // under the catalogue's mu
	making  sync.Mutex
	now     atomic.Pointer[snapshot]
	changes atomic.Uint64 // by this process
	mu      sync.Mutex
	dirty   map[string]bool // under mu: the files that it changed since the last listing

	notes     notes
	spellings *spellings // under the lock of names; nil until an upload needs them

	sync    dirSync
	made    atomic.Uint64 // how often this process made the folder
	durable atomic.Uint64 // made+1 if the folder's name is on the disk
}

// snapshot is the listing of a folder at one time. It does not change, except for the
// pages, which are made when they are first requested.
type snapshot struct {
	projects []string // of the root folder, sorted
	files    []File   // of a project's folder, sorted by name
	modified time.Time
	listed   time.Time // when the listing began
	changes  uint64

	mu    sync.Mutex
	pages map[pageKey]rendered
}

func newCatalogue() *catalogue {
	return &catalogue{known: map[string]*list.Element{}, order: list.New(), limit: maxCatalogue}
}

// folder finds or makes the entry of a folder that exists.
func (c *catalogue) folder(name string) *cachedFolder {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.known[name]; ok {
		c.order.MoveToFront(e)
		return e.Value.(*cachedFolder)
	}
	s := &cachedFolder{name: name, dirty: map[string]bool{}}
	c.known[name] = c.order.PushFront(s)
	c.resize(s, 512)
	return s
}

// grow accounts for more bytes of a folder, and drops the least recently requested
// folders until all fit.
func (c *catalogue) grow(s *cachedFolder, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resize(s, bytes)
}

func (c *catalogue) resize(s *cachedFolder, bytes int64) {
	if e, ok := c.known[s.name]; !ok || e.Value != s { // let go of meanwhile
		return
	}
	s.size += bytes
	c.size += bytes
	for c.size > c.limit {
		oldest := c.order.Back()
		gone := c.order.Remove(oldest).(*cachedFolder)
		delete(c.known, gone.name)
		c.size -= gone.size
	}
}

// changed records that this process changed a file of a folder.
func (c *catalogue) changed(folder, name string) {
	c.mu.Lock()
	e, ok := c.known[folder]
	c.mu.Unlock()
	if !ok {
		return
	}
	s := e.Value.(*cachedFolder)
	s.mu.Lock()
	s.dirty[name] = true
	s.mu.Unlock()
	s.changes.Add(1)
}

// holds reports whether the snapshot still matches the folder at a time.
func (s *snapshot) holds(info fs.FileInfo, changes uint64, now time.Time) bool {
	return s != nil && s.modified.Equal(info.ModTime()) && s.changes == changes &&
		s.listed.Sub(s.modified) >= settleTime && now.Sub(s.listed) < recheckTime && !now.Before(s.listed)
}

// browse lists a folder: a project, or rootFolder. The error is ErrNotFound if the folder does
// not exist.
func (f *Folder) browse(ctx context.Context, name string) (*snapshot, *cachedFolder, error) {
	info, err := f.statFolder(name)
	if err != nil {
		return nil, nil, err
	}
	s := f.catalogue.folder(name)
	if now := s.now.Load(); now.holds(info, s.changes.Load(), time.Now()) {
		return now, s, nil
	}
	s.making.Lock() // one makes it, the others wait for that
	defer s.making.Unlock()
	info, err = f.statFolder(name)
	if err != nil {
		return nil, nil, err
	}
	old := s.now.Load()
	if old.holds(info, s.changes.Load(), time.Now()) {
		return old, s, nil
	}
	made, err := f.list(ctx, s, info, old)
	if err != nil {
		s.now.Store(nil) // what is dirty was forgotten
		return nil, nil, err
	}
	s.now.Store(made)
	f.catalogue.grow(s, made.weight()-old.weight())
	return made, s, nil
}

func (f *Folder) statFolder(name string) (fs.FileInfo, error) {
	info, err := f.root.Lstat(name)
	if isMissing(err) || err == nil && !info.IsDir() {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("folder: looking for folder %s: %w", name, err)
	}
	return info, nil
}

// list makes a snapshot. It does not read a file again that is in old and has not
// changed.
func (f *Folder) list(ctx context.Context, s *cachedFolder, info fs.FileInfo, old *snapshot) (*snapshot, error) {
	made := &snapshot{modified: info.ModTime(), listed: time.Now(), changes: s.changes.Load(), pages: map[pageKey]rendered{}}
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = map[string]bool{}
	s.mu.Unlock()
	entries, err := f.entries(s.name)
	if err != nil {
		return nil, fmt.Errorf("folder: listing folder %s: %w", s.name, err)
	}
	if s.name == rootFolder {
		for _, e := range entries {
			if e.IsDir() && dist.IsNormalized(e.Name()) {
				made.projects = append(made.projects, e.Name())
			}
		}
		return made, ctx.Err()
	}
	folder, err := f.root.OpenRoot(s.name)
	if err != nil {
		return nil, fmt.Errorf("folder: listing folder %s: %w", s.name, err)
	}
	defer folder.Close()
	decided, err := f.readState(s.name)
	if err != nil {
		return nil, err
	}
	attested, err := f.provenanceNames(s.name)
	if err != nil {
		return nil, fmt.Errorf("folder: listing folder %s: %w", s.name, err)
	}
	f.loadNotes(s)
	made.files = make([]File, 0, len(entries))
	for _, e := range entries {
		if !e.Type().IsRegular() || dist.VersionOf(e.Name(), s.name) == "" || decided.isDeleted(e.Name()) {
			continue
		}
		file, ok := File{}, false
		if !dirty[e.Name()] {
			file, ok = old.unchanged(folder, e.Name())
		}
		if !ok {
			file, _, err = f.file(ctx, s, e.Name())
		}
		switch {
		case errors.Is(err, ErrNotFound): // removed a moment ago
			err = nil
		case err != nil:
			return nil, err
		default:
			decided.mark(&file, attested)
			made.files = append(made.files, file)
		}
	}
	f.tidyNotes(s, len(made.files))
	return made, ctx.Err()
}

// mark sets what the owners decided about a file, and whether it came with attestations.
func (s state) mark(file *File, attested map[string]bool) {
	file.Yanked, file.Attested = nil, attested[besideName(file.Name, metaSuffix)]
	if len(s.Yanked) == 0 {
		return
	}
	if yank, ok := s.Yanked[dist.ReleaseKey(file.Version)]; ok {
		file.Yanked = &yank
	}
}

// unchanged finds a file in a snapshot of its folder, if it is still the same.
func (s *snapshot) unchanged(folder *os.Root, name string) (File, bool) {
	if s == nil {
		return File{}, false
	}
	i, found := slices.BinarySearchFunc(s.files, name, func(f File, name string) int { return strings.Compare(f.Name, name) })
	if !found {
		return File{}, false
	}
	info, err := folder.Lstat(name)
	return s.files[i], err == nil && info.Mode().IsRegular() && s.files[i].describes(info)
}

// weight estimates how many bytes of memory a snapshot takes, including its pages.
func (s *snapshot) weight() (bytes int64) {
	if s == nil {
		return 0
	}
	for _, p := range s.projects {
		bytes += int64(len(p)) + 16
	}
	for _, f := range s.files {
		bytes += f.weight()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pages {
		bytes += int64(len(p.body))
	}
	return bytes
}

// Projects lists the projects that have a folder, by normalized name, sorted.
func (f *Folder) Projects(ctx context.Context) ([]string, error) {
	now, _, err := f.browse(ctx, rootFolder)
	if err != nil {
		return nil, err
	}
	return slices.Clone(now.projects), nil
}

// Files lists the files of a project, sorted by name. The error is ErrNotFound
// if the project has no folder. Files reads the whole of a file that .meta does not
// know yet; ctx bounds that.
func (f *Folder) Files(ctx context.Context, project string) ([]File, error) {
	if !dist.IsNormalized(project) {
		return nil, ErrNotFound
	}
	now, _, err := f.browse(ctx, project)
	if err != nil {
		return nil, err
	}
	return slices.Clone(now.files), nil
}

// File returns what is known about one file. The error is ErrNotFound if it does not exist or is
// not a regular file.
func (f *Folder) File(ctx context.Context, project, name string) (File, error) {
	if !dist.IsNormalized(project) {
		return File{}, ErrNotFound
	}
	if _, err := f.statFolder(project); err != nil {
		return File{}, err
	}
	decided, err := f.readState(project)
	if err == nil && decided.isDeleted(name) {
		err = ErrNotFound
	}
	if err != nil {
		return File{}, err
	}
	file, learned, err := f.file(ctx, f.catalogue.folder(project), name)
	if learned { // an operator put it there, or another in its place
		f.catalogue.changed(project, name)
	}
	return file, err
}

// file does what File does, and reports whether it had to read the file.
func (f *Folder) file(ctx context.Context, s *cachedFolder, name string) (file File, learned bool, err error) {
	info, err := f.stat(s.name, name)
	if err != nil {
		return File{}, false, err
	}
	if known, ok := f.noted(s, name, info, false); ok {
		return known, false, nil
	}
	f.learn.Lock() // one at a time: the readers of a new, large file wait for the first
	defer f.learn.Unlock()
	if known, ok := f.noted(s, name, info, true); ok {
		return known, false, nil
	}
	file, err = f.examine(ctx, s.name, name)
	if err != nil {
		return File{}, false, fmt.Errorf("folder: reading %s: %w", name, err)
	}
	return f.note(s, file, info, false), true, nil
}
