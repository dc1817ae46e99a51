package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// virtualKey is an authenticator with one credential.
type virtualKey struct {
	party virtualwebauthn.RelyingParty
	auth  virtualwebauthn.Authenticator
	cred  virtualwebauthn.Credential
}

func newVirtualKey() *virtualKey {
	k := &virtualKey{
		party: virtualwebauthn.RelyingParty{ID: "rind.example.org", Name: "rind", Origin: public},
		auth:  virtualwebauthn.NewAuthenticator(),
	}
	for len(k.cred.ID) == 0 || len(k.cred.Key.AttestationData()) != 77 { // the library forgets leading zeros
		k.cred = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	return k
}

// create answers the options of a registration.
func (k *virtualKey) create(t testing.TB, options json.RawMessage) json.RawMessage {
	t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatalf("%s: %v", options, err)
	}
	k.auth.Options.UserHandle = []byte(o.UserID)
	return json.RawMessage(virtualwebauthn.CreateAttestationResponse(k.party, k.auth, k.cred, *o))
}

// get answers the options of an assertion.
func (k *virtualKey) get(t testing.TB, options json.RawMessage) json.RawMessage {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		t.Fatalf("%s: %v", options, err)
	}
	if o.RelyingPartyID != k.party.ID {
		t.Fatalf("the relying party is %q", o.RelyingPartyID)
	}
	k.cred.Counter++
	return json.RawMessage(virtualwebauthn.CreateAssertionResponse(k.party, k.auth, k.cred, *o))
}

// script sends JSON as the script of a page does.
func (p *person) script(path string, v any) (page, ceremonyAnswer) {
	p.Helper()
	b, err := json.Marshal(v)
	p.must(err)
	got := p.send(p.request("POST", path, "application/json", string(b)))
	var answer ceremonyAnswer
	err = json.Unmarshal([]byte(got.body), &answer)
	if err != nil {
		p.Fatalf("%s: %d %s", path, got.status, got.body)
	}
	if !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") || got.header.Get("Cache-Control") != "no-store" {
		p.Errorf("%s: headers %v", path, got.header)
	}
	return got, answer
}

// goes is script for a request that leads to a page.
func (p *person) goes(path string, v any, status int, to string) {
	p.Helper()
	if got, answer := p.script(path, v); got.status != status || answer.To != to || len(answer.Problems)+len(answer.Options) != 0 {
		p.Fatalf("%s: %d %+v, want %d to %s", path, got.status, answer, status, to)
	}
}

// fails is script for a request that is refused for this one reason.
func (p *person) fails(path string, v any, status int, code string) {
	p.Helper()
	got, answer := p.script(path, v)
	if got.status != status || len(answer.Problems) != 1 || answer.Problems[0].Code != code || !strings.HasSuffix(answer.Problems[0].Text, ".") || answer.To != "" {
		p.Fatalf("%s: %d %+v, want %d %s", path, got.status, answer, status, code)
	}
}

// begun is the options of a ceremony.
func (p *person) begun(path string, v any) json.RawMessage {
	p.Helper()
	got, answer := p.script(path, v)
	if got.status != http.StatusOK || len(answer.Options) == 0 || answer.To != "" {
		p.Fatalf("%s: %d %s", path, got.status, got.body)
	}
	return answer.Options
}

// none is a request without anything.
type none struct{}

// addKey adds a key to a person's account.
func (p *person) addKey(name string) *virtualKey {
	p.Helper()
	k := newVirtualKey()
	options := p.begun("/webauthn/add/begin", ceremonyRequest{Name: name})
	p.goes("/webauthn/add/finish", ceremonyRequest{Response: k.create(p, options)}, 200, "/account")
	p.get("/account").is(200, "").says(name)
	return k
}

