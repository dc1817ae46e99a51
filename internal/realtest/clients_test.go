package realtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// needClients asks for clients and says how that ended.
func needClients(need ...Client) *recorder {
	return record(func(t testing.TB) { NeedClients(t, need...) })
}

func TestNeedClients(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv(SkipVariable, "")
	r := needClients(UV, CurrentTwine)
	for _, want := range []string{"uv is missing", "twine is missing", "sh internal/realtest/install.sh", SkipVariable} {
		if !strings.Contains(r.fatal, want) || r.skip != "" {
			t.Errorf("the message lacks %q: %q, skip %q", want, r.fatal, r.skip)
		}
	}
	dir, err := UV.folder()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"complete", "bin/uv"} {
		if r := needClients(UV); r.fatal == "" {
			t.Errorf("without %s it is taken for there", file)
		}
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if r := needClients(UV); r.fatal+r.skip != "" {
		t.Errorf("it is there: %q, %q", r.fatal, r.skip)
	}
	t.Setenv(SkipVariable, "1")
	if r := needClients(Hatch); r.fatal != "" || !strings.Contains(r.skip, SkipVariable+"=1") || !strings.Contains(r.skip, "hatch") {
		t.Errorf("fatal %q, skip %q", r.fatal, r.skip)
	}
}

// Every client is installed from a file of its own in which everything has a hash, and
// which names no place to get it from.
func TestRequirements(t *testing.T) {
	var names []string
	for _, c := range clients {
		names = append(names, c.Name)
	}
	if script := readInstall(t); !strings.Contains(script, "clients=\""+strings.Join(names, " ")+"\"\n") {
		t.Errorf("install.sh does not install %v", names)
	}
	files, err := filepath.Glob("clients/*.txt")
	if err != nil || len(files) != len(clients) {
		t.Fatalf("%v, %v", files, err)
	}
	pinned := regexp.MustCompile(`^[A-Za-z0-9._\[\]-]+==[^ ]+( ;[^\\]+)? \\$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if name := strings.TrimSuffix(filepath.Base(file), ".txt"); !slices.Contains(names, name) || strings.Contains(string(text), "://") {
			t.Errorf("%s is for no client, or names a place", file)
		}
		hashes := 1
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\n")
			switch {
			case strings.HasPrefix(line, "    --hash=sha256:"):
				hashes++
			case pinned.MatchString(line) && hashes > 0:
				hashes = 0
			default:
				t.Errorf("%s: %q", file, line)
			}
		}
	}
}
