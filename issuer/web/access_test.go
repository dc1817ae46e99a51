package web

import (
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// The visitors of the matrix, each as far as the name says.
const (
	nobody     = "nobody"
	half       = "password only"
	unmailed   = "address not confirmed"
	factorless = "without factor"
	codeless   = "without codes"
	rescued    = "recovered, without the link"
	other      = "signed in elsewhere" // with projects and tokens of their own
	maintainer = "maintainer"
	owner      = "owner"
	stale      = "second owner, with a factor of long ago"
	admin      = "administrator"
	frozen     = "frozen while signed in"
	ended      = "with a session that is over"
)

var visitors = []string{nobody, half, unmailed, factorless, codeless, rescued, other, maintainer, owner, stale, admin, frozen, ended}

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
		codeless, "303 /account/recovery-codes", rescued, "303 /recover", frozen+"|"+ended, "303 /login{next&}ended=1",
	)
}

// admins lets administrators in; to others there is nothing.
func admins(answer string) cells {
	return members("404").but(admin, answer)
}

// freshAdmins lets administrators in whose second factor is fresh.
func freshAdmins(answer string) cells { return admins(answer).but(staleAdmin, "303 /login/totp{next}") }

// mine lets in whose token it is; to others there is none.
func mine(answer string) cells { return members("404").but(owner+"|"+stale, answer) }

// exporting is c for a file, which nobody is sent back to, but to its page.
func exporting(c cells, page string) cells {
	return c.but(nobody, "303 /login?next="+page, frozen+"|"+ended, "303 /login?next="+page+"&ended=1")
}

// enrolling lets in who is at a step, and sends others to theirs.
func enrolling(step, answer string) cells { return members("303 /tokens").but(step, answer) }

// Every route answers every visitor as the matrix has it.
func TestAccess(t *testing.T) {
	t.Parallel()
	m := newCast(newHouse(t))
	m.checkAll(append(slices.Clone(visitors), staleAdmin, basicToken, bearerToken, cookieToken)...)
	if len(m.web.Routes()) < len(matrix) {
		t.Errorf("%d routes, %d rows", len(m.web.Routes()), len(matrix))
	}
}

// attempt is a route that visitors try.
type attempt struct {
	route, method string
	row
}

// checkAll lets visitors try every route: first those that only read, with HEAD every fourth, so that several
// visitors try each.
func (m *cast) checkAll(names ...string) {
	m.Helper()
	var reads, writes []attempt
	for _, route := range m.web.Routes() {
		method, pattern, _ := strings.Cut(route, " ")
		if strings.HasPrefix(pattern, pathLegacy) && method != "GET" && method != "POST" {
			continue // the gateway's other methods have a test of their own
		}
		if method == "HEAD" && matrix["GET "+pattern].answer != nil {
			route = "GET " + pattern // HEAD says what GET says
		}
		r, ok := matrix[route]
		if !ok {
			m.Errorf("%s is in no row of the matrix", route)
			continue
		}
		if r.path == "" {
			r.path = pattern
		}
		if a := (attempt{route, method, r}); method == "GET" || method == "HEAD" {
			reads = append(reads, a)
		} else {
			writes = append(writes, a)
		}
	}
	reads = append(reads, attempt{"nowhere", "GET", row{path: "/no/such/page", answer: all("404")}})
	writes = append(writes, attempt{"no method", "POST", row{path: "/tokens", answer: all("405")}})
	for i, name := range names {
		var p *person // as fresh left them
		for j, a := range append(slices.Clone(reads), writes...) {
			if a.method == "HEAD" && (i+j)%4 != 0 {
				continue
			}
			if p == nil {
				p = m.fresh(name)
			}
			path := m.fill(a.path, name)
			session, changes := p.session(), m.store.changes.Load()
			m.check(p, a, path, name)
			if p.session() != session || m.store.changes.Load() != changes {
				p = nil // another session, or other facts
			}
			if strings.Contains(a.path, "{invited}") {
				m.pending(m.people[other]) // who accepted is asked again, and no member
			}
		}
	}
}

// cast is the people of the matrix.
type cast struct {
	*house
	people map[string]*person
	boss   ledger.Principal // owner of demo
}

