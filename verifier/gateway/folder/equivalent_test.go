package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

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
