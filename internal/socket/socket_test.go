package socket

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/private"
)

var owner = Config{Setting: "x-socket", Unset: "leave it out", Access: private.Owner, Logger: slog.New(slog.DiscardHandler)}

// privateDir is a new folder of this user's alone, with a short path.
func privateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rind")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestListen(t *testing.T) {
	dir := privateDir(t)
	path := filepath.Join(dir, "admin.sock")
	l, err := Listen(path, owner)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode().Type() != fs.ModeSocket {
		t.Errorf("%v %v", info, err)
	}
	if _, err := Listen(path, owner); err == nil || !strings.Contains(err.Error(), "another process listens") {
		t.Errorf("a second one: %v", err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			close(accepted)
			return
		}
		accepted <- c
	}()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	served, ok := <-accepted
	if !ok {
		t.Fatal("this user is turned away")
	}
	defer served.Close()
	if uid, known := Peer(served.(*net.UnixConn)); known && uid != os.Geteuid() {
		t.Errorf("it is said to be user %d", uid)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is left behind: %v", err)
	}
}

// The group may connect where that is asked for: to the socket, and through a folder of mode 0750, as a service manager
// makes it.
func TestListenForTheGroup(t *testing.T) {
	dir := privateDir(t)
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "verify.sock")
	group := owner
	group.Access, group.Group = private.Group, true
	l, err := Listen(path, group)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v %v", info, err)
	}
	l.Close()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path, group); err == nil || !strings.Contains(err.Error(), "everybody") {
		t.Errorf("a folder for everybody: %v", err)
	}
}

// A socket of a process that was killed is replaced.
func TestListenOverAStaleSocket(t *testing.T) {
	path := filepath.Join(privateDir(t), "admin.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	l, err := Listen(path, owner)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestListenRefuses(t *testing.T) {
	dir := privateDir(t)
	file := filepath.Join(dir, "file.sock")
	link := filepath.Join(dir, "link.sock")
	folder := filepath.Join(dir, "folder")
	for _, err := range []error{
		os.WriteFile(file, nil, 0o600), os.Symlink("/nowhere", link), os.Symlink(dir, folder),
		os.Mkdir(filepath.Join(dir, "open"), 0o700), os.Chmod(filepath.Join(dir, "open"), 0o770),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		file:                                 "is not a rind socket",
		link:                                 "is not a rind socket",
		filepath.Join(folder, "x.sock"):      "a symbolic link doesn't count",
		filepath.Join(dir, "open", "x.sock"): "may be written to by others",
		filepath.Join(dir, "none", "x.sock"): "no such file",
		"/" + strings.Repeat("x", 107):       "108 bytes long",
		filepath.Join(file, "x.sock"):        "is not a folder",
	} {
		l, err := Listen(path, owner)
		if err == nil {
			l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if _, err := os.Lstat(file); err != nil {
		t.Error("it was removed")
	}
}
