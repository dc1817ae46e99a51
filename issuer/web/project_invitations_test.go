package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Owners learn nothing of who has an account: the answers, and the page afterwards, are
// the same but for the name that was typed; and so are the mails that leave.
func TestInvitingIsNoOracle(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.guest("bob").enrol()
	seen := map[string][]string{}
	for i, to := range []string{"bob", "zoe", "bob@example.org", "zoe@example.org"} {
		name := "demo-" + string(rune('a'+i))
		ada.project(name)
		mails := len(h.mails.messages())
		ada.post("/projects/"+name+"/members", "user", to, "role", "maintainer").is(303, "/projects/"+name)
		text := ada.get("/projects/" + name).says("The invitation was sent.").text()
		shape := strings.NewReplacer(to, "TO", name, "NAME").Replace(text)
		seen[shape] = append(seen[shape], to)
		sent := h.mails.messages()[mails:]
		if want := to != "zoe"; len(sent) == 1 != want {
			t.Errorf("%s: %d mails", to, len(sent))
		}
		for _, m := range sent {
			if strings.Contains(m.Text, "bob") || !strings.Contains(m.To, strings.TrimSuffix(to, "@example.org")) {
				t.Errorf("to %s for %s:\n%s", m.To, to, m.Text)
			}
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d different pages", len(seen))
		for shape, who := range seen {
			t.Logf("%v:\n%s", who, shape)
		}
	}
}

// The link of a mail shows who invites and to what, and lets only the invited answer.
func TestLinkOfAnInvitation(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob, eve := ada.guest("bob").enrol(), ada.guest("eve").enrol()
	ada.project("demo")
	ada.post("/projects/demo/members", "user", "bob@example.org", "role", "owner").is(303, "/projects/demo")
	link := bob.mailed("/project-invitation")
	for name, who := range map[string]*person{"nobody": h.visitor("x"), "another": eve} {
		who.get(link).is(303, "/project-invitation")
		got := who.get("/project-invitation").is(200, "").says("ada invited you to demo as an owner.").says("bob@example.org")
		if strings.Contains(got.body, "/decline") {
			t.Errorf("%s can answer", name)
		}
	}
	h.visitor("y").get("/project-invitation").is(410, "")
	bob.get(link).is(303, "/project-invitation")
	at := bob.get("/project-invitation").header.Get("Location")
	eve.get(at).is(404, "")
	eve.post(at).is(404, "")
	eve.post(at+"/decline").is(404, "")

	ada.post(strings.Replace(at, "/project-invitation", "/projects/demo/invitations", 1)+"/resend").is(303, "/projects/demo")
	h.visitor("z").get(link).is(303, "/project-invitation")
	z := h.visitor("z")
	z.get(link).is(303, "/project-invitation")
	z.get("/project-invitation").is(410, "").says("a newer one has replaced it")
	link = bob.mailed("/project-invitation")
	bob.get("/projects").says("ada invited you to demo as an owner.")
	h.clock.pass(projects.InvitationLife)
	z.get(link).is(303, "/project-invitation")
	z.get("/project-invitation").is(410, "").says("The link has expired.")
	bob.signIn().post(at).is(422, "").says("The invitation has expired.")

	ada.signIn().post(strings.Replace(at, "/project-invitation", "/projects/demo/invitations", 1)+"/revoke").is(303, "/projects/demo")
	bob.post(at).is(404, "")
	ada.post("/projects/demo/members", "user", "bob", "role", "owner").is(303, "/projects/demo")
	link = bob.mailed("/project-invitation")
	bob.get(link).is(303, "/project-invitation")
	at = bob.get("/project-invitation").header.Get("Location")
	h.clock.pass(16 * time.Minute)
	bob.post(at).is(303, "/login/totp?next="+strings.ReplaceAll(at, "/", "%2F"))
	bob.post(at+"/decline").is(303, "/projects")
	bob.get("/projects").says("You declined the invitation.")
	z.get(link).is(303, "/project-invitation")
	z.get("/project-invitation").is(410, "")
}

// Who has no account makes one, and is back at the invitation.
func TestInvitedWithoutAnAccount(t *testing.T) {
	h := newHouse(t, func(h *house) { h.registration = instance.Open })
	ada := h.founder("ada")
	ada.project("demo")
	ada.post("/projects/demo/members", "user", "Bob@example.org", "role", "maintainer").is(303, "/projects/demo")
	bob := h.visitor("bob")
	var link string
	for _, m := range h.mails.messages() {
		if strings.EqualFold(m.To, bob.address()) {
			link = strings.TrimPrefix(mailedLink.FindString(m.Text), public)
		}
	}
	bob.get(link).is(303, "/project-invitation")
	bob.get("/project-invitation").is(200, "").says("Bob@example.org")
	bob.register("/register", "")
	if got := bob.enrol().get("/projects").is(200, ""); !strings.Contains(got.text(), "ada invited you to demo as a maintainer.") {
		t.Fatal(got.text())
	}
	all, err := h.issuer.Projects.InvitationsFor(context.Background(), ledger.Principal{UserID: bob.id})
	h.must(err)
	bob.post("/project-invitation/"+all[0].ID).is(303, "/projects/demo")
	ada.get("/projects/demo").says("bob")
}

// What becomes of a project is said on its pages, and to who uploads.
func TestProjectIsChanged(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	ada.project("De.mo")
	ada.invites("De.mo", bob, "maintainer")
	text, _ := bob.mint("ci", "scope", "chosen", "projects", "De.mo")
	all, _ := ada.mint("mine", "scope", "all")
	refused := func(token, why string) {
		t.Helper()
		w := h.uploads(token, "de-mo")
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), why) {
			t.Errorf("uploading: %d %s, want %q", w.Code, w.Body, why)
		}
	}
	ada.post("/projects/De.mo/settings", "description", "A <b>demo</b>.", "homepage", "https://demo.example.org").is(303, "/projects/De.mo")
	bob.get("/projects/De.mo").is(200, "").says("A <b>demo</b>.").says("https://demo.example.org")

	if got := ada.post("/projects/De.mo/deprecate", "deprecated", "yes", "reason", "a\nb").is(422, ""); got.wrong("reason") == "" || got.value("homepage") != "https://demo.example.org" {
		t.Error("nothing is said beside the reason, or what was saved is not shown")
	}
	ada.post("/projects/De.mo/deprecate", "deprecated", "yes", "reason", "Use <b>other</b>.").is(303, "/projects/De.mo")
	bob.get("/projects/De.mo").is(200, "").says("This project has been deprecated since").says("Use <b>other</b>.")
	bob.get("/projects").says("Deprecated")
	bob.post("/projects/De.mo/deprecate", "deprecated", "no").is(403, "")
	if w := h.uploads(text, "de-mo"); w.Code == http.StatusForbidden {
		t.Errorf("deprecated: %d %s", w.Code, w.Body)
	}
	ada.get("/projects/De.mo/settings").is(200, "").says("Use <b>other</b>.")
	ada.post("/projects/De.mo/deprecate", "deprecated", "no").is(303, "/projects/De.mo")

	ada.get("/projects/De.mo/archive").is(200, "").says("ci of bob, never used for it")
	ada.post("/projects/De.mo/archive").is(303, "/projects/De.mo")
	bob.get("/projects/De.mo").says("accepts no uploads").says("None of them can upload while the project is archived.")
	bob.get("/projects").says("Archived")
	refused(text, "project 'de-mo' is archived and takes no uploads")
	ada.post("/projects/De.mo/reopen").is(303, "/projects/De.mo")
	if w := h.uploads(text, "de-mo"); w.Code == http.StatusForbidden {
		t.Errorf("reopened: %d %s", w.Code, w.Body)
	}

	ada.post("/projects/De.mo/transfer", "user", "bob", "stay", "maintainer").is(303, "/projects/De.mo")
	ada.get("/projects/De.mo").says("Owner, in place of the inviter")
	bob.get("/projects").says("ada wants to transfer De.mo to you.")
	link := bob.mailed("/project-invitation")
	bob.get(link).is(303, "/project-invitation")
	bob.post(bob.get("/project-invitation").header.Get("Location")).is(303, "/projects/De.mo")
	bob.get("/projects/De.mo").says("You are now an owner of the project.")
	ada.get("/projects/De.mo/settings").is(403, "")

	bob.get("/projects/De.mo/delete").is(200, "").says("Tokens made only for this project are revoked").says("30 days")
	bob.post("/projects/De.mo/delete", "confirm", "De.mo").is(303, "/projects")
	bob.get("/projects").says("The project was deleted.").says("1 of 1 verifier has it")
	ada.get("/projects/De.mo").is(404, "")
	refused(text, "token was revoked because its project was deleted")
	refused(all, "not a member of project 'de-mo'")
	ada.post("/new-project", "name", "de_mo").is(422, "").says("reserved until")
	ada.get("/admin/names").is(200, "").says("De.mo").says("by bob")
	ada.post("/admin/names/De.mo/release").is(303, "/admin/names")
	ada.project("de_mo")
	refused(text, "token was revoked because its project was deleted")
}

