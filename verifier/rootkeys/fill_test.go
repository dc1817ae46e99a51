package rootkeys

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/verifier"
)

func beginFill(t *testing.T, s *Store, at Position) *Fill {
	t.Helper()
	f, err := s.BeginFill(context.Background(), at)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func add(t *testing.T, f *Fill, records ...Change) {
	t.Helper()
	if err := f.Add(context.Background(), records); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, f *Fill) {
	t.Helper()
	if err := f.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestFill shows that a store answers as before until the snapshot is whole, and then
// from the snapshot alone.
func TestFill(t *testing.T) {
	ctx := context.Background()
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), project(first, "demo", alice), tokenChange(t, 1), tokenChange(t, 2))
	f := beginFill(t, s, headAt(9))
	add(t, f, user(alice, "alicia"), project(second, "demo", alice))
	add(t, f, tokenChange(t, 2), tokenChange(t, 3))
	add(t, f, tokenChange(t, 3)) // twice is once
	if err := f.Apply(ctx, headAt(11), []ChangeSet{set(9, tokenChange(t, 9)), set(10, tokenChange(t, 4)), set(11)}); err != nil || f.Position() != headAt(11) {
		t.Fatal(f.Position(), err)
	}
	if rec := lookup(t, s, 1, "demo"); rec.UserName != "alice" || rec.Project.ID != first || s.Position() != headAt(1) {
		t.Errorf("before Commit: %+v at %+v", rec, s.Position())
	}
	apply(t, s, tokenChange(t, 5)) // the old one can go on meanwhile
	commit(t, f)
	if s.Position() != headAt(11) || s.Filling() {
		t.Errorf("at %+v, filling %v", s.Position(), s.Filling())
	}
	for _, n := range []int{2, 3, 4} {
		if rec := lookup(t, s, n, "demo"); rec.UserName != "alicia" || rec.Project.ID != second {
			t.Errorf("token %d: %+v", n, rec)
		}
	}
	for _, n := range []int{1, 5, 9} {
		if _, err := s.Lookup(ctx, tokenID(n), ""); !errors.Is(err, verifier.ErrUnknownToken) {
			t.Errorf("token %d, which the snapshot lacks: %v", n, err)
		}
	}
	apply(t, s, tokenChange(t, 6))
	lookup(t, s, 6, "demo")
	if err := f.Add(ctx, nil); err == nil {
		t.Error("a Fill goes on after Commit")
	}
}

// TestFillOfANewStore shows that a new store answers nothing before Commit, and that
// the answers are there after a restart.
func TestFillOfANewStore(t *testing.T) {
	path := storePath(t)
	s := open(t, path)
	f := beginFill(t, s, headAt(3))
	add(t, f, user(alice, "alice"), tokenChange(t, 1))
	if _, err := s.Lookup(context.Background(), tokenID(1), ""); !errors.Is(err, ErrFilling) {
		t.Errorf("before Commit: %v", err)
	}
	commit(t, f)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	lookup(t, s, 1, "")
	if s.Position() != headAt(3) {
		t.Errorf("at %+v", s.Position())
	}
}

