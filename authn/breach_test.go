package authn

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

// A listed password is refused wherever somebody chooses one, and a list that can't
// be read lets none through.
func TestBreachedPasswordsAreRefused(t *testing.T) {
	const listed = "glacier 41 mandolin otter"
	list := openBreaches(t, breachFile(t, "\n", true, listed, "another one"))
	e := newEnv(t, func(c *Config) { c.Breaches = list })
	ctx := t.Context()
	root := e.admin()
	calls := e.hash.calls.Load()

	_, link, err := e.Invite(ctx, root.Session, home, "eve@example.org")
	if err != nil {
		t.Fatal(err)
	}
	eve := Registration{Username: "eve", Email: "eve@example.org", Password: listed, Purpose: PurposeInvitation, Link: link}
	_, err = e.Register(ctx, home, eve)
	if p := wantProblem(t, err, "password", CodePasswordBreached); p.Args["count"] != len(listed) {
		t.Errorf("said to be seen %v times", p.Args["count"])
	}
	e.refresh(root)
	_, err = e.ChangePassword(ctx, root.Session, home, root.password, listed)
	wantProblem(t, err, "password", CodePasswordBreached)
	err = e.ResetPassword(ctx, home, e.askReset(root), listed)
	wantProblem(t, err, "password", CodePasswordBreached)
	if e.hash.calls.Load() != calls {
		t.Error("a hash was made of a password that is refused")
	}

	list.Close()
	if _, err = e.ChangePassword(ctx, root.Session, home, root.password, "violet anchor 9 thimble"); err == nil {
		t.Error("a password was taken without a look at the list")
	}
}
