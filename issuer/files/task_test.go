package files_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/files"
)

// What an owner decided, and was not carried out before the project was quarantined, is dropped, and the trail says so. It keeps the
// operator from nothing.
func TestDecidedBeforeTheQuarantine(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.Check(h.files.Yank(ctx, alice, "demo", "1.0", "harmful"))
	h.index.broke = errors.New("the disk is gone")
	if err := h.files.Unyank(ctx, alice, "demo", "1.0"); !errors.Is(err, files.ErrLater) {
		t.Error(err)
	}
	_, err := h.Projects.Quarantine(ctx, root, "demo", "It steals keys.")
	h.Check(err)
	h.index.broke = nil
	h.Check(h.files.DeleteRelease(ctx, operator, "demo", "1.1", "1.1"))
	rows := h.Trail().Rows
	dropped, deleted := rows[len(rows)-2], rows[len(rows)-1]
	if d := dropped.Detail; dropped.Kind != "project.decision_dropped" || d["by"] != "alice" || d["what"] != "unyank" || d["version"] != "1.0" || d["project"] != "demo" {
		t.Errorf("row: %+v", dropped)
	}
	if deleted.Kind != "project.release_deleted" || dropped.Project != deleted.Project {
		t.Errorf("row: %+v", deleted)
	}
	h.Check(h.files.Yank(ctx, operator, "demo", "1.0", "very harmful"))
	_, err = h.Projects.LiftQuarantine(ctx, root, "demo")
	h.Check(err)
	h.Wrote(h.names, func() error { return h.files.Finish(ctx) })
	if got := h.releases(t); got != "1.0:2:very harmful" {
		t.Errorf("releases: %s", got)
	}
}

// behind is a store behind one of whose changes, or each look at it, something happens.
type behind struct {
	kv.Store
	then   func()
	looked func()
}

func (s *behind) View(ctx context.Context, fn func(kv.Reader) error) error {
	err := s.Store.View(ctx, fn)
	if s.looked != nil {
		s.looked()
	}
	return err
}

func (s *behind) Update(ctx context.Context, fn func(kv.Tx) error) error {
	err := s.Store.Update(ctx, fn)
	if then := s.then; then != nil && err == nil {
		s.then = nil
		then()
	}
	return err
}

// An owner whose project is quarantined while a decision is carried out hears that it is not.
func TestQuarantinedMeanwhile(t *testing.T) {
	var store *behind
	h := newHouse(t, func(c *issuer.Config) {
		store = &behind{Store: c.Store}
		c.Store = store
	})
	store.then = func() {
		_, err := h.Projects.Quarantine(t.Context(), root, "demo", "It steals keys.")
		h.Check(err)
	}
	var ps problem.Problems
	if err := h.files.DeleteRelease(t.Context(), alice, "demo", "1.0", "1.0"); !errors.As(err, &ps) || ps.Error() != "quarantined_files_stay" {
		t.Error(err)
	}
	rows := h.Trail().Rows
	if last := rows[len(rows)-1]; last.Kind != "project.decision_dropped" || len(h.index.did) > 0 {
		t.Errorf("%+v, did %q", last, h.index.did)
	}
}

// Whoever hangs up behind a decision does not stop it. A Finish that is stopped says so.
func TestHangUp(t *testing.T) {
	var store *behind
	h := newHouse(t, func(c *issuer.Config) {
		store = &behind{Store: c.Store}
		c.Store = store
	})
	ctx, hangUp := context.WithCancel(t.Context())
	store.then = hangUp
	if err := h.files.Yank(ctx, alice, "demo", "1.0", "broken"); err != nil || ctx.Err() == nil {
		t.Errorf("%v, the client is there: %t", err, ctx.Err() == nil)
	}
	if got := h.releases(t); got != "1.1:1 1.0:2:broken" {
		t.Errorf("releases: %s", got)
	}
	if err := h.files.Finish(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("finish: %v", err)
	}
}

// What is dropped is moot at that moment: a decision is carried out if the quarantine is lifted before.
func TestLiftedMeanwhile(t *testing.T) {
	var store *behind
	h := newHouse(t, func(c *issuer.Config) {
		store = &behind{Store: c.Store}
		c.Store = store
	})
	ctx := t.Context()
	h.index.broke = errors.New("the disk is gone")
	if err := h.files.Yank(ctx, alice, "demo", "1.0", "broken"); !errors.Is(err, files.ErrLater) {
		t.Error(err)
	}
	_, err := h.Projects.Quarantine(ctx, root, "demo", "It steals keys.")
	h.Check(err)
	h.index.broke = nil
	looks := 0
	store.looked = func() {
		looks++
		if looks == 2 { // at the tasks, and at the project
			_, err := h.Projects.LiftQuarantine(ctx, root, "demo")
			h.Check(err)
		}
	}
	h.Check(h.files.Finish(ctx))
	if got := h.releases(t); got != "1.1:1 1.0:2:broken" || looks < 2 {
		t.Errorf("releases: %s, %d looks", got, looks)
	}
}

