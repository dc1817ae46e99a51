package hostile

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// house is an issuer with a data folder, and the people in it.
type house struct {
	testing.TB
	data, url, config string
	server            *realtest.Process
	root, ada, eve    *person
	bob               *person // who is frozen and thawed

	age    time.Duration                                                           // of the accounts
	tokens int                                                                     // that ada has
	then   func(auth *authn.Service, service *issuer.Service, admin authn.Session) // is done when they are there; may be nil
}

// person is an account with all that its owner knows.
type person struct {
	name, password string
	id             string
	secret         string   // of the authenticator
	codes          []string // recovery codes that were not used
	device         authn.Secret
	tokens         []string // ids
	used           int      // tokens that were revoked
}

const password = "ochre lantern drifts past seven wharves"

// links is a Notifier that keeps the last link of each address.
type links map[string]authn.Secret

func (l links) Link(_ kv.Tx, m authn.LinkMail) error {
	if m.Purpose == authn.PurposeVerifyEmail {
		l[m.To.Email] = m.Link
	}
	return nil
}

func (l links) AddressInUse(kv.Tx, authn.Recipient, authn.Purpose, string, authn.Event) error {
	return nil
}

// newHouse makes the data folder, in which root administers, ada has tokens and a browser that
// she signed in with, and eve has an account of her own; and serves it with more settings.
func newHouse(t testing.TB, settings string, change ...func(*house)) *house {
	t.Helper()
	port := realtest.FreePort(t)
	h := &house{TB: t, data: filepath.Join(t.TempDir(), "data"), url: fmt.Sprintf("http://localhost:%d", port), age: 2 * time.Hour, tokens: 60}
	for _, c := range change {
		c(h)
	}
	h.must(os.Mkdir(h.data, 0o700))
	h.people()
	h.config = filepath.Join(t.TempDir(), "rind.toml")
	text := fmt.Sprintf("listen = \"127.0.0.1:%d\"\npublic-url = %q\ndata = %q\ntrusted-proxies = [\"127.0.0.1/32\"]\n%s", port, h.url, h.data, settings)
	h.must(os.WriteFile(h.config, []byte(text), 0o600))
	h.serve()
	return h
}

// people makes the accounts, two hours ago or more: no code that they used is one of today's.
func (h *house) people() {
	h.Helper()
	ctx, ago := h.Context(), func() time.Time { return time.Now().Add(-h.age) }
	key, err := seal.LoadKey(filepath.Join(h.data, "rind.key"), true)
	h.must(err)
	sealer, err := seal.New(key)
	h.must(err)
	store, err := boltkv.Open(filepath.Join(h.data, "rind.db"), boltkv.Options{})
	h.must(err)
	defer func() { h.must(store.Close()) }()
	out := notices.New(store, ago, nil)
	service, err := issuer.New(issuer.Config{Notices: out, Store: store, Sealer: sealer, Location: "localhost", Clock: ago, Administrators: authn.IsAdministrator, People: authn.People{}, PerHour: 1 << 20})
	h.must(err)
	mails := links{}
	public, err := url.Parse(h.url)
	h.must(err)
	auth, err := authn.New(authn.Config{Store: store, Sealer: sealer, Users: service, Notifier: mails, Notices: out, PublicURL: public, Clock: ago})
	h.must(err)
	link, _, _, err := auth.Accounts.SetupLink(ctx)
	h.must(err)
	var admin authn.Session
	h.root, admin = h.enrol(auth, mails, ago, "root", authn.PurposeSetup, link)
	for name, who := range map[string]**person{"ada": &h.ada, "eve": &h.eve, "bob": &h.bob} {
		_, link, err = auth.Invitations.Invite(ctx, admin, authn.Origin{}, name+"@example.org")
		h.must(err)
		*who, _ = h.enrol(auth, mails, ago, name, authn.PurposeInvitation, link)
	}
	h.ada.tokens = h.mint(service, h.ada, h.tokens)
	if h.then != nil {
		h.then(auth, service, admin)
	}
}

