package e2e

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/descope/virtualwebauthn"
)

// household is the people of the tour.
type household struct {
	ada   *guest            // administrator, owner of demo
	bob   *guest            // maintainer of demo, with a passkey
	steps map[string]*guest // who got no further than a step
}

// everybody are all of them, and somebody without an account.
func (h *household) everybody(tr *tour) []*guest {
	out := []*guest{tr.guest("nobody", "203.0.113.99"), h.ada, h.bob}
	for _, g := range h.steps {
		out = append(out, g)
	}
	return out
}

// guest is somebody new.
func (tr *tour) guest(name, ip string) *guest {
	g := &guest{t: tr.t, tour: tr, name: name}
	g.newBrowserFor(ip)
	return g
}

func (g *guest) address() string { return g.name + "@example.org" }

// walkAll has people do everything.
func (tr *tour) walkAll() *household {
	tr.t.Helper()
	tr.vault.add("password", password)
	ada := tr.guest("ada", "203.0.113.1")
	link := strings.TrimPrefix(tr.server.setupLink(), tr.server.url)
	tr.vault.add(setupSecret, queryOf(link), "/setup")
	ada.signUp(link)
	bob := tr.guest("bob", "203.0.113.2")
	bob.signUp(ada.invites(bob.address()))
	tr.knock(ada)
	h := &household{ada: ada, bob: bob, steps: tr.steps(ada)}
	tr.ownProjects(ada, bob)
	tr.useTokens(ada, bob)
	tr.administer(ada)
	tr.keys(bob)
	ada.comeAndGo()
	bob.comeFromElsewhere()
	bob.forgets()
	return h
}

// invites has an administrator invite somebody and returns the mailed link.
func (g *guest) invites(address string) string {
	g.t.Helper()
	got := g.fill("/admin/people", "/admin/invitations", "email", address).is(200, "")
	link := g.mailed(address, "/invitation")
	got.says(queryOf(link)) // to be handed over by other means
	return link
}

// signUp makes an account by a link, or by open registration if there is none.
func (g *guest) signUp(link string) {
	g.t.Helper()
	g.register(link)
	if g.name == "bob" { // the mail got lost, then the address was wrong
		lost := g.mailed(g.address(), "/verify-email")
		g.fill("/verify-email/sent", "/verify-email/resend").is(303, "/verify-email/sent")
		g.mailed(g.address(), "/verify-email")
		g.fill("/verify-email/sent", "/verify-email/change", "email", "robert@example.org").is(303, "/verify-email/sent")
		g.mailed("robert@example.org", "/verify-email")
		g.follow(lost).is(http.StatusGone, "")
		g.fill("/verify-email/sent", "/verify-email/change", "email", g.address()).is(303, "/verify-email/sent")
	}
	g.confirmAddress()
	g.addApp()
	g.saveCodes()
}

func (g *guest) register(link string) {
	g.t.Helper()
	path, _, _ := strings.Cut(link, "?")
	if link == "" {
		path = "/register"
	} else {
		g.get(link).is(303, path)
	}
	g.post("/password/strength", "username", g.name, "email", g.address(), "password", password).is(200, "")
	g.fill(path, path, "username", g.name, "email", g.address(), "password", "short").is(422, "") // and it is kept nowhere
	g.fill(path, path, "username", g.name, "email", g.address(), "password", password).is(303, "/verify-email/sent")
}

func (g *guest) confirmAddress() {
	g.t.Helper()
	g.follow(g.mailed(g.address(), "/verify-email")).is(200, "")
	g.fill("/verify-email", "/verify-email").is(303, "/account/factors")
}

// addApp adds an authenticator app; the last page shows recovery codes.
func (g *guest) addApp() {
	g.t.Helper()
	g.get("/account/factors").is(200, "")
	g.steps = 0 // of another secret
	g.secret = strings.ReplaceAll(element(g.get("/account/totp").is(200, "").body, "secret"), " ", "")
	g.tour.vault.add("secret of the authenticator app of "+g.name, g.secret, "/account/totp")
	g.fill("/account/totp", "/account/totp", "code", "000000").is(422, "")
	g.readCodes(g.fill("/account/totp", "/account/totp", "code", g.code()).is(200, ""))
}

// readCodes reads recovery codes from the page that shows them.
func (g *guest) readCodes(a answer) {
	g.t.Helper()
	g.codes = nil
	for _, line := range strings.Split(element(a.body, "codes"), "\n") {
		if c := strings.ReplaceAll(strings.TrimSpace(line), " ", ""); len(c) == 16 {
			g.codes = append(g.codes, c)
			g.tour.vault.add("recovery code "+c[:2]+"… of "+g.name, c)
		}
	}
	if len(g.codes) != 8 {
		g.t.Fatalf("%d recovery codes\n%s", len(g.codes), a.body)
	}
}

func (g *guest) saveCodes() {
	g.t.Helper()
	g.fill("/account/recovery-codes", "/account/recovery-codes", "code", g.spare()).is(303, "/tokens")
}