// What an owner decided hits no project that somebody else registers under the name.
func TestDecidedAboutAnEarlierProject(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.index.broke = errors.New("the disk is gone")
	if err := h.files.DeleteRelease(ctx, alice, "demo", "1.0", "1.0"); !errors.Is(err, files.ErrLater) {
		t.Error(err)
	}
	id := h.names["demo"]
	h.Deletes(alice, "Demo")
	h.Clock.Add(400 * 24 * time.Hour)
	h.names["demo"] = h.Project(carol, "demo").ID
	h.index.broke = nil
	h.Check(h.files.Finish(ctx))
	rows := h.Trail().Rows
	if last := rows[len(rows)-1]; last.Kind != "project.decision_dropped" || last.Project != id || len(h.index.did) > 0 {
		t.Errorf("%+v, did %q", last, h.index.did)
	}
}

// A decision that can't be read is an error of Finish, and keeps nobody from another.
func TestDamagedDecision(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.Check(h.Store.Update(ctx, func(tx kv.Tx) error { return tx.Put([]byte("issuer/filetask/here/00000000000000000001"), []byte("{")) }))
	h.Check(h.files.Yank(ctx, alice, "demo", "1.0", ""))
	if err := h.files.Finish(ctx); err == nil || !strings.Contains(err.Error(), "00000000000000000001") {
		t.Error(err)
	}
	if got := h.releases(t); got != "1.1:1 1.0:2:" {
		t.Errorf("releases: %s", got)
	}
}

// What can't be done about one project keeps nobody from another.
func TestStuckProject(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.names["other"] = h.Project(alice, "other").ID
	h.index.all["other"] = []files.File{{Name: "other-1.0.tar.gz", Version: "1.0"}, {Name: "other-1.1.tar.gz", Version: "1.1"}}
	h.index.broke, h.index.only = errors.New("the folder is gone"), "demo"
	if err := h.files.Yank(ctx, alice, "demo", "1.0", ""); !errors.Is(err, files.ErrLater) {
		t.Error(err)
	}
	for range 2 {
		err := h.files.Yank(ctx, alice, "demo", "1.1", "")
		if !errors.Is(err, files.ErrWaiting) || !errors.Is(err, h.index.broke) {
			t.Error(err)
		}
	}
	h.Check(h.files.Yank(ctx, alice, "other", "1.0", ""))
	h.index.only = ""
	if err := h.files.Yank(ctx, alice, "other", "1.1", ""); !errors.Is(err, files.ErrLater) {
		t.Error(err)
	}
	h.index.only = "demo"
	if err := h.files.Finish(ctx); !errors.Is(err, h.index.broke) {
		t.Error(err)
	}
	h.index.broke = nil
	h.Check(h.files.Finish(ctx))
	if got := strings.Join(h.index.did, ", "); got != "yank 1.0, yank 1.1, yank 1.0" {
		t.Errorf("did: %s", got)
	}
}

// What was decided while the index could not be changed is done later, in the order of the decisions, whether or not a failed
// change was made; another index does not take it.
func TestUnfinished(t *testing.T) {
	for _, late := range []bool{false, true} {
		h := newHouse(t)
		ctx := t.Context()
		gone := errors.New("the disk is gone")
		h.index.broke, h.index.late = gone, late
		err := h.files.Yank(ctx, alice, "demo", "1.0", "first")
		if !errors.Is(err, gone) {
			t.Errorf("the failure is not told: %v", err)
		}
		rows := h.Trail().Rows
		if last := rows[len(rows)-1]; last.Kind != "project.release_yanked" {
			t.Errorf("the last row is %s", last.Kind)
		}
		if err := h.files.Unyank(ctx, alice, "demo", "1.0"); !errors.Is(err, gone) { // decides on nothing before the first is done
			t.Errorf("another decision: %v", err)
		}
		if after := h.Trail().Rows; len(after) != len(rows) {
			t.Errorf("another decision wrote %+v", after[len(rows):])
		}
		other := newIndex()
		other.id = "there"
		h.Check(files.New(h.Ledger, h.Projects, other).Finish(ctx))
		if len(other.did) > 0 {
			t.Errorf("another index did %q", other.did)
		}

		h.index.broke = nil
		h.files = files.New(h.Ledger, h.Projects, h.index) // a new process
		h.index.did = nil
		h.Check(h.files.Finish(ctx))
		h.Check(h.files.Finish(ctx))
		if got := h.releases(t); got != "1.1:1 1.0:2:first" || len(h.index.did) != 1 {
			t.Errorf("finished: %s, did %q", got, h.index.did)
		}
		h.Check(h.files.Unyank(ctx, alice, "demo", "1.0"))

		h.index.broke = gone
		if err := h.files.Yank(ctx, alice, "demo", "1.0", "again"); !errors.Is(err, gone) {
			t.Error(err)
		}
		h.index.broke = nil
		delete(h.index.all, "demo") // by the operator's hand
		h.Check(h.files.Finish(ctx))
	}
}
