package folder

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync"

	"github.com/rind-dev/rind/internal/dist"
)

// notesName is the file in .meta that says what is known of a project's files: a JSON object on each line. Of several about one file,
// the last counts. One file for all, because a file system takes much longer to make a file than to add a line.
const notesName = "files.jsonl"

// maxNote is the size limit of a line in bytes; longer ones are passed over.
const maxNote = 16 << 10

// spareNotes is how many lines about files that are gone, or about which there is a newer one, are always tolerated.
const spareNotes = 1000

// notes are what is known of the files of a project. What is missing in .meta, or was cut off by a crash, is learned from the file,
// except what only its upload said: its time and its requires-python. The catalogue may let go of notes that are still in use, and make
// others for the project, so each change looks whether .meta is as these notes know it, under [Folder.noting].
type notes struct {
	mu    sync.Mutex
	known map[string]File // by name
	lines int             // in .meta
	seen  fs.FileInfo     // the file in .meta when it was last read or written through these notes; nil: it was not there
	read  bool            // to its end
}

// noteLine is a line of .meta.
type noteLine struct {
	Name string `json:"name"`
	File
}

func notesPlace(project string) string { return path.Join(project, metaDir, notesName) }

// refresh reads .meta, unless it is as it was when these notes read or wrote it: an operator may have changed it, or others through
// notes of their own. The lock is held. It returns how many bytes of memory that took, about.
func (n *notes) refresh(f *Folder, project string) (grown int64, err error) {
	if n.known == nil {
		n.known = map[string]File{}
	}
	info, err := f.root.Stat(notesPlace(project))
	if isMissing(err) {
		n.lines, n.seen, n.read = 0, nil, true
		return 0, nil
	}
	if err == nil && n.read && n.seen != nil && os.SameFile(info, n.seen) && info.Size() == n.seen.Size() {
		return 0, nil
	}
	n.read = false
	if err != nil {
		return 0, err
	}
	lines := 0
	err = f.eachNote(project, func(text []byte) {
		lines++
		if known, ok := parseNote(text); ok {
			grown += known.weight() - n.known[known.Name].weight()
			n.known[known.Name] = known
		}
	})
	if err == nil {
		n.lines, n.seen, n.read = lines, info, true
	}
	return grown, err
}

// eachNote calls look with each line of .meta, nil for one that is too long.
func (f *Folder) eachNote(project string, look func(text []byte)) error {
	file, err := f.root.Open(notesPlace(project))
	if err != nil {
		return err
	}
	defer file.Close()
	for r := bufio.NewReaderSize(file, maxNote); ; {
		text, more, err := r.ReadLine()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(text) == 0 {
			continue
		}
		for ; more && err == nil; text = nil {
			_, more, err = r.ReadLine()
		}
		look(text)
	}
}

// findNote looks for what .meta says about one file. It keeps nothing in memory, and finds lines only as this package writes them.
func (f *Folder) findNote(project, name string) (found File, ok bool) {
	quoted, err := json.Marshal(name)
	if err != nil {
		return File{}, false
	}
	begin := append(append([]byte(`{"name":`), quoted...), ',')
	_ = f.eachNote(project, func(text []byte) { // what can't be read is found by refresh, which says so
		if bytes.HasPrefix(text, begin) {
			found, ok = parseNote(text)
		}
	})
	return found, ok
}

// parseNote reads a line of .meta, and believes only what an upload could have written.
func parseNote(text []byte) (File, bool) {
	var line noteLine
	if len(text) == 0 || json.Unmarshal(text, &line) != nil {
		return File{}, false
	}
	file := line.File
	file.Name = line.Name
	return file, isDigest(file.SHA256) && (file.MetadataSHA256 == "" || isDigest(file.MetadataSHA256)) &&
		file.Version == normalVersion(file.Version) && dist.Listable(file.RequiresPython)
}

// loadNotes reads .meta into memory, unless it is there.
func (f *Folder) loadNotes(s *cachedFolder) {
	s.notes.mu.Lock()
	var grown int64
	if !s.notes.read {
		grown, _ = s.notes.refresh(f, s.name) // without it, the files are read
	}
	s.notes.mu.Unlock()
	f.catalogue.grow(s, grown)
}

