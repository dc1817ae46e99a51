package web

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/issuer"
)

// The visitors of the matrix, each as far as the name says.
const (
	nobody     = "nobody"
	half       = "password only"
	unmailed   = "address not confirmed"
	factorless = "without factor"
	codeless   = "without codes"
	other      = "signed in elsewhere" // with projects and tokens of their own
	maintainer = "maintainer"
	owner      = "owner"
	stale      = "second owner, with a factor of long ago"
	admin      = "administrator"
	frozen     = "frozen while signed in"
	ended      = "with a session that is over"
)

var visitors = []string{nobody, half, unmailed, factorless, codeless, other, maintainer, owner, stale, admin, frozen, ended}

// cells are the answers that visitors get: a status, with where a redirect
// leads; "{next}" is the page that was asked for.
type cells map[string]string

// all gives every visitor the same answer.
func all(answer string) cells {
	c := cells{}
	for _, v := range visitors {
		c[v] = answer
	}
	return c
}

// but is c with other answers for some; visitors and answers in turn.
func (c cells) but(pairs ...string) cells {
	out := cells{}
	for k, v := range c {
		out[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		for _, v := range strings.Split(pairs[i], "|") {
			out[v] = pairs[i+1]
		}
	}
	return out
}

// members lets in who is signed in; the others are sent to what they have to do
// first.
func members(answer string) cells {
	return all(answer).but(
		nobody, "303 /login{next}", half, "303 /login/totp", unmailed, "303 /verify-email/sent", factorless, "303 /account/factors",
		codeless, "303 /account/recovery-codes", frozen+"|"+ended, "303 /login{next&}ended=1",
	)
}

// admins lets administrators in; to others there is nothing.
func admins(answer string) cells {
	return members("404").but(admin, answer)
}

// mine lets in whose token it is; to others there is none.
func mine(answer string) cells { return members("404").but(owner+"|"+stale, answer) }

// enrolling lets in who is at a step, and sends others to theirs.
func enrolling(step, answer string) cells { return members("303 /tokens").but(step, answer) }

// row is a route of the matrix. Parts of the path: {token} is one of owner's,
// {member} another maintainer of owner's project demo, {person} an account,
// {invitation} an invitation; each is new for each cell.
type row struct {
	path   string
	form   []string
	answer cells
}

var (
	gone    = all("410")
	project = members("200").but(other, "404")
	manage  = members("403").but(other, "404")
	refresh = "303 /login/totp?next="
)

var matrix = map[string]row{
	"GET /":        {answer: members("303 /tokens").but(nobody+"|"+frozen+"|"+ended, "200")},
	"GET /login":   {answer: members("303 /tokens").but(nobody+"|"+frozen+"|"+ended, "200")},
	"POST /login":  {form: []string{"login", "x", "password", "y"}, answer: all("422")},
	"POST /logout": {answer: all("303 /")},

	"GET /login/totp":      {answer: members("200").but(half+"|"+codeless, "200")},
	"POST /login/totp":     {form: []string{"code", "1"}, answer: members("422").but(half+"|"+codeless, "422", nobody, "303 /login", frozen+"|"+ended, "303 /login?ended=1")},
	"GET /login/recovery":  {answer: members("200").but(half+"|"+codeless, "200")},
	"POST /login/recovery": {form: []string{"code", "1"}, answer: members("422").but(half+"|"+codeless, "422", nobody, "303 /login", frozen+"|"+ended, "303 /login?ended=1")},

	"GET /forgot-password":  {answer: all("200")},
	"POST /forgot-password": {form: []string{"login", "nobody"}, answer: all("200")},
	"GET /reset-password":   {answer: gone},
	"POST /reset-password":  {answer: gone},

	"GET /setup":       {answer: gone},
	"POST /setup":      {answer: gone},
	"GET /invitation":  {answer: gone},
	"POST /invitation": {answer: gone},
	"GET /register":    {answer: all("403")},
	"POST /register":   {form: []string{"username", "eve", "email", "eve@example.org", "password", password}, answer: all("403")},

	"GET /verify-email":         {answer: gone},
	"POST /verify-email":        {answer: gone},
	"GET /verify-email/sent":    {answer: enrolling(unmailed, "200")},
	"POST /verify-email/resend": {answer: enrolling(unmailed, "303 /verify-email/sent")},
	"POST /verify-email/change": {answer: enrolling(unmailed, "422")},

	"GET /account":           {answer: members("200")},
	"POST /account/password": {answer: members("422").but(stale, refresh+"%2Faccount")},
	"GET /account/factors":   {answer: enrolling(factorless, "200")},
	"GET /account/totp":      {answer: members("200").but(factorless, "200", stale, refresh+"%2Faccount%2Ftotp")},
	"POST /account/totp":     {form: []string{"code", "1"}, answer: members("422").but(factorless, "422", stale, refresh+"%2Faccount%2Ftotp")},

	"GET /login/device":    {answer: members("303 /tokens")},
	"GET /confirm-device":  {answer: gone},
	"POST /confirm-device": {answer: gone},

	"GET /account/sessions":             {answer: members("200")},
	"POST /account/sessions/:id/end":    {path: "/account/sessions/x/end", answer: members("404")},
	"POST /account/sessions/end-others": {answer: members("303 /account/sessions")},
	"POST /account/devices/:id/forget":  {path: "/account/devices/x/forget", answer: members("404")},

	"GET /login/key":                {answer: members("303 /login/totp").but(codeless, "303 /login/totp")}, // nobody has a key
	"GET /account/keys/new":         {answer: members("200").but(factorless, "200", stale, refresh+"%2Faccount%2Fkeys%2Fnew")},
	"GET /account/keys/:id":         {path: "/account/keys/x", answer: members("404")},
	"POST /account/keys/:id":        {path: "/account/keys/x", form: []string{"name", "x"}, answer: members("404")},
	"GET /account/keys/:id/remove":  {path: "/account/keys/x/remove", answer: members("404")},
	"POST /account/keys/:id/remove": {path: "/account/keys/x/remove", answer: members("404")},
	"GET /account/totp/remove":      {answer: members("200")},
	"POST /account/totp/remove":     {answer: members("422").but(stale, refresh+"%2Faccount%2Ftotp%2Fremove")},
	"GET /account/keys-only":        {answer: members("200")},
	"POST /account/keys-only":       {form: []string{"only", "yes"}, answer: members("422").but(stale, refresh+"%2Faccount%2Fkeys-only")},
	"POST /webauthn/passkey/begin":  {answer: all("403").but(nobody+"|"+frozen+"|"+ended, "415")}, // a form is no JSON
	"POST /webauthn/passkey/finish": {answer: all("403").but(nobody+"|"+frozen+"|"+ended, "415")},
	"POST /webauthn/verify/begin":   {answer: all("415").but(nobody+"|"+frozen+"|"+ended+"|"+unmailed+"|"+factorless, "403")},
	"POST /webauthn/verify/finish":  {answer: all("415").but(nobody+"|"+frozen+"|"+ended+"|"+unmailed+"|"+factorless, "403")},
	"POST /webauthn/add/begin":      {answer: all("415").but(nobody+"|"+frozen+"|"+ended+"|"+unmailed+"|"+half+"|"+codeless, "403")},
	"POST /webauthn/add/finish":     {answer: all("415").but(nobody+"|"+frozen+"|"+ended+"|"+unmailed+"|"+half+"|"+codeless, "403")},

	"GET /account/recovery-codes":      {answer: members("200").but(codeless, "200")},
	"POST /account/recovery-codes":     {answer: members("422").but(codeless, "422")},
	"GET /account/recovery-codes/new":  {answer: members("200").but(codeless, "200")},
	"POST /account/recovery-codes/new": {answer: members("200").but(codeless, "200", stale, refresh+"%2Faccount%2Frecovery-codes%2Fnew")},

	"GET /tokens":            {answer: members("200")},
	"GET /tokens/new":        {answer: members("200")},
	"POST /tokens/new":       {answer: members("422")},
	"GET /tokens/:id/revoke": {path: "/tokens/{token}/revoke", answer: members("404").but(owner+"|"+stale+"|"+admin, "200")},
	"POST /tokens/:id/revoke": {path: "/tokens/{token}/revoke",
		answer: members("404").but(owner+"|"+stale+"|"+admin, "303 /tokens")},

	"GET /projects":                {answer: members("200")},
	"GET /new-project":             {answer: members("200")},
	"POST /new-project":            {answer: members("422")},
	"GET /projects/:name":          {path: "/projects/demo", answer: project},
	"GET /projects/:name/leave":    {path: "/projects/demo/leave", answer: project.but(admin, "404")},
	"POST /projects/:name/leave":   {path: "/projects/demo/leave", answer: manage.but(owner, "422", maintainer+"|"+stale, "303 /projects", admin, "404")},
	"POST /projects/:name/members": {path: "/projects/demo/members", answer: manage.but(owner+"|"+stale, "422")},
	"POST /projects/:name/members/:id/role": {path: "/projects/demo/members/{member}/role", form: []string{"role", "maintainer"},
		answer: manage.but(owner+"|"+stale, "303 /projects/demo")},
	"GET /projects/:name/members/:id/remove": {path: "/projects/demo/members/{member}/remove", answer: manage.but(owner+"|"+stale, "200")},
	"POST /projects/:name/members/:id/remove": {path: "/projects/demo/members/{member}/remove",
		answer: manage.but(owner+"|"+stale, "303 /projects/demo")},

	"GET /admin/people":                  {answer: admins("200")},
	"GET /admin/people/:id/freeze":       {path: "/admin/people/{person}/freeze", answer: admins("200")},
	"POST /admin/people/:id/freeze":      {path: "/admin/people/{person}/freeze", answer: admins("303 /admin/people")},
	"GET /admin/people/:id/thaw":         {path: "/admin/people/{person}/thaw", answer: admins("200")},
	"POST /admin/people/:id/thaw":        {path: "/admin/people/{person}/thaw", answer: admins("303 /admin/people")},
	"GET /admin/verifiers":               {answer: admins("200")},
	"POST /admin/verifiers":              {answer: admins("422")},
	"GET /admin/verifiers/:id/revoke":    {path: "/admin/verifiers/{verifier}/revoke", answer: admins("200")},
	"POST /admin/verifiers/:id/revoke":   {path: "/admin/verifiers/{verifier}/revoke", answer: admins("303 /admin/verifiers")},
	"POST /admin/invitations":            {answer: admins("422")},
	"POST /admin/invitations/:id/revoke": {path: "/admin/invitations/{invitation}/revoke", answer: admins("303 /admin/people")},

	"DELETE /api/token":              {answer: all("403")}, // without a token
	"POST /_/secrets/disclose-token": {answer: all("404")}, // without a signature
	"GET /healthz":                   {answer: all("200")},
	"GET /assets/*":                  {path: "/assets/none", answer: all("404")},
	"GET /legacy":                    {answer: all("405")},
	"POST /legacy":                   {answer: all("403")},
	"GET /legacy/":                   {answer: all("405")},
	"POST /legacy/":                  {answer: all("403")},
	"GET /simple":                    {answer: all("301 simple/")},
	"GET /simple/*":                  {path: "/simple/", answer: all("200")},
	"GET /packages/*":                {path: "/packages/demo/none", answer: all("404")},
	"echo_route_not_found /*":        {path: "/no/such/page", answer: all("404")},
}

// formPages are the pages with the forms that are sent to another address.
var formPages = map[string]string{
	"POST /verify-email/resend": "/verify-email/sent", "POST /verify-email/change": "/verify-email/sent",
	"POST /account/sessions/:id/end": "/account/sessions", "POST /account/sessions/end-others": "/account/sessions", "POST /account/devices/:id/forget": "/account/sessions",
	"POST /account/password": "/account", "POST /projects/:name/members": "/projects/demo",
	"POST /projects/:name/members/:id/role": "/projects/demo",
	"POST /admin/invitations":               "/admin/people", "POST /admin/invitations/:id/revoke": "/admin/people",
}

// Every route answers every visitor as the matrix has it.
func TestAccess(t *testing.T) {
	h := newHouse(t)
	m := newCast(h)
	for _, route := range h.web.Routes() {
		method, pattern, _ := strings.Cut(route, " ")
		if method == "HEAD" && matrix["GET "+pattern].answer != nil || strings.HasPrefix(pattern, pathLegacy) && method != "GET" && method != "POST" {
			continue // HEAD is GET's; the gateway's other methods have a test of their own
		}
		r, ok := matrix[route]
		if !ok {
			t.Errorf("%s is in no row of the matrix", route)
			continue
		}
		if r.path == "" {
			r.path = pattern
		}
		for _, name := range visitors {
			m.check(route, method, name, r)
		}
	}
	for _, name := range visitors {
		m.check("nowhere", "GET", name, row{path: "/no/such/page", answer: all("404")})
		m.check("no method", "POST", name, row{path: "/tokens", answer: all("405")})
	}
	if len(h.web.Routes()) < len(matrix) {
		t.Errorf("%d routes, %d rows", len(h.web.Routes()), len(matrix))
	}
}

// cast is the people of the matrix.
type cast struct {
	*house
	people map[string]*person
	boss   issuer.Principal // owner of demo
}

func newCast(h *house) *cast {
	m := &cast{house: h, people: map[string]*person{}}
	m.people[nobody] = h.visitor("nobody")
	a := h.founder("ada")
	m.people[admin] = a
	for _, name := range []string{half, other, maintainer, owner, stale, frozen, ended} {
		m.people[name] = a.guest("p" + strings.ReplaceAll(name[:4], " ", "")[:3] + string(rune('a'+len(m.people)))).enrol()
	}
	m.people[unmailed] = a.guest("unmailed")
	m.people[factorless] = a.guest("factorless")
	m.people[factorless].confirmAddress()
	m.people[codeless] = a.guest("codeless")
	m.people[codeless].confirmAddress()
	m.people[codeless].addAuthenticator()
	m.people[other].project("elsewhere")
	m.people[other].mint("mine")
	m.people[owner].project("demo")
	m.boss = issuer.Principal{UserID: m.people[owner].id, Username: m.people[owner].name}
	m.join("demo", m.people[stale], issuer.RoleOwner)
	return m
}

// join makes sure of a role in a project of the owner's.
func (m *cast) join(project string, p *person, role issuer.Role) {
	m.Helper()
	ctx := context.Background()
	if _, err := m.issuer.AddMember(ctx, m.boss, project, p.id, role); err == nil {
		return
	}
	if _, err := m.issuer.SetRole(ctx, m.boss, project, p.id, role); err != nil {
		m.Fatal(err)
	}
}

// fresh brings a visitor to where the name says, with a new session.
func (m *cast) fresh(name string) *person {
	m.Helper()
	p, ctx := m.people[name], context.Background()
	switch name {
	case nobody:
		p.forget()
	case half:
		p.forget()
		p.post("/login", "login", p.name, "password", password).is(303, "/login/totp")
	case unmailed, factorless:
		p.forget()
		p.post("/login", "login", p.name, "password", password).is(303, map[string]string{unmailed: "/verify-email/sent", factorless: "/account/factors"}[name])
	case codeless:
		p.forget()
		p.post("/login", "login", p.name, "password", password).is(303, "/login/totp")
		p.post("/login/totp", "code", p.code()).is(303, "/account/recovery-codes")
	case maintainer:
		m.join("demo", p.signIn(), issuer.RoleMaintainer)
	case owner:
		m.join("demo", m.people[stale], issuer.RoleMaintainer) // so that owner is the last one
		p.signIn()
	case stale:
		m.join("demo", p, issuer.RoleOwner)
		m.join("demo", m.people[owner], issuer.RoleOwner)
		p.signIn()
		p.clock.pass(authn.FactorFresh + time.Second)
	case frozen:
		m.must(m.accounts.SetFrozen(ctx, m.session(), authn.Origin{}, p.id, false))
		p.signIn()
		m.must(m.accounts.SetFrozen(ctx, m.session(), authn.Origin{}, p.id, true))
	case ended:
		p.signIn()
		p.clock.pass(authn.SessionLifetime)
	default:
		p.signIn()
	}
	return p
}

// session is the administrator's, with a factor of now.
func (m *cast) session() authn.Session {
	m.Helper()
	u, err := m.accounts.UserByName(context.Background(), "ada")
	m.must(err)
	return authn.Session{
		ID: "test", UserID: u.ID, Stage: authn.StageSignedIn, Factor: authn.FactorTOTP, FactorAt: m.clock.Now(),
		Begun: m.clock.Now(), Generation: u.SessionGeneration,
	}
}

// fill puts new things into the path of a row.
func (m *cast) fill(path, visitor string) string {
	m.Helper()
	ctx := context.Background()
	if strings.Contains(path, "{token}") {
		holder := m.people[owner]
		if visitor == stale {
			holder = m.people[stale]
		}
		p := issuer.Principal{UserID: holder.id, Username: holder.name}
		minted, err := m.issuer.Mint(ctx, p, issuer.MintRequest{
			Label: rand.Text(), Scope: issuer.ScopeAll, Life: issuer.Life7})
		m.must(err)
		return strings.Replace(path, "{token}", minted.Token.ID, 1)
	}
	if strings.Contains(path, "{member}") {
		m.join("demo", m.people[half], issuer.RoleMaintainer)
		return strings.Replace(path, "{member}", m.people[half].id, 1)
	}
	if strings.Contains(path, "{verifier}") {
		made, _, err := m.issuer.RegisterVerifier(ctx, issuer.Principal{Admin: true}, rand.Text())
		m.must(err)
		return strings.Replace(path, "{verifier}", made.ID, 1)
	}
	if strings.Contains(path, "{invitation}") {
		i, _, err := m.accounts.Invite(ctx, m.session(), authn.Origin{}, "new@example.org")
		m.must(err)
		return strings.Replace(path, "{invitation}", i.ID, 1)
	}
	return strings.Replace(path, "{person}", m.people[factorless].id, 1)
}

func (m *cast) check(route, method, name string, r row) {
	m.Helper()
	p := m.fresh(name)
	path := m.fill(r.path, name)
	var got page
	switch method {
	case "POST":
		got = p.post(path, r.form...)
	case "GET":
		got = p.get(path)
	default:
		got = p.send(p.request(method, path, "", ""))
	}
	next := path
	if to := formPages[route]; to != "" {
		next = to
	}
	if localPath(next) == "" {
		next = ""
	}
	asked, further := "", "?"
	if next != "" {
		asked = "?next=" + strings.ReplaceAll(next, "/", "%2F")
		further = asked + "&"
	}
	want := strings.NewReplacer("{next}", asked, "{next&}", further).Replace(r.answer[name])
	status := strings.TrimSpace(strings.Join([]string{strconv.Itoa(got.status), got.header.Get("Location")}, " "))
	if status != want {
		m.Errorf("%s, %s: %q, want %q", route, name, status, want)
	}
	if route == "POST /account/recovery-codes/new" && got.status == 200 {
		if p.readCodes(got); name != codeless {
			p.saveCodes()
		}
	}
	if strings.HasPrefix(path, "/admin/people/") && method == "POST" && name == admin {
		m.must(m.accounts.SetFrozen(context.Background(), m.session(), authn.Origin{}, m.people[factorless].id, false))
	}
}
