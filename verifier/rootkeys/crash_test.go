package rootkeys

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// pagesThatDiffer is what one commit did to a file: the pages that differ, in their order, the
// meta page last, as bbolt writes them.
func pagesThatDiffer(before, after []byte) (pages []int) {
	size := os.Getpagesize()
	var metas []int
	for page := 0; page < len(after)/size; page++ {
		at := page * size
		if at+size <= len(before) && string(before[at:at+size]) == string(after[at:at+size]) {
			continue
		}
		if page < metaPages {
			metas = append(metas, page)
			continue
		}
		pages = append(pages, page)
	}
	return append(pages, metas...)
}

// TestCrashAtEachWrite ends a process behind each page that a commit, and the end of a fill,
// write: what opens is the store of before or of after, as a whole.
func TestCrashAtEachWrite(t *testing.T) {
	for what, anew := range map[string]bool{"commit": false, "fill": true} {
		t.Run(what, func(t *testing.T) { crashAtEachWrite(t, anew) })
	}
}

func crashAtEachWrite(t *testing.T, anew bool) {
	path := storePath(t)
	s := open(t, path)
	was := newModel()
	begin := []Change{user(alice, "alice"), user(bob, "bob"), project(first, "demo", alice, bob)}
	for n := range 40 {
		tok, _ := minted(t, n, alice, demoOnly)
		begin = append(begin, Change{Token: tok})
	}
	apply(t, s, begin...)
	was.take(begin)
	before := read(t, path)
	next := []Change{user(alice, "alicia"), user(bob, "bob"), project(first, "demo", bob)}
	for n := 20; n < 60; n++ {
		tok, _ := minted(t, n, alice, demoOnly)
		next = append(next, Change{Token: tok})
	}
	is := was.clone()
	if anew {
		is = newModel()
	}
	is.take(next)
	states := [][]byte{before}
	steps := []func() error{func() error { return s.Apply(context.Background(), headAt(2), []ChangeSet{set(2, next...)}) }}
	if anew { // a transaction each
		var f *Fill
		steps = []func() error{
			func() (err error) { f, err = s.BeginFill(context.Background(), headAt(2)); return err },
			func() error { return f.Add(context.Background(), next) }, // it waits in memory
			func() error { return f.flush(context.Background(), tokensTable) },
			func() error { return f.flush(context.Background(), othersTable) },
			func() error { return f.index(context.Background()) },
			func() error { return f.swap(context.Background()) },
		}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		states = append(states, read(t, path))
	}
	outcomes := map[string]int{}
	for i := 1; i < len(states); i++ {
		pages := pagesThatDiffer(states[i-1], states[i])
		for n := range len(pages) + 1 {
			file := append([]byte(nil), states[i-1]...)
			if grown := len(states[i]) - len(file); grown > 0 {
				file = append(file, make([]byte, grown)...)
			}
			for _, page := range pages[:n] {
				at := page * os.Getpagesize()
				copy(file[at:], states[i][at:at+os.Getpagesize()])
			}
			outcomes[afterCrash(t, file, was, is)]++
		}
	}
	if outcomes["before"] == 0 || outcomes["after"] == 0 {
		t.Errorf("%v", outcomes)
	}
}

// afterCrash opens a file and says which of two moments it shows.
func afterCrash(t *testing.T, file []byte, was, is *model) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "crashed.db")
	if err := writeFile(path, file); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, Options{Key: testKey})
	if err != nil {
		t.Fatalf("it does not open: %v", err)
	}
	defer s.Close()
	m, name := was, "before"
	if s.Position().Revision == 2 {
		m, name = is, "after"
	}
	if _, refused := checkAnswers(t, s, m); refused != 0 {
		t.Fatalf("%d lookups of the store of %s are refused", refused, name)
	}
	next := s.Position().Revision + 1
	if err := s.Apply(context.Background(), headAt(next), []ChangeSet{set(next, user(carol, "carol"))}); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestRemapUnderLookups lets the memory map grow again and again under lookups that go by
// hints.
func TestRemapUnderLookups(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), project(first, "demo", alice), tokenChange(t, 0))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if rec, err := s.Lookup(context.Background(), tokenID(0), "demo"); err != nil || !rec.Project.Member {
					t.Errorf("%+v, %v", rec, err)
					return
				}
			}
		})
	}
	for n := range 12 {
		var cs []Change
		for i := range 400 {
			tok, _ := minted(t, 1+400*n+i, alice)
			tok.Restrictions = [][]byte{make([]byte, 2000)}
			cs = append(cs, Change{Token: tok})
		}
		apply(t, s, cs...)
	}
	close(stop)
	readers.Wait()
	for n := range 4800 {
		if _, err := s.Lookup(context.Background(), tokenID(n), ""); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOurMistakesAreNotTheFiles: a panic that is none of the file's goes on.
func TestOurMistakesAreNotTheFiles(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), tokenChange(t, 1))
	for what, mistake := range map[string]func() error{
		"lookup": func() error {
			return s.read(context.Background(), func(*reader) error { panic(io.ErrNoProgress) })
		},
		"write": func() error {
			return s.update(context.Background(), func(*writer) error { panic(io.ErrNoProgress) })
		},
		"address": func() error {
			return s.read(context.Background(), func(*reader) error { var p *int; _ = *p; return nil })
		},
	} {
		t.Run(what, func(t *testing.T) {
			defer func() {
				if p := recover(); p == nil {
					t.Error("nobody hears of it")
				}
			}()
			t.Errorf("it is taken for %v", mistake())
		})
	}
	lookup(t, s, 1, "") // and the store goes on
	apply(t, s, tokenChange(t, 2))
	lookup(t, s, 2, "")
}
