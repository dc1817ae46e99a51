package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
)

// sample is the text of a token whose id ends with a number; projects make it long.
func sample(t testing.TB, n int, projects ...string) string {
	t.Helper()
	cs := []caveats.Caveat{caveats.User(aliceID)}
	if len(projects) > 0 {
		cs = append(cs, caveats.ProjectNames(projects))
	}
	tok, err := token.Mint(make([]byte, 32), sampleID(n), "packages.example.org", raw(cs...))
	if err != nil {
		t.Fatal(err)
	}
	text, err := tok.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sampleID(n int) string { return fmt.Sprintf("01a202e9-b380-7000-8000-%012d", n) }

// scanned lists what is found in a text: "line:number of the token", or "line:cut".
func scanned(t testing.TB, r io.Reader) string {
	t.Helper()
	var out []string
	err := scanText(bufio.NewReader(r), func(line int, tok *token.Token) error {
		what := "cut"
		if tok != nil {
			what = strings.TrimLeft(tok.ID[24:], "0")
		}
		out = append(out, fmt.Sprintf("%d:%s", line, what))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestScanText(t *testing.T) {
	one, two := sample(t, 1), sample(t, 2)
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprintf("project-with-a-long-name-%030d", i))
	}
	long := sample(t, 3, names...)
	filler := strings.Repeat("abcdEFGH0123-_", 5000) // 70,000 characters of the alphabet
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                {"", ""},
		"prose":                  {"a pypi- prefix, pypi-token, pypi-AgEIcHlwaS5vcmc and nothing else\n", ""},
		"alone":                  {one, "1:1"},
		"in a line":              {"a\nb\nPASSWORD=" + one + "\nc", "3:1"},
		"two in a line":          {one + " " + two + "\n" + one, "1:1 1:2 2:1"},
		"glued in front":         {"TOKEN_" + one, "1:1"},
		"glued behind":           {one + "-_x\n", "1:1"},
		"glued to one another":   {one + two, "1:1 1:2"},
		"quoted, CR LF":          {"x: \"" + one + "\"\r\n'" + two + "'", "1:1 2:2"},
		"long":                   {long, "1:3"},
		"cut":                    {one[:len(one)-9] + "\n", "1:cut"},
		"cut, then whole":        {one[:len(one)-9] + two, "1:cut 1:2"},
		"damaged":                {strings.Replace(one, "AgEU", "AgEV", 1), "1:cut"},
		"behind a long run":      {filler + one, "1:1"},
		"in front of a long run": {one + filler + "\n" + two, "1:1 2:2"},
		"prefix after prefix":    {strings.Repeat("pypi-AgEU", 5000) + one, "1:1"},
		"percent-encoded":        {"https://__token__:" + percent(one, "-_") + "@packages.example.org", "1:1"},
		"all percent-encoded":    {"a\n" + percent(one, "") + "\n", "2:1"},
		"percent-encoded twice":  {strings.ReplaceAll(percent(one, "-_"), "%", "%25"), "1:1"},
		"percent signs":          {"100% %% %2 %zz %E4 " + one + " %", "1:1"},
		"Basic":                  {"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("__token__:"+one)) + "\r\n", "1:1"},
		"Basic, another name":    {"_auth=" + base64.StdEncoding.EncodeToString([]byte("ab:"+one)), "1:1"},
		"Basic, glued":           {"x/" + base64.RawURLEncoding.EncodeToString([]byte("a:"+one+"\n")) + "+", "1:1"},
		"Basic, percent-encoded": {"Basic%20" + strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte("__token__:"+one)), "=", "%3D"), "1:1"},
		"a file in base64":       {"data: " + base64.StdEncoding.EncodeToString([]byte("[rind]\npassword = "+one+"\n\npassword = "+two+"\n")), "1:1 1:2"},
		"Basic, long":            {base64.StdEncoding.EncodeToString([]byte(filler + long)), "1:3"},
	} {
		for _, chunk := range []int{1, 7, 1 << 20} {
			if got := scanned(t, &chunks{strings.NewReader(c.text), chunk}); got != c.want {
				t.Errorf("%s, in pieces of %d: found %q, want %q", name, chunk, got, c.want)
			}
		}
	}
}

