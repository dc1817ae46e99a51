package web

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/ui"
)

// row is the newest row of the trail of a kind.
func (h *house) row(kind string) audit.Event {
	h.Helper()
	var found audit.Event
	h.must(h.store.Store.View(context.Background(), func(r kv.Reader) error {
		all, err := audit.All(r, 0, 0)
		for _, e := range all {
			if e.Kind == kind {
				found = e
				return nil
			}
		}
		return err
	}))
	if found.Kind == "" {
		h.Fatalf("there is no row %s", kind)
	}
	return found
}

func TestPersonPage(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	bob.project("demo")
	bob.mint("ci")
	ada.get("/admin/people?q=BO").says("bob@example.org")
	if body := ada.get("/admin/people?q=BO").body; strings.Contains(body, "ada@example.org") || !strings.Contains(body, `href="/admin/people/`+bob.id+`"`) {
		t.Error("the search finds others, or leads nowhere")
	}
	ada.get("/admin/people?q=none%3Cb%3E").says("No username or address contains “none<b>”.")
	got := ada.get("/admin/people/"+bob.id).is(200, "")
	for _, s := range []string{"bob@example.org", "Authenticator app", "8 recovery codes left", "1 token not revoked", "demo", "1 open session"} {
		got.says(s)
	}
	for _, secret := range append(bob.codes, bob.secret, bob.session()) {
		if strings.Contains(got.body, secret) {
			t.Error("the page holds a secret")
		}
	}
	if !strings.Contains(got.body, `href="/admin/people/`+bob.id+`/recovery"`) {
		t.Error("nothing leads to a recovery")
	}
	ada.get("/admin/people/nobody").is(404, "")
}

func TestSignOutEverywhere(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	at := "/admin/people/" + bob.id
	ada.get(at + "/sign-out").says("1 session ends.")
	ada.post(at+"/sign-out").is(303, at)
	ada.get(at).says("All sessions of the account were ended.").says("0 open sessions")
	if bob.holds() {
		t.Error("the session holds")
	}
	if row := h.row("account.signed_out_everywhere"); row.Account != bob.id || row.Actor.UserID != ada.id || row.Actor.Factor != "totp" || row.Detail["n"] != "1" {
		t.Errorf("%+v", row)
	}
	h.clock.pass(authn.FactorFresh + time.Second)
	ada.post(at+"/sign-out").is(303, "/login/totp?next="+url.QueryEscape(at+"/sign-out"))
}

func TestMakeAdministrator(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	at := "/admin/people/" + ada.id
	ada.post(at+"/drop-admin").is(422, "").says(h.pages.Problem("en", ui.Problem{Code: "last_administrator"}))
	bob.get("/admin/people").is(404, "")
	ada.get("/admin/people/"+bob.id+"/make-admin").is(200, "")
	ada.post("/admin/people/"+bob.id+"/make-admin").is(303, "/admin/people/"+bob.id)
	if row := h.row("account.admin_granted"); row.Account != bob.id || row.Actor.UserID != ada.id {
		t.Errorf("%+v", row)
	}
	bob.get("/admin/people").is(200, "")
	bob.post(at+"/drop-admin").is(303, at)
	if row := h.row("account.admin_revoked"); row.Account != ada.id || row.Actor.UserID != bob.id {
		t.Errorf("%+v", row)
	}
	ada.get("/admin/people").is(404, "")
	ada.post("/admin/people/"+bob.id+"/freeze").is(404, "")
	bob.post("/admin/people/"+bob.id+"/freeze").is(422, "")
}

// A text that is a token is in no address, no log, no page and no store, wherever an
// administrator pastes it.
func TestTokenAsSearch(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	text, id := ada.mint("ci")
	ada.post("/admin/tokens", "q", "c", "in", "label").is(303, "/admin/tokens?in=label&q=c")
	ada.get("/admin/tokens?in=label&q=c").says("ci")
	ada.get("/admin/tokens?q=" + id[:8]).says("ci")
	before := len(h.log.String())
	for _, p := range []page{
		ada.post("/admin/tokens", "q", " "+text, "in", "label"), ada.post("/admin/tokens", "q", text, "in", "owner"),
		ada.get("/admin/tokens?q=" + text),
	} {
		p.is(422, "").says("rind token inspect")
		if strings.Contains(p.body, text) {
			t.Error("the page has it")
		}
	}
	if strings.Contains(h.log.String()[before:], text) {
		t.Error("the log has it")
	}
	for key, value := range h.state() {
		if strings.Contains(key+value, text) {
			t.Errorf("the store has it under %q", key)
		}
	}
}

