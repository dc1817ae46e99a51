package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/verifier/gateway"
)

// Whoever has a token can't put another file beside a published one that pip
// might take for it.
func TestNoTwinIsKept(t *testing.T) {
	x := newIndex(t)
	if status, _ := x.Post(x.Text, upload("demo", "1.0", "demo-1.0.tar.gz", pack("demo-1.0.tar.gz", "one"))); status != "200 OK" {
		t.Fatal(status)
	}
	status, _ := x.Post(x.Text, upload("demo", "1.0.0", "DEMO-1.0.0.tar.gz", pack("DEMO-1.0.0.tar.gz", "two")))
	if status != "400 File already exists ('demo-1.0.tar.gz', which is equivalent to 'DEMO-1.0.0.tar.gz'). Files are never replaced: upload a new version." {
		t.Error(status)
	}
	// Where an operator put one, what is there can still be sent again.
	if err := os.WriteFile(filepath.Join(x.Dir, "demo", "demo-1.0.0.tar.gz"), []byte(gz("three")), 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _ := x.Post(x.Text, upload("demo", "1.0", "demo-1.0.tar.gz", pack("demo-1.0.tar.gz", "one"))); status != "200 OK" {
		t.Error(status)
	}
}

func TestOneOfManyTwinsIsKept(t *testing.T) {
	f := openFolder(t, t.TempDir())
	var kept []string
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 20 {
		name := fmt.Sprintf("demo-1.0%s.tar.gz", strings.Repeat(".0", i))
		all.Go(func() {
			s, err := f.Reserve(t.Context(), gateway.Upload{})
			if err == nil {
				_, err = s.Commit(t.Context(), gateway.Upload{Project: "demo", Version: "1.0", Filename: name, Filetype: "sdist", SHA256: digest("")})
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				kept = append(kept, name)
			} else if !errors.Is(err, gateway.ErrExists) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}
}

// The names are read once, and then follow what uploads and operators do to the folder.
func TestNamesAreKeptBetweenUploads(t *testing.T) {
	dir := t.TempDir()
	f := openFolder(t, dir)
	keep := func(name string) error {
		s, err := f.Reserve(t.Context(), gateway.Upload{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Commit(t.Context(), gateway.Upload{Project: "demo", Version: dist.VersionOf(name, "demo"), Filename: name, SHA256: digest("")})
		return err
	}
	is := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	tick := time.Now()
	byHand := func(change func() error) { // the time of the folder shows it, on a file system of coarse times too
		t.Helper()
		tick = tick.Add(time.Second)
		if err := errors.Join(change(), os.Chtimes(filepath.Join(dir, "demo"), tick, tick)); err != nil {
			t.Fatal(err)
		}
	}
	is("the first", keep("demo-1.0.tar.gz"), nil)
	is("the second", keep("demo-2.0-py2.py3-none-any.whl"), nil)
	reads := f.catalogue.folder("demo").spellings.read
	for i := range 5 {
		is("more", keep(fmt.Sprintf("demo-3.%d.tar.gz", i)), nil)
	}
	is("twin of one of before", keep("demo-1.0.0.tar.gz"), gateway.ErrExists)
	is("twin of a wheel", keep("demo-2-py3.py2-none-any.whl"), gateway.ErrExists)
	is("twin of one of these", keep("demo-3.4.0.tar.gz"), gateway.ErrExists)
	if again := f.catalogue.folder("demo").spellings.read; !again.Equal(reads) {
		t.Error("the names were read again")
	}
	byHand(func() error { return os.WriteFile(filepath.Join(dir, "demo", "demo-4.0.tar.gz"), nil, 0o644) })
	is("twin of what an operator put there", keep("demo-4.0.0.tar.gz"), gateway.ErrExists)
	byHand(func() error { return os.Remove(filepath.Join(dir, "demo", "demo-4.0.tar.gz")) })
	is("what an operator removed", keep("demo-4.0.0.tar.gz"), nil)
	if err := f.Delete(t.Context(), "demo", []string{"demo-4.0.0.tar.gz"}); err != nil {
		t.Fatal(err)
	}
	is("what its owner deleted", keep("demo-4.tar.gz"), gateway.ErrExists)
}
