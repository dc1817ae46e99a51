package caveats

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/quick"
)

// TestVersionNormalForms: PEP 440, sections "Normalization", "Local version
// identifiers" and "Version specifiers", with the PEP's own examples and words.
func TestVersionNormalForms(t *testing.T) {
	for in, want := range map[string]string{
		// Case sensitivity.
		"1.1RC1": "1.1rc1",
		// Integer normalization.
		"00": "0", "09000": "9000", "1.0+foo0100": "1.0+foo0100", "1.0+0100": "1.0+100", "1.0+00": "1.0+0",
		// Pre-release separators.
		"1.1.a1": "1.1a1", "1.1-a1": "1.1a1", "1.1_a1": "1.1a1", "1.1a.1": "1.1a1", "1.1a-1": "1.1a1", "1.1a_1": "1.1a1",
		// Pre-release spelling.
		"1.1alpha1": "1.1a1", "1.1beta2": "1.1b2", "1.1c3": "1.1rc3", "1.1pre4": "1.1rc4", "1.1preview5": "1.1rc5",
		// Implicit pre-release number.
		"1.2a": "1.2a0",
		// Post-release separators and spelling.
		"1.2-post2": "1.2.post2", "1.2.post2": "1.2.post2", "1.2_post2": "1.2.post2", "1.2post2": "1.2.post2",
		"1.2.post-2": "1.2.post2", "1.2.post_2": "1.2.post2", "1.2.post.2": "1.2.post2",
		"1.0-r4": "1.0.post4", "1.0-rev4": "1.0.post4", "1.0r4": "1.0.post4",
		// Implicit post-release number, implicit post-release.
		"1.2.post": "1.2.post0", "1.0-1": "1.0.post1", "1.0-0": "1.0.post0",
		// Development release separators, implicit number.
		"1.2-dev2": "1.2.dev2", "1.2dev2": "1.2.dev2", "1.2_dev2": "1.2.dev2", "1.2.dev-2": "1.2.dev2", "1.2.dev": "1.2.dev0",
		// Local version segments.
		"1.0+ubuntu-1": "1.0+ubuntu.1", "1.0+ubuntu_1": "1.0+ubuntu.1", "1.0+Ubuntu.1": "1.0+ubuntu.1",
		// Preceding v, surrounding white space.
		"v1.0": "1.0", "V1.0": "1.0", "1.0\n": "1.0", " \t\n\r\f\v1.0 ": "1.0",
		// Epochs and the forms of the specification.
		"1!1.0": "1!1.0", "0!1.0": "1.0", "01!1": "1!1", "2013.10": "2013.10",
		"1.0.dev456": "1.0.dev456", "1.0a2.dev456": "1.0a2.dev456", "1.0b2.post345.dev456": "1.0b2.post345.dev456",
		"1.0rc1.dev456": "1.0rc1.dev456", "1.0+abc.5": "1.0+abc.5", "1.0+abc.7": "1.0+abc.7", "1.0.post456.dev34": "1.0.post456.dev34",
		"1!2.3.4-ALPHA-5-POST-6-DEV-7+Local_8": "1!2.3.4a5.post6.dev7+local.8",
		// Separators without the number that they announce, as the pattern of appendix B has it.
		"1.0a-": "1.0a0", "1.0a.dev1": "1.0a0.dev1", "1.0a--1": "1.0a0.post1", "1.0.post-": "1.0.post0", "1.0a-1-2": "1.0a1.post2",
		// Any length of numbers.
		"99999999999999999999999.1": "99999999999999999999999.1",
		"1.2.0.0":                   "1.2.0.0",
	} {
		v, err := ParseVersion(in)
		if err != nil || v.String() != want {
			t.Errorf("ParseVersion(%q) = %s, %v, want %s", in, v, err, want)
		}
		if !EqualVersions(in, want) || !EqualVersions(want, in) {
			t.Errorf("%q and %q are not equal", in, want)
		}
	}
}

func TestVersionsThatAreNone(t *testing.T) {
	for _, in := range []string{
		"", " ", "v", "vv1", "one", "1.", ".1", "1..2", "1.0-", "1.0.", "1.0_1", "1.0x", "1.0+", "1.0+a.", "1.0+.a", "1.0+a..b", "1.0+a+b",
		"1!", "!1", "1!2!3", "1 .0", "1.0 a1", "1.0a1a2", "1.0dev1dev2", "1.0.dev1.post1", "1.0.post1a1", "1.0post1post2", "v 1.0", "-1", "1,0", "1.0/2",
		"१.०", "1.0\u00a0", "\u20281.0", "1.0ſ", "1.0+\u212a", "1.0\x00", "1.0rev1r1", "1.0--1",
	} {
		if v, err := ParseVersion(in); !errors.Is(err, ErrVersion) || ValidVersion(in) || EqualVersions(in, in) {
			t.Errorf("ParseVersion(%q) = %v, %v", in, v, err)
		}
	}
}

