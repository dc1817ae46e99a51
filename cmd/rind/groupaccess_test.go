package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/internal/realtest"
)

// volume is a folder as a cluster gives it to a process: root's, of a group that the
// process is in beside its own, and with that group's bits on everything in it. Where the
// test is not root's, which alone can give files away, it is the test's own, of its own
// group: modes count in the same way.
type volume struct {
	t                *testing.T
	dir, rind        string // for everybody to enter, and the binary in it
	data             string
	root             bool // the process has another user than the test
	uid, gid, shared int
}

func newVolume(t *testing.T) *volume {
	t.Helper()
	dir, err := os.MkdirTemp("", "rind-volume-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	v := &volume{t: t, dir: dir, rind: filepath.Join(dir, "bin", "rind"), data: filepath.Join(dir, "data"), uid: 43210, gid: 43211, shared: 43212}
	v.root = os.Geteuid() == 0
	if !v.root {
		v.shared = os.Getegid()
	}
	path, err := exec.LookPath("rind")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(path)
	for _, err := range []error{
		err, os.Chmod(dir, 0o755), os.Mkdir(filepath.Dir(v.rind), 0o755), os.WriteFile(v.rind, binary, 0o755), os.Mkdir(v.data, 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	v.spread()
	return v
}

// spread gives everything in the data folder to the group, as a cluster does when it
// mounts a volume.
func (v *volume) spread() {
	v.t.Helper()
	err := filepath.WalkDir(v.data, func(path string, d fs.DirEntry, err error) error {
		mode := fs.FileMode(0o660)
		if d != nil && d.IsDir() {
			mode = 0o770 | fs.ModeSetgid
		}
		return errors.Join(err, os.Chown(path, -1, v.shared), os.Chmod(path, mode))
	})
	if err != nil {
		v.t.Fatal(err)
	}
}

// as runs a command as the process of the cluster.
func (v *volume) as(cmd *exec.Cmd) {
	cmd.Path, cmd.Dir = v.rind, v.dir
	if !v.root {
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(v.uid), Gid: uint32(v.gid), Groups: []uint32{uint32(v.shared)}}}
}

// refuses runs a command that has to end by itself, and say something.
func (v *volume) refuses(want string, args ...string) {
	v.t.Helper()
	cmd := exec.Command("rind", args...)
	v.as(cmd)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), want) {
		v.t.Errorf("%v: %v, want %q in\n%s", args, err, want, out)
	}
}

// TestGroupAccess starts a server on the volume of a cluster, with and without the
// setting, again with what it made there itself, and with modes that let everybody in.
func TestGroupAccess(t *testing.T) {
	v := newVolume(t)
	plain, group := filepath.Join(v.dir, "plain.toml"), filepath.Join(v.dir, "group.toml")
	text := "data = \"" + v.data + "\"\nkey-file = \"" + v.dir + "/secret/key\"\nrootkeys-key-file = \"" + v.dir + "/secret/rootkeys\"\n"
	writeFile(t, plain, 0o644, []byte(text))
	writeFile(t, group, 0o644, []byte(text+"group-access = true\n"))
	secret := filepath.Join(v.dir, "secret")
	if err := errors.Join(os.Mkdir(secret, 0o755), os.Chmod(secret, 0o755)); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]byte{"key": 1, "rootkeys": 2} { // as a cluster mounts secrets
		path := filepath.Join(secret, name)
		putKey(t, path, b)
		if err := errors.Join(os.Chown(path, -1, v.shared), os.Chmod(path, 0o440)); err != nil {
			t.Fatal(err)
		}
	}
	v.refuses("data may be written to by others (mode 0770): run 'chmod 700", "serve", "--config", plain)
	for range 2 { // the second time with files of mode 0660
		address := realtest.FreeAddress(t)
		p := start(t, v.as, "serve", "--config", group, "--listen", address)
		p.Answers("http://" + address + "/healthz")
		p.Stop()
		v.spread()
	}
	keys := filepath.Join(v.data, rootKeysFile)
	status := []string{"verifier", "status", "--max-staleness", "1h", "--keys", keys, "--key-file", secret + "/rootkeys"}
	v.refuses("may be read by others", status...)
	cmd := exec.Command("rind", append(status, "--group-access")...)
	v.as(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("verifier status --group-access: %v\n%s", err, out)
	}
	v.refuses("standard input contains no token", "token", "verify", "--group-access", "--keys", keys, "--key-file", secret+"/rootkeys")
	for path, mode := range map[string]fs.FileMode{ // everybody is always refused
		v.data: 0o777, v.data + "/" + storeFile: 0o664, keys: 0o662, secret + "/key": 0o444, secret + "/rootkeys": 0o444, v.data + "/" + outboxFolder: 0o775,
	} {
		before, err := os.Stat(path)
		if err := errors.Join(err, os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		v.refuses("may be read by everybody (mode "+fmt.Sprintf("%04o", mode)+"): run 'chmod o-rwx "+path+"'", "serve", "--config", group, "--listen", "127.0.0.1:0")
		if err := os.Chmod(path, before.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	if !v.root {
		return
	}
	if err := os.Chown(filepath.Join(v.data, storeFile), -1, 43299); err != nil {
		t.Fatal(err)
	}
	v.refuses("none of this process's", "serve", "--config", group, "--listen", "127.0.0.1:0")
}
