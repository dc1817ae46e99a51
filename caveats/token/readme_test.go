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

// worksheet writes the worked example line by line while it computes it.
type worksheet struct {
	strings.Builder
	key, binary []byte // the next key of the chain, the binary form so far
}

func (w *worksheet) line(name, value string) { fmt.Fprintf(w, "%-12s %s\n", name, value) }
func (w *worksheet) head(text string)        { w.WriteString("\n" + text + "\n\n") }

// link is one HMAC of the chain.
func (w *worksheet) link(name, message string) {
	h := hmac.New(sha256.New, w.key)
	h.Write([]byte(message))
	w.key = h.Sum(nil)
	w.line(name, hex.EncodeToString(w.key))
}

func (w *worksheet) field(kind byte, s string) {
	w.line(fmt.Sprintf("%02x %02x", kind, len(s)), hex.EncodeToString([]byte(s)))
	w.binary = append(append(w.binary, kind, byte(len(s))), s...)
}

func (w *worksheet) mark(b byte, why string) {
	w.line(fmt.Sprintf("%02x", b), why)
	w.binary = append(w.binary, b)
}

// text writes the binary form as a token, in lines of 100 characters.
func (w *worksheet) text() string {
	text := token.Prefix + base64.RawURLEncoding.EncodeToString(w.binary)
	for chunk := range slices.Chunk([]byte(text), 100) {
		w.Write(append(chunk, '\n'))
	}
	return text
}

// TestReadmeTokenByHand computes the worked example from HMAC-SHA256 alone, and
// compares it with what Mint and Restrict make.
func TestReadmeTokenByHand(t *testing.T) {
	root := make([]byte, 32)
	for i := range root {
		root[i] = byte(i)
	}
	const user, life, added = `[3,"` + userID + `"]`, `[0,1800003600,1799999940]`, `[1,["demo"]]`

	w := &worksheet{key: []byte("macaroons-key-generator")}
	w.line("root key", hex.EncodeToString(root))
	w.line("identifier", id)
	w.line("location", location)
	w.line("caveat 1", user)
	w.line("caveat 2", life)
	w.head("The chain:")
	w.link("key", string(root))
	w.link("s[0]", id)
	w.link("s[1]", user)
	w.link("s[2]", life)
	w.head("The binary form:")
	w.mark(2, "version")
	w.field(1, location)
	w.field(2, id)
	w.mark(0, "end of the section")
	w.field(2, user)
	w.mark(0, "end of caveat 1")
	w.field(2, life)
	w.mark(0, "end of caveat 2")
	before := slices.Clone(w.binary)
	w.mark(0, "no more caveats")
	w.field(6, string(w.key))
	w.head("The text:")
	text := w.text()
	w.head("Its holder narrows it to one project. Only s[2] is needed, which is in the token. Behind caveat 2 the binary form goes on:")
	w.line("caveat 3", added)
	w.link("s[3]", added)
	w.binary = before
	w.WriteString("\n")
	w.field(2, added)
	w.mark(0, "end of caveat 3")
	w.mark(0, "no more caveats")
	w.field(6, string(w.key))
	w.WriteString("\n")
	narrowed := w.text()
	checkBlock(t, "compares.\n\n```text\n", "```\n\n## Where PyPI", w.String())

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
