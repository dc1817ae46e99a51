package folder

import (
	"fmt"
	"path"
	"time"

	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/verifier/gateway"
)

// spellings are the names of a project's files, for the search for an equivalent one. They are kept from one upload to the next, so
// that an upload costs as much in a project of thousands of files as in a new one.
//
// They are read again when the time of the folder shows a change that was not this process's, and after recheckTime: an operator
// who copies a file into the folder while an upload gets its name may change the folder without changing its time.
type spellings struct {
	names    map[string]string // names of files, by dist.Identity
	modified time.Time         // of the folder
	read     time.Time
}

// equivalent reports whether the project has a file with the name of up, and returns the name of one that is equivalent to up under
// another name: "" if there is none, or one with its own name. The lock of names is held.
func (f *Folder) equivalent(up gateway.Upload) (there bool, name string, err error) {
	_, err = f.root.Lstat(path.Join(up.Project, up.Filename))
	if err == nil {
		return true, "", nil
	}
	if !isMissing(err) {
		return false, "", err
	}
	s, err := f.spellings(up.Project)
	if err != nil {
		return false, "", err
	}
	return false, s.names[dist.Identity(up.Filename, up.Project)], nil
}

// spellings returns the names of a project's files, and reads them if they may have changed. The lock of names is held.
func (f *Folder) spellings(project string) (*spellings, error) {
	info, err := f.statFolder(project)
	if err != nil {
		return nil, err
	}
	now, entry := time.Now(), f.catalogue.folder(project)
	if s := entry.spellings; s != nil && s.modified.Equal(info.ModTime()) && now.Sub(s.read) < recheckTime && !now.Before(s.read) {
		return s, nil
	}
	entries, err := f.entries(project)
	if err != nil {
		return nil, fmt.Errorf("folder: listing folder %s: %w", project, err)
	}
	s := &spellings{names: make(map[string]string, len(entries)), modified: info.ModTime(), read: now}
	for _, e := range entries {
		if id := dist.Identity(e.Name(), project); id != "" {
			s.names[id] = e.Name()
		}
	}
	f.catalogue.grow(entry, s.weight()-entry.spellings.weight())
	entry.spellings = s
	return s, nil
}

// named adds the name that a file of the project has got. The lock of names is held.
func (f *Folder) named(project, name string) {
	entry := f.catalogue.folder(project)
	s := entry.spellings
	if s == nil {
		return
	}
	info, err := f.statFolder(project)
	if err != nil {
		f.catalogue.grow(entry, -s.weight())
		entry.spellings = nil
		return
	}
	was := s.weight()
	s.names[dist.Identity(name, project)], s.modified = name, info.ModTime()
	f.catalogue.grow(entry, s.weight()-was)
}

// weight estimates how many bytes of memory the names take.
func (s *spellings) weight() int64 {
	if s == nil {
		return 0
	}
	return 200 * int64(len(s.names))
}
