package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/kv"
)

// race sends the same form from many browsers at one moment, each with a session
// behind the password, and returns how many got in.
func race(t *testing.T, p *person, path, code string) (in int) {
	t.Helper()
	const racers = 20
	browsers := make([]*person, racers)
	for i := range browsers {
		browsers[i] = p.visitor(p.name)
		browsers[i].post("/login", "login", p.name, "password", password).is(303, "/login/totp")
	}
	entered := make([]bool, racers)
	in = together(racers, func(i int) bool {
		entered[i] = browsers[i].post(path, "code", code).header.Get("Location") == "/tokens"
		return entered[i]
	})
	for i, b := range browsers {
		if entered[i] != b.holds() {
			t.Errorf("let in is %v, and signed in is %v", entered[i], b.holds())
		}
	}
	return in
}

func TestACodeLetsOneIn(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	if in := race(t, ada, "/login/totp", ada.code()); in != 1 {
		t.Errorf("the same code let %d in", in)
	}
	h.clock.pass(time.Hour) // wrong ones count
	if in := race(t, ada, "/login/recovery", ada.codes[3]); in != 1 {
		t.Errorf("the same recovery code let %d in", in)
	}
	used := 0
	for k, v := range h.state() {
		if strings.HasPrefix(k, "audit/row/") && strings.Contains(v, `"kind":"account.recovery_code_used"`) {
			used++
		}
	}
	if used != 1 {
		t.Errorf("%d rows of a used recovery code", used)
	}
}

// What can be done once is done once, however many send the form at one moment.
func TestOnceIsOnce(t *testing.T) {
	h := newHouse(t)
	link, _, _, err := h.auth.Accounts.SetupLink(context.Background())
	h.must(err)
	setUp := together(20, func(i int) bool {
		p := h.visitor("ada" + strconv.Itoa(i))
		return p.post("/setup", "link", link.Reveal(), "username", p.name, "email", p.address(), "password", password).status == 303
	})
	if setUp != 1 {
		t.Fatalf("the set-up link made %d administrators", setUp)
	}
	h = newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	minted := together(20, func(int) bool {
		return ada.post("/tokens/new", "label", "ci", "scope", "all", "life", "30").status == 200
	})
	if minted != 1 {
		t.Errorf("%d tokens have one label", minted)
	}
	registered := together(20, func(i int) bool {
		return ada.post("/new-project", "name", []string{"new-one", "New.One", "NEW_one"}[i%3]).status == 303
	})
	if registered != 1 {
		t.Errorf("%d projects have one name", registered)
	}
	bob := ada.guest("bob")
	verify := query(bob.mailed("/verify-email"))
	confirmed := together(20, func(int) bool { return h.visitor("x").post("/verify-email", "link", verify).status == 303 })
	if confirmed != 1 {
		t.Errorf("the link of a mail worked %d times", confirmed)
	}
}

// together does something n times at one moment, and counts what came off.
func together(n int, do func(i int) bool) (done int) {
	start, results := make(chan struct{}), make([]bool, n)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			<-start
			results[i] = do(i)
		})
	}
	close(start)
	wg.Wait()
	for _, ok := range results {
		if ok {
			done++
		}
	}
	return done
}

func TestOlderCodeOfTheWindow(t *testing.T) {
	ada := newHouse(t).founder("ada")
	older, newer := ada.code(), ada.code()
	b := ada.visitor("ada")
	b.post("/login", "login", "ada", "password", password).is(303, "/login/totp")
	b.post("/login/totp", "code", newer[:3]+" "+newer[3:]).is(303, "/tokens")
	b.forget()
	b.post("/login", "login", "ada", "password", password).is(303, "/login/totp")
	for _, code := range []string{older, newer, newer + " ", newer[:1] + "-" + newer[1:]} {
		if got := b.post("/login/totp", "code", code); got.status != 422 {
			t.Errorf("%q: %d", code, got.status)
		}
	}
}

