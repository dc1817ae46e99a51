package faults

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/issuer"
)

// past is where the worlds of restores begin: an issuer with a backup that lacks two change
// sets, both of them known to the verifier.
type past struct {
	dir    string // with the folders data and backup, rootkeys.db and rind.key of the verifier, and its secret
	keptID string // of kept.token, which the backup has; it lacks lost.token
}

func newPast(t *testing.T) past {
	t.Helper()
	w := newWorld(t)
	p := past{dir: w.dir, keptID: w.mint(filepath.Join(w.dir, "kept.token"))}
	w.serve()
	secret := w.register("berlin")
	w.stopServe()
	copyFolder(t, w.data, filepath.Join(w.dir, "backup"))
	w.mint(filepath.Join(w.dir, "lost.token"))
	w.mint(filepath.Join(w.dir, "lost too.token"))
	w.serve()
	w.follow(secret)
	w.healthy()
	w.stopFollow()
	w.stopServe()
	w.decides(filepath.Join(w.dir, "kept.token"), allowed)
	w.decides(filepath.Join(w.dir, "lost.token"), allowed)
	return p
}

// world is a world of its own with that past.
func (p past) world(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: filepath.Join(t.TempDir(), "world")}
	copyFolder(t, p.dir, w.dir)
	w.place()
	return w
}

// restores are the restores of a data folder from a backup: with the issuer's own root-key
// store and without it, to where the issuer then goes on in another way (a revision before
// the verifier's, the same, one past it), and with each of the two remedies; and one with
// the remedy at once, before anybody notices.
func restores(p past) (out []fault) {
	for _, own := range []bool{true, false} {
		for _, commits := range []int{1, 2, 4} {
			for _, mend := range []string{"restored", "reset"} {
				out = append(out, restore{p, own, commits, mend}.fault())
			}
		}
	}
	return append(out, restore{p, false, 4, "restored at once"}.fault(),
		fault{"restored rind.db under rind serve and a verifier", func(t *testing.T) { restoredUnderServe(t, p) }})
}

type restore struct {
	past
	own     bool // with rootkeys.db
	commits int  // change sets after it
	mend    string
}

func (r restore) fault() fault {
	what := map[bool]string{true: "the whole folder", false: "the folder without rootkeys.db"}[r.own]
	where := map[int]string{1: "before", 2: "at", 4: "past"}[r.commits]
	return fault{fmt.Sprintf("restored %s, %s the verifier's revision, %s", what, where, r.mend), r.run}
}

func (r restore) run(t *testing.T) {
	w := r.world(t)
	w.serve()
	w.follow(w.secret("berlin"))
	w.healthy()
	w.stopServe()
	check(t, os.RemoveAll(w.data))
	check(t, os.Rename(filepath.Join(w.dir, "backup"), w.data))
	if !r.own {
		check(t, os.Remove(filepath.Join(w.data, "rootkeys.db")))
	}
	if r.mend == "restored at once" {
		w.rind("restored", "--data", w.data)
	}
	w.revoke(r.keptID)
	for n := range r.commits - 1 {
		w.mint(filepath.Join(w.dir, fmt.Sprint("after ", n, ".token")))
	}
	w.serve()
	if r.mend != "restored at once" {
		r.notice(w)
		r.remedy(w)
	}
	w.follower.Says("the store was filled from a snapshot", 1)
	w.healthy()
	w.stopFollow()
	w.decides(filepath.Join(w.dir, "kept.token"), denied)
	if r.commits < 4 { // each process takes its time
		return
	}
	w.decides(filepath.Join(w.dir, "lost.token"), denied)
	w.decides(filepath.Join(w.dir, "after 0.token"), allowed)
	if text := w.rind("admin", "--data", w.data, "verifiers"); strings.Contains(text, "history") {
		t.Errorf("the operator is still told\n%s", text)
	}
}

// notice sees that everybody is told and, where the numbers tell nothing, that nothing is
// decided and that more revisions and restarts of both mend nothing.
func (r restore) notice(w *world) {
	w.Helper()
	w.astray()
	if text := w.rind("admin", "--data", w.data, "verifiers"); !strings.Contains(text, "has a different history") || !strings.Contains(text, "rind restored") {
		w.Errorf("the operator is told\n%s", text)
	}
	if n := strings.Count(w.server.Out.String(), "level=ERROR"); n != 1 || !strings.Contains(w.server.Out.String(), "rind restored") {
		w.Errorf("%d errors in the server's log\n%s", n, w.server.Out)
	}
	if r.commits < 4 {
		return
	}
	w.stopFollow()
	w.decides(filepath.Join(w.dir, "kept.token"), unavailable)
	w.decides(filepath.Join(w.dir, "lost.token"), unavailable)
	w.stopServe()
	for n := range 3 {
		w.mint(filepath.Join(w.dir, fmt.Sprint("after ", r.commits-1+n, ".token")))
	}
	w.serve()
	w.follow(w.secret("berlin"))
	w.astray()
}

// remedy does what the messages say. The verifier runs before and after it.
func (r restore) remedy(w *world) {
	w.Helper()
	if r.mend == "reset" {
		w.stopFollow()
		w.rind("verifier", "reset", "--keys", w.keys)
		w.follow(w.secret("berlin"))
		return
	}
	w.stopServe()
	w.rind("restored", "--data", w.data)
	w.serve()
}

// restoredUnderServe puts an older rind.db over the one that a server uses: it, and the
// verifier that is connected to it, decide nothing from then on.
func restoredUnderServe(t *testing.T, p past) {
	w := p.world(t)
	w.serve()
	w.follow(w.secret("berlin"))
	w.healthy()
	w.betweenCommits(filepath.Join(w.data, "rind.db"), read(t, filepath.Join(w.dir, "backup", "rind.db")))
	w.astray()
	w.server.Eventually("rind serve decides nothing", func() error { return realtest.Get(w.url("/healthz"), http.StatusServiceUnavailable, "") })
	for _, name := range []string{"kept.token", "lost.token"} {
		w.uploads(strings.TrimSpace(string(read(t, filepath.Join(p.dir, name)))), http.StatusServiceUnavailable)
	}
	if !strings.Contains(w.server.Out.String(), "rind restored") {
		t.Errorf("the log does not say what to do\n%s", w.server.Out)
	}
	w.stopFollow()
	w.decides(filepath.Join(w.dir, "kept.token"), unavailable)
	_ = w.server.End(syscall.SIGTERM) // what it can't write then is an error
	w.server = nil
}

// betweenCommits gives a file of the server other content while the server stands still and writes nothing: in the middle of a commit
// it would meet half of each, which is damage, and not an older store.
func (w *world) betweenCommits(path string, content []byte) {
	w.Helper()
	changed := func() time.Time {
		info, err := os.Stat(path)
		check(w, err)
		return info.ModTime()
	}
	w.server.Eventually("the server writes nothing", func() error {
		before := changed()
		time.Sleep(200 * time.Millisecond)
		if changed() != before {
			return errors.New("it writes")
		}
		w.server.Signal(syscall.SIGSTOP)
		if changed() != before {
			w.server.Signal(syscall.SIGCONT)
			return errors.New("it writes now")
		}
		return nil
	})
	check(w, os.WriteFile(path, content, 0o600))
	w.server.Signal(syscall.SIGCONT)
}

// revoke revokes a token of alice's while no server has the store.
func (w *world) revoke(id string) {
	w.Helper()
	w.issuer(func(s *issuer.Service) error {
		_, _, err := s.Tokens.Revoke(w.Context(), alice, id)
		return err
	})
}
