package token_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/realtest"
)

var update = flag.Bool("update", false, "write the blocks of README.md that tests compute")

const readmePath = "../README.md"

func readme(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(readmePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// checkBlock holds what lies between two lines of README.md against what it
// should be, or writes it if the test was asked to.
func checkBlock(t *testing.T, begin, end, want string) {
	t.Helper()
	text := readme(t)
	before, rest, ok := strings.Cut(text, begin)
	block, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md has no %q … %q", begin, end)
	}
	switch {
	case block == want:
	case *update:
		if err := os.WriteFile(readmePath, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("README.md (go test -update mends it):\n%s\nwant:\n%s", block, want)
	}
}

// TestReadmeTokenByHand computes the worked example from HMAC-SHA256 alone, and
// compares it with what Mint and Restrict make.
func TestReadmeTokenByHand(t *testing.T) {
	root := make([]byte, 32)
	for i := range root {
		root[i] = byte(i)
	}
	mac := func(key, message []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(message)
		return h.Sum(nil)
	}
	user, life, added := `[3,"`+userID+`"]`, `[0,1800003600,1799999940]`, `[1,["demo"]]`

	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-12s %s\n", name, value) }
	field := func(kind byte, s string) string {
		line(fmt.Sprintf("%02x %02x", kind, len(s)), fmt.Sprintf("%x", s))
		return string([]byte{kind, byte(len(s))}) + s
	}
	mark := func(why string) string {
		line("00", why)
		return "\x00"
	}

	line("root key", hex.EncodeToString(root))
	line("identifier", id)
	line("location", location)
	line("caveat 1", user)
	line("caveat 2", life)
	b.WriteString("\nThe chain:\n\n")
	key := mac([]byte("macaroons-key-generator"), root)
	line("key", hex.EncodeToString(key))
	s := mac(key, []byte(id))
	line("s[0]", hex.EncodeToString(s))
	s = mac(s, []byte(user))
	line("s[1]", hex.EncodeToString(s))
	s = mac(s, []byte(life))
	line("s[2]", hex.EncodeToString(s))

	b.WriteString("\nThe binary form:\n\n")
	line("02", "version")
	binary := "\x02" + field(1, location) + field(2, id) + mark("end of the section") +
		field(2, user) + mark("end of caveat 1") + field(2, life) + mark("end of caveat 2")
	unsigned := binary
	binary += mark("no more caveats") + field(6, string(s))
	text := token.Prefix + base64.RawURLEncoding.EncodeToString([]byte(binary))
	b.WriteString("\nThe text:\n\n" + wrap(text))

	b.WriteString("\nIts holder narrows it to one project. Only s[2] is needed, which is in the token:\n\n")
	line("caveat 3", added)
	s = mac(s, []byte(added))
	line("s[3]", hex.EncodeToString(s))
	narrowed := token.Prefix + base64.RawURLEncoding.EncodeToString([]byte(unsigned+"\x02\x0c"+added+"\x00\x00\x06\x20"+string(s)))
	b.WriteString("\n" + wrap(narrowed))

	checkBlock(t, "compares.\n\n```text\n", "```\n\n## Where PyPI", b.String())

	tok, err := token.Mint(root, id, location, bytesOf([]string{user, life}))
	if err != nil {
		t.Fatal(err)
	}
	if got := textOf(t, tok); got != text {
		t.Errorf("Mint makes %s", got)
	}
	if got, err := token.Restrict(text, caveats.ProjectNames{"demo"}); err != nil || got != narrowed {
		t.Errorf("Restrict makes %s, %v", got, err)
	}
}

// wrap breaks a long text into lines of 100 characters.
func wrap(text string) string {
	var b strings.Builder
	for chunk := range slices.Chunk([]byte(text), 100) {
		b.Write(chunk)
		b.WriteByte('\n')
	}
	return b.String()
}

// TestReadmeListsTheLiberties: the table is the list of the differential test.
func TestReadmeListsTheLiberties(t *testing.T) {
	var lines []string
	for name, why := range liberties {
		lines = append(lines, "| "+name+" | "+why+" |\n")
	}
	slices.Sort(lines)
	checkBlock(t, "| | why it is refused here |\n|---|---|\n", "\n## Compatibility", strings.Join(lines, ""))
}

// TestReadmeNamesReasonsAndTags: none of them is missing on the page.
func TestReadmeNamesReasonsAndTags(t *testing.T) {
	text := readme(t)
	for _, r := range []caveats.Reason{
		caveats.MalformedToken, caveats.TooLarge, caveats.UnknownToken, caveats.WrongLocation, caveats.BadSignature, caveats.Revoked,
		caveats.MalformedCaveat, caveats.UnknownCaveat, caveats.Expired, caveats.NotYetValid, caveats.WrongProject, caveats.WrongUser,
		caveats.WrongVersion, caveats.WrongFile, caveats.WrongDigest, caveats.WrongNetwork, caveats.WrongAction, caveats.UserFrozen,
		caveats.NotAMember, caveats.ApprovalRequired, caveats.Unavailable,
	} {
		if !strings.Contains(text, "`"+string(r)+"`") {
			t.Errorf("README.md does not name %s", r)
		}
	}
	for _, c := range []caveats.Caveat{caveats.Life{}, caveats.ProjectNames{}, caveats.ProjectIDs{}, caveats.User(""), caveats.Versions{}, caveats.FileNames{}, caveats.Digests{}, caveats.Networks{}, caveats.Actions{}} {
		if !strings.Contains(text, fmt.Sprintf("\n| %d | ", c.Tag())) {
			t.Errorf("README.md has no tag %d", c.Tag())
		}
	}
}

// TestReadmePythonNarrows runs the page's first Python program as it stands there.
func TestReadmePythonNarrows(t *testing.T) {
	realtest.Need(t, realtest.Python, realtest.Pymacaroons)
	_, rest, ok := strings.Cut(readme(t), "```python\n")
	program, _, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 {
		t.Fatal("README.md has no Python program")
	}
	issued := mint(t, `[3,"`+userID+`"]`)
	cmd := exec.Command(realtest.Python.Path, "-c", program)
	cmd.Stdin = strings.NewReader(textOf(t, issued) + "\n")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	tok, err := token.Parse(strings.TrimSuffix(string(out), "\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := caveats.Request{UserID: userID, Project: "Demo", Version: "1.0.0", Filename: "demo-1.0.tar.gz", Now: time.Now()}
	rec := record{rootKey, id, location, issued.Caveats}
	if f := verdict(t, tok, rec, r); f != nil {
		t.Errorf("the narrowed token is refused: %v", f)
	}
	r.Version, r.Now = "1.1", time.Now().Add(20*time.Minute)
	if f := verdict(t, tok, rec, r); len(f) != 2 || f[0].Reason != caveats.Expired || f[1].Reason != caveats.WrongVersion {
		t.Errorf("the token is not narrowed: %v", f)
	}
}
