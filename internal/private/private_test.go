//go:build unix

package private

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// withMode is a file, or a folder, of this process's group.
func withMode(t *testing.T, mode fs.FileMode, folder bool) (string, fs.FileInfo) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	err := os.WriteFile(path, nil, 0o600)
	if folder {
		err = errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
	}
	err = errors.Join(err, os.Chown(path, -1, os.Getegid()), os.Chmod(path, mode))
	info, statErr := os.Stat(path)
	if err := errors.Join(err, statErr); err != nil {
		t.Fatal(err)
	}
	return path, info
}

// saysWhatToDo reports whether an error names the command that mends a mode, and not as one that failed.
func saysWhatToDo(err error) bool {
	return errors.Is(err, fs.ErrPermission) && strings.Contains(err.Error(), "run 'chmod ") && !strings.Contains(err.Error(), "denied")
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		mode                   fs.FileMode
		owner, group, anyGroup bool
	}{
		{0o600, true, true, true}, {0o400, true, true, true}, {0o000, true, true, true},
		{0o640, false, true, true}, {0o660, false, true, true}, {0o440, false, true, true}, {0o620, false, true, true},
		{0o604, false, false, false}, {0o602, false, false, false}, {0o601, false, false, false}, {0o644, false, false, false}, {0o666, false, false, false}, {0o664, false, false, false},
	} {
		path, info := withMode(t, c.mode, false)
		for access, want := range map[Access]bool{Owner: c.owner, Group: c.group, AnyGroup: c.anyGroup} {
			err := access.Check(path, info)
			if (err == nil) != want || err != nil && !saysWhatToDo(err) {
				t.Errorf("%04o, access %d: %v", c.mode, access, err)
			}
			t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(path))
			if err := access.CheckSecret(path, info); (err == nil) != (want || c.mode == 0o440 || c.mode == 0o640) {
				t.Errorf("a credential, %04o, access %d: %v", c.mode, access, err)
			}
			t.Setenv("CREDENTIALS_DIRECTORY", "")
		}
	}
}

func TestCheckFolder(t *testing.T) {
	for _, c := range []struct {
		mode         fs.FileMode
		owner, group bool
	}{
		{0o700, true, true}, {0o750, true, true}, {0o755, true, false}, {0o711, true, false},
		{0o770, false, true}, {0o770 | fs.ModeSetgid, false, true}, {0o730, false, true},
		{0o777, false, false}, {0o775, false, false}, {0o777 | fs.ModeSticky, false, false}, {0o702, false, false},
	} {
		path, info := withMode(t, c.mode, true)
		for access, want := range map[Access]bool{Owner: c.owner, Group: c.group} {
			err := access.CheckFolder(path, info)
			if (err == nil) != want || err != nil && !saysWhatToDo(err) {
				t.Errorf("%s, access %d: %v", c.mode, access, err)
			}
		}
	}
}

// foreignFile is what a file says of itself whose group this process is not in. Only root
// can make one, so the group alone is changed in what a real file says.
type foreignFile struct{ fs.FileInfo }

func (f foreignFile) Sys() any {
	st := *f.FileInfo.Sys().(*syscall.Stat_t)
	st.Gid = 54321
	return &st
}

// A group that this process is not in is not let in.
func TestForeignGroup(t *testing.T) {
	path, own := withMode(t, 0o640, false)
	info := foreignFile{own}
	if err := Group.Check(path, own); err != nil {
		t.Errorf("a group of this process: %v", err)
	}
	if err := Group.Check(path, info); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "none of this process's") {
		t.Errorf("a foreign group: %v", err)
	}
	if err := AnyGroup.Check(path, info); err != nil {
		t.Errorf("any group: %v", err)
	}
}