// percent is a text with all its characters percent-encoded, or those of a set.
func percent(text, set string) string {
	var b strings.Builder
	for i := range len(text) {
		if set == "" || strings.IndexByte(set, text[i]) >= 0 {
			fmt.Fprintf(&b, "%%%02x", text[i])
		} else {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

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

// A crafted text costs about what any other does. CPU time is compared, side by side.
func TestScanIsLinear(t *testing.T) {
	one := sample(t, 1)
	for name, piece := range map[string]string{
		"beginnings": "pypi-AgEU", "beginnings in base64": base64.StdEncoding.EncodeToString([]byte("pypi-AgEUpypi-AgEU")), "almost beginnings": "pypi-Ag",
		"tokens": one, "long": "pypi-AgEU" + strings.Repeat("A", 8100), "percent signs": "%", "percent-encoded": "%70%79%70%69%2d%41%67%45%55",
	} {
		cost := func(size int, enough time.Duration) time.Duration { // at best, of three times
			text := strings.Repeat(piece, size/len(piece))
			best := time.Hour
			for n := 0; n < 3 && best > enough; n++ {
				began := processTime(t)
				scanned(t, strings.NewReader(text))
				best = min(best, processTime(t)-began)
			}
			return best
		}
		// Work that is linear in the window costs 16,000 times the bytes; a factor of 40
		// tells that from a noisy machine.
		const size = 256 << 10
		plain := strings.Repeat("a line of text that is no token\n", size/32)
		began := processTime(t)
		scanned(t, strings.NewReader(plain))
		base := max(processTime(t)-began, 5*time.Millisecond)
		if got := cost(size, 40*base); got > 40*base {
			t.Errorf("%s: 256 KiB take %s, plain text %s", name, got, base)
		}
	}
}

// processTime is the CPU time of this process.
func processTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Wherever a token stands in a long run, it is found.
func TestScanAcrossTheWindow(t *testing.T) {
	one := sample(t, 1)
	for n := 2*scanMost - 2*len(one); n < 2*scanMost+2*scanStart; n++ {
		if got := scanned(t, strings.NewReader(strings.Repeat("a", n)+one)); got != "1:1" {
			t.Fatalf("behind %d characters: %q", n, got)
		}
	}
}

// chunks is a reader that gives few bytes at a time.
type chunks struct {
	io.Reader
	n int
}

func (c *chunks) Read(p []byte) (int, error) { return c.Reader.Read(p[:min(len(p), c.n)]) }

// endless is so many bytes of a token's alphabet, in one line.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range p[:n] {
		p[i] = "pypi-Ax"[i%7]
	}
	e.left -= n
	return n, nil
}

// The memory of a scan does not grow with what is scanned.
func TestScanIsBounded(t *testing.T) {
	cost := func(size int) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		scanned(t, &endless{size})
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	cost(1 << 18)
	if small, large := cost(1<<18), cost(1<<20); large > small+(64<<10) {
		t.Errorf("256 KiB cost %d bytes of memory, 1 MiB cost %d", small, large)
	}
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
	one, two := sample(t, 1), sample(t, 2)
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
		if code, out, errs := scan(t, path); code != 1 || out != path+":3: token "+sampleID(1)+" of packages.example.org\n" {
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
		"dirty":             {[]string{dir + "/dirty"}, 1, last + ":1: a token that is damaged or cut off\n" + dir + "/dirty/sub/.env:2: token " + sampleID(1) + " of packages.example.org\n"},
		"a link":            {[]string{link}, 1, link + ":1: token " + sampleID(2) + " of packages.example.org\n"},
		"JSON":              {[]string{"--json", link}, 1, `{"file":"` + link + `","line":1,"id":"` + sampleID(2) + `","location":"packages.example.org"}` + "\n"},
		"JSON, cut":         {[]string{"--json", last}, 1, `{"file":"` + last + `","line":1,"id":null,"location":null}` + "\n"},
		"missing":           {[]string{dir + "/none"}, 2, ""},
		"missing and dirty": {[]string{dir + "/none", link}, 1, link + ":1: token " + sampleID(2) + " of packages.example.org\n"},
		"no path":           {nil, 2, ""},
		"a named folder":    {[]string{linked}, 1, linked + "/.env:2: token " + sampleID(1) + " of packages.example.org\n"},
		"a named blob":      {[]string{blob}, 1, blob + ":1: token " + sampleID(1) + " of packages.example.org\n"},
		"a pipe":            {[]string{pipe}, 2, ""},
		"a device":          {[]string{"/dev/null"}, 2, ""},
		"a pipe and dirty":  {[]string{pipe, link}, 1, link + ":1: token " + sampleID(2) + " of packages.example.org\n"},
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

func BenchmarkScan(b *testing.B) {
	text := strings.Repeat("def build(self): return [x for x in self.modules_of_a_package]\n", 10_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if scanned(b, strings.NewReader(text)) != "" {
			b.Fatal("found")
		}
	}
}
