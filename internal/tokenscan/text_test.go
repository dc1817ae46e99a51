package tokenscan

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/tokenscan/scantest"
)

// scanned lists what is found in a text: "line:number of the token", or "line:cut".
func scanned(t testing.TB, r io.Reader) string {
	t.Helper()
	var out []string
	err := Text(bufio.NewReader(r), func(line int, tok *token.Token) error {
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
	one, two := scantest.Token(t, 1), scantest.Token(t, 2)
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprintf("project-with-a-long-name-%030d", i))
	}
	long := scantest.Token(t, 3, names...)
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

// A crafted text costs about what any other does. CPU time is compared, side by side.
func TestScanIsLinear(t *testing.T) {
	one := scantest.Token(t, 1)
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
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Wherever a token stands in a long run, it is found.
func TestScanAcrossTheWindow(t *testing.T) {
	one := scantest.Token(t, 1)
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

func TestLikely(t *testing.T) {
	text := scantest.Token(t, 1)
	for _, arg := range []string{text, "--project=" + text, "'" + text, text[:40], strings.TrimPrefix(text, token.Prefix), "pypi-" + strings.Repeat("x", 60)} {
		if !Likely(arg) {
			t.Errorf("%d characters of a token are not found", len(arg))
		}
	}
	for _, arg := range []string{
		"", "pypi-", "pypi-attestations", "--file=/home/me/src/pypi-attestations/dist/pypi_attestations-0.0.28-py3-none-any.whl",
		"pypi-AgEnt", "/srv/AgEncy/packages/of/the/agency/that/has/long/names/dist/agency-1.0.0-py3-none-any.whl", strings.Repeat("ab", 32),
	} {
		if Likely(arg) {
			t.Errorf("%q is taken for a token", arg)
		}
	}
}
