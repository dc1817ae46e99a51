package seal_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rind-dev/rind/internal/seal"
)

func sealer(t *testing.T, fill byte) *seal.Sealer {
	t.Helper()
	s, err := seal.New(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	s := sealer(t, 1)
	for _, value := range [][]byte{nil, {}, {0}, []byte("secret"), bytes.Repeat([]byte("x"), 100_000)} {
		sealed := s.Seal([]byte("before "), value, "user/1/totp")
		if !bytes.HasPrefix(sealed, []byte("before ")) || len(value) > 3 && bytes.Contains(sealed, value) {
			t.Fatalf("sealed: %q", sealed)
		}
		got, err := s.Open([]byte("out "), sealed[len("before "):], "user/1/totp")
		if err != nil || string(got) != "out "+string(value) {
			t.Errorf("%d bytes: %q, %v", len(value), got, err)
		}
	}
	if bytes.Equal(s.Seal(nil, []byte("x"), "n"), s.Seal(nil, []byte("x"), "n")) {
		t.Error("the same value twice looks the same")
	}
}

func TestOpensOnlyUnderItsKeyAndName(t *testing.T) {
	s := sealer(t, 1)
	sealed := s.Seal(nil, []byte("secret"), "user/1/totp")
	derived, err := s.Derive("other purpose")
	if err != nil {
		t.Fatal(err)
	}
	for what, try := range map[string]func() ([]byte, error){
		"another name":  func() ([]byte, error) { return s.Open(nil, sealed, "user/2/totp") },
		"no name":       func() ([]byte, error) { return s.Open(nil, sealed, "") },
		"another key":   func() ([]byte, error) { return sealer(t, 2).Open(nil, sealed, "user/1/totp") },
		"a derived key": func() ([]byte, error) { return derived.Open(nil, sealed, "user/1/totp") },
	} {
		if got, err := try(); !errors.Is(err, seal.ErrOpen) || got != nil {
			t.Errorf("%s: %q, %v; want ErrOpen", what, got, err)
		}
	}
}

func TestEveryByteCounts(t *testing.T) {
	s := sealer(t, 1)
	sealed := s.Seal(nil, []byte("secret"), "n")
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			if _, err := s.Open(nil, changed, "n"); !errors.Is(err, seal.ErrOpen) {
				t.Errorf("byte %d, bit %d flipped: %v, want ErrOpen", i, bit, err)
			}
		}
	}
	for n := range sealed {
		if _, err := s.Open(nil, sealed[:n], "n"); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("cut to %d bytes: %v, want ErrOpen", n, err)
		}
	}
	if _, err := s.Open(nil, append(sealed, 0), "n"); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("a byte more: %v, want ErrOpen", err)
	}
}

func TestDerive(t *testing.T) {
	s := sealer(t, 1)
	a, err := s.DeriveKey("sessions")
	if err != nil || len(a) != seal.KeySize {
		t.Fatalf("%x, %v", a, err)
	}
	again, _ := sealer(t, 1).DeriveKey("sessions")
	other, _ := s.DeriveKey("links")
	foreign, _ := sealer(t, 2).DeriveKey("sessions")
	if !bytes.Equal(a, again) || bytes.Equal(a, other) || bytes.Equal(a, foreign) || bytes.Equal(a, bytes.Repeat([]byte{1}, seal.KeySize)) {
		t.Errorf("keys: %x, again %x, other purpose %x, other master %x", a, again, other, foreign)
	}
	// HKDF-SHA-256 (RFC 5869) of 32 bytes 0x01 without salt, computed apart from this package.
	if want := "a2de08e554d2d156165ee25940df684d8f36d47522735d935cec31734c1790e4"; hex.EncodeToString(a) != want {
		t.Errorf("the key of a purpose has changed: stores made before would not open: %x", a)
	}
}

func TestKeyOfTheWrongSize(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33, 64} {
		if _, err := seal.New(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes was taken", n)
		}
	}
}

