package caveats

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rind-dev/rind/internal/corpus"
)

func TestCorpora(t *testing.T) { corpus.Check(t, 8) }

// FuzzParse holds the parser against a second reader of the same rules, made of
// the standard library's decoder and of what that one is too kind about, and
// holds Parse and Append to be inverse on the canonical form.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		c, err := Parse(raw)
		if !bytes.Equal(raw, before) {
			t.Fatal("the input was changed")
		}
		if got, want := kind(err), reference(raw); got != want {
			t.Fatalf("%q is %s, the reference says %s", raw, got, want)
		}
		if c == nil {
			return
		}
		canonical := c.Append(nil)
		again, err2 := Parse(canonical)
		if len(canonical) > MaxCaveat { // escapes can make it longer than it came
			return
		}
		if kind(err) != kind(err2) || !bytes.Equal(again.Append(nil), canonical) {
			t.Fatalf("%q: canonical form %q gives %#v, %v", raw, canonical, again, err2)
		}
		r := fullRequest()
		if a, b := c.Check(r), again.Check(r); (a == nil) != (b == nil) || a != nil && *a != *b {
			t.Fatalf("%q and its canonical form differ: %v, %v", raw, a, b)
		}
		if _, unknown := c.(Unknown); unknown && c.Check(r) == nil {
			t.Fatalf("%q is unknown and holds", raw)
		}
		if s := c.String(); s == "" || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("words of %q: %q", raw, s)
		}
	})
}

// FuzzCheck looks for a request that passes a caveat it does not satisfy: what
// holds must hold by a plain reading of the list.
func FuzzCheck(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte, said string, seconds int64) {
		r := fullRequest()
		r.Project, r.Version, r.Filename, r.Action = said, said, said, said
		r.Now = time.Unix(seconds%(1<<40), 0)
		failures := Check([][]byte{raw}, r)
		c, err := Parse(raw)
		if (err != nil) && len(failures) == 0 {
			t.Fatalf("%q does not parse and holds", raw)
		}
		if err != nil || len(failures) > 0 {
			return
		}
		holds := false
		switch c := c.(type) {
		case Life:
			now := seconds % (1 << 40)
			holds = c.NotBefore <= now && now < c.ExpiresAt
		case User:
			holds = c == userA
		case ProjectNames:
			holds = anyOf(c, func(s string) bool { return ValidProjectName(said) && s == pep503(said) })
		case ProjectIDs:
			holds = anyOf(c, func(s string) bool { return s == projectB })
		case Versions:
			holds = anyOf(c, func(s string) bool { return pep440.MatchString(s) && pep440.MatchString(said) })
		case FileNames:
			holds = anyOf(c, func(s string) bool { return s == said && s != "" })
		case Actions:
			holds = anyOf(c, func(s string) bool { return s == said || s == "upload" && said == "stage" })
		case Digests:
			holds = anyOf(c, func(s string) bool { return s == digestA })
		case Networks:
			holds = anyOf(c, func(s string) bool { return strings.Contains(s, "/") && strings.Contains(s, ".") })
		}
		if !holds {
			t.Fatalf("%q holds for %q at %d", raw, said, seconds)
		}
	})
}

func anyOf(list []string, f func(string) bool) bool {
	for _, s := range list {
		if f(s) {
			return true
		}
	}
	return false
}

// pep503 is the PEP's own definition.
func pep503(name string) string {
	return strings.ToLower(separators.ReplaceAllString(name, "-"))
}

var separators = regexp.MustCompile(`[-_.]+`)

func FuzzVersion(f *testing.F) {
	f.Fuzz(func(t *testing.T, a, b string) {
		checkVersion(t, a)
		checkVersion(t, b)
		if EqualVersions(a, b) != EqualVersions(b, a) {
			t.Fatalf("%q and %q are equal in one direction", a, b)
		}
	})
}

func FuzzNormalizeProject(f *testing.F) {
	valid := regexp.MustCompile(`^(?i)([a-z0-9]|[a-z0-9][a-z0-9._-]*[a-z0-9])$`)
	f.Fuzz(func(t *testing.T, name string) {
		want := isASCII(name) && valid.MatchString(name)
		if ValidProjectName(name) != want {
			t.Fatalf("%q is valid: %v", name, !want)
		}
		got := NormalizeProject(name)
		if want && got != pep503(name) || !want && got != "" || NormalizeProject(got) != got {
			t.Fatalf("%q normalizes to %q", name, got)
		}
	})
}

func kind(err error) string {
	switch {
	case err == nil:
		return "known"
	case errors.Is(err, ErrUnknown):
		return "unknown"
	case errors.Is(err, ErrMalformed):
		return "malformed"
	}
	return err.Error()
}

