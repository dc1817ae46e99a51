package rootkeys

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier"
)

func chained(revision uint64, of byte) Position {
	p := headAt(revision)
	p.Chain = feed.NewChain(revision, [32]byte{of})
	return p
}

func chainedSet(revision uint64, of byte, changes ...Change) ChangeSet {
	cs := set(revision, changes...)
	cs.Chain = chained(revision, of).Chain
	return cs
}

// grown is a store at revision 2 of a history.
func grown(t *testing.T, path string, of byte) *Store {
	t.Helper()
	s := open(t, path)
	sets := []ChangeSet{chainedSet(1, of, user(alice, "alice")), chainedSet(2, of, tokenChange(t, 1))}
	if err := s.Apply(context.Background(), chained(2, of), sets); err != nil {
		t.Fatal(err)
	}
	if s.Position() != chained(2, of) {
		t.Fatalf("at %v", s.Position())
	}
	return s
}

func refusesAll(t *testing.T, s *Store) {
	t.Helper()
	ctx := context.Background()
	_, lerr := s.Lookup(ctx, tokenID(1), "")
	_, unknown := s.Lookup(ctx, tokenID(9), "")
	_, ferr := s.BeginFill(ctx, chained(50, 1))
	for what, err := range map[string]error{
		"lookup": lerr, "lookup of an unknown token": unknown, "fill": ferr,
		"a head with greater numbers": s.Apply(ctx, chained(99, 1), nil),
		"the next set":                s.Apply(ctx, chained(3, 1), []ChangeSet{chainedSet(3, 1)}),
	} {
		if !errors.Is(err, ErrOtherHistory) || errors.Is(err, verifier.ErrUnknownToken) || !strings.Contains(err.Error(), "rind verifier reset") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if !s.Diverged() {
		t.Error("it does not say so")
	}
}

// TestAnotherHistory shows that numbers alone join no two histories, and that the store
// remembers that it heard of another one.
func TestAnotherHistory(t *testing.T) {
	ctx := context.Background()
	for name, hear := range map[string]func(*Store) error{
		"head": func(s *Store) error { return s.Apply(ctx, chained(2, 2), nil) },
		"set": func(s *Store) error {
			return s.Apply(ctx, chained(3, 2), []ChangeSet{chainedSet(2, 2), chainedSet(3, 2)})
		},
		"fill": func(s *Store) error { _, err := s.BeginFill(ctx, chained(2, 2)); return err },
		"word": func(s *Store) error {
			if err := s.MarkDiverged(ctx); err != nil {
				return err
			}
			return ErrOtherHistory
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := storePath(t)
			s := grown(t, path, 1)
			if err := hear(s); !errors.Is(err, ErrOtherHistory) {
				t.Fatalf("%v", err)
			}
			refusesAll(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, path)
			refusesAll(t, s)
			if s.Position() != chained(2, 1) {
				t.Errorf("at %v", s.Position())
			}
			newer := chained(1, 3)
			newer.Epoch = 2
			f := beginFill(t, s, newer)
			add(t, f, user(alice, "alice"), tokenChange(t, 1))
			if _, err := s.Lookup(ctx, tokenID(1), ""); !errors.Is(err, ErrOtherHistory) {
				t.Errorf("before Commit: %v", err)
			}
			commit(t, f)
			lookup(t, s, 1, "")
			if s.Diverged() || s.Position() != newer {
				t.Errorf("at %v, diverged %v", s.Position(), s.Diverged())
			}
		})
	}
}

// TestReset shows that the operator's word makes a store new.
func TestReset(t *testing.T) {
	ctx := context.Background()
	path := storePath(t)
	s := grown(t, path, 1)
	if err := s.MarkDiverged(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Lookup(ctx, tokenID(1), ""); !errors.Is(err, ErrFilling) {
			t.Errorf("%v", err)
		}
		if s.Position() != (Position{}) || !s.Filling() || s.Diverged() || !s.LastHeard().IsZero() {
			t.Errorf("at %v, heard %v", s.Position(), s.LastHeard())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path)
	}
	f := beginFill(t, s, chained(2, 2))
	add(t, f, user(alice, "alicia"), tokenChange(t, 1))
	commit(t, f)
	if rec := lookup(t, s, 1, ""); rec.UserName != "alicia" || s.Position() != chained(2, 2) {
		t.Errorf("%+v at %v", rec, s.Position())
	}
}
