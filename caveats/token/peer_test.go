package token_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/realtest"
)

// question is one line to testdata/peer/peer.py.
type question struct {
	Op         string   `json:"op"`
	Token      string   `json:"token,omitempty"`
	Key        []byte   `json:"key,omitempty"`
	Identifier string   `json:"identifier,omitempty"`
	Location   string   `json:"location,omitempty"`
	Issued     []string `json:"issued,omitempty"`
	Caveats    []string `json:"caveats,omitempty"`
	Raw        []byte   `json:"raw"`
	Text       string   `json:"text,omitempty"`
	A          string   `json:"a,omitempty"`
	B          string   `json:"b,omitempty"`

	UserID    string `json:"user_id"`
	Project   string `json:"project"`
	ProjectID string `json:"project_id"`
	Now       int64  `json:"now"`
	Flush     bool   `json:"flush"`
}

// answer is one line from it.
type answer struct {
	Allow      bool
	Why        string
	Liberties  []string
	Extension  bool
	Token      string
	Text       string
	Location   string
	Identifier string
	Caveats    []string
}

// ask puts all questions to one Python process and returns its answers in order.
func ask(t *testing.T, questions []question) []answer {
	t.Helper()
	realtest.Need(t, realtest.Python, realtest.Pymacaroons)
	cmd := exec.CommandContext(t.Context(), realtest.Python.Path, "testdata/peer/peer.py")
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() {
		w := json.NewEncoder(in)
		for _, q := range questions {
			if err := w.Encode(q); err != nil {
				sent <- err
				return
			}
		}
		sent <- in.Close()
	}()
	answers := make([]answer, 0, len(questions))
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var a answer
		err := json.Unmarshal(lines.Bytes(), &a)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if err := cmd.Wait(); err != nil || len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions: %v", len(answers), len(questions), err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	return answers
}

// TestPymacaroonsVerifiesOurTokens: given the root key, another library finds the
// tokens genuine that Mint and Restrict make, and not those that were changed.
func TestPymacaroonsVerifiesOurTokens(t *testing.T) {
	var questions []question
	var tokens []token.Token
	add := func(tok token.Token) {
		tokens = append(tokens, tok)
		questions = append(questions, question{Op: "verify", Token: textOf(t, tok), Key: rootKey})
	}
	minted := mint(t, `[3,"`+userID+`"]`, `[1,["demo"]]`, ` [ 0 , 1800003600 , 0 ] `, `[101,["käse"]]`)
	add(minted)
	text, err := token.Restrict(textOf(t, minted), caveats.ProjectNames{"demo"}, caveats.FileNames{"käse-🧀.whl"})
	if err != nil {
		t.Fatal(err)
	}
	narrowed, err := token.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	add(narrowed)
	forged := narrowed
	forged.Caveats = forged.Caveats[:len(forged.Caveats)-1]
	add(forged)
	for i, a := range ask(t, questions) {
		if want := i < 2; a.Allow != want {
			t.Errorf("token %d: genuine is %v, want %v", i, a.Allow, want)
		}
		if !slices.Equal(bytesToStrings(tokens[i].Caveats), a.Caveats) || a.Location != tokens[i].Location || a.Identifier != tokens[i].ID {
			t.Errorf("token %d is read as %+v", i, a)
		}
	}
}

func bytesToStrings(list [][]byte) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = string(b)
	}
	return out
}

// TestTokensNarrowedByPymacaroons are read here, are written again byte for byte,
// and are genuine.
func TestTokensNarrowedByPymacaroons(t *testing.T) {
	minted := mint(t)
	var questions []question
	for _, added := range [][]string{
		{`[1, ["demo"]]`},
		{`[0, 1800000060, 1800000000]`, `[1, ["demo", "other"]]`},
		{`[100,["1.0"]]`, `[102,["aa"]]`, `[104,["upload"]]`},
		{`{"version": 1, "permissions": "user"}`},
		{`[101,["` + "käse-🧀" + `"]]`, ``},
	} {
		questions = append(questions, question{Op: "attenuate", Token: textOf(t, minted), Caveats: added})
	}
	for i, a := range ask(t, questions) {
		tok, err := token.Parse(a.Token)
		if err != nil {
			t.Fatalf("%q: %v", questions[i].Caveats, err)
		}
		if text := textOf(t, tok); text != a.Token {
			t.Errorf("written as %s, not as %s", text, a.Token)
		}
		n := len(minted.Caveats)
		if got := bytesToStrings(tok.Caveats[n:]); !slices.Equal(got, questions[i].Caveats) {
			t.Errorf("added %q, want %q", got, questions[i].Caveats)
		}
		if end, err := token.Extend(minted.Signature, tok.ID, tok.Caveats[n:]); err != nil || end != tok.Signature {
			t.Errorf("%q: the chain ends elsewhere: %v", questions[i].Caveats, err)
		}
		m := *decodeWithLibrary(a.Token)
		if len(m.Caveats()) != len(tok.Caveats) {
			t.Errorf("macaroon.v2 reads %d caveats", len(m.Caveats()))
		}
	}
}

// TestCanonicalFormIsPythons: what Append writes is what json.dumps writes.
func TestCanonicalFormIsPythons(t *testing.T) {
	var questions []question
	for _, c := range []caveats.Caveat{
		caveats.Life{ExpiresAt: 1<<63 - 1, NotBefore: -1 << 63}, caveats.ProjectNames{}, caveats.ProjectNames{"demo", "other"}, caveats.User(userID),
		caveats.FileNames{"\x00\x01\b\t\n\v\f\r\x1b\x1f !\"#/\\~\x7f\u0080ä\u2028\ufffd\uffff🧀\U0010ffff"},
	} {
		questions = append(questions, question{Op: "dumps", Text: string(c.Append(nil))})
	}
	for i, a := range ask(t, questions) {
		if a.Text != questions[i].Text {
			t.Errorf("%s, Python writes %s", questions[i].Text, a.Text)
		}
	}
}