// reference classifies a caveat by the rules of README.md, slowly.
func reference(raw []byte) string {
	if len(raw) > MaxCaveat || !utf8.Valid(raw) || !json.Valid(raw) || loneSurrogate(raw) || depth(raw) > maxDepth+1 {
		return "malformed"
	}
	var parts []json.RawMessage
	err := json.Unmarshal(raw, &parts)
	if err != nil || len(parts) == 0 {
		return "malformed"
	}
	tag := string(parts[0])
	if !integerLiteral.MatchString(tag) {
		return "malformed"
	}
	good := false
	switch tag {
	case "0":
		good = len(parts) == 3 && isTime(parts[1]) && isTime(parts[2])
	case "3":
		good = len(parts) == 2 && parts[1][0] == '"' && areOfForm(tag, json.RawMessage("["+string(parts[1])+"]"))
	case "1", "2", "100", "101", "102", "103", "104":
		good = len(parts) == 2 && isTexts(parts[1]) && areOfForm(tag, parts[1])
	default:
		return "unknown"
	}
	if good {
		return "known"
	}
	return "malformed"
}

var integerLiteral = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

func isTime(raw json.RawMessage) bool {
	_, err := strconv.ParseInt(string(raw), 10, 64)
	return err == nil && integerLiteral.Match(raw)
}

func isTexts(raw json.RawMessage) bool {
	var elements []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &elements) != nil {
		return false
	}
	for _, e := range elements {
		if e[0] != '"' {
			return false
		}
	}
	return true
}

// areOfForm holds the elements of a list against what the contract asks for.
func areOfForm(tag string, raw json.RawMessage) bool {
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return false
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString
	form := map[string]func(string) bool{
		"1": projectName.MatchString, "2": uuid, "3": uuid, "100": func(s string) bool { return pep440.MatchString(s) && isASCII(s) },
		"101": regexp.MustCompile(`^[^/\x00]+$`).MatchString, "102": regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString,
		"103": isPrefix, "104": regexp.MustCompile(`^(upload|stage|create)$`).MatchString,
	}[tag]
	return !anyOf(list, func(s string) bool { return !form(s) || tag == "101" && (s == "." || s == "..") })
}

var projectName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$`)

// isPrefix reads a network with another reader than parseNetwork: the address and the
// network that net.ParseCIDR finds have to be one, and not one of IPv4 inside IPv6.
func isPrefix(s string) bool {
	ip, network, err := net.ParseCIDR(s)
	return err == nil && ip.Equal(network.IP) && !(strings.Contains(s, ":") && ip.To4() != nil)
}

// loneSurrogate looks for \u escapes of surrogates that are no pair, in valid
// JSON. An escaped backslash is stepped over.
func loneSurrogate(raw []byte) bool {
	var high rune
	for i := 0; i < len(raw); {
		if raw[i] != '\\' || raw[i+1] != 'u' {
			if high != 0 {
				return true
			}
			if raw[i] == '\\' {
				i++
			}
			i++
			continue
		}
		n, _ := strconv.ParseUint(string(raw[i+2:i+6]), 16, 16)
		switch r := rune(n); {
		case high != 0 && utf16.DecodeRune(high, r) == utf8.RuneError:
			return true
		case high != 0:
			high = 0
		case utf16.IsSurrogate(r):
			high = r
		}
		i += 6
	}
	return high != 0
}

// depth is how deep the brackets of valid JSON nest.
func depth(raw []byte) int {
	d := json.NewDecoder(bytes.NewReader(raw))
	deepest, now := 0, 0
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return deepest
		} else if err != nil {
			return 1 << 30
		}
		switch tok {
		case json.Delim('['), json.Delim('{'):
			now++
			deepest = max(deepest, now)
		case json.Delim(']'), json.Delim('}'):
			now--
		}
	}
}

// TestReferenceAgreesOnTheTables: the second reader gives the same answers on
// everything that the tables of this package hold.
func TestReferenceAgreesOnTheTables(t *testing.T) {
	for _, s := range samples {
		if got := reference([]byte(s.wire)); got != "known" {
			t.Errorf("%s is %s", s.wire, got)
		}
	}
	for _, in := range []string{`[true,["demo"]]`, `[-0,1]`, `[3,"\ud800"]`, `[3,"\ud800\u0041"]`, "[3,\"\xff\"]", `{"version":1}`, `[0,1,0,0]`, `[0,9223372036854775808,0]`,
		`[3,"x"]`, `[1,["a b"]]`, `[2,["X"]]`, `[100,["x"]]`, `[101,["a/b"]]`, `[101,[".."]]`, `[102,["aa"]]`, `[103,["192.0.2.1"]]`, `[103,["192.0.2.1/24"]]`,
		`[103,["::ffff:192.0.2.0/120"]]`, `[104,["Upload"]]`} {
		if got := reference([]byte(in)); got != "malformed" {
			t.Errorf("%s is %s", in, got)
		}
	}
	if got := reference([]byte(`[101,["\\ud800"]]`)); got != "known" {
		t.Errorf("an escaped backslash before u: %s", got)
	}
}