func TestVersionEquality(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		equal bool
	}{
		{"1.0", "1", true}, {"1.0", "1.0.0.0", true}, {"0", "0.0", true}, {"1.0.1", "1.0.1.0", true}, {"1!1.0", "1!1", true},
		{"1.0+1", "1.0+01", true}, {"1.0+a.1", "1+A-01", true}, {"1.0a1", "1.0.0-alpha.01", true}, {"1.0-1", "1.post1", true},
		{"1.0", "1.0+local", false}, {"1.0+0", "1.0", false}, {"1.0+1", "1.0+1.0", false}, {"1.0+01a", "1.0+1a", false},
		{"1.0", "1!1.0", false}, {"1.0", "1.0.post0", false}, {"1.0", "1.0.dev0", false}, {"1.0", "1.0a0", false}, {"1.0a1", "1.0b1", false}, {"1.0a1", "1.0rc1", false},
		{"1.0", "10", false}, {"1.10", "1.1", false}, {"1.0.1", "1.0.10", false}, {"1.0a1", "1.0.post1", false}, {"1.0.post1", "1.0.dev1", false},
		{"18446744073709551617", "1", false}, // 2^64+1
		{"1.0a1.dev1", "1.0.dev1", false}, {"one", "one", false}, {"", "", false},
	} {
		if EqualVersions(c.a, c.b) != c.equal || EqualVersions(c.b, c.a) != c.equal {
			t.Errorf("EqualVersions(%q, %q) is not %v", c.a, c.b, c.equal)
		}
	}
}

// pep440 is the pattern of PEP 440, appendix B, for a version in any spelling.
var pep440 = regexp.MustCompile(`^(?i)[ \t\n\r\f\v]*v?(?:(?:([0-9]+)!)?([0-9]+(?:\.[0-9]+)*)` +
	`([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?([0-9]+)?)?` +
	`((?:-([0-9]+))|(?:[-_.]?(post|rev|r)[-_.]?([0-9]+)?))?` +
	`([-_.]?(dev)[-_.]?([0-9]+)?)?)` +
	`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?[ \t\n\r\f\v]*$`)

// checkVersion holds the parser against the pattern, and its normal form against
// itself.
func checkVersion(t *testing.T, s string) {
	t.Helper()
	v, err := ParseVersion(s)
	if want := isASCII(s) && pep440.MatchString(s); want != (err == nil) {
		t.Fatalf("ParseVersion(%q): %v, the pattern says %v", s, err, want)
	}
	if err != nil {
		return
	}
	normal := v.String()
	w, err := ParseVersion(normal)
	if err != nil || w != v || w.String() != normal {
		t.Fatalf("%q: normal form %q gives %q, %v", s, normal, w, err)
	}
	if !EqualVersions(s, s) || !EqualVersions(s, normal) {
		t.Fatalf("%q does not equal its normal form %q", s, normal)
	}
	if EqualVersions(s, normal+".dev1") || v.local == "" && EqualVersions(s, normal+"+1") {
		t.Fatalf("%q equals another version", s)
	}
}

// TestVersionsAgainstThePattern makes versions from the pieces of the grammar, so
// that many of them are close to being one.
func TestVersionsAgainstThePattern(t *testing.T) {
	pieces := []string{"0", "1", "01", "10", ".", "-", "_", "!", "+", "v", "a", "alpha", "b", "beta", "c", "rc", "pre", "preview", "post", "rev", "r", "dev", "x", " ", "A"}
	valid := 0
	check := func(choice []byte) bool {
		var b strings.Builder
		b.WriteString([]string{"1", "v1.0", "1!2", "1.0"}[len(choice)%4])
		for _, c := range choice[:min(len(choice), 9)] {
			b.WriteString(pieces[int(c)%len(pieces)])
		}
		checkVersion(t, b.String())
		if ValidVersion(b.String()) {
			valid++
		}
		return true
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 20000}); err != nil {
		t.Error(err)
	}
	if valid < 200 {
		t.Errorf("only %d versions were valid", valid)
	}
}