func TestTokensOfEverybody(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	bob.project("demo")
	_, id := bob.mint("bobs ci", "scope", "chosen", "projects", "demo")
	for _, q := range []string{"", "?in=owner&q=BOB", "?in=project&q=Demo", "?in=label&q=CI"} {
		ada.get("/admin/tokens"+q).is(200, "").says("bobs ci")
	}
	ada.get("/admin/tokens?in=owner&q=nobody").is(422, "")
	ada.get("/admin/tokens?in=project&q=none").is(422, "")
	ada.get("/admin/tokens?in=label&q=zzz").says(h.pages.Text("en", "admin_tokens.none", nil))
	at := "/admin/tokens/" + id + "/revoke"
	ada.get(at).says("bob")
	if got := ada.post(at, "reason", " ").is(422, ""); got.wrong("reason") == "" {
		t.Error("nothing is said beside the field")
	}
	ada.post(at, "reason", "seen in a log").is(303, "/admin/tokens")
	if row := h.row("token.revoked"); row.Account != bob.id || row.Actor.UserID != ada.id || row.Detail["reason"] != "seen in a log" {
		t.Errorf("%+v", row)
	}
}

func TestProjectsOfEverybody(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	ann := ada.guest("ann").enrol()
	bob.project("demo")
	bob.mint("ci")
	ada.get("/admin/projects?q=DEM").says("demo").says("bob")
	got := ada.get("/admin/projects/demo").is(200, "").says("ci")
	if strings.Contains(got.body, "/owner") {
		t.Error("an owner can be appointed to a project that has one")
	}
	ada.post("/admin/projects/demo/owner", "user", "ann").is(422, "")
	ada.post("/admin/people/"+bob.id+"/freeze").is(303, "/admin/people")
	ada.get("/admin/projects?unowned=yes").says("No active owner")
	if got := ada.post("/admin/projects/demo/owner", "user", "nobody").is(422, ""); got.value("user") != "nobody" || got.wrong("user") == "" {
		t.Error("what was typed is not kept, or nothing is said beside it")
	}
	ada.post("/admin/projects/demo/owner", "user", "ann").is(303, "/admin/projects/demo")
	if row := h.row("project.owner_appointed"); row.Account != ann.id || row.Actor.UserID != ada.id || row.Detail["user"] != "ann" {
		t.Errorf("%+v", row)
	}
	ann.get("/projects/demo").is(200, "")
	ada.post("/admin/projects/demo/archive", "archived", "yes").is(303, "/admin/projects/demo")
	if row := h.row("project.archived"); row.Actor.UserID != ada.id {
		t.Errorf("%+v", row)
	}
	ada.get("/admin/projects").says("Archived")
	ada.post("/admin/projects/demo/archive", "archived", "no").is(303, "/admin/projects/demo")
}

func TestAnnouncement(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	nobody := h.visitor("nobody")
	got := ada.post("/admin/settings/banner", "text", "", "level", "loud", "until", "x").is(422, "")
	if got.wrong("until") == "" {
		t.Error("nothing is said beside the day")
	}
	got = ada.post("/admin/settings/banner", "text", strings.Repeat("x", 301), "level", "info").is(422, "")
	if got.wrong("text") == "" || got.value("text") == "" {
		t.Error("nothing is said beside the text, or it is not kept")
	}
	const text = `Read <a href="https://evil.example">this</a>`
	tomorrow := h.clock.Now().AddDate(0, 0, 1).Format(time.DateOnly)
	ada.post("/admin/settings/banner", "text", text, "level", "warning", "until", tomorrow, "time", "12:00").is(303, "/admin/settings")
	h.row("instance.banner")
	for _, path := range []string{"/login", "/forgot-password", "/no/such/page"} {
		if p := nobody.get(path); !strings.Contains(p.text(), text) || strings.Contains(p.body, "evil.example\"") {
			t.Errorf("%s: it is not announced, or is a link", path)
		}
	}
	ada.get("/tokens").says(text)
	h.clock.pass(48 * time.Hour)
	if strings.Contains(nobody.get("/login").text(), text) {
		t.Error("it is announced for ever")
	}
	ada.signIn()
	ada.post("/admin/settings/banner/clear").is(303, "/admin/settings")
	h.row("instance.banner_cleared")
}

func TestRegistrationIsSwitched(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	nobody := h.visitor("eve")
	nobody.get("/register").is(403, "")
	ada.post("/admin/settings/registration", "registration", "all").is(422, "")
	ada.post("/admin/settings/registration", "registration", "open").is(303, "/admin/settings")
	h.row("instance.registration")
	nobody.register(ui.PathRegister, "")
	ada.post("/admin/settings/registration", "registration", "invite").is(303, "/admin/settings")
	h.visitor("zoe").get("/register").is(403, "")
}

