package faults

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/tokens"
)

// fullDisks are what happens while there is no room for a verifier's store.
func fullDisks(p past) []fault {
	return []fault{{"the disk of a verifier that follows is full", func(t *testing.T) { diskFull(t, p) }}}
}

// diskFull fills the disk of a verifier's store before there are changes that need room: the
// verifier says why it is behind, and so does the issuer; nothing is damaged, also where it
// is killed then; and when there is room it goes on by itself.
func diskFull(t *testing.T, p past) {
	w := p.world(t)
	disk := filepath.Join(w.dir, "disk")
	smallDisk(t, disk)
	check(t, os.WriteFile(filepath.Join(disk, "rind.key"), read(t, filepath.Join(w.dir, "rind.key")), 0o600))
	check(t, os.WriteFile(filepath.Join(disk, "rootkeys.db"), read(t, w.keys), 0o600))
	w.keys = filepath.Join(disk, "rootkeys.db")
	w.serve()
	w.follow(w.secret("berlin"))
	w.healthy()
	ballast := filepath.Join(disk, "ballast")
	fillUp(t, ballast)
	w.stopServe()
	w.issuer(func(s *issuer.Service) error {
		var errs []error
		for i := range 300 {
			_, err := s.Tokens.Mint(w.Context(), alice, tokens.MintRequest{Label: fmt.Sprint(i), Scope: tokens.ScopeAll, Life: tokens.LifeNever})
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
	w.revoke(p.keptID)
	w.serve()
	short := func() {
		w.follower.Eventually("the verifier says that its disk is full", func() error {
			return errors.Join(realtest.Get("http://"+w.status+"/status", http.StatusOK, "no space left on device"),
				realtest.Get("http://"+w.status+"/metrics", http.StatusOK, "\nrind_verifier_failing 1\n"))
		})
	}
	short()
	// How much still found room differs: changes come in batches.
	if text := w.rind("admin", "--data", w.data, "verifiers"); !regexp.MustCompile(` [1-9]\d* behind `).MatchString(text) {
		t.Errorf("the operator is told\n%s", text)
	}
	_ = w.follower.End(syscall.SIGKILL)
	if out, code := w.run("verifier", "status", "--keys", w.keys); code != 0 || strings.Contains(out, "damaged") {
		t.Errorf("the store is %d\n%s", code, out)
	}
	w.follow(w.secret("berlin"))
	short()
	check(t, os.Remove(ballast))
	w.healthy()
	w.stopFollow()
	w.decides(filepath.Join(w.dir, "kept.token"), denied)
}

// smallDisk mounts a disk of 256 kB.
func smallDisk(t *testing.T, path string) {
	t.Helper()
	check(t, os.Mkdir(path, 0o700))
	realtest.NeedRight(t, "mount a small disk", syscall.Mount("tmpfs", path, "tmpfs", 0, "size=256k,mode=0700"))
	t.Cleanup(func() {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fillUp writes to a file until the disk is full.
func fillUp(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	check(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	check(t, f.Close())
}