// mint makes tokens of somebody, several at once, for each waits for the disk.
func (h *house) mint(service *issuer.Service, who *person, n int) (ids []string) {
	h.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	errs := make(chan error, 1)
	for worker := range 16 {
		wg.Go(func() {
			for i := worker; i < n; i += 16 {
				m, err := service.Tokens.Mint(h.Context(), ledger.Principal{UserID: who.id, Username: who.name}, tokens.MintRequest{Label: fmt.Sprint(i), Scope: tokens.ScopeAll, Life: tokens.LifeNever})
				if err != nil {
					select {
					case errs <- err:
					default:
					}
					return
				}
				mu.Lock()
				ids = append(ids, m.Token.ID)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		h.Fatal(err)
	default:
	}
	return ids
}

// enrol makes an account that knows one browser.
func (h *house) enrol(s *authn.Service, mails links, now func() time.Time, name string, p authn.Purpose, link authn.Secret) (*person, authn.Session) {
	h.Helper()
	ctx, who := h.Context(), &person{name: name, password: password + " " + name}
	o := authn.Origin{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "the browser of " + name}
	x, err := s.Accounts.Register(ctx, o, authn.Registration{Username: name, Email: name + "@example.org", Password: who.password, Purpose: p, Link: link})
	h.must(err)
	_, err = s.Addresses.Verify(ctx, o, mails[name+"@example.org"])
	h.must(err)
	app, err := s.Authenticators.Begin(ctx, x)
	h.must(err)
	code, err := totp.GenerateCode(app.Secret, now())
	h.must(err)
	x, err = s.Authenticators.Confirm(ctx, x, o, code)
	h.must(err)
	who.secret, who.id = app.Secret, x.UserID
	who.codes, x, err = s.RecoveryCodes.Create(ctx, x, o)
	h.must(err)
	x, err = s.RecoveryCodes.Confirm(ctx, x, o, who.codes[0])
	h.must(err)
	who.codes = who.codes[1:]
	who.device, err = s.Devices.Note(ctx, x, o, false)
	h.must(err)
	return who, x
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// serve starts the issuer and waits until it answers.
func (h *house) serve() {
	h.Helper()
	h.server = realtest.Start(h.TB, nil, realtest.Rind(h), "serve", "--config", h.config)
	h.server.Answers(h.url + "/healthz")
}

// rows are those of the audit trail, the newest first. The server must not run.
func (h *house) rows() (rows []audit.Event) {
	h.Helper()
	store, err := boltkv.Open(filepath.Join(h.data, "rind.db"), boltkv.Options{})
	h.must(err)
	h.must(errors.Join(store.View(h.Context(), func(r kv.Reader) (err error) {
		rows, err = audit.All(r, 0, 0)
		return err
	}), store.Close()))
	return rows
}

// client is a browser in a network.
type client struct {
	*http.Client
	url, ip string
}

// newClient is a browser that nobody knows; a proxy says that it is at ip.
func (h *house) newClient(ip string) *client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // it never fails
	}
	return &client{url: h.url, ip: ip, Client: &http.Client{
		Jar: jar, Timeout: realtest.Patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: 5 * time.Second},
	}}
}

// browser is the one that an account knows.
func (h *house) browser(who *person, ip string) *client {
	c := h.newClient(ip)
	at, _ := url.Parse(h.url)
	c.Jar.SetCookies(at, []*http.Cookie{{Name: strings.TrimPrefix(authn.DeviceCookie, "__Host-"), Value: who.device.Reveal(), Path: "/"}})
	return c
}

// post sends a form, or with a type of content the text as it is.
func (c *client) post(ctx context.Context, path, contentType, body string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Origin", c.url)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("X-Forwarded-For", c.ip)
	return c.Do(r)
}

// form sends a form and returns the status and where the answer leads.
func (c *client) form(ctx context.Context, path string, fields ...string) (int, string, error) {
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	res, err := c.post(ctx, path, "application/x-www-form-urlencoded", form.Encode())
	if err != nil {
		return 0, "", err
	}
	return res.StatusCode, res.Header.Get("Location"), res.Body.Close()
}

// mustForm is form that has to lead on.
func (c *client) mustForm(ctx context.Context, path string, fields ...string) error {
	status, to, err := c.form(ctx, path, fields...)
	if err == nil && (status != http.StatusSeeOther || strings.HasPrefix(to, "/login") && path != "/login") {
		err = fmt.Errorf("POST %s: %d, to %q", path, status, to)
	}
	return err
}

// signIn signs somebody in with the password and a recovery code, which is used up.
func (c *client) signIn(ctx context.Context, who *person) error {
	if err := c.mustForm(ctx, "/login", "login", who.name, "password", who.password); err != nil {
		return err
	}
	code := who.codes[0]
	who.codes = who.codes[1:]
	return c.mustForm(ctx, "/login/recovery", "code", code)
}

// signInByApp is signIn with a code of the authenticator.
func (c *client) signInByApp(ctx context.Context, who *person) error {
	if err := c.mustForm(ctx, "/login", "login", who.name, "password", who.password); err != nil {
		return err
	}
	code, err := totp.GenerateCode(who.secret, time.Now())
	if err != nil {
		return err
	}
	return c.mustForm(ctx, "/login/totp", "code", code)
}

func mustParse(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err) // the address of the test
	}
	return u
}

func secretOf(text string) authn.Secret { return authn.Secret(text) }