// A life with a key, over HTTP.
func TestKeysOverHTTP(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	before := ada.session()
	k := ada.addKey("blue key")
	if ada.session() == before {
		t.Error("the session has its id from before")
	}
	ada.forget()
	ada.post("/login", "login", "ada", "password", password, "next", "/projects").is(303, "/login/key?next=%2Fprojects")
	ada.get("/login/key?next=%2Fprojects").is(200, "").says("Use your authenticator app instead")
	half := ada.session()
	for _, next := range []string{"/projects", "https://evil.example", "//evil.example", `/\evil.example`, "/login"} {
		ada.with(authn.SessionCookie, half)
		to := map[bool]string{true: "/projects", false: "/tokens"}[next == "/projects"]
		options := ada.begun("/webauthn/verify/begin", none{})
		ada.goes("/webauthn/verify/finish", ceremonyRequest{Response: k.get(t, options), Next: next}, 200, to)
		if ada.session() == half {
			t.Fatal("the session has its id from before")
		}
		ada.forget()
		ada.post("/login", "login", "ada", "password", password).is(303, "/login/key")
		half = ada.session()
	}
	ada.begun("/webauthn/verify/begin", none{})
	ada.fails("/webauthn/verify/finish", none{}, 422, "key_refused")
	ada.fails("/webauthn/verify/finish", none{}, 422, "key_expired")
	options := ada.begun("/webauthn/verify/begin", none{})
	h.clock.pass(authn.CeremonyLife)
	ada.fails("/webauthn/verify/finish", ceremonyRequest{Response: k.get(t, options)}, 422, "key_expired")
	ada.post("/login/totp", "code", ada.code()).is(303, "/tokens")
	h.clock.pass(authn.FactorFresh + time.Second)
	ada.goes("/webauthn/add/begin", ceremonyRequest{Name: "x"}, 403, "/login/key?next=%2Faccount%2Fkeys%2Fnew")
	ada.get("/account/keys/new").is(303, "/login/key?next=%2Faccount%2Fkeys%2Fnew")
	options = ada.begun("/webauthn/verify/begin", none{})
	ada.goes("/webauthn/verify/finish", ceremonyRequest{Response: k.get(t, options), Next: "/account/keys/new"}, 200, "/account/keys/new")
	ada.fails("/webauthn/add/begin", ceremonyRequest{Name: "Blue Key"}, 422, "key_name_taken")
}

// The challenge of a passkey belongs to the browser that has its cookie.
func TestPasskeyOverHTTP(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	k := ada.addKey("phone")
	ada.get("/login").is(303, "/tokens")
	ada.goes("/webauthn/passkey/begin", none{}, 403, "/tokens") // is signed in
	eve := h.visitor("eve")
	ada.forget()
	ada.get("/login").is(200, "").says("Sign in with a passkey")

	got, answer := ada.script("/webauthn/passkey/begin", none{})
	cookie := got.header.Get("Set-Cookie")
	for _, want := range []string{passkeyCookie + "=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=300"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q lacks %s", cookie, want)
		}
	}
	if handle := ada.cookie(passkeyCookie); handle == "" || strings.Contains(got.body, handle) || strings.Contains(h.log.String(), handle) {
		t.Error("the handle is somewhere else, too")
	}
	response := k.get(t, answer.Options)
	eve.fails("/webauthn/passkey/finish", ceremonyRequest{Response: response}, 422, "key_expired")
	ada.goes("/webauthn/passkey/finish", ceremonyRequest{Response: response, Next: "/projects"}, 200, "/projects")
	if ada.cookie(passkeyCookie) != "" || !ada.holds() {
		t.Error("the cookie is still there, or the session is not")
	}
	ada.forget()
	ada.fails("/webauthn/passkey/finish", ceremonyRequest{Response: response}, 422, "key_expired")

	k.auth.Options.UserNotVerified = true
	options := ada.begun("/webauthn/passkey/begin", none{})
	ada.fails("/webauthn/passkey/finish", ceremonyRequest{Response: k.get(t, options)}, 422, "passkey_unverified")
	options = ada.begun("/webauthn/passkey/begin", none{})
	ada.fails("/webauthn/passkey/finish", ceremonyRequest{Response: newVirtualKey().get(t, options)}, 422, "passkey_failed")
	if log := h.log.String(); strings.Contains(log, string(response)) || strings.Contains(log, "clientDataJSON") {
		t.Error("an answer is in the log")
	}
}