// noted returns what is known about a file, if it describes the file that has size and time of info. Notes that are not in memory stay
// where they are. With again it looks whether .meta has changed.
func (f *Folder) noted(s *cachedFolder, name string, now fs.FileInfo, again bool) (File, bool) {
	s.notes.mu.Lock()
	var grown int64
	if again {
		grown, _ = s.notes.refresh(f, s.name)
	}
	file, ok := s.notes.known[name]
	isLoaded := s.notes.read
	s.notes.mu.Unlock()
	f.catalogue.grow(s, grown)
	if !ok && !isLoaded {
		file, ok = f.findNote(s.name, name)
	}
	return file, ok && file.describes(now)
}

// note writes down what is known about a file, in memory and in .meta. If something is known already that describes the file, that
// stays, unless replace is set: an upload knows more than its file shows. While .meta can't be read, only uploads are added to it.
func (f *Folder) note(s *cachedFolder, file File, now fs.FileInfo, replace bool) File {
	f.noting.Lock()
	defer f.noting.Unlock()
	s.notes.mu.Lock()
	grown, err := s.notes.refresh(f, s.name)
	known, ok := s.notes.known[file.Name]
	if !ok || replace || !known.describes(now) {
		grown += file.weight() - known.weight()
		known = file
		s.notes.known[file.Name] = file
		if err == nil || replace {
			info, failed := f.appendNote(s.name, file)
			if failed == nil && err == nil {
				s.notes.lines++
				s.notes.seen = info
			}
		}
	}
	s.notes.mu.Unlock()
	f.catalogue.grow(s, grown)
	return known
}

// appendNote adds a line to .meta. It begins with a line end, so that what a crash left there spoils no other line.
func (f *Folder) appendNote(project string, known File) (fs.FileInfo, error) {
	text, err := json.Marshal(noteLine{known.Name, known})
	if err != nil {
		return nil, err
	}
	file, err := f.disk.append(notesPlace(project))
	if isMissing(err) {
		err = f.disk.mkdir(path.Join(project, metaDir), dirMode)
		if err == nil {
			file, err = f.disk.append(notesPlace(project))
		}
	}
	if err != nil {
		return nil, err
	}
	_, err = file.Write(append([]byte{'\n'}, text...))
	info, statErr := file.Stat()
	return info, errors.Join(err, statErr, file.Close())
}

// tidyNotes writes .meta anew when most of it is about files that are gone, or was replaced. files is how many there are.
func (f *Folder) tidyNotes(s *cachedFolder, files int) {
	f.noting.Lock()
	defer f.noting.Unlock()
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	if s.notes.lines <= 2*files+spareNotes {
		return
	}
	if _, err := s.notes.refresh(f, s.name); err != nil {
		return
	}
	_ = f.rewriteNotes(s, func(name string) bool { // after an error, the old lines serve as well
		_, err := f.stat(s.name, name)
		return !errors.Is(err, ErrNotFound)
	})
}

// forgetNotes removes what is known of some files, from .meta and from memory.
func (f *Folder) forgetNotes(s *cachedFolder, names []string) error {
	f.noting.Lock()
	defer f.noting.Unlock()
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	if _, err := s.notes.refresh(f, s.name); err != nil {
		return err
	}
	isKnown := func(name string) bool { _, ok := s.notes.known[name]; return ok }
	if !slices.ContainsFunc(names, isKnown) {
		return nil
	}
	return f.rewriteNotes(s, func(name string) bool { return !slices.Contains(names, name) })
}

// rewriteNotes writes .meta anew with the notes for which keep holds. The lock of the notes is held.
func (f *Folder) rewriteNotes(s *cachedFolder, keep func(name string) bool) error {
	left := map[string]File{}
	var all bytes.Buffer
	for name, known := range s.notes.known {
		if !keep(name) {
			continue
		}
		left[name] = known
		text, err := json.Marshal(noteLine{name, known})
		if err != nil { // its time has a year that JSON can't say
			continue
		}
		all.WriteByte('\n')
		all.Write(text)
	}
	err := f.replace(notesPlace(s.name), all.Bytes(), true)
	if isMissing(err) { // somebody removed .meta, and with it the lines
		err = nil
	}
	if err != nil {
		return err
	}
	var freed int64
	for name, known := range s.notes.known {
		if _, ok := left[name]; !ok {
			freed += known.weight()
		}
	}
	f.catalogue.grow(s, -freed)
	s.notes.known, s.notes.lines, s.notes.read = left, len(left), false // so that it is read again before it is written
	return nil
}
