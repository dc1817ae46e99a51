package arrows

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// cmdMay are the packages that files of cmd/rind may import, beside the rooms of this module: what reads flags, opens
// files and listeners, and prints. A package that computes (encodings, digests, patterns, arithmetic) is a sign
// that something belongs into a room, where it has a test of its own.
var cmdMay = []string{
	"context", "errors", "fmt", "io", "io/fs", "log/slog", "net", "net/http", "net/netip", "os", "os/signal", "path/filepath", "runtime", "runtime/debug",
	"slices", "strings", "sync", "syscall", "text/tabwriter", "time", "github.com/alecthomas/kong",
}

// cmdExceptions are other imports of single files, and what they are for there.
var cmdExceptions = map[string]string{
	"admin.go bytes":                 "an answer is printed with one write",
	"mails.go crypto/tls":            "the setting mail.ca-file",
	"mails.go crypto/x509":           "the setting mail.ca-file",
	"mails.go unicode":               "a mail's subject in the middle of a line",
	"mails.go unicode/utf8":          "a mail's subject in the middle of a line",
	"rekey.go bytes":                 "whether the key file has another key than before",
	"reload_settings.go sync/atomic": "the handler that new settings bring takes the place of the one that serves",
}

// cmd/rind is wiring: from flags and settings to calls of rooms.
func TestCommandIsWiring(t *testing.T) {
	folder := filepath.Join("..", "..", "cmd", "rind")
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files, used := 0, map[string]bool{}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			files++
			checkWiring(t, filepath.Join(folder, name), used)
		}
	}
	for key := range cmdExceptions {
		if !used[key] {
			t.Errorf("%s is an exception that nothing needs", key)
		}
	}
	if files < 20 {
		t.Fatalf("%d files", files)
	}
}

func checkWiring(t *testing.T, path string, used map[string]bool) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(cmdMay, imported) || strings.HasPrefix(imported, module+"/") {
			continue
		}
		key := filepath.Base(path) + " " + imported
		used[key] = true
		if cmdExceptions[key] == "" {
			t.Errorf("%s imports %s: cmd/rind is wiring; put what computes in a room, or say in cmdExceptions what it is for", path, imported)
		}
	}
}
