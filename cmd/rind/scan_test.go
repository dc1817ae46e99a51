package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf16"

	"github.com/rind-dev/rind/internal/tokenscan/scantest"
)

// asUTF16 is text as PowerShell writes it.
func asUTF16(text string, order binary.AppendByteOrder, mark bool) string {
	var b []byte
	if mark {
		b = order.AppendUint16(b, 0xfeff)
	}
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// scan runs the command on paths.
func scan(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), append([]string{"token", "scan"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestScanCommand(t *testing.T) {
	dir := t.TempDir()
	one, two := scantest.Token(t, 1), scantest.Token(t, 2)
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("clean/readme.txt", "nothing\n")
	put("clean/.git/config", one)
	put("clean/blob.bin", "\x00"+one)
	put("dirty/sub/.env", "A=1\nTOKEN="+one+"\n")
	last := put("dirty/setup.cfg", one[:len(one)-5])
	if err := os.Symlink(filepath.Join(dir, "dirty"), filepath.Join(dir, "clean", "link")); err != nil {
		t.Fatal(err)
	}
	put("clean/wide.bin", strings.Repeat("\x00\x01", 5000)+one) // not UTF-16: a zero, but few
	linked := filepath.Join(dir, "linked-folder")
	pipe := filepath.Join(dir, "pipe")
	if err := errors.Join(os.Symlink(filepath.Join(dir, "dirty", "sub"), linked), syscall.Mkfifo(pipe, 0o600), syscall.Mkfifo(filepath.Join(dir, "clean", "pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	blob := filepath.Join(dir, "clean", "blob.bin")
	text := "# päckchen 📦\n[rind]\npassword = " + one + "\n"
	wide := map[string]string{}
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		wide[name] = put("wide-"+name, asUTF16(text, order, true))
		wide[name+", unmarked"] = put("wide-unmarked-"+name, asUTF16(text, order, false))
		wide[name+", odd"] = put("wide-odd-"+name, asUTF16(text, order, true)+"x")
	}
	for name, path := range wide {
		if code, out, errs := scan(t, path); code != 1 || out != path+":3: token "+scantest.ID(1)+" of packages.example.org\n" {
			t.Errorf("UTF-16, %s: code %d, out %q, err %q", name, code, out, errs)
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(put("named", two), link); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		out  string
	}{
		"clean":             {[]string{dir + "/clean"}, 0, ""},
		"dirty":             {[]string{dir + "/dirty"}, 1, last + ":1: a token that is damaged or cut off\n" + dir + "/dirty/sub/.env:2: token " + scantest.ID(1) + " of packages.example.org\n"},
		"a link":            {[]string{link}, 1, link + ":1: token " + scantest.ID(2) + " of packages.example.org\n"},
		"JSON":              {[]string{"--json", link}, 1, `{"file":"` + link + `","line":1,"id":"` + scantest.ID(2) + `","location":"packages.example.org"}` + "\n"},
		"JSON, cut":         {[]string{"--json", last}, 1, `{"file":"` + last + `","line":1,"id":null,"location":null}` + "\n"},
		"missing":           {[]string{dir + "/none"}, 2, ""},
		"missing and dirty": {[]string{dir + "/none", link}, 1, link + ":1: token " + scantest.ID(2) + " of packages.example.org\n"},
		"no path":           {nil, 2, ""},
		"a named folder":    {[]string{linked}, 1, linked + "/.env:2: token " + scantest.ID(1) + " of packages.example.org\n"},
		"a named blob":      {[]string{blob}, 1, blob + ":1: token " + scantest.ID(1) + " of packages.example.org\n"},
		"a pipe":            {[]string{pipe}, 2, ""},
		"a device":          {[]string{"/dev/null"}, 2, ""},
		"a pipe and dirty":  {[]string{pipe, link}, 1, link + ":1: token " + scantest.ID(2) + " of packages.example.org\n"},
	} {
		code, out, errs := scan(t, c.args...)
		if code != c.code || out != c.out || (code == 0) != (errs == "") {
			t.Errorf("%s: code %d, out %q, err %q", name, code, out, errs)
		}
		if strings.Contains(out+errs, one[20:60]) || strings.Contains(out+errs, two[20:60]) {
			t.Errorf("%s: the token is in the output", name)
		}
	}
}
