package password_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/authn/password/passwordtest"
)

// Every password of a list of any length is found, and none that is not in it.
func TestBreachListFindsEveryLine(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 64, 1000} {
		var in []string
		for i := range n {
			in = append(in, strings.Repeat("p", i%40)+fmt.Sprint(i))
		}
		for _, end := range []string{"\n", "\r\n"} {
			for _, trailing := range []bool{true, false} {
				l := passwordtest.OpenBreaches(t, passwordtest.BreachFile(t, end, trailing, in...))
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
		l := passwordtest.OpenBreaches(t, passwordtest.BreachFile(t, "\n", true, listed))
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
		if _, err := password.OpenBreachList(path); err == nil || !strings.Contains(err.Error(), name) && name != "and a count" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := password.OpenBreachList(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
	if _, err := password.OpenBreachList(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no file was opened")
	}
}