// Where a key is for is not for the request to say.
func TestRelyingPartyIsConfigured(t *testing.T) {
	h := newHouse(t)
	r := h.visitor("eve").request("POST", "/webauthn/passkey/begin", "application/json", "{}")
	r.Host = "evil.example"
	r.Header.Set("X-Forwarded-Host", "evil.example")
	got := h.visitor("eve").send(r)
	if got.status != 200 || !strings.Contains(got.body, `"rpId":"rind.example.org"`) || strings.Contains(got.body, "evil") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Somebody else's keys are not there, by any request.
func TestKeysOfSomebodyElse(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	k := ada.addKey("ada's")
	keys, err := h.auth.SecurityKeys.List(t.Context(), ada.id)
	h.must(err)
	path := "/account/keys/" + keys[0].ID
	bob.get(path).is(404, "")
	bob.get(path+"/remove").is(404, "")
	bob.post(path, "name", "bob's").is(404, "")
	bob.post(path+"/remove").is(404, "")
	bob.addKey("bob's")
	options := bob.begun("/webauthn/verify/begin", none{})
	bob.fails("/webauthn/verify/finish", ceremonyRequest{Response: k.get(t, options)}, 422, "key_refused")

	ada.get(path+"/remove").is(200, "").says("Remove ada's")
	ada.post("/account/keys-only", "only", "yes").is(303, "/account")
	ada.post(path+"/remove").is(422, "").says("accepts security keys only")
	ada.post("/account/keys-only", "only", "no").is(303, "/account")
	ada.post("/account/totp/remove").is(303, "/account")
	ada.post(path+"/remove").is(422, "").says("This is your only second factor")
}

// What is not the JSON of a script is refused in JSON, and changes nothing.
func TestCeremonyBodies(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	eve := h.visitor("eve")
	before := h.state()
	for path, p := range map[string]*person{
		"/webauthn/add/begin": ada, "/webauthn/add/finish": ada, "/webauthn/verify/begin": ada, "/webauthn/verify/finish": ada,
		"/webauthn/passkey/begin": eve, "/webauthn/passkey/finish": eve,
	} {
		for _, c := range []struct {
			name, kind, body, code string
			status                 int
		}{
			{"form", formType, "name=x", "form_type", 415},
			{"text", "text/plain", "{}", "form_type", 415},
			{"no type", "", "{}", "form_type", 415},
			{"nothing", "application/json", "", "form_damaged", 400},
			{"no object", "application/json", "[]", "form_damaged", 400},
			{"unknown", "application/json", `{"admin":true}`, "form_damaged", 400},
			{"half", "application/json", `{"name":"x"`, "form_damaged", 400},
			{"two", "application/json", `{}{}`, "form_damaged", 400},
			{"more", "application/json", `{} x`, "form_damaged", 400},
			{"number", "application/json", `{"name":1}`, "form_damaged", 400},
			{"large", "application/json", `{"name":"` + strings.Repeat("a", maxForm) + `"}`, "form_too_large", 413},
			{"an answer larger than any key's", "application/json", `{"response":{"x":"` + strings.Repeat("a", authn.MaxKeyAnswer) + `"}}`, "form_too_large", 413},
		} {
			got := p.send(p.request("POST", path, c.kind, c.body))
			if got.status != c.status || !strings.Contains(got.body, h.pages.Problem("en", ui.Problem{Code: c.code})) {
				t.Errorf("%s, %s: %d %s", path, c.name, got.status, got.body)
			}
		}
		r := p.request("POST", path, "application/json", "{}")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if got := p.send(r); got.status != 403 || !strings.Contains(got.body, `"cross_origin"`) {
			t.Errorf("%s from elsewhere: %d %s", path, got.status, got.body)
		}
	}
	if d := changed(before, h.state()); len(d) != 0 {
		t.Errorf("it changed %q", d)
	}
	h.store.breaks(always, false)
	if got, answer := ada.script("/webauthn/verify/begin", none{}); got.status != 403 && got.status < 500 {
		t.Errorf("a broken store: %d %+v", got.status, answer)
	}
	if got, answer := eve.script("/webauthn/passkey/begin", none{}); got.status != 500 || len(answer.Problems) != 1 || strings.Contains(got.body, "4711") {
		t.Errorf("a broken store: %d %s", got.status, got.body)
	}
	h.store.breaks(nil, false)
}
