package gateway

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestTwins(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"my_lib-1.0.tar.gz", "My.Lib-1.0.tar.gz", true},
		{"my_lib-1.0.tar.gz", "my-lib-1.0.0.tar.gz", true},
		{"my_lib-1.0.tar.gz", "my_lib-1.0.zip", true},
		{"my_lib-1.0.tar.gz", "my_lib-1.1.tar.gz", false},
		{"my_lib-1.0.tar.gz", "my_lib-1.0+local.tar.gz", false},
		{"my_lib-1.0.tar.gz", "my_lib-1.0-py3-none-any.whl", false},
		{"my_lib-1.0-py3-none-any.whl", "MY_lib-1.0-py3-none-any.whl", true},
		{"my_lib-1.0-py3-none-any.whl", "my_lib-1-PY3-none-any.whl", true},
		{"my_lib-1.0-py3-none-any.whl", "my_lib-1.0-1-py3-none-any.whl", false},
		{"my_lib-1.0-cp312-cp312-win_amd64.whl", "my_lib-1.0-cp313-cp313-win_amd64.whl", false},
		{"my_lib-1.0-py2.py3-none-any.whl", "my_lib-1.0-py3.py2-none-any.whl", true},
		{"my_lib-1.0-py2.py3-none-any.whl", "my_lib-1.0-py3.py2.PY3-none-any.whl", true},
		{"my_lib-1.0-py2.py3-none-any.whl", "my_lib-1.0-py3-none-any.whl", false},
		{"my_lib-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "my_lib-1.0-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", true},
		{"my_lib-1.0-1-py3-none-any.whl", "my_lib-1.0-01-py3-none-any.whl", true},
		{"my_lib-1.0-0-py3-none-any.whl", "my_lib-1.0-000-py3-none-any.whl", true},
		{"my_lib-1.0-1a-py3-none-any.whl", "my_lib-1.0-01A-py3-none-any.whl", true},
		{"my_lib-1.0-0a-py3-none-any.whl", "my_lib-1.0-00a-py3-none-any.whl", true},
		{"my_lib-1.0-1-py3-none-any.whl", "my_lib-1.0-10-py3-none-any.whl", false},
		{"my_lib-1.0-1-py3-none-any.whl", "my_lib-1.0-1a-py3-none-any.whl", false},
		{"notes.txt", "notes.txt", false},
		{"other-1.0.tar.gz", "other-1.0.zip", false}, // no file of the project
	} {
		if twins(c.a, c.b, "my-lib") != c.want || twins(c.b, c.a, "my-lib") != c.want {
			t.Errorf("%s and %s: not %v", c.a, c.b, c.want)
		}
	}
}

// Whoever has a token can't put another file beside a published one that pip
// might take for it.
func TestNoTwinIsKept(t *testing.T) {
	x := newIndex(t, nil)
	if status, _ := x.post(x.text, upload("demo", "1.0", "demo-1.0.tar.gz", gz("one"))); status != "200 OK" {
		t.Fatal(status)
	}
	status, _ := x.post(x.text, upload("demo", "1.0.0", "DEMO-1.0.0.tar.gz", gz("two")))
	if status != "400 File already exists ('demo-1.0.tar.gz', which is equivalent to 'DEMO-1.0.0.tar.gz'). Files are never replaced: upload a new version." {
		t.Error(status)
	}
	// Where an operator put one, what is there can still be sent again.
	if err := os.WriteFile(filepath.Join(x.dir, "demo", "demo-1.0.0.tar.gz"), []byte(gz("three")), 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _ := x.post(x.text, upload("demo", "1.0", "demo-1.0.tar.gz", gz("one"))); status != "200 OK" {
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
			s, err := f.Stage(t.Context())
			if err == nil {
				_, err = s.Commit(t.Context(), Upload{Project: "demo", Version: "1.0", Filename: name, Filetype: "sdist", SHA256: digest("")})
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				kept = append(kept, name)
			} else if !errors.Is(err, ErrExists) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}
}
