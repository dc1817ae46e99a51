package web

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

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

// Administrators quarantine a project; its members see why, and its owners can't undo it.
func TestQuarantine(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	bob.project("demo")
	text, _ := bob.mint("ci")
	const at = "/admin/projects/demo"
	bob.post(at+"/quarantine", "quarantined", "yes", "reason", "mine").is(404, "")
	if got := ada.post(at+"/quarantine", "quarantined", "yes", "reason", "two\nlines").is(422, ""); got.wrong("reason") == "" {
		t.Error("nothing is said beside the reason")
	}
	h.clock.pass(16 * time.Minute) // it must work at once
	ada.post(at+"/quarantine", "quarantined", "yes", "reason", "It <b>steals</b> keys.").is(303, at)
	if row := h.row("project.quarantined"); row.Actor.UserID != ada.id || row.Detail["reason"] != "It <b>steals</b> keys." {
		t.Errorf("%+v", row)
	}
	ada.get(at).is(200, "").says("Quarantined since").says("It <b>steals</b> keys.")
	ada.get("/admin/projects").says("Quarantined")
	bob.get("/projects").says("Quarantined")
	bob.get("/projects/demo").is(200, "").says("An administrator quarantined this project").says("It <b>steals</b> keys.").says("None of them can upload while the project is quarantined.")
	bob.get("/projects/demo/settings").is(200, "").says("Only an administrator can lift the quarantine.")
	if w := h.uploads(text, "demo"); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "project 'demo' is quarantined and takes no uploads") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	bob.signIn()
	bob.post("/projects/demo/archive").is(303, "/projects/demo")
	bob.post("/projects/demo/reopen").is(422, "").says("demo is quarantined. It can be reopened when an administrator has lifted the quarantine.")
	bob.post("/projects/demo/delete", "confirm", "demo").is(422, "").says("demo is quarantined. It can be deleted when an administrator has lifted the quarantine.")
	bob.post(at+"/quarantine", "quarantined", "no").is(404, "")

	ada.post(at+"/quarantine", "quarantined", "no").is(303, "/login/totp?next=%2Fadmin%2Fprojects%2Fdemo")
	ada.signIn()
	ada.post("/admin/settings/read-only", "on", "yes").is(303, "/admin/settings")
	ada.post(at+"/quarantine", "quarantined", "yes", "reason", "It still does.").is(303, at)
	ada.post(at+"/quarantine", "quarantined", "no").is(503, "")
	ada.post("/admin/settings/read-only", "on", "no").is(303, "/admin/settings")
	ada.post(at+"/quarantine", "quarantined", "no").is(303, at)
	if row := h.row("project.quarantine_lifted"); row.Actor.UserID != ada.id {
		t.Errorf("%+v", row)
	}
	bob.post("/projects/demo/reopen").is(303, "/projects/demo")
	if w := h.uploads(text, "demo"); w.Code == http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
