package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/issuer"
)

// restores are the restores of a data folder from a backup that lacks two change sets,
// both of them known to the verifier: with the issuer's own root-key store and without it,
// to where the issuer then goes on in another way (a revision before the verifier's, the
// same, one past it), and with each of the two remedies.
func restores() (out []fault) {
	for _, r := range []restore{
		{own: true, commits: 1}, {own: true, commits: 2}, {own: true, commits: 4, reset: true},
		{commits: 1, reset: true}, {commits: 2}, {commits: 4}, {commits: 4, reset: true},
	} {
		out = append(out, fault{r.name(), r.run})
	}
	return out
}

type restore struct {
	own     bool // with rootkeys.db
	commits int  // change sets after it
	reset   bool // 'rind verifier reset' mends it, and not 'rind restored'
}

func (r restore) name() string {
	what := map[bool]string{true: "the whole folder", false: "the folder without rootkeys.db"}[r.own]
	where := "at the verifier's revision"
	if r.commits != 2 {
		where = map[bool]string{true: "before", false: "past"}[r.commits < 2] + " the verifier's revision"
	}
	return fmt.Sprintf("restored %s, %s, %s", what, where, map[bool]string{true: "reset", false: "restored"}[r.reset])
}

func (r restore) run(t *testing.T, w *world) {
	kept, lost := filepath.Join(w.dir, "kept.token"), filepath.Join(w.dir, "lost.token")
	keptID := w.mint(kept)
	w.serve()
	secret := w.register("berlin")
	w.stopServe()
	backup := filepath.Join(w.dir, "backup")
	copyFolder(t, w.data, backup)
	w.mint(lost)
	w.mint(filepath.Join(w.dir, "lost too.token"))
	w.serve()
	w.follow(secret)
	w.healthy()
	w.stopFollow()
	w.decides(kept, allowed)
	w.decides(lost, allowed)
	w.follow(secret)
	w.healthy()

	w.stopServe()
	check(t, os.RemoveAll(w.data))
	copyFolder(t, backup, w.data)
	if !r.own {
		check(t, os.Remove(filepath.Join(w.data, "rootkeys.db")))
	}
	w.revoke(keptID)
	for n := range r.commits - 1 {
		w.mint(filepath.Join(w.dir, fmt.Sprint("after ", n, ".token")))
	}
	w.serve()
	w.astray()
	if text := w.rind("admin", "--data", w.data, "verifiers"); !strings.Contains(text, "knows another history") || !strings.Contains(text, "rind restored") {
		t.Errorf("the operator is told\n%s", text)
	}
	if n := strings.Count(w.server.out.String(), "level=ERROR"); n != 1 || !strings.Contains(w.server.out.String(), "rind restored") {
		t.Errorf("%d errors in the server's log\n%s", n, w.server.out)
	}
	w.stopFollow()
	w.decides(kept, unavailable)
	w.decides(lost, unavailable)

	// A restart and more revisions mend nothing.
	w.stopServe()
	for n := range 3 {
		w.mint(filepath.Join(w.dir, fmt.Sprint("more ", n, ".token")))
	}
	w.serve()
	w.follow(secret)
	w.astray()
	r.mend(w, secret)
	w.healthy()
	w.stopFollow()
	w.decides(kept, denied)
	w.decides(lost, denied)
	w.decides(filepath.Join(w.dir, "more 2.token"), allowed)
	if text := w.rind("admin", "--data", w.data, "verifiers"); strings.Contains(text, "history") {
		t.Errorf("the operator is still told\n%s", text)
	}
}

// mend does what the messages say. The verifier runs before and after it.
func (r restore) mend(w *world, secret string) {
	if r.reset {
		w.stopFollow()
		w.rind("verifier", "reset", "--keys", w.keys)
		w.follow(secret)
		return
	}
	w.stopServe()
	w.rind("restored", "--data", w.data)
	w.serve()
}

// revoke revokes a token of alice's while no server has the store.
func (w *world) revoke(id string) {
	w.Helper()
	w.issuer(func(s *issuer.Service) error {
		_, _, err := s.Revoke(w.Context(), alice, id)
		return err
	})
}
