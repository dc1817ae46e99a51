package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/rind-dev/rind/internal/verifierstatus"
	"github.com/rind-dev/rind/issuer/adminhttp"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// evil is text that a hostile server, repository or store sends: it moves the cursor, sets a
// title, uses C1 and bidirectional controls, rewrites the line and begins a false one.
const evil = "x\x1b[2J\x1b]0;t\x07\u009b31m\u202e\u2066\r\x00\x7f\nusable:    yes\nrind: FALSE"

// harmless fails where output holds what a terminal acts on, or a line that another side
// began.
func harmless(t *testing.T, what, output string) {
	t.Helper()
	if !utf8.ValidString(output) {
		t.Errorf("%s: no UTF-8: %q", what, output)
	}
	for _, r := range output {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			t.Errorf("%s prints %U: %q", what, r, output)
			return
		}
	}
	if falseLine.MatchString(output) {
		t.Errorf("%s prints a line that another side wrote: %q", what, output)
	}
}

var falseLine = regexp.MustCompile(`(?m)^(usable:    yes|rind: FALSE)`)

// fill sets every text of v to evil, every list to two elements, and every pointer.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(evil)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	}
}

// hostile are ways to send the texts of v: as JSON has it, with what JSON need not escape
// left as it is, and with bytes that JSON forbids.
func hostile(t *testing.T, v any) [][]byte {
	t.Helper()
	p := reflect.New(reflect.TypeOf(v))
	fill(p.Elem())
	escaped, err := json.Marshal(p.Interface())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(escaped, []byte(`\u001b`)) {
		t.Fatalf("%T has no text", v)
	}
	raw := bytes.ReplaceAll(escaped, []byte(`\u001b`), []byte("\x1b"))
	return [][]byte{escaped, raw, bytes.ReplaceAll(escaped, []byte("FALSE"), []byte("\xff\x9b31m")), []byte(evil), []byte("\"" + evil + "\xff")}
}

// adminCommands are the commands of 'rind admin' with what they are answered with.
var adminCommands = map[string]struct {
	args   []string
	answer any
}{
	"people": {nil, adminhttp.People{}}, "person": {[]string{"ada"}, adminhttp.PersonDetail{}},
	"freeze": {[]string{"ada"}, adminhttp.Done{}}, "thaw": {[]string{"ada"}, adminhttp.Done{}}, "sign-out": {[]string{"ada"}, adminhttp.Done{}},
	"recover": {[]string{"ada"}, adminhttp.Done{}}, "make-admin": {[]string{"ada"}, adminhttp.Done{}}, "drop-admin": {[]string{"ada"}, adminhttp.Done{}},
	"invite": {[]string{"ada@example.org"}, adminhttp.Secret{}}, "projects": {nil, adminhttp.Projects{}}, "appoint-owner": {[]string{"demo", "ada"}, adminhttp.Done{}},
	"yank": {[]string{"demo", "1.0", "--reason", "x"}, adminhttp.Done{}}, "unyank": {[]string{"demo", "1.0"}, adminhttp.Done{}},
	"releases": {[]string{"demo"}, adminhttp.Releases{}}, "delete-release": {[]string{"demo", "1.0"}, adminhttp.Done{}}, "delete-file": {[]string{"demo", "demo-1.0.tar.gz"}, adminhttp.Done{}},
	"tokens": {nil, adminhttp.Tokens{}}, "revoke-token": {[]string{aliceID, "--reason", "x"}, adminhttp.Done{}}, "verifiers": {nil, adminhttp.Verifiers{}},
	"register-verifier": {[]string{"v1"}, adminhttp.Secret{}}, "revoke-verifier": {[]string{"v1"}, adminhttp.Done{}}, "settings": {nil, adminhttp.Settings{}},
	"read-only": {[]string{"on"}, adminhttp.Settings{}}, "registration": {[]string{"open"}, adminhttp.Settings{}}, "banner": {[]string{"set", "hello"}, adminhttp.Settings{}},
}

// TestAdminPrintsHarmlessly: each command, against a server that sends what it likes.
func TestAdminPrintsHarmlessly(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.Bind(streams{}), kong.BindTo(t.Context(), (*context.Context)(nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		if name, ok := strings.CutPrefix(leaf.Path(), "rind admin "); ok && adminCommands[strings.Fields(name)[0]].answer == nil {
			t.Errorf("no case for %q", name)
		}
	}
	var status int
	var body []byte
	socket := adminSocket(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write(body)
	})
	for name, c := range adminCommands {
		t.Run(name, func(t *testing.T) {
			for _, flags := range [][]string{nil, {"--json"}} {
				args := append(append([]string{"admin", "--socket", socket}, flags...), append([]string{name}, c.args...)...)
				for i, b := range hostile(t, c.answer) {
					status, body = http.StatusOK, b
					out, errs, code := rind(t.Context(), args...)
					harmless(t, fmt.Sprint(args, " ", i), out+errs)
					if code == exitUsage || code == exitNotRunning || i == 0 && (code != 0 || !strings.Contains(out, `\u001b[2J`)) {
						t.Errorf("%v: %d %q %q", args, code, out, errs)
					}
				}
				for i, b := range hostile(t, adminhttp.Refusal{}) {
					status, body = http.StatusConflict, b
					out, errs, code := rind(t.Context(), args...)
					harmless(t, fmt.Sprint(args, " refused ", i), out+errs)
					if code != exitFailed || i == 0 && !strings.Contains(errs, `\u001b[2J`) {
						t.Errorf("%v: %d %q %q", args, code, out, errs)
					}
				}
			}
		})
	}
}

