package folder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/verifier/gateway"
)

// maxState is the size limit of a stateName file in bytes: more than 100,000 deleted files.
const maxState = 64 << 20

// Yank says that a release is withdrawn (PEP 592): installers pass it over, unless somebody asks for exactly this version.
type Yank struct {
	Reason string    `json:"reason,omitempty"` // installers print it
	At     time.Time `json:"at"`
}

// Deletion remembers a deleted file, because its name can't be used again.
type Deletion struct {
	SHA256 string    `json:"sha256"` // lower-case hex
	At     time.Time `json:"at"`
}

// state is what the owners of a project decided about its files. Unlike .meta it can't be made again from the
// files, so each change is on the disk before it takes effect.
type state struct {
	Yanked  map[string]Yank     `json:"yanked,omitempty"`  // by dist.ReleaseKey
	Deleted map[string]Deletion `json:"deleted,omitempty"` // by file name
}

func statePath(project string) string { return path.Join(project, stateName) }

// readState reads what was decided about a project's files. A state that can't be read is an error: a deleted file must not
// come back, and a yanked one must not look sound.
func (f *Folder) readState(project string) (s state, err error) {
	file, err := f.root.Open(statePath(project))
	if isMissing(err) {
		return state{}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("folder: %w", err)
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxState+1))
	switch {
	case err == nil && len(raw) > maxState:
		err = errors.New("it is too large")
	case err == nil:
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		return state{}, fmt.Errorf("folder: reading what was yanked and deleted from %s: %w; restore the file from a backup", statePath(project), err)
	}
	return s, nil
}

// change changes the state of a project, under the lock of names. Once it returns nil, the change survives a power cut; after an
// error it may have been made, and can be repeated.
func (f *Folder) change(project string, edit func(*state) (changed bool)) error {
	s, err := f.readState(project)
	if err != nil {
		return err
	}
	s.Yanked, s.Deleted = maps.Clone(s.Yanked), maps.Clone(s.Deleted)
	if s.Yanked == nil {
		s.Yanked = map[string]Yank{}
	}
	if s.Deleted == nil {
		s.Deleted = map[string]Deletion{}
	}
	if !edit(&s) {
		return f.disk.syncDir(project) // an earlier attempt may have failed after its last step but one
	}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := f.replace(statePath(project), append(raw, '\n'), true); err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	f.catalogue.changed(project, stateName)
	return nil
}

// replace gives a file new content, whole or not at all. If it is durable, both are on the disk before it returns.
func (f *Folder) replace(name string, content []byte, durable bool) error {
	staged := newStagedName("meta")
	err := f.write(staged, content, durable)
	if err != nil {
		return err
	}
	if err := f.disk.rename(staged, name); err != nil {
		_ = f.disk.remove(staged)
		return err
	}
	if durable {
		return f.disk.syncDir(path.Dir(name))
	}
	return nil
}

// write makes a new file. After an error there is none.
func (f *Folder) write(name string, content []byte, durable bool) error {
	file, err := f.disk.create(name)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Chmod(fileMode)
	}
	if err == nil && durable {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = f.disk.remove(name)
	}
	return err
}

// Yank withdraws a release of a project: all its files, and those that are added to it later. version is in any spelling;
// reason may be "". Yanking again replaces the reason. The error is ErrNotFound if the project has no file of this version.
func (f *Folder) Yank(ctx context.Context, project, version, reason string) error {
	files, err := f.Files(ctx, project)
	if err != nil {
		return err
	}
	key := dist.ReleaseKey(version)
	if !hasRelease(files, key) {
		return ErrNotFound
	}
	f.naming.Lock()
	defer f.naming.Unlock()
	return f.change(project, func(s *state) bool {
		was, yanked := s.Yanked[key]
		if yanked && was.Reason == reason {
			return false
		}
		s.Yanked[key] = Yank{Reason: reason, At: f.now().UTC()}
		return true
	})
}

// Unyank undoes Yank. It does nothing if the release is not yanked. The error is ErrNotFound if there is no such project.
func (f *Folder) Unyank(_ context.Context, project, version string) error {
	if !dist.IsNormalized(project) {
		return ErrNotFound
	}
	if _, err := f.statFolder(project); err != nil {
		return err
	}
	key := dist.ReleaseKey(version)
	f.naming.Lock()
	defer f.naming.Unlock()
	return f.change(project, func(s *state) bool {
		_, yanked := s.Yanked[key]
		delete(s.Yanked, key)
		return yanked
	})
}

func hasRelease(files []File, key string) bool {
	for _, file := range files {
		if key != "" && dist.ReleaseKey(file.Version) == key {
			return true
		}
	}
	return false
}

// Delete removes files of a project for good: once it has returned nil, nobody gets them, and no upload takes their
// names again, nor equivalent ones, whatever its content is. Names of files that don't exist are passed over, so that Delete can be
// repeated after an error. A release whose last file is deleted is not yanked any more. The error is ErrNotFound if
// there is no such project.
func (f *Folder) Delete(ctx context.Context, project string, names []string) error {
	files, err := f.Files(ctx, project)
	if err != nil {
		return err
	}
	known := map[string]File{}
	for _, file := range files {
		known[file.Name] = file
	}
	f.naming.Lock()
	defer f.naming.Unlock()
	err = f.change(project, func(s *state) (changed bool) {
		for _, name := range names {
			if file, ok := known[name]; ok {
				s.Deleted[name], changed = Deletion{SHA256: file.SHA256, At: f.now().UTC()}, true
				delete(known, name)
			}
		}
		for key := range s.Yanked {
			if changed && !hasRelease(values(known), key) {
				delete(s.Yanked, key)
			}
		}
		return changed
	})
	if err != nil {
		return err
	}
	return f.removeDeleted(project, names)
}

func values(files map[string]File) (out []File) {
	for _, f := range files {
		out = append(out, f)
	}
	return out
}

// removeDeleted removes the bytes of files whose deletion is written down, and what is kept beside them.
func (f *Folder) removeDeleted(project string, names []string) error {
	s, err := f.readState(project)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !s.isDeleted(name) })
	for _, name := range names {
		for _, gone := range []string{
			path.Join(project, name), metadataName(project, name), provenanceName(project, name),
		} {
			if err := f.disk.remove(gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("folder: deleting %s: %w", name, err)
			}
		}
		f.catalogue.changed(project, name)
	}
	f.catalogue.changed(rootFolder, project)
	if err := f.forgetNotes(f.catalogue.folder(project), names); err != nil {
		return fmt.Errorf("folder: deleting what is known of files of %s: %w", project, err)
	}
	return f.disk.syncDir(project)
}

// free refuses an upload whose name a deleted file had, in any equivalent spelling.
func (s state) free(up gateway.Upload) error {
	for name := range s.Deleted {
		if name == up.Filename || dist.Equivalent(name, up.Filename, up.Project) {
			return deleted(name)
		}
	}
	return nil
}

// deleted is the refusal for the name of a deleted file. The first sentence is PyPI's.
func deleted(name string) error {
	return &gateway.Refusal{Status: 400, Err: gateway.ErrExists,
		Reason: "This filename has already been used, use a different version. The file '" + name + "' was deleted, and the names of deleted files are not used again."}
}

// isDeleted tells whether a file was deleted. Its bytes may still be there: when the process ended before it removed
// them, or when somebody put them back by hand.
func (s state) isDeleted(name string) bool {
	_, ok := s.Deleted[name]
	return ok
}
