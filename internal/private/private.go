// Package private checks the modes of private files and folders: keys, secrets, stores
// and the folder that holds them.
package private

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Access says whom the mode of a private file may let in besides its owner. Nothing lets
// everybody in.
type Access int

const (
	// Owner lets nobody in.
	Owner Access = iota

	// Group lets the file's group in, if that is one of the groups of this process. The
	// volumes of clusters need it: a file there has mode 0660 or 0440, a folder 2770.
	Group

	// AnyGroup lets the file's group in, whichever it is. It is for secrets that other
	// services also use, such as the key of a certificate.
	AnyGroup
)

// Bits of a mode.
const (
	groupBits  fs.FileMode = 0o070
	worldBits  fs.FileMode = 0o007
	othersMay  fs.FileMode = 0o022 // write
	credential fs.FileMode = 0o037 // not set in a credential of systemd
)

// Of returns Group if group is set, else Owner.
func Of(group bool) Access {
	if group {
		return Group
	}
	return Owner
}

// Check refuses a file whose mode lets in more than a allows. It also works for a folder
// whose content nobody else may know. info comes from the open file if there is one, so that nobody
// can swap the file in between; path is for the message. The error is fs.ErrPermission.
func (a Access) Check(path string, info fs.FileInfo) error {
	perm := info.Mode().Perm()
	fix := "600"
	if info.IsDir() {
		fix = "700"
	}
	switch {
	case perm&(groupBits|worldBits) == 0:
		return nil
	case a != Owner && perm&worldBits != 0:
		return refuse("may be read by everybody (mode %04o): run 'chmod o-rwx %s'", perm, path)
	case a == AnyGroup, a == Group && inGroup(info):
		return nil
	case a == Group:
		return refuse("may be read by others (mode %04o), whose group is none of this process's: run 'chmod %s %s', or give it a group of this process", perm, fix, path)
	case perm&worldBits == 0:
		return refuse("may be read by others (mode %04o): run 'chmod %s %s', or set group-access (for a command, --group-access) where its group is to be let in", perm, fix, path)
	}
	return refuse("may be read by others (mode %04o): run 'chmod %s %s'", perm, fix, path)
}

// refusal says what a mode lets in, and which command changes it. It is fs.ErrPermission without those words, which
// would read as if that command had failed.
type refusal struct{ text string }

func refuse(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }

func (r *refusal) Error() string        { return r.text }
func (r *refusal) Is(target error) bool { return target == fs.ErrPermission }

// CheckSecret is Check for a file that may be a credential of systemd: in the folder
// $CREDENTIALS_DIRECTORY, which belongs to one service, a file that its user may read has
// the group's bit set, because what is seen there is the mask of an access control list.
func (a Access) CheckSecret(path string, info fs.FileInfo) error {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir != "" && filepath.Dir(filepath.Clean(path)) == filepath.Clean(dir) && info.Mode().Perm()&credential == 0 {
		return nil
	}
	return a.Check(path, info)
}

// CheckFolder refuses a folder into which others could put things and, if a lets in a
// group, also one that everybody may look into.
func (a Access) CheckFolder(path string, info fs.FileInfo) error {
	if a != Owner {
		return a.Check(path, info)
	}
	if perm := info.Mode().Perm(); perm&othersMay != 0 {
		return refuse("may be written to by others (mode %04o): run 'chmod 700 %s', or set group-access (for a command, --group-access) where its group is to be let in", perm, path)
	}
	return nil
}

// inGroup reports whether this process is in the group of a file.
func inGroup(info fs.FileInfo) bool {
	gid, known := groupOf(info)
	return known && isOwn(gid)
}

// isOwn reports whether this process is in a group.
func isOwn(gid int) bool {
	if gid == os.Getegid() {
		return true
	}
	groups, err := os.Getgroups()
	return err == nil && slices.Contains(groups, gid)
}