// At each step the cookie changes, and the one before it is worth nothing.
func TestNoSessionIsFixed(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.forget()
	planted := strings.Repeat("A", 43)
	ada.with(authn.SessionCookie, planted)
	var worn []string
	step := func(do func() page) {
		t.Helper()
		before := ada.session()
		got := do()
		if c := ada.session(); c == before || c == planted || c == "" {
			t.Errorf("%s: the cookie is %q, was %q", got.what, c, before)
		}
		cookies := slices.DeleteFunc(got.header.Values("Set-Cookie"), func(c string) bool {
			return strings.HasPrefix(c, authn.DeviceCookie+"=") // TestDeviceCookie looks at that one
		})
		for _, c := range cookies {
			if !strings.HasPrefix(c, "__Host-") || !strings.Contains(c, "; HttpOnly") || !strings.Contains(c, "; Secure") ||
				!strings.Contains(c, "; SameSite=Lax") || strings.Contains(c, "Domain") || !strings.Contains(c, "Path=/;") {
				t.Errorf("%s: %s", got.what, c)
			}
		}
		if len(cookies) != 1 {
			t.Errorf("%s: %d cookies", got.what, len(cookies))
		}
		worn = append(worn, before)
	}
	step(func() page {
		return ada.post("/login", "login", "ada", "password", password).is(303, "/login/totp")
	})
	step(func() page { return ada.post("/login/totp", "code", ada.code()).is(303, "/tokens") })
	step(func() page { return ada.post("/login/totp", "code", ada.code()).is(303, "/tokens") })
	step(func() page {
		return ada.post("/account/password", "old_password", password, "password", "nine gables over a quiet harbour").is(303, "/account")
	})
	step(func() page { return ada.post("/account/recovery-codes/new").is(200, "") })
	for _, c := range worn {
		other := h.visitor("mallory")
		other.with(authn.SessionCookie, c)
		if other.holds() {
			t.Errorf("the cookie %q is worth something", c)
		}
	}
}

func TestEndsOfASession(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	stolen := func(p *person) *person {
		thief := h.visitor("mallory")
		thief.with(authn.SessionCookie, p.session())
		if !thief.holds() {
			t.Fatal("the cookie is worth nothing before")
		}
		return thief
	}
	for _, c := range []struct {
		name string
		end  func()
	}{
		{"sign-out", func() { bob.post("/logout").is(303, "/") }},
		{"idle", func() { h.clock.pass(authn.SessionIdle) }},
		{"other password", func() {
			bob.post("/account/password", "old_password", password, "password", "nine gables over a quiet harbour").is(303, "/account")
			bob.post("/account/password", "old_password", "nine gables over a quiet harbour", "password", password).is(303, "/account")
		}},
		{"other authenticator", func() {
			bob.secret = strings.ReplaceAll(bob.get("/account/totp").element(`id="secret"`), " ", "")
			bob.post("/account/totp", "code", bob.code()).is(303, "/account")
		}},
		{"frozen", func() {
			ada.signIn().post("/admin/people/"+bob.id+"/freeze").is(303, "/admin/people")
			ada.get("/admin/people").says("The account was frozen.")
		}},
	} {
		bob.signIn()
		thief := stolen(bob)
		c.end()
		thief.get("/account").is(303, "/login?next=%2Faccount&ended=1")
		thief.post("/tokens/new", "label", "x", "scope", "all", "life", "30").is(303, "/login?next=%2Ftokens%2Fnew"+map[bool]string{true: "&ended=1"}[thief.session() != ""])
		if thief.holds() {
			t.Errorf("%s: the session lives", c.name)
		}
	}
	h.visitor("bob").post("/login", "login", "bob", "password", password).is(422, "")
}

// Who is sent to sign in is told why, also after a form; and comes back to it.
func TestSessionEndedIsSaid(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.get("/login?ended=1").is(303, "/tokens")
	h.clock.pass(authn.SessionLifetime)
	got := ada.post("/admin/invitations", "email", "bob@example.org").is(303, "/login?next=%2Fadmin%2Fpeople&ended=1")
	said := ada.get(got.header.Get("Location")).is(200, "").says("Your session has ended. Sign in to continue.")
	if said.value("next") != "/admin/people" {
		t.Errorf("next is %q", said.value("next"))
	}
	ada.post("/login", "login", "ada", "password", password, "next", said.value("next")).is(303, "/login/totp?next=%2Fadmin%2Fpeople")
	ada.post("/login/totp", "code", ada.code(), "next", "/admin/people").is(303, "/admin/people")
	fresh := h.visitor("eve")
	fresh.get("/account").is(303, "/login?next=%2Faccount")
	ada.post("/logout").is(303, "/")
	ada.get("/").says("You are signed out.")
	ada.get("/account").is(303, "/login?next=%2Faccount") // it was ended, and said so
}

