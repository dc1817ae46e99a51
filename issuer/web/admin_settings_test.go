package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

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
	"POST /projects/:name/members/:id/exclude": true,
}

// Every other form of the matrix, sent as the matrix sends it, changes nothing.
func TestReadOnlyMatrix(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	m := newCast(h)
	ctx := context.Background()
	set := func(on bool) {
		t.Helper()
		h.must(h.auth.Settings.SetReadOnly(ctx, authn.Operator("the test"), authn.Origin{}, on, ""))
	}
	people := map[string]*person{} // with the sessions that they have
	sent, refused := 0, 0
	for route, r := range matrix {
		if !strings.HasPrefix(route, "POST ") || readOnlyAllows[route] || strings.HasPrefix(route, "POST /legacy") {
			continue
		}
		if r.path == "" {
			r.path = strings.TrimPrefix(route, "POST ")
		}
		for _, name := range []string{admin, owner} {
			set(false)
			if people[name] == nil {
				people[name] = m.fresh(name)
			}
			p, path := people[name], m.fill(r.path, name)
			set(true)
			session, before, changes := p.session(), h.state(), h.store.changes.Load()
			got := p.post(path, r.form...)
			sent++
			switch got.status {
			case http.StatusServiceUnavailable:
				refused++
			case http.StatusInternalServerError:
				t.Errorf("%s, %s: %d", route, name, got.status)
			}
			if p.session() != session {
				people[name] = nil
			}
			if h.store.changes.Load() == changes {
				continue // nothing was even tried
			}
			if what := differ(before, h.state()); what != "" {
				t.Errorf("%s, %s: %d, and this changed: %s", route, name, got.status, what)
			}
		}
	}
	if sent < 100 || refused < 50 { // the others are refused before they come to the store
		t.Errorf("only %d forms were sent, and %d met a store that is read-only", sent, refused)
	}
}