func newCast(h *house) *cast {
	m := &cast{house: h, people: map[string]*person{}}
	for _, name := range []string{nobody, basicToken, bearerToken, cookieToken} {
		m.people[name] = h.visitor("nobody")
	}
	a := h.founder("ada")
	m.people[admin] = a
	for _, name := range []string{half, other, maintainer, owner, stale, frozen, ended, unconfirmed} {
		m.people[name] = a.guest("p" + strings.ReplaceAll(name[:4], " ", "")[:3] + string(rune('a'+len(m.people)))).enrol()
	}
	m.people[unmailed] = a.guest("unmailed")
	m.people[factorless] = a.guest("factorless")
	m.people[factorless].confirmAddress()
	m.people[codeless] = a.guest("codeless")
	m.people[codeless].confirmAddress()
	m.people[codeless].addAuthenticator()
	m.people[rescued] = a.guest("recovered").enrol()
	_, err := m.auth.Recoveries.Start(context.Background(), m.session(), authn.Origin{}, m.people[rescued].id, false)
	m.must(err)
	m.clock.pass(authn.RecoveryWait)
	m.must(m.auth.Recoveries.Run(context.Background()))
	a.signIn()
	m.people[other].signIn().project("elsewhere")
	m.people[other].mint("mine")
	m.people[owner].signIn().project("demo")
	m.keeps("demo", "demo-1.0.tar.gz")
	m.boss = ledger.Principal{UserID: m.people[owner].id, Username: m.people[owner].name}
	m.join("demo", m.people[stale], projects.RoleOwner)
	_, err = m.issuer.Publishers.Add(context.Background(), m.boss, "demo", ofOwnCI("octo/kept"))
	m.must(err)
	return m
}

// join makes sure of a role in a project of the owner's.
func (m *cast) join(project string, p *person, role projects.Role) {
	m.Helper()
	ctx := context.Background()
	if _, err := m.issuer.Projects.SetRole(ctx, m.boss, project, p.id, role); err == nil {
		return
	}
	all, err := m.issuer.Projects.InvitationsFor(ctx, ledger.Principal{UserID: p.id, Username: p.name})
	m.must(err)
	for _, inv := range all {
		m.must(m.issuer.Projects.Uninvite(ctx, m.boss, project, inv.ID))
	}
	m.newDay()
	m.house.join(m.boss, project, p, role)
}

// pending is the invitation of somebody to demo, made now or before.
func (m *cast) pending(p *person) string {
	m.Helper()
	m.newDay()
	ctx, who := context.Background(), ledger.Principal{UserID: p.id, Username: p.name}
	all, err := m.issuer.Projects.InvitationsFor(ctx, who)
	m.must(err)
	if len(all) > 0 {
		return all[0].ID
	}
	if _, err := m.issuer.Projects.Get(ctx, who, "demo"); err == nil {
		_, err := m.issuer.Projects.RemoveMember(ctx, m.boss, "demo", p.id)
		m.must(err)
	}
	inv, err := m.issuer.Projects.Invite(ctx, m.boss, "demo", projects.InviteRequest{To: p.name, Role: projects.RoleMaintainer})
	m.must(err)
	return inv.ID
}

