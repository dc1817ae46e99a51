//go:build unix

package private

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for content, want := range map[string]string{
		"hunter2": "hunter2", "hunter2\n": "hunter2", "hunter2\r\n": "hunter2", " two words \n": " two words ", strings.Repeat("x", maxSecret): strings.Repeat("x", maxSecret),
		"": "", "\n": "", "hunter2\nb\n": "", "hunter2\x00": "", "hunter2\tb": "", "hunter2" + strings.Repeat("x", maxSecret): "",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Owner.ReadSecret(path)
		if got != want || (err == nil) != (want != "") || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.20q: %.20q, %v", content, got, err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Owner.ReadSecret(path); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("everybody may read it: %v", err)
	}
	if _, err := Owner.ReadSecret(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
