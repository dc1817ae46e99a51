package web

import (
	"strings"
	"testing"
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