func TestKeyBelongsToTheCaller(t *testing.T) {
	key := bytes.Repeat([]byte{1}, seal.KeySize)
	s, err := seal.New(key)
	if err != nil {
		t.Fatal(err)
	}
	clear(key)
	a, _ := s.DeriveKey("p")
	b, _ := sealer(t, 1).DeriveKey("p")
	if !bytes.Equal(a, b) {
		t.Error("changing the slice that New was given changed the key")
	}
}

func TestPrintingShowsNoKey(t *testing.T) {
	s := sealer(t, 0xa7)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		if got := fmt.Sprintf(format, s); got != "seal.Sealer" {
			t.Errorf("%s prints %s", format, got)
		}
	}
}

func TestKeyFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := seal.LoadKey(path, false); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("no file and no wish to make one: %v", err)
	}
	key, err := seal.LoadKey(path, true)
	if err != nil || len(key) != seal.KeySize {
		t.Fatal(err)
	}
	fi, err := os.Stat(path)
	if err != nil || fi.Mode() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	b, err := os.ReadFile(path)
	if err != nil || string(b) != hex.EncodeToString(key)+"\n" {
		t.Errorf("the file holds %d bytes, %v", len(b), err)
	}
	for _, create := range []bool{true, false} {
		if again, err := seal.LoadKey(path, create); err != nil || !bytes.Equal(again, key) {
			t.Errorf("loading again, create %v: another key, or %v", create, err)
		}
	}
	other, err := seal.LoadKey(filepath.Join(t.TempDir(), "key"), true)
	if err != nil || bytes.Equal(other, key) {
		t.Errorf("two files with one key, or %v", err)
	}
}

func TestThoseWhoStartAtOnceAgree(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		keys := make([][]byte, 8)
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range keys {
			wg.Go(func() {
				<-start
				var err error
				keys[i], err = seal.LoadKey(filepath.Join(dir, "key"), true)
				if err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		for _, k := range keys {
			if !bytes.Equal(k, keys[0]) {
				t.Fatal("two of them have different keys")
			}
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Fatalf("the folder holds %v, %v: want the key alone", entries, err)
		}
	}
}

func TestKeyFileModes(t *testing.T) {
	digits := []byte(strings.Repeat("0f", seal.KeySize) + "\n")
	for mode, ok := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o620: false, 0o610: false, 0o644: false} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, digits, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, link(t, path)} { // the file behind a link is what counts
			_, err := seal.LoadKey(name, true)
			if ok && err != nil {
				t.Errorf("mode %04o: %v", mode, err)
			}
			if !ok && (!errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "chmod 600")) {
				t.Errorf("mode %04o: %v, want a refusal that names the remedy", mode, err)
			}
		}
	}
}

func link(t *testing.T, to string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestKeyFileContents(t *testing.T) {
	digits := strings.Repeat("0f", seal.KeySize)
	for name, c := range map[string]struct {
		content string
		ok      bool
	}{
		"as written":    {digits + "\n", true},
		"without line":  {digits, true},
		"by an editor":  {digits + "\r\n", true},
		"empty":         {"", false},
		"a digit short": {digits[1:] + "\n", false},
		"a digit more":  {digits + "0\n", false},
		"a byte more":   {digits + "0f\n", false},
		"no hex":        {strings.Repeat("zz", seal.KeySize), false},
		"raw bytes":     {strings.Repeat("\x0f", seal.KeySize), false},
		"two keys":      {digits + "\n" + digits + "\n", false},
		"very long":     {strings.Repeat("0f", 1<<20), false},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		key, err := seal.LoadKey(path, true)
		if c.ok != (err == nil) || c.ok && !bytes.Equal(key, bytes.Repeat([]byte{0x0f}, seal.KeySize)) {
			t.Errorf("%s: %x, %v", name, key, err)
		}
		if err != nil && (!strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "0f0f") || strings.Contains(err.Error(), "zz")) {
			t.Errorf("%s: the error has no path, or what the file holds: %v", name, err)
		}
		if after, _ := os.ReadFile(path); string(after) != c.content {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestKeyFileThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "missing", "key"), link(t, filepath.Join(dir, "nowhere")), dir} {
		if key, err := seal.LoadKey(path, true); err == nil || key != nil {
			t.Errorf("%s: key %x, %v; want an error", path, key, err)
		}
	}
}
