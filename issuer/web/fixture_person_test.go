package web

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// person is somebody with a browser, and perhaps an account.
type person struct {
	*house
	name   string
	id     string
	jar    http.CookieJar
	client *http.Client
	secret string   // of the authenticator app
	codes  []string // recovery codes
}

// visitor is somebody with an empty browser.
func (h *house) visitor(name string) *person {
	p := &person{house: h, name: name}
	p.forget()
	h.secrets.meet(p)
	return p
}

// forget empties the browser.
func (p *person) forget() {
	p.jar, _ = cookiejar.New(nil) // never fails
	p.client = &http.Client{
		Transport: p.server.Client().Transport, Jar: p.jar, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (p *person) address() string { return p.name + "@example.org" }

// cookie is the value of a cookie that the browser has, "" where it has none.
func (p *person) cookie(name string) string {
	u, _ := url.Parse(p.server.URL)
	for _, c := range p.jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// with puts a cookie into the browser.
func (p *person) with(name, value string) {
	u, _ := url.Parse(p.server.URL)
	p.jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true}})
}

// page is an answer.
type page struct {
	t      testing.TB
	what   string // request
	status int
	header http.Header
	body   string
}

// send sends a request as a browser does on a page of this server.
func (p *person) send(r *http.Request) page {
	p.Helper()
	if r.Header.Get("Sec-Fetch-Site") == "" {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	}
	resp, err := p.client.Do(r)
	if err != nil {
		p.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	p.house.secrets.shown(resp.Header, string(b))
	return page{p.T, r.Method + " " + r.URL.Path, resp.StatusCode, resp.Header, string(b)}
}

func (p *person) request(method, path, contentType, body string) *http.Request {
	p.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, p.server.URL+path, strings.NewReader(body))
	p.must(err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func (p *person) get(path string) page {
	p.Helper()
	return p.send(p.request("GET", path, "", ""))
}

const formType = "application/x-www-form-urlencoded"

// post sends a form; fields are names and values in turn.
func (p *person) post(path string, fields ...string) page {
	p.Helper()
	return p.send(p.request("POST", path, formType, form(fields...).Encode()))
}

func form(fields ...string) url.Values {
	f := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		f.Add(fields[i], fields[i+1])
	}
	return f
}

// is fails unless the answer has the status and leads to the place, "" for none.
func (a page) is(status int, place string) page {
	a.t.Helper()
	if a.status != status || a.header.Get("Location") != place {
		a.t.Fatalf("%s: %d to %q, want %d to %q\n%s", a.what, a.status, a.header.Get("Location"), status, place, a.text())
	}
	return a
}

// says fails unless the page says it.
func (a page) says(s string) page {
	a.t.Helper()
	if s == "" || !strings.Contains(a.text(), s) {
		a.t.Fatalf("%s does not say %q:\n%s", a.what, s, a.text())
	}
	return a
}

var (
	tagPattern   = regexp.MustCompile(`(?s)<script.*?</script>|<svg.*?</svg>|<[^>]*>`)
	spacePattern = regexp.MustCompile(`\s+`)
)

// text is what somebody reads.
func (a page) text() string {
	return spacePattern.ReplaceAllString(html.UnescapeString(tagPattern.ReplaceAllString(a.body, " ")), " ")
}

// element is the text of the first element with an attribute, "" for none. It
// holds no other of its kind.
func (a page) element(attribute string) string {
	m := regexp.MustCompile(`<(\w+)[^>]*` + attribute + `[^>]*>`).FindStringSubmatchIndex(a.body)
	if m == nil {
		return ""
	}
	inner, _, _ := strings.Cut(a.body[m[1]:], "</"+a.body[m[2]:m[3]]+">")
	return strings.TrimSpace(html.UnescapeString(tagPattern.ReplaceAllString(inner, "")))
}

// wrong is what the page says beside a field.
func (a page) wrong(field string) string {
	return strings.TrimSpace(a.element(`id="` + field + `-problem"`))
}

// value is what stands in a field.
func (a page) value(field string) string {
	m := regexp.MustCompile(`(?s)<input[^>]*\bname="` + field + `"[^>]*\bvalue="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// code is a code of the authenticator app, a new one each time.
func (p *person) code() string {
	p.Helper()
	p.clock.pass(30 * time.Second)
	code, err := totp.GenerateCode(p.secret, p.clock.Now())
	p.must(err)
	return code
}

// register fills the form in behind a link; "" is open registration.
func (p *person) register(path ui.Path, link string) {
	p.Helper()
	if link != "" {
		p.get(path.WithLink(link)).is(303, string(path))
		link = p.get(string(path)).is(200, "").value("link")
	}
	p.post(string(path), "username", p.name, "email", p.address(), "password", password, "link", link).is(303, "/verify-email/sent")
	user, err := p.auth.Accounts.UserByName(context.Background(), p.name)
	p.must(err)
	p.id = user.ID
}

var mailedLink = regexp.MustCompile(`https?://\S+\?link=\S+`)

// mailed is the last link that was mailed to the person, without the server.
func (p *person) mailed(path string) string {
	p.Helper()
	found := ""
	for _, m := range p.mails.messages() {
		if l := mailedLink.FindString(m.Text); m.To == p.address() && strings.Contains(l, path+"?") {
			found = l
		}
	}
	if !strings.HasPrefix(found, p.public()+"/") {
		p.Fatalf("no mail with a link to %s: %q", path, found)
	}
	return strings.TrimPrefix(found, p.public())
}

func (p *person) confirmAddress() {
	p.Helper()
	p.get(p.mailed("/verify-email")).is(303, "/verify-email")
	link := p.get("/verify-email").is(200, "").value("link")
	p.post("/verify-email", "link", link).is(303, "/account/factors")
}

func (p *person) addAuthenticator() {
	p.Helper()
	p.secret = strings.ReplaceAll(p.get("/account/totp").is(200, "").element(`id="secret"`), " ", "")
	got := p.post("/account/totp", "code", p.code()).is(200, "")
	p.readCodes(got)
}

var codePattern = regexp.MustCompile(`^[0-9a-f]{16}$`)

func (p *person) readCodes(got page) {
	p.Helper()
	p.codes = nil
	for _, code := range strings.Split(got.element(`id="codes"`), "\n") {
		code = strings.ReplaceAll(code, " ", "")
		if codePattern.MatchString(code) {
			p.codes = append(p.codes, code)
		}
	}
	if len(p.codes) != 8 {
		p.Fatalf("%d recovery codes\n%s", len(p.codes), got.text())
	}
}

func (p *person) saveCodes() {
	p.Helper()
	p.lands(p.post("/account/recovery-codes", "code", p.codes[0]))
}

// lands fails unless an answer leads to where one begins: to the tokens, or to the
// projects where an invitation waits.
func (p *person) lands(got page) {
	p.Helper()
	if got.header.Get("Location") != "/projects" {
		got.is(303, "/tokens")
	}
}

// enrol does all behind the registration.
func (p *person) enrol() *person {
	p.Helper()
	p.confirmAddress()
	p.addAuthenticator()
	p.saveCodes()
	return p
}

// founder is the first administrator.
func (h *house) founder(name string) *person {
	h.Helper()
	link, _, ok, err := h.auth.Accounts.SetupLink(context.Background())
	h.must(err)
	if !ok {
		h.Fatal("there is an account already")
	}
	p := h.visitor(name)
	p.register(ui.PathSetup, link.Reveal())
	return p.enrol()
}

// guest has registered by an administrator's invitation.
func (p *person) guest(name string) *person {
	p.Helper()
	g := p.visitor(name)
	p.post("/admin/invitations", "email", g.address()).is(200, "")
	_, link, _ := strings.Cut(g.mailed("/invitation"), "link=")
	g.register(ui.PathInvitation, link)
	return g
}

// signIn signs in anew, with an empty browser.
func (p *person) signIn() *person {
	p.Helper()
	p.forget()
	p.post("/login", "login", p.name, "password", password).is(303, "/login/totp")
	p.lands(p.post("/login/totp", "code", p.code()))
	return p
}

// project registers a project.
func (p *person) project(name string) {
	p.Helper()
	p.post("/new-project", "name", name).is(303, "/projects/"+name)
}

// mint makes a token and returns its text and its id.
// invites asks somebody into a project, who accepts.
func (p *person) invites(project string, who *person, role string) {
	p.Helper()
	p.post("/projects/"+project+"/members", "user", who.name, "role", role).is(303, "/projects/"+project)
	link := who.mailed("/project-invitation")
	who.get(link).is(303, "/project-invitation")
	at := who.get("/project-invitation").header.Get("Location")
	who.get(at).is(200, "").says(p.name + " invited you to " + project)
	who.post(at).is(303, "/projects/"+project)
	said := map[string]string{"maintainer": "You are now a member of the project.", "owner": "You are now an owner of the project."}
	who.get("/projects/" + project).says(said[role])
}

func (p *person) mint(label string, fields ...string) (text, id string) {
	p.Helper()
	if len(fields) == 0 {
		fields = []string{"scope", "all"}
	}
	got := p.post("/tokens/new", append(fields, "label", label, "life", "30")...).is(200, "")
	text = got.element(`id="token"`)
	if !strings.HasPrefix(text, "pypi-") {
		p.Fatalf("no token:\n%s", got.text())
	}
	row := regexp.MustCompile(`/tokens/([0-9a-f-]{36})/revoke`).FindStringSubmatch(p.get("/tokens").body)
	if row == nil {
		p.Fatal("no token in the list")
	}
	return text, row[1]
}

// holds tells whether the browser's session is a signed-in one.
func (p *person) holds() bool { return p.get("/account").status == http.StatusOK }

// session is the cookie.
func (p *person) session() string { return p.cookie(authn.SessionCookie) }
