package ui

import (
	"bytes"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var noon = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

func TestRelativeTime(t *testing.T) {
	c := english(t)
	for d, want := range map[time.Duration]string{
		0: "just now", -59 * time.Second: "just now", 59 * time.Second: "in less than a minute",
		-time.Minute: "1 minute ago", -119 * time.Minute: "1 hour ago", -2 * time.Hour: "2 hours ago",
		-24 * time.Hour: "1 day ago", -59 * day: "59 days ago", -60 * day: "2 months ago",
		-729 * day: "24 months ago", -730 * day: "2 years ago",
		12*day + 23*time.Hour: "in 12 days", 90 * time.Minute: "in 1 hour", day - time.Second: "in 24 hours", 30*day - 10*time.Minute: "in 30 days", 47 * time.Hour: "in 1 day", 90 * day: "in 3 months", 1000 * day: "in 2 years",
	} {
		if got := c.relative(noon, noon.Add(d)); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}

func TestLengths(t *testing.T) {
	c := english(t)
	for d, want := range map[time.Duration]string{
		time.Millisecond: "1 second", 30 * time.Second: "30 seconds", time.Minute: "1 minute", 14*time.Minute + time.Second: "15 minutes",
		24 * time.Hour: "24 hours", 47*time.Hour + time.Second: "48 hours", 7 * day: "7 days",
	} {
		if got := c.length(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}

// What ends at midnight works until the day before.
func TestLastDay(t *testing.T) {
	c := english(t)
	for end, want := range map[time.Time]string{
		time.Date(2027, 3, 4, 0, 0, 0, 0, time.UTC): "3 March 2027",
		time.Date(2027, 3, 4, 0, 0, 1, 0, time.UTC): "4 March 2027",
		time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC): "31 December 2026",
	} {
		if got := c.lastDay(end); got != want {
			t.Errorf("%s: got %q, want %q", end, got, want)
		}
	}
}

func TestTimeElement(t *testing.T) {
	got := string(english(t).element(noon.In(time.FixedZone("", -3600)), "a<b"))
	want := `<time datetime="2026-11-22T12:00:00Z" title="22 November 2026, 12:00 UTC">a&lt;b</time>`
	if got != want {
		t.Errorf("got %s", got)
	}
}

func TestScope(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	end := time.Date(2027, 3, 4, 0, 0, 0, 0, time.UTC)
	for _, q := range []struct {
		all      bool
		projects []string
		end      time.Time
		want     string
	}{
		{false, []string{"demo", "demo-plugins"}, end, "Uploads to demo and demo-plugins until 3 March 2027."},
		{true, nil, end, "Uploads to all your projects until 3 March 2027."},
		{false, []string{"demo"}, time.Time{}, "Uploads to demo until you revoke it."},
	} {
		if got := r.Scope("en", q.all, q.projects, q.end); got != q.want {
			t.Errorf("got %q, want %q", got, q.want)
		}
	}
}

func TestBrowser(t *testing.T) {
	c := english(t)
	for header, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0":                                            "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36 Edg/1": "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Mobile Safari/537.36":          "Chrome on Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1":      "Safari on iPhone",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15":                 "Safari on macOS",
		"curl/8.14.1": "curl",
		"":            "an unknown program",
		"<script>":    "an unknown program",
	} {
		if got := c.browser(header); got != want {
			t.Errorf("%s: got %q, want %q", header, got, want)
		}
	}
}

func TestMails(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	const link = "https://packages.example.org/verify-email?link=dGhpcyBpcyBub3QgYSByZWFsIGxpbmsgYnV0IGl0IGlzIGFzIGxvbmc"
	for kind := range mailTexts {
		args := Args{
			"username": "ada", "inviter": "grace", "key": "laptop", "reason": "staging", "link": link, "left": "3", "project": "demo", "version": "1.0", "file": "demo-1.0.tar.gz", "from": "ada", "user": "bob", "email": "ada@engines.example", "by": "grace", "until": noon.Add(day), "label": "CI\r\nBcc: eve@example.org\u2028\x00",
			"scope": "Uploads to demo until 3 March 2027.", "url": "https://git.example.org/.env", "time": noon, "expires": noon.Add(day), "ip": "203.0.113.7", "browser": "Firefox on Linux",
			"created": noon, "role": "owner", "was": "maintainer", "to": "ada@example.net", "settings": link,
		}
		subject, body, err := r.Mail("en", kind, args)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if subject == "" || strings.ContainsAny(subject, "\r\n\x00\u2028{}…") {
			t.Errorf("%s: the subject is %q", kind, subject)
		}
		if strings.ContainsAny(body, "\r\x00\u2028{}…") || strings.Contains(body, "\nBcc:") {
			t.Errorf("%s: the body is %q", kind, body)
		}
		for _, line := range strings.Split(body, "\n") {
			if utf8.RuneCountInString(line) > 72 && !strings.Contains(line, link) {
				t.Errorf("%s: the line %q is too long", kind, line)
			}
		}
		for _, want := range []string{"22 November 2026, 12:00 UTC", "203.0.113.7", "Firefox on Linux"} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the body lacks %q", kind, want)
			}
		}
	}
	_, body, err := r.Mail("en", MailVerifyEmail, Args{"username": "ada", "link": link, "expires": noon})
	if err != nil || !strings.Contains(body, "\n  "+link+"\n") || strings.Contains(body, "From:") {
		t.Errorf("the link does not stand on a line of its own, or a moment is said: %q, %v", body, err)
	}
	if _, _, err := r.Mail("en", "nothing", nil); err == nil {
		t.Error("an unknown kind is no error")
	}
}

