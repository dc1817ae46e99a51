package web

import (
	"encoding/base64"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// More visitors of the matrix. What they get follows from what others get, unless a
// row says otherwise.
const (
	unconfirmed = "with a device to be confirmed"
	staleAdmin  = "administrator, with a factor of long ago"
	basicToken  = "upload token by Basic"
	bearerToken = "upload token by Bearer"
	cookieToken = "upload token as cookie"
)

// tokenAnswers is where a token is a credential: nowhere else.
var tokenAnswers = map[string]string{
	"DELETE /api/token": "204", "POST /legacy": "415", "POST /legacy/": "415", // it uploads, but that is no upload
}

// deviceAnswers are the answers to who has to confirm a device where they do not
// follow from those to who has given the password only.
var deviceAnswers = map[string]string{
	"GET /login/device": "200", "GET /login/key": "303 /login/totp",
}

// expected is the answer of a row to a visitor: who has a device to confirm is as far
// as who gave the password, an administrator with a factor of long ago is sent to give
// one again wherever others are, and a token is nobody.
func (r row) expected(route, name string) string {
	if answer, ok := r.answer[name]; ok {
		return answer
	}
	switch name {
	case unconfirmed:
		if answer := deviceAnswers[route]; answer != "" {
			return answer
		}
		if r.answer[half] == "303 /login/totp" {
			return "303 /login/device"
		}
		return r.answer[half]
	case staleAdmin:
		if strings.HasPrefix(r.answer[stale], "303 /login/totp") {
			return r.answer[stale]
		}
		return r.answer[admin]
	case basicToken, bearerToken:
		if answer := tokenAnswers[route]; answer != "" {
			return answer
		}
		return r.answer[nobody]
	}
	return r.answer[ended] // a cookie that is no session
}

// Who has to confirm a device first gets nowhere else.
func TestAccessOfAnUnconfirmedDevice(t *testing.T) {
	t.Parallel()
	m := newCast(newHouse(t, func(h *house) {
		h.confirm, h.trusted = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}))
	m.checkAll(unconfirmed)
}

// arrive brings a visitor of derived to where the name says.
func (m *cast) arrive(name string) *person {
	m.Helper()
	if name == staleAdmin {
		p := m.people[admin].signIn()
		m.clock.pass(authn.FactorFresh + time.Second)
		return p
	}
	p := m.people[name]
	p.forget()
	switch name {
	case unconfirmed:
		p.client.Transport = from{p.client.Transport, "203.0.113.5"}
		p.post("/login", "login", p.name, "password", password).is(303, "/login/totp")
		p.post("/login/totp", "code", p.code()).is(303, "/login/device")
	case basicToken:
		p.client.Transport = bearing{p.client.Transport, "Basic " + base64.StdEncoding.EncodeToString([]byte("__token__:"+m.token()))}
	case bearerToken:
		p.client.Transport = bearing{p.client.Transport, "Bearer " + m.token()}
	case cookieToken:
		p.with(authn.SessionCookie, m.token())
	}
	return p
}

// token is a new one of the owner's.
func (m *cast) token() string {
	m.Helper()
	holder := m.people[owner]
	minted, err := m.issuer.Tokens.Mint(m.Context(), ledger.Principal{UserID: holder.id, Username: holder.name},
		tokens.MintRequest{Label: "t" + m.clock.Now().Format(time.RFC3339Nano), Scope: tokens.ScopeAll, Life: tokens.Life7})
	m.must(err)
	m.must(m.catchUp(m.Context(), minted.Revision))
	m.clock.pass(time.Microsecond) // the next one has another label
	return minted.Text
}

// bearing sends requests with credentials.
type bearing struct {
	http.RoundTripper
	credentials string
}

func (b bearing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", b.credentials)
	return b.RoundTripper.RoundTrip(r)
}

// What is as good as a sign-in elsewhere, or opens a door to others, asks for a factor
// again: this list is not taken from the routes.
func TestStaleFactorIsAskedAgain(t *testing.T) {
	for _, route := range []string{
		"GET /tokens/new", "POST /tokens/new", "GET /tokens/:id/regenerate", "POST /tokens/:id/regenerate",
		"POST /account/password", "GET /account/totp", "POST /account/totp", "POST /account/totp/remove",
		"GET /account/keys/new", "POST /account/keys-only", "POST /account/recovery-codes/new",
		"POST /projects/:name/members", "POST /projects/:name/invitations/:id/resend", "POST /projects/:name/transfer", "POST /projects/:name/delete",
		"POST /projects/:name/releases/:version/delete", "POST /projects/:name/files/:file/delete", "POST /projects/:name/releases/:version/unyank",
		"POST /project-invitation/:id",
		"POST /projects/:name/publishers/new", "POST /projects/:name/publishers/:id/take-over", "POST /projects/:name/publishers/:id/vouch", "POST /account/publishers/new",
		"POST /admin/verifiers", "POST /admin/people/:id/freeze", "POST /admin/people/:id/thaw", "POST /admin/people/:id/recovery",
	} {
		who := map[bool]string{true: staleAdmin, false: stale}[strings.Contains(route, "/admin/")]
		if asked := matrix[route].expected(route, who); !strings.HasPrefix(asked, "303 /login/totp?next=") && asked != "303 /login/totp{next}" {
			t.Errorf("%s lets a factor of long ago pass: %q", route, asked)
		}
	}
	h := newHouse(t)
	ada := h.founder("ada")
	h.clock.pass(authn.FactorFresh + time.Second)
	ada.post("/admin/invitations", "email", "bob@example.org").is(303, "/login/totp?next=%2Fadmin%2Fpeople")
	got := ada.get("/login/totp?next=%2Fadmin%2Fpeople").is(200, "")
	ada.post("/login/totp", "code", ada.code(), "next", got.value("next")).is(303, "/admin/people")
	ada.post("/admin/invitations", "email", "bob@example.org").is(200, "")
}

// On every route the methods that it does not have are refused, to whoever asks, and named. Three visitors try all of
// them, the others one each, so that every pair of a visitor and a route is tried. TestAccess has HEAD.
func TestMethods(t *testing.T) {
	t.Parallel()
	m := newCast(newHouse(t))
	served, paths := map[string][]string{}, map[string]string{} // methods and a path by pattern
	for _, route := range m.web.Routes() {
		method, pattern, _ := strings.Cut(route, " ")
		if !strings.HasPrefix(method, "echo") && !strings.HasPrefix(pattern, pathLegacy) { // the gateway has a test of its own
			served[pattern] = append(served[pattern], method)
		}
	}
	for pattern, methods := range served {
		if slices.Contains(methods, "GET") != slices.Contains(methods, "HEAD") {
			t.Errorf("%s has %q: GET without HEAD, or the other way round", pattern, methods)
		}
		paths[pattern] = m.fill(placeOf(pattern, methods), owner)
	}
	for i, name := range append(slices.Clone(visitors), basicToken, cookieToken) {
		p := m.fresh(name)
		for pattern, methods := range served {
			refused := refusedMethods(pattern, methods)
			if name != nobody && name != owner && name != admin {
				refused = refused[i%len(refused):][:1]
			}
			for _, method := range refused {
				got := p.send(p.request(method, paths[pattern], "", ""))
				allow := strings.Split(got.header.Get("Allow"), ", ")
				slices.Sort(allow)
				want := append(slices.Clone(methods), "OPTIONS")
				slices.Sort(want)
				want = slices.Compact(want) // the index answers OPTIONS itself
				status := map[bool]int{true: 204, false: 405}[method == "OPTIONS"]
				if got.status != status || !slices.Equal(allow, want) {
					t.Errorf("%s %s, %s: %d, Allow %q; want %d, %q", method, pattern, name, got.status, allow, status, want)
				}
			}
		}
	}
}

// refusedMethods are those that a pattern does not have, and OPTIONS where rind itself answers it.
func refusedMethods(pattern string, served []string) (methods []string) {
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		if !slices.Contains(served, method) && method+" "+pattern != "POST /account/keys/new" { // it renames a key with the id "new"
			methods = append(methods, method)
		}
	}
	return methods
}

// placeOf is a path of a pattern, as the matrix has it.
func placeOf(pattern string, methods []string) string {
	for _, method := range methods {
		if path := matrix[method+" "+pattern].path; path != "" {
			return path
		}
	}
	return pattern
}