// uploads offers a file to a project; what becomes of it beyond the check of the token
// is the gateway's matter.
func (h *house) uploads(token, project string) *httptest.ResponseRecorder {
	h.Helper()
	const edge = "----edge"
	var b strings.Builder
	for _, f := range [][2]string{{":action", "file_upload"}, {"protocol_version", "1"}, {"name", project}, {"version", "1.0"}, {"filetype", "sdist"}} {
		b.WriteString("--" + edge + "\r\nContent-Disposition: form-data; name=\"" + f[0] + "\"\r\n\r\n" + f[1] + "\r\n")
	}
	b.WriteString("--" + edge + "\r\nContent-Disposition: form-data; name=\"content\"; filename=\"" + strings.ReplaceAll(project, "-", "_") + "-1.0.tar.gz\"\r\n\r\nx\r\n--" + edge + "--\r\n")
	r := httptest.NewRequestWithContext(h.Context(), http.MethodPost, "/legacy/", strings.NewReader(b.String()))
	r.Header.Set("Content-Type", "multipart/form-data; boundary="+edge)
	r.SetBasicAuth("__token__", token)
	w := httptest.NewRecorder()
	h.web.ServeHTTP(w, r)
	return w
}

// Many projects are shown on several pages, and found by a part of their names.
func TestManyProjects(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	p := ledger.Principal{UserID: ada.id, Username: "ada"}
	for i := range projectPageSize + 1 {
		_, _, err := h.issuer.Projects.Create(context.Background(), p, "Project_"+string(rune('a'+i/26))+string(rune('a'+i%26)))
		h.must(err)
	}
	first := ada.get("/projects").is(200, "").says("Project_aa").says("Show more")
	if strings.Contains(first.text(), "Project_dw") {
		t.Error("the first page has all of them")
	}
	if second := ada.get("/projects?after=Project_dv").is(200, "").says("Project_dw"); strings.Contains(second.text(), "Project_dv") || strings.Contains(second.text(), "Show more") {
		t.Error(second.text())
	}
	if found := ada.get("/projects?find=project-CB").is(200, "").says("Project_cb"); strings.Contains(found.text(), "Project_ca") {
		t.Error(found.text())
	}
	ada.get("/projects?find=zebra").is(200, "").says("None of your projects has “zebra” in its name.")
}

