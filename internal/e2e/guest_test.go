package e2e

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/realtest"
)

// guest is somebody on the tour: an account, and a browser without scripts on a
// network of its own. Whatever it is answered is looked at.
type guest struct {
	t      *testing.T
	tour   *tour
	name   string
	ip     string
	client *http.Client
	secret string // of the authenticator app
	steps  int    // of 30 s that the next code is ahead of the clock
	codes  []string
	key    *virtualKey
}

// answer is what a guest got.
type answer struct {
	t      *testing.T
	method string
	path   string // with the query
	status int
	header http.Header
	body   string
}

// newBrowserFor gives the guest an empty browser at an address.
func (g *guest) newBrowserFor(ip string) {
	jar, _ := cookiejar.New(nil) // never fails
	g.ip, g.client = ip, &http.Client{
		Transport: g.tour.server.web.Transport, Jar: jar, Timeout: realtest.Patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// cookies are what the browser would send.
func (g *guest) cookies() []*http.Cookie {
	at, err := url.Parse(g.tour.server.url)
	if err != nil {
		g.t.Fatal(err)
	}
	return g.client.Jar.Cookies(at)
}

// send sends a request as a browser does, and looks at what comes back.
func (g *guest) send(method, path, kind, body string, header ...string) answer {
	g.t.Helper()
	r, err := http.NewRequestWithContext(g.t.Context(), method, g.tour.server.url+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", g.ip)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := g.client.Do(r)
	if err != nil {
		g.t.Fatalf("%s, %s %s: %v", g.name, method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatalf("%s, %s %s: %v", g.name, method, path, err)
	}
	a := answer{g.t, method, path, resp.StatusCode, resp.Header, string(b)}
	g.tour.look(g, a)
	for _, c := range resp.Cookies() {
		if place, _, link := strings.Cut(path, "?link="); link {
			g.tour.vault.add("cookie "+c.Name+" of "+g.name, c.Value, place) // its page holds the link
		} else if c.Value != "" {
			g.tour.vault.add("cookie "+c.Name+" of "+g.name, c.Value)
		}
	}
	return a
}

func (g *guest) get(path string) answer { g.t.Helper(); return g.send("GET", path, "", "") }

const formType = "application/x-www-form-urlencoded"

// post sends a form; fields are names and values in turn.
func (g *guest) post(path string, fields ...string) answer {
	g.t.Helper()
	return g.send("POST", path, formType, values(nil, fields).Encode())
}

// values are fields on top of others; a name that is repeated has several values.
func values(base url.Values, fields []string) url.Values {
	out := url.Values{}
	for k, v := range base {
		out[k] = v
	}
	for i := 0; i+1 < len(fields); i += 2 {
		out.Del(fields[i])
	}
	for i := 0; i+1 < len(fields); i += 2 {
		out.Add(fields[i], fields[i+1])
	}
	return out
}

// fill fills in the form of a page that is sent to action, and sends it: fields stand
// in place of what the form holds.
func (g *guest) fill(page, action string, fields ...string) answer {
	g.t.Helper()
	got := g.get(page).is(http.StatusOK, "")
	for _, f := range forms(got.body) {
		if f.action == action && f.method == "post" {
			return g.send("POST", action, formType, values(f.fields, fields).Encode())
		}
	}
	g.t.Fatalf("%s: no form on %s is sent to %s", g.name, page, action)
	return answer{}
}

// is fails unless the answer has the status and leads to the place, "" for none. A
// query of the place does not count.
func (a answer) is(status int, place string) answer {
	a.t.Helper()
	to, _, _ := strings.Cut(a.header.Get("Location"), "?")
	if a.status != status || to != place {
		a.t.Fatalf("%s %s: %d to %q, want %d to %q\n%s", a.method, a.path, a.status, a.header.Get("Location"), status, place, a.body)
	}
	return a
}

// says fails unless the answer says it.
func (a answer) says(words string) answer {
	a.t.Helper()
	if !strings.Contains(a.body, words) {
		a.t.Fatalf("%s %s does not say %q:\n%s", a.method, a.path, words, a.body)
	}
	return a
}

// mailed is the newest link to a page that was mailed to an address, without the
// server. It is secret from then on, but on its page.
func (g *guest) mailed(address, path string) string {
	g.t.Helper()
	link := ""
	realtest.Eventually(g.t, "a mail to "+address+" with a link to "+path, func() error {
		for _, m := range g.tour.mails.Messages() {
			if l := linkPattern.FindString(m.Text); len(m.To) == 1 && m.To[0] == address && strings.Contains(l, path+"?") && !g.tour.opened[l] {
				link = l
			}
		}
		if link == "" {
			return errNone
		}
		return nil
	})
	g.tour.opened[link] = true
	g.tour.vault.add("link to "+path+" mailed to "+address, queryOf(link), path)
	return strings.TrimPrefix(link, g.tour.server.url)
}

// queryOf is the secret of a link.
func queryOf(link string) string {
	_, secret, _ := strings.Cut(link, "?link=")
	return secret
}

// follow opens a link and returns what its page says.
func (g *guest) follow(link string) answer {
	g.t.Helper()
	path, _, _ := strings.Cut(link, "?")
	g.get(link).is(http.StatusSeeOther, path)
	return g.get(path)
}

// code is the next code of the authenticator app; see person.code.
func (g *guest) code() string {
	g.t.Helper()
	at := time.Now().Add(time.Duration(g.steps) * 30 * time.Second)
	g.steps++
	code := oath(g.t, g.secret, at)
	g.tour.vault.add("code of "+g.name, code)
	return code
}