// While rind is read-only, no form changes anything, but those of signing in and out,
// of revoking, freezing and ending sessions, and the one that ends it.
func TestReadOnly(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	ada.project("demo")
	_, id := ada.mint("ci")
	_, other := ada.mint("other")
	ada.post("/admin/settings/read-only", "on", "yes", "reason", "a new disk").is(303, "/admin/settings")
	if row := h.row("instance.read_only"); row.Actor.UserID != ada.id || row.Detail["reason"] != "a new disk" {
		t.Errorf("%+v", row)
	}
	h.visitor("nobody").get("/login").says("read-only").says("a new disk")
	before := h.state()
	for path, fields := range map[string][]string{
		"/new-project":           {"name", "other"},
		"/tokens/new":            {"label", "new", "scope", "all", "life", "30"},
		"/tokens/" + id:          {"label", "else"},
		"/projects/demo/members": {"user", "bob", "role", "owner"},
		"/admin/people/" + bob.id + "/make-admin": nil,
		"/admin/settings/banner":                  nil, // refused for its form; set below
		"/admin/invitations":                      {"email", "new@example.org"},
		"/admin/verifiers":                        {"name", "berlin"},
		"/admin/projects/demo/archive":            {"archived", "yes"},
		"/account/password":                       {"old_password", password, "password", password + " 2"},
		"/forgot-password":                        {"login", "bob"},
		"/account/recovery-codes/new":             nil,
	} {
		got := ada.post(path, fields...)
		if path != "/admin/settings/banner" && (got.status != 503 || !strings.Contains(got.text(), h.pages.Problem("en", ui.Problem{Code: "read_only"}))) {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := differ(before, h.state()); got != "" {
		t.Errorf("this changed: %s", got)
	}
	bob.signIn()
	bob.post("/logout").is(303, "/")
	ada.signIn()
	ada.post("/tokens/"+id+"/revoke").is(303, "/tokens")
	ada.post("/admin/tokens/"+other+"/revoke", "reason", "seen").is(303, "/admin/tokens")
	ada.post("/admin/people/"+bob.id+"/freeze").is(303, "/admin/people")
	ada.post("/admin/people/"+bob.id+"/thaw").is(503, "")
	ada.post("/admin/settings/read-only", "on", "no").is(303, "/admin/settings")
	h.row("instance.read_only_off")
	ada.post("/admin/people/"+bob.id+"/thaw").is(303, "/admin/people")
}

// differ names the keys whose values differ.
func differ(before, after map[string]string) string {
	var out []string
	for k, v := range after {
		if before[k] != v && !strings.HasPrefix(k, "audit/") {
			out = append(out, k)
		}
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			out = append(out, k)
		}
	}
	return strings.Join(out, ", ")
}

// readOnlyAllows are the forms that may change something while rind is read-only.
var readOnlyAllows = map[string]bool{
	"POST /admin/settings/read-only": true, "POST /admin/settings/registration": true, "POST /admin/settings/banner": true,
	"POST /admin/settings/banner/clear": true,
	"POST /login":                       true, "POST /login/totp": true, "POST /login/recovery": true, "POST /logout": true,
	"POST /tokens/:id/revoke": true, "POST /tokens/revoke": true, "POST /admin/tokens/:id/revoke": true,
	"POST /admin/people/:id/freeze": true, "POST /admin/people/:id/sign-out": true, "POST /admin/people/:id/drop-admin": true,
	"POST /admin/people/:id/recovery/cancel": true, "POST /account/recovery/cancel": true,
	"POST /admin/verifiers/:id/revoke": true, "POST /admin/invitations/:id/revoke": true,
	"POST /account/sessions/:id/end": true, "POST /account/sessions/end-others": true, "POST /account/devices/:id/forget": true,
	"POST /projects/:name/members/:id/shut-out": true,
}

// Every other form of the matrix, sent as the matrix sends it, changes nothing.
func TestReadOnlyMatrix(t *testing.T) {
	h := newHouse(t)
	m := newCast(h)
	ctx := context.Background()
	set := func(on bool) {
		t.Helper()
		h.must(h.auth.Settings.SetReadOnly(ctx, authn.Operator("the test"), authn.Origin{}, on, ""))
	}
	sent := 0
	for route, r := range matrix {
		if !strings.HasPrefix(route, "POST ") || readOnlyAllows[route] || strings.HasPrefix(route, "POST /legacy") {
			continue
		}
		if r.path == "" {
			r.path = strings.TrimPrefix(route, "POST ")
		}
		for _, name := range []string{admin, owner} {
			set(false)
			p := m.fresh(name)
			path := m.fill(r.path, name)
			set(true)
			before := h.state()
			got := p.post(path, r.form...)
			sent++
			if what := differ(before, h.state()); what != "" {
				t.Errorf("%s, %s: %d, and this changed: %s", route, name, got.status, what)
			}
			if got.status == 500 {
				t.Errorf("%s, %s: %d", route, name, got.status)
			}
		}
	}
	if sent < 60 {
		t.Errorf("only %d forms were sent", sent)
	}
}