// adminSocket answers at a unix socket.
func adminSocket(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rind") // short: a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Listener.Close()
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	return l.Addr().String()
}

// TestVerifierStatusPrintsHarmlessly: what answers at the address need not be a follower.
func TestVerifierStatusPrintsHarmlessly(t *testing.T) {
	ok := "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
	answers := []string{"HTTP/1.1 404 \x1b[2J\u009b\u202e\xff\r\nConnection: close\r\n\r\n", "\x1b[2J\xff\n", "HTTP/1.1 200 OK\r\nX\x1b: \xff\r\n\r\n{}"}
	for _, b := range hostile(t, verifierstatus.Status{}) {
		answers = append(answers, ok+string(b), ok+strings.Replace(string(b), `"usable":true`, `"usable":false`, 1))
	}
	for i, answer := range answers {
		address := rawServer(t, answer)
		for _, flags := range [][]string{nil, {"--json"}} {
			out, errs, code := rind(t.Context(), append([]string{"verifier", "status", "--from", address}, flags...)...)
			out = strings.TrimPrefix(out, "usable:    yes\n") // the first line is ours
			harmless(t, fmt.Sprint(i, flags), out+errs)
			if code == 0 && !strings.Contains(answer, `"usable":true`) {
				t.Errorf("%q is usable", answer)
			}
		}
	}
}

// rawServer sends answer to whoever asks.
func rawServer(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, answer)
			c.Close()
		}
	}()
	return l.Addr().String()
}

// TestStoresPrintHarmlessly: a store was filled by an issuer that need not be honest.
func TestStoresPrintHarmlessly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rootkeys.db")
	store, err := groupAccess{}.openKeysFile(path, "", "", false)
	if err != nil {
		t.Fatal(err)
	}
	err = store.Apply(t.Context(), rootkeys.Position{Issuer: evil, Epoch: 1, Revision: 1}, nil)
	if err := errors.Join(err, store.Heard(time.Now()), store.Close()); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"verifier", "status", "--keys", path}, {"verifier", "status", "--keys", path, "--json"}, {"verifier", "copy", "--keys", path, "--to", filepath.Join(dir, "copy.db")},
	} {
		out, errs, code := rind(t.Context(), args...)
		harmless(t, fmt.Sprint(args), strings.TrimPrefix(out, "usable:    yes\n")+errs)
		if code == exitUsage || !strings.Contains(out+errs, `\u001b[2J`) {
			t.Errorf("%v: %d %q %q", args, code, out, errs)
		}
	}
}

// TestScanPrintsHarmlessly: a repository's names are anybody's.
func TestScanPrintsHarmlessly(t *testing.T) {
	dir := t.TempDir()
	name := strings.ReplaceAll(evil, "\x00", "") + "\xff"
	text := "pypi-AgEUcGFja2FnZXMuZXhhbXBsZS5vcmc" + strings.Repeat("A", 100) + "\n"
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{dir}, {"--json", dir}, {filepath.Join(dir, name+"2")}, {filepath.Join(dir, name, "x")}} {
		out, errs, code := rind(t.Context(), append([]string{"token", "scan"}, args...)...)
		harmless(t, fmt.Sprintf("%q", args), out+errs)
		if code == 0 || !strings.Contains(out+errs, `\u001b[2J`) {
			t.Errorf("%q: %d %q %q", args, code, out, errs)
		}
	}
}

// TestEveryArgumentIsPrintedHarmlessly: what is wrong on the command line is repeated.
func TestEveryArgumentIsPrintedHarmlessly(t *testing.T) {
	for _, args := range [][]string{{evil}, {"token", evil}, {"token", "verify", "--" + evil}, {"token", "inspect", "--token-file", evil + "\xff"}, {"verifier", "status", "--from", evil}} {
		out, errs, code := rind(t.Context(), args...)
		for _, r := range out + errs {
			if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
				t.Errorf("%q: %q", args, out+errs)
				break
			}
		}
		if code == 0 || errs == "" {
			t.Errorf("%q: %d", args, code)
		}
	}
}

// TestCommandsPrintToTheirStreams: nothing but main takes the process's own.
func TestCommandsPrintToTheirStreams(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	direct := regexp.MustCompile(`os\.Std(out|err)|fmt\.Print|\bprintln?\(|\blog\.(Print|Fatal|Panic)`)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n := len(direct.FindAll(b, -1))
		if !strings.HasSuffix(file, "_test.go") && n > 0 && (file != "main.go" || n != 2) {
			t.Errorf("%s writes past the streams, which make text harmless", file)
		}
	}
}
