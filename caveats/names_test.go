package caveats

import (
	"strings"
	"testing"
)

// TestNormalizeProject: PEP 503, "Normalized Names", and the packaging guide's
// examples, all of which name one project.
func TestNormalizeProject(t *testing.T) {
	for _, name := range []string{"friendly-bard", "Friendly-Bard", "FRIENDLY-BARD", "friendly.bard", "friendly_bard", "friendly--bard", "FrIeNdLy-._.-bArD"} {
		if got := NormalizeProject(name); got != "friendly-bard" {
			t.Errorf("NormalizeProject(%q) = %q", name, got)
		}
	}
	for name, want := range map[string]string{
		"A": "a", "0": "0", "a-1": "a-1", "zope.interface": "zope-interface", "a_.b": "a-b", "Django": "django", "a-b-c": "a-b-c",
	} {
		got := NormalizeProject(name)
		if got != want || NormalizeProject(got) != got {
			t.Errorf("NormalizeProject(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestWhatIsNoProjectName: PEP 508, "Names". The patterns of other tools let a
// line end and letters such as the Kelvin sign pass.
func TestWhatIsNoProjectName(t *testing.T) {
	for _, name := range []string{"", "-", ".", "_a", "a-", "-a", "a.", " a", "a ", "a b", "a\n", "\na", "a/b", "a\x00", "ä", "\u212a", "\u017f", "a\u2010b", "demo\u200b", "a+b", "../a"} {
		if ValidProjectName(name) || NormalizeProject(name) != "" {
			t.Errorf("%q passes for a project name", name)
		}
	}
	for c := rune(0); c < 0x100; c++ {
		ok := strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", c)
		if ValidProjectName(string(c)) != ok {
			t.Errorf("%q as a name is not %v", c, ok)
		}
		if inside := "a" + string(c) + "b"; ValidProjectName(inside) != (ok || strings.ContainsRune("-_.", c)) {
			t.Errorf("%q inside a name", c)
		}
	}
}

func TestValidUUID(t *testing.T) {
	const good = "01900000-0000-7000-8000-00000000abcd"
	if !ValidUUID(good) {
		t.Error(good)
	}
	for _, s := range []string{"", good + "0", good[1:], strings.ToUpper(good), "{" + good[2:] + "}", "01900000000070008000" + "-00000000abcd---", strings.Replace(good, "-", "0", 1), strings.Replace(good, "d", "g", 1), good + "\n"} {
		if ValidUUID(s) {
			t.Errorf("%q passes for a UUID", s)
		}
	}
	for i := range good {
		if s := good[:i] + "x" + good[i+1:]; ValidUUID(s) {
			t.Errorf("%q passes for a UUID", s)
		}
	}
}
