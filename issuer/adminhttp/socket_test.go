package adminhttp

import (
	"context"
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

var discard = slog.New(slog.DiscardHandler)

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
	l, err := Listen(path, private.Owner, discard)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode().Type() != fs.ModeSocket {
		t.Errorf("%v %v", info, err)
	}
	if _, err := Listen(path, private.Owner, discard); err == nil || !strings.Contains(err.Error(), "another process listens") {
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
	if name := operatorOf(Context(context.Background(), served)); !strings.HasPrefix(name, "operator ") || !strings.Contains(name, "uid") || !strings.Contains(name, " ") {
		t.Errorf("it is said to be %q", name)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is left behind: %v", err)
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
	l, err := Listen(path, private.Owner, discard)
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
		l, err := Listen(path, private.Owner, discard)
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

func TestCheckSocket(t *testing.T) {
	dir := privateDir(t)
	if err := CheckSocket(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CheckSocket(file); err == nil {
		t.Error("a file is a socket")
	}
	path := filepath.Join(dir, "admin.sock")
	l, err := Listen(path, private.Owner, discard)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := CheckSocket(path); err != nil {
		t.Error(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := CheckSocket(link); err == nil {
		t.Error("a symbolic link is a socket")
	}
}
