package ledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/gateway/policy"
)

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func file(n int) policy.File {
	return policy.File{Project: "demo", Version: "1.0", Name: fmt.Sprintf("demo-1.0-%d.whl", n), Size: int64(n), At: noon, State: policy.UnderWay}
}

// writing is set in the process that TestKilled kills.
const writing = "RIND_TEST_LEDGER"

// TestMain admits files in the process that is killed, and says so of each once it is recorded.
func TestMain(m *testing.M) {
	path := os.Getenv(writing)
	if path == "" {
		os.Exit(m.Run())
	}
	l, err := Open(path, false)
	for n := 0; err == nil; n++ {
		_, err = l.Admit(context.Background(), "x", file(n), func([]policy.File) error { return nil })
		fmt.Println(n)
	}
	fmt.Println(err)
	os.Exit(1)
}

// What Admit has recorded outlives kill -9, as of unknown outcome, and the file opens again each time.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	for round := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), writing+"="+path)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		said := 0
		for said < 20+7*round && lines.Scan() {
			if lines.Text() != fmt.Sprint(said) {
				t.Fatal(lines.Text())
			}
			said++
		}
		if err := errors.Join(lines.Err(), cmd.Process.Kill()); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		files := filesOf(t, path)
		if len(files) < said {
			t.Errorf("%d files of %d that were admitted", len(files), said)
		}
		for _, f := range files {
			if f.State != policy.Unknown || !f.At.Equal(noon) {
				t.Errorf("%+v", f)
			}
		}
	}
}

// filesOf opens a ledger and returns the files of demo.
func filesOf(t *testing.T, path string) (files []policy.File) {
	t.Helper()
	l, err := Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	stop := errors.New("stop")
	_, err = l.Admit(t.Context(), "x", policy.File{Project: "demo", Version: "9", Name: "none"}, func(all []policy.File) error {
		files = all
		return stop
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	return files
}

// A copy of the file, as a backup is one, has what was recorded before, and what came later is not in it; a file that is no
// ledger, is cut off, lets others in or is in use opens nothing and says what to do.
func TestRestored(t *testing.T) {
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "ledger.db"), filepath.Join(dir, "backup.db")
	l, err := Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	admit := func(n int) {
		t.Helper()
		if _, err := l.Admit(t.Context(), "x", file(n), func([]policy.File) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	admit(1)
	if _, err := Open(path, false); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Error(err)
	}
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(backup, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	admit(2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := filesOf(t, path); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	if got := filesOf(t, backup); len(got) != 1 || got[0].Name != file(1).Name {
		t.Errorf("restored: %+v", got)
	}
	for what, change := range map[string]func(string) error{
		"no ledger":      func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("x", 1<<16)), 0o600) },
		"cut off":        func(p string) error { return os.WriteFile(p, b[:len(b)/3], 0o600) },
		"others read it": func(p string) error { return errors.Join(os.WriteFile(p, b, 0o600), os.Chmod(p, 0o644)) },
	} {
		p := filepath.Join(dir, strings.ReplaceAll(what, " ", "-"))
		if err := change(p); err != nil {
			t.Fatal(err)
		}
		if l, err := Open(p, false); err == nil {
			t.Errorf("%s: it opens", what)
			l.Close()
		}
	}
}

// Sizes and times come back as they were given, however large, and the file grows by some hundred bytes a record.
func TestSizes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	const many = 400
	for n := range many {
		f := file(n)
		if n == 0 {
			f.Size = math.MaxInt64
		}
		if _, err := l.Admit(t.Context(), "x", f, func(all []policy.File) error {
			if len(all) != n {
				return fmt.Errorf("%d files, want %d", len(all), n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	largest := int64(0)
	for _, f := range filesOf(t, path) {
		largest = max(largest, f.Size)
	}
	fi, err := os.Stat(path)
	if err != nil || largest != math.MaxInt64 || fi.Size() > 1<<20 {
		t.Errorf("%d, %v bytes on disk, %v", largest, fi.Size(), err)
	}
}
