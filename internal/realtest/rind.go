package realtest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// command is the package of the real program.
const command = "github.com/rind-dev/rind/cmd/rind"

// keptFor is how long a binary is kept after the last test asked for it.
const keptFor = 24 * time.Hour

// rind and provider are the binaries of this run.
var (
	rind     = sync.OnceValues(func() (string, error) { return build("rind", "", command) })
	provider = sync.OnceValues(func() (string, error) { return build("oidcprovider", "internal/realtest/oidcprovider", ".") })
)

// Rind returns the path of the real program, built from the current source of this module. All packages
// and all runs share the binary until the source changes. It has no race detector, because it is for
// tests that only drive it from outside. Such tests are skipped if SkipServersVariable is 1.
func Rind(t testing.TB) string {
	t.Helper()
	skipServers(t)
	path, err := rind()
	if err != nil {
		t.Fatalf("realtest: building rind: %v", err)
	}
	return path
}

// build runs go build in a folder of this module's work tree, with one output file per work tree, which costs nothing if nothing
// changed. It stores the result under a name that depends on the content, so each run keeps its own binary while another run builds.
func build(name, folder, pkg string) (string, error) {
	text, err := exec.Command("go", "list", "-f", "{{.Module.Dir}}", command).Output()
	if err != nil {
		return "", err
	}
	root := strings.TrimSpace(string(text))
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "rind-tests", "bin", digest([]byte(root+folder)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	built := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", built, pkg)
	cmd.Dir = filepath.Join(root, folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	text, err = os.ReadFile(built)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "build-"+digest(text), name)
	return path, errors.Join(keep(built, path), tidy(dir))
}

// keep hard-links a binary to its permanent place. If it is there already, keep updates its time.
func keep(built, path string) error {
	now := time.Now()
	err := os.Chtimes(filepath.Dir(path), now, now)
	if _, missing := os.Stat(path); err == nil && missing == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Link(built, path) // go build replaces its output file and does not write into it
}

// tidy removes the binaries that no test has asked for within keptFor.
func tidy(dir string) error {
	all, err := filepath.Glob(filepath.Join(dir, "build-*"))
	for _, old := range all {
		if info, statErr := os.Stat(old); statErr == nil && time.Since(info.ModTime()) > keptFor {
			err = errors.Join(err, os.RemoveAll(old))
		}
	}
	return err
}

// lock waits until no other process holds the lock, and takes it.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return strings.ToLower(hex.EncodeToString(sum[:8]))
}