// fresh brings a visitor to where the name says, with a new session.
func (m *cast) fresh(name string) *person {
	m.Helper()
	p, ctx := m.people[name], context.Background()
	switch name {
	case unconfirmed, staleAdmin, basicToken, bearerToken, cookieToken:
		return m.arrive(name)
	case nobody:
		p.forget()
	case half:
		p.forget()
		p.post("/login", "login", p.name, "password", password).is(303, "/login/totp")
	case unmailed, factorless:
		p.forget()
		p.post("/login", "login", p.name, "password", password).is(303, map[string]string{unmailed: "/verify-email/sent", factorless: "/account/factors"}[name])
	case rescued:
		p.forget()
		p.post("/login", "login", p.name, "password", password).is(303, "/recover")
	case codeless:
		p.forget()
		p.post("/login", "login", p.name, "password", password).is(303, "/login/totp")
		p.post("/login/totp", "code", p.code()).is(303, "/account/recovery-codes")
	case maintainer:
		m.join("demo", p.signIn(), projects.RoleMaintainer)
	case owner:
		m.join("demo", m.people[stale], projects.RoleMaintainer) // so that owner is the last one
		p.signIn()
	case stale:
		m.join("demo", p, projects.RoleOwner)
		m.join("demo", m.people[owner], projects.RoleOwner)
		p.signIn()
		p.clock.pass(authn.FactorFresh + time.Second)
	case frozen:
		m.must(m.auth.Administration.SetFrozen(ctx, m.session(), authn.Origin{}, p.id, false))
		p.signIn()
		m.must(m.auth.Administration.SetFrozen(ctx, m.session(), authn.Origin{}, p.id, true))
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
	u, err := m.auth.Accounts.UserByName(context.Background(), "ada")
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
		p := ledger.Principal{UserID: holder.id, Username: holder.name}
		minted, err := m.issuer.Tokens.Mint(ctx, p, tokens.MintRequest{
			Label: rand.Text(), Scope: tokens.ScopeAll, Life: tokens.Life7})
		m.must(err)
		return strings.Replace(path, "{token}", minted.Token.ID, 1)
	}
	if strings.Contains(path, "{publisher}") {
		return strings.Replace(path, "{publisher}", m.publisher(), 1)
	}
	if strings.Contains(path, "{waiting}") {
		return strings.Replace(path, "{waiting}", m.waiting(visitor), 1)
	}
	if strings.Contains(path, "{member}") {
		m.join("demo", m.people[half], projects.RoleMaintainer)
		return strings.Replace(path, "{member}", m.people[half].id, 1)
	}
	if strings.Contains(path, "{pending}") {
		return strings.Replace(path, "{pending}", m.pending(m.people[half]), 1)
	}
	if strings.Contains(path, "{invited}") { // it is to other
		return strings.Replace(path, "{invited}", m.pending(m.people[other]), 1)
	}
	if strings.Contains(path, "{held}") {
		name := "gone" + strings.ToLower(rand.Text())
		_, _, err := m.issuer.Projects.Create(ctx, m.boss, name)
		m.must(err)
		_, err = m.issuer.Tokens.DeleteProject(ctx, m.boss, name, name)
		m.must(err)
		return strings.Replace(path, "{held}", name, 1)
	}
	if strings.Contains(path, "{verifier}") {
		made, _, err := m.issuer.Followers.RegisterVerifier(ctx, ledger.Principal{Admin: true}, rand.Text())
		m.must(err)
		return strings.Replace(path, "{verifier}", made.ID, 1)
	}
	if strings.Contains(path, "{invitation}") {
		i, _, err := m.auth.Invitations.Invite(ctx, m.session(), authn.Origin{}, strings.ToLower(rand.Text())+"@example.org")
		m.must(err)
		return strings.Replace(path, "{invitation}", i.ID, 1)
	}
	return strings.Replace(path, "{person}", m.people[factorless].id, 1)
}

func (m *cast) check(p *person, a attempt, path, name string) {
	m.Helper()
	route, method := a.route, a.method
	var got page
	switch method {
	case "POST":
		got = p.post(path, a.form...)
	case "GET":
		got = p.get(path)
	default:
		got = p.send(p.request(method, path, "", ""))
	}
	next := path
	if to := formPages[route]; to != "" {
		next = strings.NewReplacer("{person}", m.people[factorless].id, "{publisher}", m.publisher()).Replace(to)
	}
	if strings.HasPrefix(next, "/project-invitation/") {
		next = strings.TrimSuffix(next, "/decline")
	}
	if localPath(next) == "" {
		next = ""
	}
	asked, further := "", "?"
	if next != "" {
		asked = "?next=" + strings.ReplaceAll(next, "/", "%2F")
		further = asked + "&"
	}
	want := strings.NewReplacer("{next}", asked, "{next&}", further, "{person}", m.people[factorless].id, "{publisher}", m.publisher()).Replace(a.expected(route, name))
	status := strings.TrimSpace(strings.Join([]string{strconv.Itoa(got.status), got.header.Get("Location")}, " "))
	if status != want || method == "HEAD" && got.body != "" {
		m.Errorf("%s of %s, %s: %q and %d bytes, want %q", method, route, name, status, len(got.body), want)
	}
	if route == "POST /account/recovery-codes/new" && got.status == 200 {
		p.readCodes(got)
		if name != codeless {
			p.saveCodes()
		}
	}
	if strings.HasPrefix(path, "/admin/people/") && method == "POST" && (name == admin || name == staleAdmin) {
		m.must(m.auth.Administration.SetFrozen(context.Background(), m.session(), authn.Origin{}, m.people[factorless].id, false))
	}
}