func TestFold(t *testing.T) {
	long := strings.Repeat("x", 80)
	if got := fold("a " + long + " b\n  " + long + " c\n\nd"); got != "a\n"+long+"\nb\n  "+long+" c\n\nd" {
		t.Errorf("got %q", got)
	}
}

func TestQR(t *testing.T) {
	got := string(qr([][]bool{{true, true, false}, {false, false, true}, {true, false, true}}))
	for _, want := range []string{
		`viewBox="0 0 11 11"`, `<path fill="#fff" d="M0 0h11v11H0z"/>`,
		`d="M4 4h2v1h-2zM6 5h1v1h-1zM4 6h1v1h-1zM6 6h1v1h-1z"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the drawing lacks %s: %s", want, got)
		}
	}
}

func TestOtpauthAlone(t *testing.T) {
	if got := otpauth("otpauth://totp/rind:ada?secret=A"); got == "" {
		t.Error("the address of an app was dropped")
	}
	for _, bad := range []string{"javascript:alert(1)", "https://example.org/", "", "OTPAUTH://totp/x"} {
		if got := otpauth(bad); got != "" {
			t.Errorf("%s was let through", bad)
		}
	}
}

// Snippets say where to upload and mark each place of the token; nothing that
// looks like a token is filled in.
func TestSnippets(t *testing.T) {
	const url = "https://packages.example.org/legacy/"
	for _, s := range snippets(url) {
		all, places := "", 0
		for _, p := range s.Parts {
			all += p.Text
			if p.Place {
				places++
			}
		}
		want := 1
		if s.ID == "env" {
			want = 7
		}
		if places != want {
			t.Errorf("%s marks %d places", s.ID, places)
		}
		if !strings.Contains(all, url) || strings.Contains(all, "URL\n") || strings.Contains(all, "pypi-A") || strings.Contains(all, mark) {
			t.Errorf("%s is %q", s.ID, all)
		}
	}
}

var (
	physical = regexp.MustCompile(`(margin|padding|border|inset)-(left|right|top|bottom)|[\s;{](left|right|top|bottom|width|height|min-width|max-width)\s*:|text-align:\s*(left|right)|float\s*:`)
	remote   = regexp.MustCompile(`@import|url\(|https?://[^w]`)
)

// Styles name directions by the flow of the text, and fetch nothing.
func TestStylesAreLogical(t *testing.T) {
	files, err := fs.Glob(embedded, "assets/*.css")
	if err != nil || len(files) == 0 {
		t.Fatalf("no styles: %v", err)
	}
	for _, file := range files {
		b, err := embedded.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.Split(b, []byte("\n")) {
			if physical.Match(line) || remote.Match(line) {
				t.Errorf("%s:%d: %s", file, i+1, line)
			}
		}
	}
}

var (
	schemeBlock = regexp.MustCompile(`(?s)@media \(prefers-color-scheme: (?:dark|light)\) \{\s*:root \{(.*?)\}\s*\}`)
	colourOnly  = regexp.MustCompile(`^\s*(?:--[a-z-]+: #[0-9a-f]{3,8};\s*)*$`)
)

// schemeMistakes is what a text changes with the scheme of colours beside variables that are colours.
func schemeMistakes(text string) (found []string) {
	for _, block := range schemeBlock.FindAllStringSubmatch(text, -1) {
		if !colourOnly.MatchString(block[1]) {
			found = append(found, block[1])
		}
	}
	if rest := schemeBlock.ReplaceAllString(text, ""); strings.Contains(rest, "prefers-color-scheme") {
		found = append(found, "asks for the scheme elsewhere")
	}
	return found
}

// In a dark page nothing but colours differs: whoever looked at all else of a light one has looked
// at both (package axe).
func TestSchemesDifferInColoursOnly(t *testing.T) {
	seen := 0
	err := fs.WalkDir(embedded, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := embedded.ReadFile(path)
		seen += len(schemeBlock.FindAll(b, -1))
		for _, wrong := range schemeMistakes(string(b)) {
			t.Errorf("%s: %s", path, wrong)
		}
		return err
	})
	if err != nil || seen == 0 {
		t.Errorf("%d styles for a scheme: %v", seen, err)
	}
	for _, bad := range []string{
		"@media (prefers-color-scheme: dark) { :root { --ink: #fff; --gap: 3px; } }",
		"@media (prefers-color-scheme: dark) { :root { --ink: #fff; } .nav { display: none } }",
		"@media print and (prefers-color-scheme: dark) { :root { --ink: #fff; } }",
		`matchMedia("(prefers-color-scheme: dark)")`,
	} {
		if len(schemeMistakes(bad)) == 0 {
			t.Errorf("not found: %s", bad)
		}
	}
}

// fetching are the scripts that send something to where their page says: what a key
// answered, and a password whose strength is to be said.
var fetching = []string{"assets/webauthn.js", "assets/strength.js"}

// Scripts neither make code nor markup out of text, and fetch nothing, but for those
// of fetching.
func TestScriptsAreTame(t *testing.T) {
	wild := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|XMLHttpRequest|WebSocket|import\(|localStorage|document\.cookie`)
	files, err := fs.Glob(embedded, "assets/*.js")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		b, err := embedded.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := wild.Find(b); found != nil {
			t.Errorf("%s uses %s", file, found)
		}
		if bytes.Contains(b, []byte("fetch(")) && !slices.Contains(fetching, file) {
			t.Errorf("%s fetches something", file)
		}
	}
}

// Every snippet has a tab whose choice shows it.
func TestEverySnippetHasATab(t *testing.T) {
	css, err := embedded.ReadFile("assets/content.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range snippets("https://packages.example.org/legacy/") {
		if want := ".tabs:has(#client-" + s.ID + ":checked) .panel-" + s.ID; !bytes.Contains(css, []byte(want)) {
			t.Errorf("the styles lack %s", want)
		}
	}
}
