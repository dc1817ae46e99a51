package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
	"time"
	"unicode"
)

func english(t testing.TB) *catalogue {
	t.Helper()
	all, err := readCatalogues()
	if err != nil {
		t.Fatal(err)
	}
	return all[fallback]
}

// Of two sentences with one key, the decoder would silently drop the first.
func TestCatalogueKeysAreUnique(t *testing.T) {
	b, err := messageFiles.ReadFile("messages/" + fallback + ".json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	_, err = d.Token()
	seen := make(map[any]bool)
	for err == nil && d.More() {
		var key json.Token
		var value json.RawMessage
		key, err = d.Token()
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
		err = errors.Join(err, d.Decode(&value))
	}
	if err != nil || len(seen) != len(english(t).messages) {
		t.Errorf("%d keys, %d sentences: %v", len(seen), len(english(t).messages), err)
	}
}

// sources are the template files by name.
func sources(t testing.TB) map[string]string {
	t.Helper()
	files, err := fs.Glob(templateFiles, "templates/*/*.html")
	if err != nil || len(files) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	out := make(map[string]string)
	for _, f := range files {
		b, err := templateFiles.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = string(b)
	}
	return out
}

// fromCode are keys that code puts together from a prefix and a value.
var fromCode = regexp.MustCompile(`^(` +
	`problem\..*|notice\..*|audit\..*|` + // codes and kinds: TestWordsOfOtherRooms, TestWordsOfTheTrail
	`trail\.(group|role)\..*|events\.factor\..*|` +
	`time\.month\.([1-9]|1[0-2])|time\.(in|ago)\.(minutes|hours|days|months|years)|` +
	`mails\.[a-z_]+(\.text)?|notifications\.group\.[a-z]+|` + // kinds of notices: TestWordsOfOtherRooms
	`error\.(400|403|404|405|413|429|500|503)\.title)$`)

// keyFunctions take a key as their first argument.
var keyFunctions = map[string]bool{"t": true, "th": true}

// Keys that templates or code use are in the catalogue, and every key of the
// catalogue is used.
func TestCatalogueIsComplete(t *testing.T) {
	c := english(t)
	used := make(map[string]bool)
	for name, source := range sources(t) {
		trees, err := parse.Parse(name, source, "", "", builtins(c))
		if err != nil {
			t.Fatal(err)
		}
		for _, tree := range trees {
			walk(tree.Root, func(args []parse.Node) {
				for i, a := range args {
					s, ok := a.(*parse.StringNode)
					if !ok {
						continue
					}
					used[s.Text] = true
					if needsKey(args, i) && !c.has(s.Text) {
						t.Errorf("%s uses the key %q, which the catalogue lacks", name, s.Text)
					}
				}
			})
		}
	}
	for s := range literals(t, ".") {
		used[s] = true
	}
	for key := range c.messages {
		if !used[key] && !fromCode.MatchString(key) {
			t.Errorf("nothing uses the key %q", key)
		}
	}
	for _, snippet := range snippets("https://example.org/legacy/") {
		if !c.has(snippet.Name) || !c.has(snippet.Lead) {
			t.Errorf("the snippet %s has no name or no lead", snippet.ID)
		}
	}
	for kind, keys := range mailTexts {
		for _, key := range keys {
			if !c.has(key) {
				t.Errorf("the mail %s has no %s", kind, key)
			}
		}
	}
}

// needsKey reports whether an argument of a call has to be a key: the first of t
// and th, and the values of label and help of input.
func needsKey(args []parse.Node, i int) bool {
	f, ok := args[0].(*parse.IdentifierNode)
	if !ok {
		return false
	}
	if keyFunctions[f.Ident] {
		return i == 1
	}
	before, ok := args[max(i-1, 0)].(*parse.StringNode)
	return f.Ident == "input" && ok && i > 3 && (before.Text == "label" || before.Text == "help")
}

// builtins are names that the parser of templates has to know.
func builtins(c *catalogue) map[string]any {
	out := map[string]any{"eq": 0, "ne": 0, "lt": 0, "gt": 0, "or": 0, "and": 0, "not": 0, "len": 0, "print": 0, "index": 0}
	for name := range funcs(c, nil) {
		out[name] = 0
	}
	return out
}

// walk calls visit with the words of each command in a template.
func walk(n parse.Node, visit func([]parse.Node)) {
	pipe := func(p *parse.PipeNode) {
		if p != nil {
			walk(p, visit)
		}
	}
	branch := func(b *parse.BranchNode) {
		pipe(b.Pipe)
		walk(b.List, visit)
		if b.ElseList != nil {
			walk(b.ElseList, visit)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, m := range n.Nodes {
			walk(m, visit)
		}
	case *parse.ActionNode:
		pipe(n.Pipe)
	case *parse.TemplateNode:
		pipe(n.Pipe)
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.PipeNode:
		for _, cmd := range n.Cmds {
			visit(cmd.Args)
			for _, a := range cmd.Args {
				walk(a, visit)
			}
		}
	}
}

// literals are the strings in the Go files of a folder, tests aside, and the
// lines where they stand.
func literals(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	inspect(t, dir, func(n ast.Node, where string) {
		if s, ok := text(n); ok {
			out[s] = where
		}
	})
	if len(out) == 0 {
		t.Fatalf("no strings in %s", dir)
	}
	return out
}

func text(n ast.Node) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// inspect visits the Go files of a folder, tests aside.
func inspect(t testing.TB, dir string, visit func(n ast.Node, where string)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if n != nil {
				visit(n, fmt.Sprint(set.Position(n.Pos())))
			}
			return true
		})
	}
}

