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

// This user is let in, by a name for the audit trail. Package socket tests the rest.
func TestListen(t *testing.T) {
	path := filepath.Join(privateDir(t), "admin.sock")
	l, err := Listen(path, private.Owner, discard)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if _, err := Listen(path, private.Owner, discard); err == nil {
		t.Error("two listen")
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
	if name := operatorOf(Context(context.Background(), served)); !strings.HasPrefix(name, "operator ") || !strings.Contains(name, "uid") {
		t.Errorf("it is said to be %q", name)
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
