package folder

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
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

// notes are what is known of the files of a project. They are read from .meta once. Nothing depends on them: what is missing, or was
// cut off by a crash, is learned again from the file.
type notes struct {
	mu    sync.Mutex
	known map[string]File // by name; nil until .meta was read
	lines int             // in .meta
}

// noteLine is a line of .meta.
type noteLine struct {
	Name string `json:"name"`
	File
}

func notesPlace(project string) string { return path.Join(project, metaDir, notesName) }

// read reads .meta, unless that was done. The lock is held. It returns how many bytes of memory that took, about.
func (n *notes) read(f *Folder, project string) (grown int64) {
	if n.known != nil {
		return 0
	}
	n.known, n.lines = map[string]File{}, 0
	file, err := f.root.Open(notesPlace(project))
	if err != nil {
		return 0
	}
	defer file.Close()
	for r := bufio.NewReaderSize(file, maxNote); ; {
		text, more, err := r.ReadLine()
		if err != nil {
			return grown
		}
		if len(text) > 0 {
			n.lines++
		}
		for ; more && err == nil; text = nil {
			_, more, err = r.ReadLine()
		}
		if known, ok := parseNote(text); ok {
			n.known[known.Name] = known
			grown += known.weight()
		}
	}
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

// noted returns what is known about a file, if it describes the file that has size and time of info.
func (f *Folder) noted(s *cachedFolder, name string, now fs.FileInfo) (File, bool) {
	s.notes.mu.Lock()
	grown := s.notes.read(f, s.name)
	file, ok := s.notes.known[name]
	s.notes.mu.Unlock()
	f.catalogue.grow(s, grown)
	return file, ok && file.describes(now)
}

// note writes down what is known about a file, in memory and in .meta. If something is known already that describes the file, that
// stays, unless replace is set: an upload knows more than its file shows.
func (f *Folder) note(s *cachedFolder, file File, now fs.FileInfo, replace bool) File {
	s.notes.mu.Lock()
	grown := s.notes.read(f, s.name)
	known, ok := s.notes.known[file.Name]
	if !ok || replace || !known.describes(now) {
		known = file
		s.notes.known[file.Name] = file
		grown += file.weight()
		if f.appendNote(s.name, file) == nil {
			s.notes.lines++
		}
	}
	s.notes.mu.Unlock()
	f.catalogue.grow(s, grown)
	return known
}

// appendNote adds a line to .meta. It begins with a line end, so that what a crash left there spoils no other line.
func (f *Folder) appendNote(project string, known File) error {
	text, err := json.Marshal(noteLine{known.Name, known})
	if err != nil {
		return err
	}
	file, err := f.disk.append(notesPlace(project))
	if isMissing(err) {
		err = f.disk.mkdir(path.Join(project, metaDir), dirMode)
		if err == nil {
			file, err = f.disk.append(notesPlace(project))
		}
	}
	if err != nil {
		return err
	}
	_, err = file.Write(append([]byte{'\n'}, text...))
	return errors.Join(err, file.Close())
}

// tidyNotes writes .meta anew when most of it is about files that are gone, or was replaced. files is how many there are.
func (f *Folder) tidyNotes(s *cachedFolder, files int) {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	if s.notes.lines <= 2*files+spareNotes {
		return
	}
	_ = f.rewriteNotes(s, func(name string) bool { // after an error, the old lines serve as well
		_, err := f.stat(s.name, name)
		return !errors.Is(err, ErrNotFound)
	})
}

// forgetNotes removes what is known of some files, from .meta and from memory.
func (f *Folder) forgetNotes(s *cachedFolder, names []string) error {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	s.notes.read(f, s.name)
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
		text, err := json.Marshal(noteLine{name, known})
		if err != nil {
			return err
		}
		left[name] = known
		all.WriteByte('\n')
		all.Write(text)
	}
	if err := f.replace(notesPlace(s.name), all.Bytes(), false); err != nil {
		return err
	}
	s.notes.known, s.notes.lines = left, len(left)
	return nil
}