// spare takes a recovery code out of the drawer.
func (g *guest) spare() string {
	g.t.Helper()
	c := g.codes[len(g.codes)-1]
	g.codes = g.codes[:len(g.codes)-1]
	return c
}

// knock is what people do wrong who sign in.
func (tr *tour) knock(ada *guest) {
	tr.t.Helper()
	typed := map[string]string{"password typed wrong": "a wrong word beside the lantern", "password typed as a name": "lantern ochre typed as a name"}
	for what, text := range typed {
		tr.vault.add(what, text)
	}
	eve := tr.guest("eve", "203.0.113.66")
	eve.fill("/login", "/login", "login", "ada", "password", typed["password typed wrong"]).is(422, "")
	// What was typed as a name comes back to who typed it, and goes nowhere else.
	tr.vault.add("password typed as a name", typed["password typed as a name"], "/login")
	eve.fill("/login", "/login", "login", typed["password typed as a name"], "password", password).is(422, "")
	eve.get("/tokens?next=//evil.example").is(303, "/login")
	eve.fill("/forgot-password", "/forgot-password", "login", "nobody-of-that-name").is(200, "")
	link := ada.invites("gone@example.org")
	eve.follow(link).is(200, "")
	eve.post("/invitation", "link", queryOf(link), "username", "ada", "email", "x", "password", "short").is(422, "")
}

// steps brings a guest to each step of enrolling.
func (tr *tour) steps(ada *guest) map[string]*guest {
	tr.t.Helper()
	out := map[string]*guest{}
	for i, name := range []string{"unmailed", "factorless", "codeless", "half"} {
		g := tr.guest(name, "203.0.113.1"+string(rune('0'+i)))
		g.register(map[bool]string{true: "", false: ada.invites(g.address())}[name == "half"])
		if name != "unmailed" {
			g.confirmAddress()
		}
		if name == "codeless" || name == "half" {
			g.addApp()
		}
		if name == "half" {
			g.saveCodes()
			g.post("/logout").is(303, "/")
			g.fill("/login", "/login", "login", g.name, "password", password).is(303, "/login/totp")
		}
		out[name] = g
	}
	return out
}

// comeAndGo signs out and in again, with each kind of factor, and changes the
// password and the codes.
func (g *guest) comeAndGo() {
	g.t.Helper()
	const second = "nine gables over a quiet harbour"
	g.tour.vault.add("second password", second)
	again := func(word string) answer {
		g.post("/logout").is(303, "/")
		return g.fill("/login", "/login", "login", g.name, "password", word)
	}
	again(password).is(303, "/login/totp")
	g.fill("/login/totp", "/login/totp", "code", "000000").is(422, "")
	g.fill("/login/totp", "/login/totp", "code", g.code(), "remember", "yes").is(303, "/tokens")
	again(password).is(303, "/tokens") // the device is remembered
	g.post("/account/password", "old_password", password, "password", second).is(303, "/login/totp")
	again(password)
	elsewhere := *g
	elsewhere.newBrowserFor(g.ip)
	elsewhere.fill("/login", "/login", "login", g.name, "password", password).is(303, "/login/totp")
	elsewhere.fill("/login/recovery", "/login/recovery", "code", g.spare()).is(303, "/tokens")
	g.post("/logout").is(303, "/")
	g.fill("/login", "/login", "login", g.name, "password", password)
	g.fill("/login/recovery", "/login/recovery", "code", g.spare()).is(303, "/tokens")
	g.fill("/account", "/account/password", "old_password", password, "password", second).is(303, "/account")
	elsewhere.get("/tokens").is(303, "/login") // its session is over
	g.fill("/account", "/account/password", "old_password", second, "password", password).is(303, "/account")
	g.readCodes(g.fill("/account/recovery-codes/new", "/account/recovery-codes/new").is(200, ""))
	g.saveCodes()
	elsewhere.fill("/login", "/login", "login", g.name, "password", password).is(303, "/login/totp")
	elsewhere.fill("/login/recovery", "/login/recovery", "code", g.spare()).is(303, "/tokens")
	for _, f := range forms(g.get("/account/sessions").is(200, "").body) {
		if strings.HasPrefix(f.action, "/account/sessions/") || strings.HasPrefix(f.action, "/account/devices/") {
			g.post(f.action).is(303, "/account/sessions")
		}
	}
	g.post("/account/sessions/end-others").is(303, "/account/sessions")
}

// comeFromElsewhere signs in with a new browser on a new network, with what could have
// been phished: a mail asks first.
func (g *guest) comeFromElsewhere() {
	g.t.Helper()
	g.newBrowserFor("198.51.100.7")
	g.fill("/login", "/login", "login", g.name, "password", password).is(303, "/login/key")
	g.fill("/login/recovery", "/login/recovery", "code", g.spare()).is(303, "/login/device")
	g.get("/login/device").is(200, "")
	g.get("/tokens").is(303, "/login/device")
	link := g.mailed(g.address(), "/confirm-device")
	other := g.tour.guest("a scanner of mails", "192.0.2.1")
	other.follow(link).is(http.StatusGone, "")
	g.follow(link).is(200, "")
	g.fill("/confirm-device", "/confirm-device").is(303, "/tokens")
}

