package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/rind-dev/rind/internal/realtest"
)

// shownLink is the newest link to a page that the terminal shows for somebody, "" where
// there is none.
func (s *server) shownLink(to, path string) string {
	link := ""
	for _, m := range regexp.MustCompile(`(?m)^mail to (\S+): [^\n]+: (\S+)$`).FindAllStringSubmatch(s.process.Out.String(), -1) {
		if m[1] == to && strings.HasPrefix(m[2], s.url+path) {
			link = m[2]
		}
	}
	return link
}

// TestTheFirstFiveMinutes is what anybody does first: start rind without settings, follow
// what the terminal and the pages say, and install what was uploaded. The three minutes
// that it may take a person are for reading and typing; here it takes seconds.
func TestTheFirstFiveMinutes(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium, realtest.Oathtool, realtest.Python, realtest.Build, realtest.Wheel, realtest.Twine, realtest.Pip)
	began := time.Now()
	s := startServer(t, "")
	for _, want := range []string{"Open this link to become its first administrator:", "emails are written to " + s.data + "/outbox.", "Their links are also printed here."} {
		if !strings.Contains(s.process.Out.String(), want) {
			t.Errorf("the terminal does not say %q:\n%s", want, s.process.Out)
		}
	}
	ada := newPerson(t, s, nil, "ada")
	ada.open(s.setupLink())
	ada.picture("1-setup")
	ada.fill("username", ada.name)
	ada.fill("email", ada.address())
	ada.fill("password", password)
	ada.press("Create account")
	ada.at("/verify-email/sent")
	ada.sees("The link is in the terminal", s.data+"/outbox")
	ada.picture("2-sent")
	realtest.Eventually(t, "the link in the terminal", func() error {
		if strings.Contains(s.process.Out.String(), "mail to ada@example.org: confirm your email address: "+s.url+"/verify-email?link=") {
			return nil
		}
		return errNone
	})
	ada.confirmAddress()
	ada.picture("3-factors")
	ada.addAuthenticator()
	ada.saveCodes()
	ada.at("/tokens")
	ada.picture("4-tokens")
	ada.register("demo")
	token := ada.mint("laptop", "demo")
	ada.picture("5-token")
	if out, err := twine(t, s, token, build(t, "demo", "1.0")); err != nil {
		t.Fatalf("twine: %v\n%s", err, out)
	}
	into := t.TempDir()
	mustRun(t, into, []string{"PIP_CONFIG_FILE=/dev/null"}, realtest.Pip.Path, "-m", "pip", "install", "--target", into,
		"--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--index-url", s.url+"/simple/", "demo")
	if _, err := os.Stat(filepath.Join(into, "demo.py")); err != nil {
		t.Error(err)
	}
	t.Logf("from the start to an installed file: %s", time.Since(began).Round(time.Second))

	ada.open(s.url + "/forgot-password")
	ada.fill("login", "ada")
	ada.press("Send link")
	ada.sees("The link is in the terminal")
	ada.picture("6-forgot")
	if link := ada.mailedLink("/reset-password"); !strings.Contains(link, "?link=") {
		t.Errorf("the terminal shows %q", link)
	}
	if files, err := filepath.Glob(filepath.Join(s.data, "outbox", "*.eml")); err != nil || len(files) < 2 {
		t.Errorf("the outbox has %v, %v", files, err)
	}
}

// TestLinksOfOthersAreNotShown starts rind as it stands behind a proxy: links of mails are
// in no terminal, and no page names a folder of the server.
func TestLinksOfOthersAreNotShown(t *testing.T) {
	t.Parallel()
	s := startServer(t, "")
	s.stop()
	s.args = append(s.args, "--listen", strings.Replace(strings.TrimPrefix(s.url, "http://"), "localhost", "0.0.0.0", 1))
	s.start()
	link := s.setupLink()
	if strings.Contains(s.process.Out.String(), "Their links are also printed here") {
		t.Errorf("the terminal says so:\n%s", s.process.Out)
	}
	jar := map[string]string{}
	form := "link=" + link[strings.Index(link, "?link=")+6:] + "&username=ada&email=ada@example.org&password=ochre+lantern+drifts+past+seven+wharves"
	send := func(method, path, body string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", formType)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		for name, value := range jar {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		for _, c := range res.Cookies() {
			jar[c.Name] = c.Value
		}
		var b strings.Builder
		_, err = io.Copy(&b, res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	send("POST", "/setup", form)
	page := send("GET", "/verify-email/sent", "")
	if !strings.Contains(page, "ada@example.org") || strings.Contains(page, "outbox") {
		t.Errorf("the page says\n%s", page)
	}
	realtest.Eventually(t, "the mail is a file", func() error {
		if files, _ := filepath.Glob(filepath.Join(s.data, "outbox", "*.eml")); len(files) == 0 {
			return errNone
		}
		return nil
	})
	if strings.Contains(s.process.Out.String(), "/verify-email?link=") {
		t.Errorf("the terminal shows a link:\n%s", s.process.Out)
	}
}

// picturesVariable names a folder for pictures of the pages on the way.
const picturesVariable = "RIND_PICTURES"

// picture takes a picture of the page, where somebody wants one.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv(picturesVariable)
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		b.t.Error(err)
	}
}
