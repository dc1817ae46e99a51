package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/verifier/gateway"
)

// Reserve implements [gateway.Backend]. A folder has no reason to refuse an upload before its bytes are there.
func (f *Folder) Reserve(ctx context.Context, _ gateway.Upload) (gateway.Staged, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	name := newStagedName("upload")
	file, err := f.disk.create(name)
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	return &stagedFile{folder: f, name: name, file: file}, nil
}

// writeBack is how many bytes of a large file are left to the operating system before they are written to the disk while the rest of
// the file still comes.
const writeBack = 8 << 20

// stagedFile is a file of the staging folder.
type stagedFile struct {
	folder *Folder
	name   string
	file   stageFile // nil once it was committed or discarded

	unsynced int        // bytes since the last call of Sync
	syncing  chan error // has room for one: the result of the Sync that runs beside Write; nil: none was begun
}

// Write implements io.Writer. After each writeBack bytes the disk begins to write, so that it has little to do when Commit waits for it.
func (s *stagedFile) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	s.unsynced += n
	if err != nil || s.unsynced < writeBack {
		return n, err
	}
	if s.syncing == nil {
		s.syncing = make(chan error, 1)
	} else {
		select {
		case err := <-s.syncing:
			if err != nil { // the operating system reports it once, so nothing would tell Commit
				s.syncing <- err
				return n, err
			}
		default:
			return n, nil // the disk is slower than the upload
		}
	}
	s.unsynced = 0
	go func(file stageFile, done chan<- error) { done <- file.Sync() }(s.file, s.syncing)
	return n, nil
}

// synced waits for the Sync that runs beside Write, if any, and returns its error.
func (s *stagedFile) synced() error {
	if s.syncing == nil {
		return nil
	}
	err := <-s.syncing
	s.syncing = nil
	return err
}

// ReadAt implements io.ReaderAt.
func (s *stagedFile) ReadAt(p []byte, at int64) (int, error) { return s.file.ReadAt(p, at) }

// Discard implements [gateway.Staged]. What can't be removed now is removed when the
// folder is opened again.
func (s *stagedFile) Discard() {
	if s.file == nil {
		return
	}
	_ = s.file.Close()
	_ = s.folder.disk.remove(s.name)
	s.file = nil
}

// Commit implements [gateway.Staged]. The file appears with the link; its bytes are
// on the disk before that, and its name before Commit returns.
func (s *stagedFile) Commit(ctx context.Context, up gateway.Upload) (repeated bool, err error) {
	defer s.Discard()
	if s.file == nil {
		return false, errors.New("folder: the staged file was committed or discarded before")
	}
	if dist.VersionOf(up.Filename, up.Project) == "" {
		return false, errors.New("folder: the file's name does not belong to the project")
	}
	attested, err := provenanceOf(up)
	if err != nil {
		return false, err
	}
	info, err := s.seal()
	if err != nil {
		return false, fmt.Errorf("folder: keeping %s: %w", up.Filename, err)
	}
	repeated, err = s.publish(ctx, up, attested)
	if err != nil {
		return false, fmt.Errorf("folder: keeping %s: %w", up.Filename, err)
	}
	if !repeated {
		s.folder.note(s.folder.catalogue.folder(up.Project), File{
			Name: up.Filename, Version: up.Version, Size: up.Size, SHA256: up.SHA256,
			RequiresPython: up.RequiresPython, MetadataSHA256: sum(up.Metadata), Uploaded: s.folder.now().UTC(), Modified: info.ModTime(),
		}, info, true)
		s.folder.catalogue.changed(up.Project, up.Filename)
		s.folder.catalogue.changed(rootFolder, up.Project)
	}
	return repeated, nil
}

// seal syncs the bytes to the disk, with the mode that the file will have.
func (s *stagedFile) seal() (fs.FileInfo, error) {
	if err := s.synced(); err != nil {
		return nil, err
	}
	if err := s.file.Chmod(fileMode); err != nil {
		return nil, err
	}
	if err := s.file.Sync(); err != nil {
		return nil, err
	}
	return s.file.Stat()
}

// publish gives the file its name. If an identical file already has the name, that
// name may not have reached the disk yet, so publish syncs it too.
func (s *stagedFile) publish(ctx context.Context, up gateway.Upload, attested []byte) (repeated bool, err error) {
	f := s.folder
	err = s.link(up, attested)
	if errors.Is(err, fs.ErrExist) {
		old, err := f.File(ctx, up.Project, up.Filename)
		if errors.Is(err, ErrNotFound) { // no regular file has the name
			return false, gateway.Exists(up.Filename, up.Filename)
		}
		if err != nil {
			return false, err
		}
		if old.SHA256 != up.SHA256 {
			return false, gateway.Exists(up.Filename, up.Filename)
		}
		repeated = true
	} else if err != nil {
		return false, err
	}
	err = f.syncFolder(up.Project)
	if err != nil {
		return false, err
	}
	return repeated, f.syncName(up.Project)
}

// link gives the file its name, and writes its provenance object before that, unless it was deleted before or an equivalent file
// exists.
func (s *stagedFile) link(up gateway.Upload, attested []byte) error {
	f := s.folder
	f.naming.Lock()
	defer f.naming.Unlock()
	if err := f.makeFolder(up.Project); err != nil {
		return err
	}
	decided, err := f.readState(up.Project)
	if err != nil {
		return err
	}
	if err := decided.free(up); err != nil {
		return err
	}
	there, name, err := f.equivalent(up)
	if err != nil {
		return err
	}
	if name != "" {
		return gateway.Exists(name, up.Filename)
	}
	if !there { // a file that is there keeps the attestations that it came with
		err := f.putProvenance(up, attested)
		if err != nil {
			return err
		}
	}
	if err := f.disk.link(s.name, path.Join(up.Project, up.Filename)); err != nil {
		return err
	}
	f.named(up.Project, up.Filename)
	return nil
}