// Visitors without a session cost no write: there is nothing to keep for them.
func TestNobodyLeavesNoSession(t *testing.T) {
	h := newHouse(t)
	h.founder("ada")
	p := h.visitor("eve")
	before := sessions(h)
	for range 3 {
		p.post("/logout").is(303, "/")
		p.get("/").is(200, "")
		p.get("/tokens").is(303, "/login?next=%2Ftokens")
		p.get("/no/such/page").is(404, "")
		p.post("/login", "login", "x", "password", "y").is(422, "")
	}
	if got := sessions(h); got != before || p.session() != "" {
		t.Errorf("%d sessions, were %d; cookie %q", got, before, p.session())
	}
}

// sessions counts the sessions in the store.
func sessions(h *house) (n int) {
	h.Helper()
	h.must(h.store.View(context.Background(), func(r kv.Reader) error {
		found, err := r.Scan([]byte("session/"), nil, 0, false)
		n = len(found)
		return err
	}))
	return n
}

// A request that began before the session was ended does not bring it back.
func TestAnEndedSessionStaysEnded(t *testing.T) {
	hold, reached := make(chan struct{}), make(chan struct{}, 1)
	slow := false
	h := newHouse(t, func(h *house) {
		h.catchUp = func(context.Context, uint64) error {
			if slow {
				reached <- struct{}{}
				<-hold
			}
			return nil
		}
	})
	ada := h.founder("ada")
	second := h.visitor("ada")
	second.with(authn.SessionCookie, ada.session())
	slow = true
	done := make(chan page)
	go func() { done <- second.post("/new-project", "name", "demo") }() // keeps a notice in the session
	<-reached
	ada.post("/logout").is(303, "/")
	close(hold)
	(<-done).is(303, "/projects/demo")
	if second.holds() || ada.holds() {
		t.Error("the session came back")
	}
}

// Where a session can't be kept, nobody gets what the page would have told.
func TestASessionThatIsNotKept(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob")
	bob.confirmAddress()
	bob.secret = strings.ReplaceAll(bob.get("/account/totp").element(`id="secret"`), " ", "")
	for _, c := range []struct {
		name string
		do   func() page
		nth  int // Update that fails
	}{
		{"sign in", func() page { return h.visitor("ada").post("/login", "login", "ada", "password", password) }, 3},
		{"sign out", func() page { return h.visitor("ada").sharingSessionOf(ada).post("/logout") }, 1},
		{"notice", func() page { return h.visitor("ada").sharingSessionOf(ada).post("/new-project", "name", "demo") }, 2},
		{"codes", func() page { return bob.post("/account/totp", "code", bob.code()) }, 2},
		{"page with a notice", func() page { return ada.get("/projects/told") }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "page with a notice" {
				ada.post("/new-project", "name", "told").is(303, "/projects/told")
			}
			n := 0
			h.store.breaks(func() bool { n++; return n >= c.nth }, false)
			got := c.do()
			h.store.breaks(nil, false)
			got.is(500, "")
			if strings.Contains(got.body, "4711") || strings.Count(got.body, "<html") != 1 || strings.Contains(got.body, `id="codes"`) {
				t.Errorf("the page:\n%s", got.body)
			}
			if id := got.header.Get("X-Request-Id"); id == "" || !strings.Contains(got.text(), id) || !strings.Contains(h.log.String(), id) {
				t.Errorf("the request id %q is not on the page, or not in the log", id)
			}
			if n < c.nth {
				t.Errorf("only %d writes", n)
			}
		})
	}
	if !ada.holds() {
		t.Error("the session that could not be ended is gone")
	}
}

// sharingSessionOf has the session of another browser.
func (p *person) sharingSessionOf(q *person) *person {
	p.with(authn.SessionCookie, q.session())
	return p
}

// The pages of errors are those of who is signed in.
func TestErrorPagesKnowWhoAsks(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	for _, got := range []page{
		ada.get("/projects/none").is(404, ""),
		ada.get("/no/such/page").is(404, ""),
		ada.send(ada.request("POST", "/new-project", "application/json", "{}")).is(415, ""),
		ada.get("/tokens?after=x").is(422, ""),
	} {
		if !strings.Contains(got.body, `action="/logout"`) {
			t.Errorf("%s: the page does not know ada", got.what)
		}
	}
	r := ada.request("POST", "/new-project", formType, "name=x")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if got := ada.send(r).is(http.StatusForbidden, ""); !strings.Contains(got.body, `action="/logout"`) {
		t.Error("the refusal of another site's form does not know ada")
	}
}
