package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// password is long enough and hard to guess.
const password = "ochre lantern drifts past seven wharves"

// person is somebody with an account, a browser and an authenticator app.
type person struct {
	*browser
	name   string
	server *server
	mails  *mailtest.Server // nil: links stand in the terminal
	secret string           // of the authenticator app, as the page showed it
	steps  int              // of 30 s that the next code is ahead of the clock
	codes  []string         // recovery codes that were not used
}

// newPerson is somebody without an account yet.
func newPerson(t *testing.T, s *server, mails *mailtest.Server, name string) *person {
	t.Helper()
	return &person{browser: newBrowser(t), name: name, server: s, mails: mails}
}

func (p *person) address() string { return p.name + "@example.org" }

// signUp makes an account by a link, as the pages lead through it.
func (p *person) signUp(link string) {
	p.t.Helper()
	p.open(link)
	p.fill("username", p.name)
	p.fill("email", p.address())
	p.fill("password", password)
	p.press("Create account")
	p.at("/verify-email/sent")
	p.sees(p.address())
	p.confirmAddress()
	p.addAuthenticator()
	p.saveCodes()
	p.at("/tokens")
}

// confirmAddress opens the link of the mail, and presses the button after it.
func (p *person) confirmAddress() {
	p.t.Helper()
	p.open(p.mailedLink("/verify-email"))
	p.at("/verify-email") // the secret is not in the address any more
	p.press("Confirm address")
}

// mailedLink is the link to the page in the newest mail to the person.
func (p *person) mailedLink(path string) string {
	p.t.Helper()
	var link string
	realtest.Eventually(p.t, "a mail to "+p.address(), func() error {
		if p.mails == nil {
			link = p.server.shownLink(p.address(), path)
		}
		for _, m := range messages(p.mails) {
			if len(m.To) == 1 && m.To[0] == p.address() {
				if l := linkPattern.FindString(m.Text); strings.Contains(l, path) {
					link = l
				}
			}
		}
		if link == "" {
			return errNone
		}
		return nil
	})
	return link
}

// messages are the mails that a server took; none if there is no server.
func messages(m *mailtest.Server) []mailtest.Message {
	if m == nil {
		return nil
	}
	return m.Messages()
}

func (p *person) addAuthenticator() {
	p.t.Helper()
	p.at("/account/factors")
	p.open(p.server.url + "/account/totp")
	p.secret = strings.ReplaceAll(p.content("#secret"), " ", "")
	p.fill("code", p.code())
	p.press("Add authenticator app")
}

// code is the next code of the authenticator app. Each works once, so codes asked
// for within 30 seconds come from the time to come, as far as a server takes them.
func (p *person) code() string {
	p.t.Helper()
	at := time.Now().Add(time.Duration(p.steps) * 30 * time.Second)
	p.steps = 1
	return oath(p.t, p.secret, at)
}

// oath is the code of an independent implementation.
func oath(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	out := mustRun(t, "", nil, realtest.Oathtool.Path, "--totp", "--base32", "--now", at.UTC().Format("2006-01-02 15:04:05 UTC"), secret)
	return strings.TrimSpace(out)
}

func (p *person) saveCodes() {
	p.t.Helper()
	for _, c := range p.contents("#codes li") {
		p.codes = append(p.codes, strings.ReplaceAll(c, " ", ""))
	}
	if len(p.codes) != 8 {
		p.t.Fatalf("%d recovery codes: %v\n%s", len(p.codes), p.codes, p.where())
	}
	p.fill("code", p.codes[7])
	p.press("I saved my codes")
}

// giveName signs in as far as the second factor.
func (p *person) giveName(word string) {
	p.t.Helper()
	p.open(p.server.url + "/login")
	p.fill("login", p.name)
	p.fill("password", word)
	p.press("Sign in")
}

// register registers a project.
func (p *person) register(project string) {
	p.t.Helper()
	p.open(p.server.url + "/new-project")
	p.fill("name", project)
	p.press("Register project")
	p.at("/projects/" + project)
}

// mint makes a token for projects, or for all without any, and reads it from the
// page.
func (p *person) mint(label string, projects ...string) string {
	p.t.Helper()
	p.open(p.server.url + "/tokens/new")
	p.fill("label", label)
	if len(projects) == 0 {
		p.tick("scope", "all")
	} else {
		p.tick("scope", "chosen")
	}
	for _, project := range projects {
		p.tick("projects", project)
	}
	p.tick("life", "30")
	p.press("Create token")
	token := p.content("#token")
	if !strings.HasPrefix(token, "pypi-") {
		p.t.Fatalf("no token on the page\n%s", p.where())
	}
	return token
}