// TestFillCutShort shows that what was left unfinished leaves nothing, however it ended.
func TestFillCutShort(t *testing.T) {
	ctx := context.Background()
	path := storePath(t)
	s := open(t, path)
	apply(t, s, user(alice, "alice"), tokenChange(t, 1))
	left := beginFill(t, s, headAt(9))
	add(t, left, user(alice, "alicia"), tokenChange(t, 2))
	if err := s.Close(); err != nil { // as a process that was killed
		t.Fatal(err)
	}
	s = open(t, path)
	if rec := lookup(t, s, 1, ""); rec.UserName != "alice" || s.Position() != headAt(1) {
		t.Errorf("%+v at %+v", rec, s.Position())
	}
	dropped := beginFill(t, s, headAt(9))
	add(t, dropped, user(alice, "alicia"), tokenChange(t, 3))
	if err := dropped.Drop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := dropped.Commit(ctx); err == nil {
		t.Error("a Fill goes on after Drop")
	}
	f := beginFill(t, s, headAt(9))
	add(t, f, user(alice, "alicia"), tokenChange(t, 4))
	commit(t, f)
	for _, n := range []int{2, 3} {
		if _, err := s.Lookup(ctx, tokenID(n), ""); !errors.Is(err, verifier.ErrUnknownToken) {
			t.Errorf("token %d of an unfinished snapshot: %v", n, err)
		}
	}
	if err := dbOf(s).View(func(tx *bbolt.Tx) error {
		if tx.Bucket(fillingBucket) != nil {
			t.Error("the bucket of the Fill is still there")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestFillRefuses(t *testing.T) {
	ctx := context.Background()
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"))
	apply(t, s, tokenChange(t, 1))
	other := headAt(9)
	other.Issuer = "00000000-0000-4000-8000-000000000002"
	old := headAt(9)
	old.Epoch = 0
	for name, c := range map[string]struct {
		at Position
		is error
	}{
		"another issuer":   {other, ErrOtherIssuer},
		"an older epoch":   {old, ErrWentBack},
		"an older moment":  {headAt(1), ErrWentBack},
		"nobody's history": {Position{}, nil},
	} {
		if _, err := s.BeginFill(ctx, c.at); err == nil || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f := beginFill(t, s, headAt(5))
	if err := f.Apply(ctx, headAt(9), []ChangeSet{set(7)}); !errors.Is(err, ErrGap) {
		t.Errorf("a gap: %v", err)
	}
	if err := f.Apply(ctx, Position{Issuer: issuerID, Epoch: 2, Revision: 9}, []ChangeSet{set(6)}); err == nil {
		t.Error("changes of another epoch are taken")
	}
	if err := f.Add(ctx, []Change{{}}); err == nil {
		t.Error("a change of nothing is taken")
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := f.Commit(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("behind the end of its context: %v", err)
	}
	for range 4 { // the store overtakes the snapshot
		apply(t, s)
	}
	if err := f.Commit(ctx); !errors.Is(err, ErrWentBack) {
		t.Errorf("a snapshot that was overtaken: %v", err)
	}
	lookup(t, s, 1, "")
}

// TestFillBegunTwice shows that two can't mix.
func TestFillBegunTwice(t *testing.T) {
	s := open(t, storePath(t))
	one := beginFill(t, s, headAt(5))
	add(t, one, user(alice, "alice"), tokenChange(t, 1))
	two := beginFill(t, s, headAt(6))
	if err := one.Add(context.Background(), []Change{tokenChange(t, 2)}); err == nil {
		t.Error("the first of two goes on")
	}
	if err := one.Commit(context.Background()); err == nil {
		t.Error("the first of two commits")
	}
	add(t, two, user(alice, "alice"))
	commit(t, two)
}

// TestFillAtEachNewEpoch shows that the operator's word lets a store go back, and that
// nothing of before is left.
func TestFillAtEachNewEpoch(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), tokenChange(t, 1))
	for epoch := uint64(2); epoch < 5; epoch++ {
		f := beginFill(t, s, Position{Issuer: issuerID, Epoch: epoch})
		add(t, f, user(alice, fmt.Sprint("alice", epoch)), tokenChange(t, int(epoch)))
		commit(t, f)
		if rec := lookup(t, s, int(epoch), ""); rec.UserName != fmt.Sprint("alice", epoch) {
			t.Errorf("%+v", rec)
		}
		if _, err := s.Lookup(context.Background(), tokenID(int(epoch)-1), ""); !errors.Is(err, verifier.ErrUnknownToken) {
			t.Errorf("epoch %d: %v", epoch, err)
		}
	}
}

// TestFillsReuseTheFile shows that a store that is filled again and again does not
// grow without end.
func TestFillsReuseTheFile(t *testing.T) {
	path := storePath(t)
	s := open(t, path)
	var records []Change
	for n := range 300 {
		records = append(records, tokenChange(t, n))
	}
	var first int64
	for round := range 12 {
		f := beginFill(t, s, headAt(uint64(round+1)))
		add(t, f, user(alice, "alice"))
		add(t, f, records...)
		commit(t, f)
		fi, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if round == 2 {
			first = fi.Size()
		}
		if round > 2 && fi.Size() > 2*first {
			t.Fatalf("%d bytes after fill %d, %d after the third", fi.Size(), round, first)
		}
	}
}