// Who invited may be frozen before the invited accepts, and who was removed has no way back
// by an invitation from before: both are told so on a page.
func TestInvitationThatHoldsNoLonger(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob, eve := ada.guest("bob").enrol(), ada.guest("eve").enrol()
	eve.project("hers")
	eve.post("/projects/hers/members", "user", "bob", "role", "maintainer").is(303, "/projects/hers")
	bob.get(bob.mailed("/project-invitation")).is(303, "/project-invitation")
	at := bob.get("/project-invitation").header.Get("Location")
	ada.post("/admin/people/"+eve.id+"/freeze").is(303, "/admin/people")
	bob.post(at).is(422, "").says("The person who invited you to hers may no longer invite people.")

	ada.project("demo")
	ada.post("/projects/demo/members", "user", "bob", "role", "maintainer").is(303, "/projects/demo")
	bob.get(bob.mailed("/project-invitation")).is(303, "/project-invitation")
	byName := bob.get("/project-invitation").header.Get("Location")
	ada.post("/projects/demo/members", "user", "bob@example.org", "role", "owner").is(303, "/projects/demo")
	link := bob.mailed("/project-invitation")
	bob.get(link).is(303, "/project-invitation")
	byAddress := bob.get("/project-invitation").header.Get("Location")
	bob.post(byName).is(303, "/projects/demo")
	h.clock.pass(time.Second)
	ada.post("/projects/demo/members/"+bob.id+"/remove").is(303, "/projects/demo")
	bob.post(byAddress).is(422, "").says("You were a member of demo after this invitation was sent.")
	bob.get(byAddress).is(404, "")
	bob.get(link).is(303, "/project-invitation")
	bob.get("/project-invitation").is(410, "")
}
