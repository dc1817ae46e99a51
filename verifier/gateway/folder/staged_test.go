package folder

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rind-dev/rind/verifier/gateway"
)

// countedDisk counts calls of Sync, and lets one of them fail: the next ones succeed, as the operating system reports it once.
type countedDisk struct {
	disk
	syncs atomic.Int32
	fails int32 // the number of the call that fails, from 1; 0: none
}

func (d *countedDisk) create(name string) (stageFile, error) {
	file, err := d.disk.create(name)
	return countedFile{file, d}, err
}

type countedFile struct {
	stageFile
	d *countedDisk
}

func (f countedFile) Sync() error {
	if err := f.stageFile.Sync(); err != nil {
		return err
	}
	if f.d.syncs.Add(1) == f.d.fails {
		return errPower
	}
	return nil
}

// TestWriteBack: a large file goes to the disk while it comes, and an error of the disk in the middle is not forgotten at the end.
func TestWriteBack(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 5*writeBack/2/16)
	dir := t.TempDir()
	f := openFolder(t, dir)
	real := f.disk
	for fails := range int32(3) {
		d := &countedDisk{disk: real, fails: fails}
		f.disk = d
		err := keepInParts(t, f, content)
		if (err != nil) != (fails > 0) || fails > 0 && !errors.Is(err, errPower) {
			t.Errorf("call %d of Sync fails: %v", fails, err)
		}
		raw, readErr := os.ReadFile(filepath.Join(dir, "demo", "demo-1.0.tar.gz"))
		if found := readErr == nil; found != (fails == 0) || found && string(raw) != content {
			t.Errorf("call %d of Sync fails: the folder has %d of %d bytes, %v", fails, len(raw), len(content), readErr)
		}
		if n := d.syncs.Load(); n < 2 && fails != 1 {
			t.Errorf("Sync was called %d times", n)
		}
		if err := os.RemoveAll(filepath.Join(dir, "demo")); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(dir, stagingDir)); err != nil || len(left) != 0 {
		t.Errorf("left in staging: %v, %v", left, err)
	}
}

// keepInParts is keep, with the parts that a gateway writes.
func keepInParts(t *testing.T, f *Folder, content string) error {
	t.Helper()
	s, err := f.Reserve(t.Context(), gateway.Upload{})
	if err != nil {
		return err
	}
	defer s.Discard()
	if _, err := io.CopyBuffer(struct{ io.Writer }{s}, io.LimitReader(strings.NewReader(content), 1<<40), make([]byte, 64<<10)); err != nil {
		return err
	}
	_, err = s.Commit(t.Context(), gateway.Upload{Project: "demo", Version: "1.0", Filename: "demo-1.0.tar.gz",
		Filetype: "sdist", Size: int64(len(content)), SHA256: digest(content)})
	return err
}
