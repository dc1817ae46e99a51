package password

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// breachFile writes a list of passwords, each seen as often as its length.
func breachFile(t *testing.T, lineEnd string, trailing bool, passwords ...string) string {
	t.Helper()
	var lines []string
	for _, p := range passwords {
		sum := sha1.Sum([]byte(p))
		lines = append(lines, fmt.Sprintf("%s:%d", strings.ToUpper(hex.EncodeToString(sum[:])), len(p)))
	}
	slices.Sort(lines)
	text := strings.Join(lines, lineEnd)
	if trailing {
		text += lineEnd
	}
	path := filepath.Join(t.TempDir(), "breaches.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func openBreaches(t *testing.T, path string) *BreachList {
	t.Helper()
	l, err := OpenBreachList(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// Every password of a list of any length is found, and none that is not in it.
func TestBreachListFindsEveryLine(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 64, 1000} {
		var in []string
		for i := range n {
			in = append(in, strings.Repeat("p", i%40)+fmt.Sprint(i))
		}
		for _, end := range []string{"\n", "\r\n"} {
			for _, trailing := range []bool{true, false} {
				l := openBreaches(t, breachFile(t, end, trailing, in...))
				for _, p := range in {
					if got, err := l.Count(p); err != nil || got != len(p) {
						t.Fatalf("%d lines, %q: %q was seen %d times, %v; want %d", n, end, p, got, err, len(p))
					}
					if got, err := l.Count(p + "x"); err != nil || got != 0 {
						t.Fatalf("%d lines, %q: %q was seen %d times, %v", n, end, p+"x", got, err)
					}
				}
			}
		}
	}
}

// A password is looked for as it was typed, too: who published the list composed no
// letters.
func TestBreachListKnowsBothForms(t *testing.T) {
	const composed, typed = "caf\u00e9 noir", "cafe\u0301 noir"
	for _, listed := range []string{composed, typed} {
		l := openBreaches(t, breachFile(t, "\n", true, listed))
		if got, err := l.Count(typed); err != nil || got == 0 {
			t.Errorf("%+q is listed, and %+q was seen %d times, %v", listed, typed, got, err)
		}
	}
}

func TestBreachListRefusesOtherFiles(t *testing.T) {
	a, b := strings.Repeat("A", 40), strings.Repeat("B", 40)
	for name, text := range map[string]string{
		"is empty": "", "not a hash": "password\nsecret\n", "not sorted": b + ":1\n" + strings.Repeat(b+":1\n", 5) + a + ":1\n",
		"and a count": a + "\n", "too long": strings.Repeat("A", 4000),
	} {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenBreachList(path); err == nil || !strings.Contains(err.Error(), name) && name != "and a count" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenBreachList(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
	if _, err := OpenBreachList(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no file was opened")
	}
}
