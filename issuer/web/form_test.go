package web

import (
	"bytes"
	"maps"
	"mime/multipart"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/ui"
)

// badForm is a form with something wrong in it.
type badForm struct {
	name   string
	path   string
	form   []string
	status int
	wrong  map[string]string // by field, "" for the whole form: the code of the problem
	kept   map[string]string // what stands in the fields of the page
	row    string            // kind of the only audit row that it leaves
	mails  bool              // the owner is told as well: somebody has the password
}

func codes(pairs ...string) map[string]string {
	out := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// args are what the sentences of these tests mention.
var args = map[string]ui.Args{
	"password_too_short": {"min": 12}, "password_too_long": {"max": 4096}, "username_too_long": {"max": 50}, "email_too_long": {"max": 254},
	"label_too_long": {"max": 100}, "label_taken": {"label": "Taken"}, "project_name_too_long": {"max": 100},
	"project_name_prohibited": {"name": "simple"}, "project_name_taken": {"name": "demo"}, "too_many_projects_chosen": {"max": 50, "count": 51},
	"project_unknown": {"project": "nothing"}, "already_member": {"user": "bob", "project": "demo"}, "last_owner": {"project": "demo"},
	"already_invited": {"user": "ZOE@example.org"}, "description_too_long": {"max": 500}, "project_name_mismatch": {"name": "demo"}, "release_version_mismatch": {"version": "1.0"}, "file_name_mismatch": {"file": "demo-1.0.tar.gz"}, "reason_too_long": {"max": 300}, "publisher_event_refused": {"event": "workflow_run"}, "publisher_ref_invalid": {"value": "main"},
}

// checkForm sends a form and looks at the answer and at the store.
func checkForm(t *testing.T, p *person, c badForm) {
	t.Helper()
	before := p.state()
	got := p.post(c.path, c.form...)
	if got.status != c.status {
		t.Fatalf("%d, want %d\n%s", got.status, c.status, got.text())
	}
	for field, code := range c.wrong {
		want := p.pages.Problem("en", ui.Problem{Field: field, Code: code, Args: args[code]})
		if strings.Contains(want, code) {
			t.Errorf("the catalogue has no sentence for %s", code)
		}
		if field != "" && !strings.Contains(got.wrong(field), want) {
			t.Errorf("beside %s: %q, want %q", field, got.wrong(field), want)
		}
		got.says(want)
	}
	for field, value := range c.kept {
		if got.value(field) != value {
			t.Errorf("%s holds %q, want %q", field, got.value(field), value)
		}
	}
	if strings.Contains(got.body, password) {
		t.Error("the password is in the page")
	}
	after := p.state()
	if c.row == "" && !maps.Equal(before, after) {
		t.Errorf("it changed %q", changed(before, after))
	}
	if c.row == "" {
		return
	}
	for _, k := range changed(before, after) {
		if c.mails && strings.HasPrefix(k, "notices/") {
			continue
		}
		if !strings.HasPrefix(k, "audit/") || strings.HasPrefix(k, "audit/row/") && !strings.Contains(after[k], `"`+c.row+`"`) {
			t.Errorf("it changed %q: %q", k, after[k])
		}
	}
}

// changed are the keys with other values.
func changed(before, after map[string]string) (out []string) {
	for k := range after {
		if v, ok := before[k]; !ok || v != after[k] {
			out = append(out, k)
		}
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func TestFormsOfWhoIsSignedIn(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	ida := ada.guest("ida").enrol()
	ada.project("demo")
	h.keeps("demo", "demo-1.0.tar.gz")
	ada.mint("taken")
	ada.invites("demo", bob, "maintainer")
	ada.post("/projects/demo/members", "user", "zoe@example.org", "role", "owner").is(303, "/projects/demo")
	ada.post("/admin/people/"+ida.id+"/freeze").is(303, "/admin/people")
	ada.get("/account/totp").is(200, "") // makes the secret that its form is about
	role := "/projects/demo/members/" + bob.id + "/role"
	long := strings.Repeat("a", 300)
	many := []string{"label", "x", "scope", "chosen", "life", "30"}
	for range 51 {
		many = append(many, "projects", "demo")
	}
	for _, c := range []badForm{
		{name: "token without anything", path: "/tokens/new", status: 422, wrong: codes("label", "label_required", "scope", "scope_required", "life", "life_required")},
		{name: "token with a taken label", path: "/tokens/new", form: []string{"label", "Taken", "scope", "all", "life", "30"}, status: 422, wrong: codes("label", "label_taken"), kept: codes("label", "Taken")},
		{name: "token with a long label", path: "/tokens/new", form: []string{"label", long, "scope", "all", "life", "30"}, status: 422, wrong: codes("label", "label_too_long"), kept: codes("label", long)},
		{name: "token with a control character", path: "/tokens/new", form: []string{"label", "a\x00b", "scope", "all", "life", "30"}, status: 422, wrong: codes("label", "label_invalid")},
		{name: "token that turns the text", path: "/tokens/new", form: []string{"label", "a\u202eb", "scope", "all", "life", "30"}, status: 422, wrong: codes("label", "label_invalid")},
		{name: "token of no scope", path: "/tokens/new", form: []string{"label", "x", "scope", "root", "life", "30"}, status: 422, wrong: codes("scope", "scope_unknown"), kept: codes("label", "x")},
		{name: "token without projects", path: "/tokens/new", form: []string{"label", "x", "scope", "chosen", "life", "30"}, status: 422, wrong: codes("projects", "projects_required")},
		{name: "token for somebody else's project", path: "/tokens/new", form: []string{"label", "x", "scope", "chosen", "life", "30", "projects", "nothing"}, status: 422, wrong: codes("projects", "project_unknown")},
		{name: "token for 51 projects", path: "/tokens/new", form: many, status: 422, wrong: codes("projects", "too_many_projects_chosen")},
		{name: "token of no life", path: "/tokens/new", form: []string{"label", "x", "scope", "all", "life", "31"}, status: 422, wrong: codes("life", "life_unknown")},
		{name: "token until no day", path: "/tokens/new", form: []string{"label", "x", "scope", "all", "life", "date"}, status: 422, wrong: codes("expires", "expires_required")},
		{name: "token until no date", path: "/tokens/new", form: []string{"scope", "all", "life", "date", "expires", "soon"}, status: 422, wrong: codes("expires", "date_invalid", "label", "label_required"), kept: codes("expires", "soon")},
		{name: "token until the day that never comes", path: "/tokens/new", form: []string{"label", "x", "scope", "all", "life", "date", "expires", "2027-02-29"}, status: 422, wrong: codes("expires", "date_invalid")},
		{name: "token until the past", path: "/tokens/new", form: []string{"label", "x", "scope", "all", "life", "date", "expires", "2001-01-01"}, status: 422, wrong: codes("expires", "expires_past")},
		{name: "token until the end of time", path: "/tokens/new", form: []string{"label", "x", "scope", "all", "life", "date", "expires", "9999-12-31"}, status: 422},
		{name: "project without a name", path: "/new-project", status: 422, wrong: codes("name", "project_name_required")},
		{name: "project with a long name", path: "/new-project", form: []string{"name", long}, status: 422, wrong: codes("name", "project_name_too_long"), kept: codes("name", long)},
		{name: "project with a slash", path: "/new-project", form: []string{"name", "../demo"}, status: 422, wrong: codes("name", "project_name_invalid"), kept: codes("name", "../demo")},
		{name: "project with markup", path: "/new-project", form: []string{"name", `"><b>x`}, status: 422, wrong: codes("name", "project_name_invalid"), kept: codes("name", `"><b>x`)},
		{name: "project called simple", path: "/new-project", form: []string{"name", "simple"}, status: 422, wrong: codes("name", "project_name_prohibited")},
		{name: "project that is there", path: "/new-project", form: []string{"name", "Demo"}, status: 422, wrong: codes("name", "project_name_taken"), kept: codes("name", "Demo")},
		{name: "invitation without a name", path: "/projects/demo/members", form: []string{"role", "owner"}, status: 422, wrong: codes("user", "invitee_required")},
		{name: "invitation that is out", path: "/projects/demo/members", form: []string{"user", "ZOE@example.org", "role", "owner"}, status: 422, wrong: codes("user", "already_invited"), kept: codes("user", "ZOE@example.org")},
		{name: "invitation with control characters", path: "/projects/demo/members", form: []string{"user", "b\x00b", "role", "owner"}, status: 422, wrong: codes("user", "invitee_invalid")},
		{name: "invitation with a long name", path: "/projects/demo/members", form: []string{"user", strings.Repeat("x", 40000), "role", "owner"}, status: 422, wrong: codes("user", "invitee_invalid")},
		{name: "invitation of a member twice", path: "/projects/demo/members", form: []string{"user", "bob", "role", "owner"}, status: 422, wrong: codes("user", "already_member"), kept: codes("user", "bob")},
		{name: "invitation to no role", path: "/projects/demo/members", form: []string{"user", "ida", "role", "king"}, status: 422, wrong: codes("role", "role_unknown")},
		{name: "transfer to nobody", path: "/projects/demo/transfer", status: 422, wrong: codes("user", "invitee_required", "stay", "stay_unknown")},
		{name: "transfer to oneself", path: "/projects/demo/transfer", form: []string{"user", "ada", "stay", "leave"}, status: 422, wrong: codes("user", "transfer_to_self"), kept: codes("user", "ada")},
		{name: "description that is long", path: "/projects/demo/settings", form: []string{"description", long + long, "homepage", "demo"}, status: 422, wrong: codes("description", "description_too_long", "homepage", "homepage_invalid"), kept: codes("homepage", "demo")},
		{name: "homepage that runs", path: "/projects/demo/settings", form: []string{"homepage", "javascript:alert(1)"}, status: 422, wrong: codes("homepage", "homepage_invalid")},
		{name: "deletion of another name", path: "/projects/demo/delete", form: []string{"confirm", "dem0"}, status: 422, wrong: codes("confirm", "project_name_mismatch"), kept: codes("confirm", "dem0")},
		{name: "deletion of another release", path: "/projects/demo/releases/1.0/delete", form: []string{"confirm", "1"}, status: 422, wrong: codes("confirm", "release_version_mismatch"), kept: codes("confirm", "1")},
		{name: "deletion of another file", path: "/projects/demo/files/demo-1.0.tar.gz/delete", form: []string{"confirm", "demo"}, status: 422, wrong: codes("confirm", "file_name_mismatch"), kept: codes("confirm", "demo")},
		{name: "deletion of no release", path: "/projects/demo/releases/9.9/delete", form: []string{"confirm", "9.9"}, status: 404},
		{name: "deletion of a file elsewhere", path: "/projects/demo/files/..%2Fother%2Fother-1.0.tar.gz/delete", form: []string{"confirm", "x"}, status: 404},
		{name: "deprecation with a long reason", path: "/projects/demo/deprecate", form: []string{"deprecated", "yes", "reason", long + long + long + long}, status: 422, wrong: codes("reason", "reason_too_long")},
		{name: "deprecation with control characters", path: "/projects/demo/deprecate", form: []string{"deprecated", "yes", "reason", "a\x1b[31m"}, status: 422, wrong: codes("reason", "reason_invalid")},
		{name: "quarantine without a reason", path: "/admin/projects/demo/quarantine", form: []string{"quarantined", "yes", "reason", " "}, status: 422, wrong: codes("reason", "quarantine_reason_required")},
		{name: "quarantine with two lines", path: "/admin/projects/demo/quarantine", form: []string{"quarantined", "yes", "reason", "a\nb"}, status: 422, wrong: codes("reason", "reason_invalid")},
		{name: "yank with a long reason", path: "/projects/demo/releases/1.0/yank", form: []string{"reason", long + long + long + long}, status: 422, wrong: codes("reason", "reason_too_long")},
		{name: "yank with control characters", path: "/projects/demo/releases/1.0/yank", form: []string{"reason", "a\x1b[31m"}, status: 422, wrong: codes("reason", "reason_invalid")},
		{name: "role that is none", path: role, form: []string{"role", "king"}, status: 422, wrong: codes("", "role_unknown")},
		{name: "role of nobody", path: "/projects/demo/members/" + ida.id + "/role", form: []string{"role", "owner"}, status: 404},
		{name: "role of no id", path: "/projects/demo/members/%2e%2e/role", form: []string{"role", "owner"}, status: 404},
		{name: "last owner steps down", path: "/projects/demo/members/" + ada.id + "/role", form: []string{"role", "maintainer"}, status: 422, wrong: codes("", "last_owner")},
		{name: "last owner removes herself", path: "/projects/demo/members/" + ada.id + "/remove", status: 422, wrong: codes("", "last_owner")},
		{name: "last owner leaves", path: "/projects/demo/leave", status: 422, wrong: codes("", "last_owner")},
		{name: "nobody is removed", path: "/projects/demo/members/" + ida.id + "/remove", status: 404},
		{name: "no project", path: "/projects/nothing/members", form: []string{"user", "bob", "role", "owner"}, status: 404},
		{name: "no token", path: "/tokens/00000000-0000-4000-8000-000000000000/revoke", status: 404},
		{name: "token of a strange id", path: "/tokens/" + strings.Repeat("x", 4000) + "/revoke", status: 404},
		{name: "invitation to nobody", path: "/admin/invitations", status: 422, wrong: codes("email", "email_invalid")},
		{name: "invitation to two", path: "/admin/invitations", form: []string{"email", "a@example.org, b@example.org"}, status: 422, wrong: codes("email", "email_invalid"), kept: codes("email", "a@example.org, b@example.org")},
		{name: "invitation with a header", path: "/admin/invitations", form: []string{"email", "a@example.org\r\nBcc: b@example.org"}, status: 422, wrong: codes("email", "email_invalid")},
		{name: "invitation of a member", path: "/admin/invitations", form: []string{"email", "bob@example.org"}, status: 422, wrong: codes("email", "email_taken")},
		{name: "invitation that is none", path: "/admin/invitations/x/revoke", status: 404},
		{name: "freeze nobody", path: "/admin/people/x/freeze", status: 404},
		{name: "freeze the last administrator", path: "/admin/people/" + ada.id + "/freeze", status: 422, wrong: codes("", "last_administrator")},
		{name: "password without the old one", path: "/account/password", form: []string{"password", "another lantern over nine gables"}, status: 422, wrong: codes("old_password", "password_wrong"), row: "account.password_change_failed"},
		{name: "password that is short", path: "/account/password", form: []string{"old_password", password, "password", "short"}, status: 422, wrong: codes("password", "password_too_short")},
		{name: "password that is weak", path: "/account/password", form: []string{"old_password", password, "password", "password1234"}, status: 422, wrong: codes("password", "password_weak")},
		{name: "password that is long", path: "/account/password", form: []string{"old_password", password, "password", strings.Repeat("ab cd ef", 600)}, status: 422, wrong: codes("password", "password_too_long")},
		{name: "password of control characters", path: "/account/password", form: []string{"old_password", password, "password", "another\x00lantern over nine gables"}, status: 422, wrong: codes("password", "password_invalid")},
		{name: "password that is the old one", path: "/account/password", form: []string{"old_password", password, "password", password}, status: 422, wrong: codes("password", "password_same")},
		{name: "code of letters", path: "/account/totp", form: []string{"code", "abcdef"}, status: 422, wrong: codes("code", "totp_format")},
		{name: "recovery code of letters", path: "/account/recovery-codes", form: []string{"code", "xyz"}, status: 422, wrong: codes("code", "recovery_format")},
		{name: "recovery code that is wrong", path: "/account/recovery-codes", form: []string{"code", "0123456789abcdef"}, status: 422, wrong: codes("code", "recovery_wrong"), row: "account.factor_failed", mails: true},
	} {
		t.Run(c.name, func(t *testing.T) { checkForm(t, ada, c) })
	}
}

func TestFormsOfWhoComesIn(t *testing.T) {
	h := newHouse(t, func(h *house) { h.registration = instance.Open })
	h.founder("ada")
	p := h.visitor("eve")
	half := h.visitor("ada")
	half.post("/login", "login", "ada", "password", password).is(303, "/login/totp")
	reg := func(name, username, email, word string, wrong map[string]string) badForm {
		return badForm{name: name, path: "/register", form: []string{"username", username, "email", email, "password", word}, status: 422, wrong: wrong,
			kept: codes("username", strings.ReplaceAll(username, "\x00", "\ufffd"), "email", strings.ReplaceAll(email, "\x00", "\ufffd"))}
	}
	for _, c := range []badForm{
		reg("nothing", "", "", "", codes("username", "username_invalid", "email", "email_invalid", "password", "password_too_short")),
		reg("odd name", "e v e", "eve@example.org", password, codes("username", "username_invalid")),
		reg("control character", "e\x00e", "e\x00e@example.org", password, codes("username", "username_invalid", "email", "email_invalid")),
		reg("long name", strings.Repeat("e", 51), "eve@example.org", password, codes("username", "username_too_long")),
		reg("taken name", "ADA", "eve@example.org", password, codes("username", "username_taken")),
		reg("long address", "eve", strings.Repeat("e", 300)+"@example.org", password, codes("email", "email_too_long")),
		reg("weak password", "eve", "eve@example.org", "eve eve eve eve", codes("password", "password_weak")),
		reg("long password", "eve", "eve@example.org", strings.Repeat("ochre lantern ", 300), codes("password", "password_too_long")),
		{name: "nobody signs in", path: "/login", status: 422, wrong: codes("", "sign_in_failed"), row: "account.sign_in_failed"},
		{name: "wrong password", path: "/login", form: []string{"login", "ada", "password", "no"}, status: 422, wrong: codes("", "sign_in_failed"), kept: codes("login", "ada"), row: "account.sign_in_failed"},
		{name: "unknown name", path: "/login", form: []string{"login", "zoe", "password", "no"}, status: 422, wrong: codes("", "sign_in_failed"), kept: codes("login", "zoe"), row: "account.sign_in_failed"},
		{name: "name of control characters", path: "/login", form: []string{"login", "a\x00\x1b", "password", "\x00"}, status: 422, wrong: codes("", "sign_in_failed"), row: "account.sign_in_failed"},
		{name: "name that is long", path: "/login", form: []string{"login", strings.Repeat("a", 30000), "password", "no"}, status: 422, wrong: codes("", "sign_in_failed")},
		{name: "password that is long", path: "/login", form: []string{"login", "ada", "password", strings.Repeat("a", 30000)}, status: 422, wrong: codes("", "sign_in_failed")},
		{name: "link that is none", path: "/verify-email", form: []string{"link", "x"}, status: 410},
		{name: "link of another kind", path: "/invitation", form: []string{"link", strings.Repeat("a", 54)}, status: 410},
	} {
		t.Run(c.name, func(t *testing.T) { checkForm(t, p, c) })
	}
	for _, c := range []badForm{
		{name: "no code", path: "/login/totp", status: 422, wrong: codes("code", "totp_format")},
		{name: "long code", path: "/login/totp", form: []string{"code", strings.Repeat("1", 60000)}, status: 422, wrong: codes("code", "totp_format")},
		{name: "wrong code", path: "/login/totp", form: []string{"code", "000000"}, status: 422, wrong: codes("code", "totp_wrong"), row: "account.factor_failed", mails: true},
		{name: "no recovery code", path: "/login/recovery", status: 422, wrong: codes("code", "recovery_format")},
		{name: "wrong recovery code", path: "/login/recovery", form: []string{"code", "0123-4567-89ab-cdef"}, status: 422, wrong: codes("code", "recovery_wrong"), row: "account.factor_failed", mails: true},
	} {
		t.Run(c.name, func(t *testing.T) { checkForm(t, half, c) })
	}
}

// What is no form of a page is refused alike on every address that takes one.
func TestBodiesThatAreNoForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.founder("ada")
	var parts bytes.Buffer
	w := multipart.NewWriter(&parts)
	h.must(w.WriteField("login", "ada"))
	h.must(w.Close())
	// The limit is in one place, so that one byte over it is tried everywhere and much more here.
	huge := map[string]bool{"/login": true, "/tokens/new": true, "/projects/:name/invite": true}
	bytesOver, fieldsOver := "label="+strings.Repeat("a", maxForm), strings.Repeat("a=&", maxForm/3+1)
	bytesHuge, fieldsHuge := "label="+strings.Repeat("a", 10<<20), strings.Repeat("a=&", 10<<20/3)
	before, tried := h.state(), 0
	for _, route := range h.web.Routes() {
		path, ok := strings.CutPrefix(route, "POST ")
		if !ok || strings.HasPrefix(path, pathLegacy) || strings.HasPrefix(path, "/webauthn/") || path == pathLeaks || strings.HasPrefix(path, pathOIDC) { // those have tests of their own
			continue
		}
		body, fields := bytesOver, fieldsOver
		if huge[path] {
			body, fields = bytesHuge, fieldsHuge
			tried++
		}
		path = strings.NewReplacer(":id", "x", ":name", "x").Replace(path)
		for _, c := range []struct {
			name, kind, body, code string
			status                 int
		}{
			{"multipart", w.FormDataContentType(), parts.String(), "form_type", 415},
			{"JSON", "application/json", `{"login":"ada","code":"1"}`, "form_type", 415},
			{"text", "text/plain", "login=ada", "form_type", 415},
			{"no type", "", "login=ada", "form_type", 415},
			{"damaged type", "application/x-www-form-urlencoded; =", "login=ada", "form_type", 415},
			{"repeated", formType, "link=a&code=1&code=1&login=x&login=y&label=x&label=y", "form_repeated", 400},
			{"semicolon", formType, "a=1;b=2", "form_damaged", 400},
			{"bad escape", formType, "a=%zz", "form_damaged", 400},
			{"not UTF-8", formType, "label=%ff&login=%c3%28", "form_damaged", 400},
			{"name not UTF-8", formType, "%ff=1", "form_damaged", 400},
			{"too large", formType, body, "form_too_large", 413},
			{"too many fields", formType, fields, "form_too_large", 413},
		} {
			got := ada.send(ada.request("POST", path, c.kind, c.body))
			want := h.pages.Problem("en", ui.Problem{Code: c.code})
			elsewhere := got.status == 303 && c.status != 413 // the guard comes first
			if !elsewhere && (got.status != c.status || !strings.Contains(got.text(), want) || got.header.Get("Content-Type") != "text/html; charset=UTF-8") {
				t.Errorf("%s, %s: %d %q", route, c.name, got.status, got.text())
			}
		}
	}
	if tried < 2 {
		t.Errorf("10 MB were sent to %d routes", tried)
	}
	if d := changed(before, h.state()); len(d) != 0 {
		t.Errorf("it changed %q", d)
	}
	if !ada.holds() {
		t.Error("the session is gone")
	}
}

// All codes that a page can show have a sentence.
func TestEveryCodeHasASentence(t *testing.T) {
	h := newHouse(t)
	for _, code := range []string{"form_type", "form_too_large", "form_damaged", "form_repeated", "cross_origin", "not_found"} {
		if s := h.pages.Problem("en", ui.Problem{Code: code}); strings.Contains(s, code) {
			t.Errorf("%s: %q", code, s)
		}
	}
	for _, n := range []string{
		"signed_out", "session_ended", "recovery_code_used", "verification_sent", "email_changed", "email_verified",
		"totp_replaced", "recovery_codes_saved", "password_changed", "token_revoked", "token_revoked_soon", "project_created",
		"member_invited", "invitation_sent", "invitation_withdrawn", "invitation_accepted", "ownership_accepted", "invitation_declined", "transfer_asked",
		"project_described", "project_archived", "project_reopened", "project_deprecated", "project_undeprecated", "project_quarantined", "project_quarantine_lifted", "project_deleted", "release_yanked", "release_unyanked", "release_deleted", "file_deleted", "name_released", "member_removed", "role_changed", "project_left", "invitation_revoked", "person_frozen", "person_thawed",
	} {
		if s := h.pages.Text("en", "notice."+n, nil); s == "notice."+n {
			t.Errorf("there is no sentence for the notice %s", n)
		}
	}
}