// forgets has a forgotten password reset by mail.
func (g *guest) forgets() {
	g.t.Helper()
	g.post("/logout").is(303, "/")
	g.fill("/forgot-password", "/forgot-password", "login", g.name).is(200, "")
	g.follow(g.mailed(g.address(), "/reset-password")).is(200, "")
	g.fill("/reset-password", "/reset-password", "password", password).is(303, "/login")
	g.fill("/login", "/login", "login", g.name, "password", password).is(303, "/login/key")
	g.fill("/login/recovery", "/login/recovery", "code", g.spare()).is(303, "/login/device") // a reset ended what was known
	g.follow(g.mailed(g.address(), "/confirm-device")).is(200, "")
	g.fill("/confirm-device", "/confirm-device").is(303, "/tokens")
}

// virtualKey is an authenticator with one credential.
type virtualKey struct {
	party virtualwebauthn.RelyingParty
	auth  virtualwebauthn.Authenticator
	cred  virtualwebauthn.Credential
}

func newVirtualKey(origin string) *virtualKey {
	k := &virtualKey{
		party: virtualwebauthn.RelyingParty{ID: "localhost", Name: "rind", Origin: origin},
		auth:  virtualwebauthn.NewAuthenticator(),
	}
	for len(k.cred.ID) == 0 || len(k.cred.Key.AttestationData()) != 77 { // the library forgets leading zeros
		k.cred = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	return k
}

// ceremony begins one, has the key answer, and finishes it.
func (g *guest) ceremony(k *virtualKey, kind, name, to string) {
	g.t.Helper()
	send := func(step string, v any) (out struct {
		Options json.RawMessage
		To      string
	}) {
		b, err := json.Marshal(v)
		if err != nil {
			g.t.Fatal(err)
		}
		got := g.send("POST", "/webauthn/"+kind+"/"+step, "application/json", string(b)).is(200, "")
		err = json.Unmarshal([]byte(got.body), &out)
		if err != nil {
			g.t.Fatalf("%s: %v\n%s", got.path, err, got.body)
		}
		return out
	}
	options := string(send("begin", map[string]string{"name": name}).Options)
	answer := ""
	if kind == "add" {
		o, err := virtualwebauthn.ParseAttestationOptions(options)
		if err != nil {
			g.t.Fatal(err)
		}
		g.tour.vault.addBytes("challenge to the key of "+g.name, o.Challenge)
		k.auth.Options.UserHandle = []byte(o.UserID)
		answer = virtualwebauthn.CreateAttestationResponse(k.party, k.auth, k.cred, *o)
	} else {
		o, err := virtualwebauthn.ParseAssertionOptions(options)
		if err != nil {
			g.t.Fatal(err)
		}
		g.tour.vault.addBytes("challenge to the key of "+g.name, o.Challenge)
		k.cred.Counter++
		answer = virtualwebauthn.CreateAssertionResponse(k.party, k.auth, k.cred, *o)
	}
	if got := send("finish", map[string]any{"response": json.RawMessage(answer)}).To; got != to {
		g.t.Fatalf("%s: it leads to %q, want %q", kind, got, to)
	}
}

// keys adds keys, uses each, and takes them away again but for one.
func (tr *tour) keys(g *guest) {
	tr.t.Helper()
	g.key = newVirtualKey(tr.server.url)
	g.get("/account/keys/new").is(200, "")
	g.ceremony(g.key, "add", "blue key", "/account")
	spare := newVirtualKey(tr.server.url)
	g.ceremony(spare, "add", "spare", "/account")
	page := g.get("/account").is(200, "").body
	for i, link := range keyLinks(page) {
		g.fill(link, link, "name", []string{"green key", "old key"}[i]).is(303, "/account")
	}
	g.fill("/account/keys-only", "/account/keys-only").is(303, "/account")
	g.fill("/account/keys-only", "/account/keys-only").is(303, "/account")
	g.fill(keyLinks(page)[1]+"/remove", keyLinks(page)[1]+"/remove").is(303, "/account")
	g.fill("/account/totp/remove", "/account/totp/remove").is(303, "/account")
	g.post("/logout").is(303, "/")
	k := g.key
	if !strings.Contains(g.get("/account").header.Get("Location"), "/login") {
		tr.t.Error("bob is still there")
	}
	g.fill("/login", "/login", "login", g.name, "password", password).is(303, "/login/key")
	g.get("/login/key").is(200, "")
	g.ceremony(k, "verify", "", "/tokens")
	g.post("/logout").is(303, "/")
	g.ceremony(k, "passkey", "", "/tokens")
}

// keyLinks are the pages of the keys that the page of an account lists.
func keyLinks(page string) (out []string) {
	for _, e := range tags(page) {
		if h := e.attrs["href"]; strings.HasPrefix(h, "/account/keys/") && h != "/account/keys/new" && !strings.HasSuffix(h, "/remove") {
			out = append(out, h)
		}
	}
	return out
}