var action = regexp.MustCompile(`(?s)\{\{.*?\}\}`)

// Attributes whose value a person reads or hears.
var spoken = []string{"alt", "title", "placeholder", "aria-label", "aria-description", "label", "content"}

// Templates hold no words of their own: those are in the catalogue. What stands
// in a code element is for machines, and so are the viewport and its like.
func TestTemplatesHoldNoWords(t *testing.T) {
	for name, source := range sources(t) {
		nodes, err := scan(action.ReplaceAllString(source, ""))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		code := 0
		for _, n := range nodes {
			switch n.tag {
			case "code":
				code++
			case "/code":
				code--
			case "":
				if code == 0 && strings.ContainsFunc(n.text, unicode.IsLetter) {
					t.Errorf("%s holds the words %q", name, strings.TrimSpace(n.text))
				}
			}
			for _, a := range spoken {
				if n.tag != "meta" && strings.ContainsFunc(n.attrs[a], unicode.IsLetter) {
					t.Errorf("%s: <%s %s> holds the words %q", name, n.tag, a, n.attrs[a])
				}
			}
		}
	}
}

// The words keep to the manner of speaking.
func TestWordsAreInManner(t *testing.T) {
	avoid := regexp.MustCompile(`(?i)!|\bplease\b|\boops\b|\binvalid\b|\bsorry\b|\bsuccessful` +
		`|\be-mails?\b|\bmails\b|\bmail\b( [^s]|[^ a-z]|$)` + // email; "mail server" is one
		`|\banew\b|\bfor ever\b|\bat present\b|\bheld back\b|, too\b|\bcannot\b|\bgoes? on\b` + // again, forever, now, reserved, too, can’t, keep
		`|[a-z]'[a-z]`) // don’t
	greeting := regexp.MustCompile(`^Hello( \{username\})?,\n\n[A-Z{]`)
	for key, m := range english(t).messages {
		for _, s := range append([]string{m.text}, m.forms["one"], m.forms["other"]) {
			if avoid.MatchString(s) {
				t.Errorf("%s: %q", key, s)
			}
			if strings.TrimSpace(s) != s && key != "steps.past" {
				t.Errorf("%s: space around %q", key, s)
			}
		}
		if m.forms != nil && m.forms["one"] == "" {
			t.Errorf("%s has no form for one", key)
		}
		if strings.HasPrefix(m.text, "Hello") && !greeting.MatchString(m.text) {
			t.Errorf("%s: the first sentence after the greeting begins without a capital: %q", key, m.text)
		}
	}
}

func TestText(t *testing.T) {
	c := &catalogue{tag: "en", messages: map[string]message{
		"list.and": {text: "{a} and {b}"}, "list.comma": {text: "{a}, {b}"},
		"time.date": {text: "{day} {month} {year}"}, "time.month.3": {text: "March"},
		"plain": {text: "Hello {name}, {missing}{"},
		"many":  {by: "n", forms: map[string]string{"one": "{n} token", "other": "{n} tokens"}},
	}}
	for _, q := range []struct {
		key  string
		args Args
		want string
	}{
		{"plain", Args{"name": "ada"}, "Hello ada, …{"},
		{"plain", Args{"name": "{missing}"}, "Hello {missing}, …{"},
		{"plain", Args{"name": []string{"a", "b", "c"}}, "Hello a, b and c, …{"},
		{"plain", Args{"name": []string{}}, "Hello , …{"},
		{"plain", Args{"name": 7}, "Hello 7, …{"},
		{"plain", Args{"name": int64(7)}, "Hello 7, …{"},
		{"plain", Args{"name": time.Date(2027, 3, 4, 1, 0, 0, 0, time.FixedZone("", 7200))}, "Hello 3 March 2027, …{"},
		{"many", Args{"n": 0}, "0 tokens"},
		{"many", Args{"n": 1}, "1 token"},
		{"many", Args{"n": 12}, "12 tokens"},
	} {
		if got, err := c.text(q.key, q.args); err != nil || got != q.want {
			t.Errorf("%s %v: got %q, %v", q.key, q.args, got, err)
		}
	}
	for _, q := range []struct {
		key  string
		args Args
	}{{"nothing", nil}, {"many", nil}, {"many", Args{"n": "1"}}} {
		if got, err := c.text(q.key, q.args); err == nil {
			t.Errorf("%s %v: got %q and no error", q.key, q.args, got)
		}
	}
}

func TestMarkupEscapes(t *testing.T) {
	c := &catalogue{messages: map[string]message{"k": {text: "<{a}> & {b}"}}}
	got, err := c.markup("k", "a", wrap("b", "<x>"), "b", "<y>")
	if want := "&lt;<b>&lt;x&gt;</b>&gt; &amp; &lt;y&gt;"; err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestDirection(t *testing.T) {
	for tag, want := range map[string]string{"en": "ltr", "de-AT": "ltr", "ar": "rtl", "he-IL": "rtl", "fa": "rtl"} {
		if got := (&catalogue{tag: tag}).direction(); got != want {
			t.Errorf("%s is written %s", tag, got)
		}
	}
}
