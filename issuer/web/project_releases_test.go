package web

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
)

// keeps puts files of a project into the folder of the index.
func (h *house) keeps(project string, names ...string) {
	h.Helper()
	dir := filepath.Join(h.dir, "packages", project)
	h.must(os.MkdirAll(dir, 0o755))
	for _, name := range names {
		h.must(os.WriteFile(filepath.Join(dir, name), disttest.Pack(name, "x"), 0o644))
	}
}

// Owners see releases on the project's page, yank one with a reason, which installers and the other members read, undo it, and
// delete what they typed. A maintainer sees it all and can do nothing.
func TestReleases(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	ada.project("De.mo")
	ada.invites("De.mo", bob, "maintainer")
	ada.get("/projects/De.mo").says("Nothing has been uploaded yet.")
	h.keeps("de-mo", "de_mo-1.0.tar.gz", "de_mo-1.0-py3-none-any.whl", "de_mo-1!2.0+local.1.tar.gz")

	const one, two = "/projects/De.mo/releases/1.0", "/projects/De.mo/releases/1%212.0+local.1"
	ada.get("/projects/De.mo").is(200, "").says("2 files,").says("1!2.0+local.1")
	ada.get(two).is(200, "").says("de_mo-1!2.0+local.1.tar.gz")
	if got := bob.get(one).is(200, "").says("de_mo-1.0.tar.gz"); strings.Contains(got.body, "/yank") || strings.Contains(got.body, "/delete") {
		t.Error("the maintainer can yank or delete")
	}
	ada.get(one+"/yank").is(200, "").says("Whoever asks for exactly this version")
	ada.post(one+"/yank", "reason", "Loses data: use 1.1.").is(303, one)
	bob.get(one).says("Loses data: use 1.1.")
	bob.get("/projects/De.mo").says("Yanked").says("ada yanked De.mo 1.0")
	if page := bob.get("/simple/de-mo/").body; strings.Count(page, `data-yanked="Loses data: use 1.1."`) != 2 {
		t.Error(page)
	}
	if e := h.last(); e.Kind != "project.release_yanked" || e.Actor.Username != "ada" || e.Detail["reason"] != "Loses data: use 1.1." {
		t.Errorf("row %+v", e)
	}
	if mails := h.about("bob@example.org", "De.mo 1.0 was yanked"); len(mails) != 1 || !strings.Contains(mails[0], "Reason: Loses data: use 1.1.") {
		t.Errorf("mails %q", mails)
	}
	if got := ada.get(one + "/yank").value("reason"); got != "Loses data: use 1.1." { // to change it
		t.Errorf("the reason to change is %q", got)
	}
	ada.post(one+"/unyank").is(303, one)
	ada.get(one).says("Installers offer the release again.")
	if page := bob.get("/simple/de-mo/").body; strings.Contains(page, "yanked") {
		t.Error(page)
	}

	file := "/projects/De.mo/files/de_mo-1.0.tar.gz/delete"
	ada.get(file).is(200, "").says("The file names can’t be used again")
	ada.post(file, "confirm", "de_mo-1.0.tar.gz").is(303, "/projects/De.mo/releases")
	ada.get("/projects/De.mo/releases").says("The file was deleted.").says("1 file,")
	ada.get(file).is(404, "")
	ada.post(two+"/delete", "confirm", "1!2.0+local.1").is(303, "/projects/De.mo/releases")
	if e := h.last(); e.Kind != "project.release_deleted" || e.Detail["version"] != "1!2.0+local.1" {
		t.Errorf("row %+v", e)
	}
	ada.get(two).is(404, "")
	if got := h.serve(http.MethodGet, "/packages/de-mo/de_mo-1.0.tar.gz"); got != http.StatusNotFound {
		t.Errorf("the deleted file: %d", got)
	}
	if mails := h.about("bob@example.org", "De.mo 1!2.0+local.1 was deleted"); len(mails) != 1 {
		t.Errorf("mails %q", mails)
	}
}

// While a project is quarantined, nobody can change its releases in the browser, pages don't offer it, and say what is so.
func TestReleasesInQuarantine(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	bob.project("demo")
	h.keeps("demo", "demo-1.0.tar.gz")
	const one, file = "/projects/demo/releases/1.0", "/projects/demo/files/demo-1.0.tar.gz/delete"
	ada.post("/admin/projects/demo/quarantine", "quarantined", "yes", "reason", "It steals keys.").is(303, "/admin/projects/demo")

	bob.get("/projects/demo").says("Installers find nothing here")
	bob.get("/projects/demo/releases").is(200, "").says("Installers find nothing here")
	got := bob.get(one).is(200, "").says("It steals keys.").says("owners can’t yank or delete the release").says("demo-1.0.tar.gz")
	for _, offered := range []string{"/yank", "/delete", "/packages/"} {
		if strings.Contains(got.body, offered) {
			t.Errorf("the page of the release has %s", offered)
		}
	}
	bob.get("/projects/demo/settings").says("They can’t yank or delete its releases either.")
	ada.get("/admin/projects/demo").says("rind admin delete-release")
	const why = "demo is quarantined. Until an administrator lifts the quarantine, its owners can’t yank or delete its releases."
	for _, form := range []string{one + "/yank", one + "/unyank", one + "/delete", file} {
		bob.get(form).is(422, "").says(why)
	}
	bob.post(one+"/yank", "reason", "mine").is(422, "").says(why)
	bob.post(one+"/unyank").is(422, "").says(why)
	bob.post(one+"/delete", "confirm", "1.0").is(422, "").says(why)
	bob.post(file, "confirm", "demo-1.0.tar.gz").is(422, "").says(why)

	ada.post("/admin/projects/demo/quarantine", "quarantined", "no").is(303, "/admin/projects/demo")
	bob.get("/projects/demo/releases").says("Open a release to yank or delete it.")
	bob.post(one+"/delete", "confirm", "1.0").is(303, "/projects/demo/releases")
}

// While the folder can't be changed, who decides hears what becomes of it, and what is decided about other projects is done.
func TestReleasesLater(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	h.keeps("demo", "demo-1.0.tar.gz", "demo-1.1.tar.gz")
	const one, two = "/projects/demo/releases/1.0", "/projects/demo/releases/1.1"
	ada.get(one).is(200, "")
	staging := filepath.Join(h.dir, "packages", ".staging")
	h.must(os.Rename(staging, staging+"-away"))
	h.must(os.WriteFile(staging, nil, 0o600))
	recorded := ada.post(one+"/yank", "reason", "Loses data.").is(503, "").says("Your decision is recorded, but rind could not carry it out yet.")
	if e := h.last(); e.Kind != "project.release_yanked" {
		t.Errorf("row %+v", e)
	}
	refused := ada.post(two+"/yank", "reason", "Loses data.").is(503, "").says("so this one was not recorded.")
	if strings.Contains(recorded.body+refused.body, "Loses data.") {
		t.Error("the form is offered again")
	}
	if e := h.last(); e.Detail["version"] != "1.0" {
		t.Errorf("row %+v", e)
	}
	h.must(os.Remove(staging))
	h.must(os.Rename(staging+"-away", staging))
	ada.post(two+"/yank", "reason", "Loses data.").is(303, two)
	ada.get(one).says("Loses data.")

	h.must(os.Rename(staging, staging+"-away"))
	h.must(os.WriteFile(staging, nil, 0o600))
	ada.post(one+"/unyank").is(503, "")
	ada.post("/admin/projects/demo/quarantine", "quarantined", "yes", "reason", "It steals keys.").is(303, "/admin/projects/demo")
	h.must(h.files.Finish(t.Context())) // needs no folder to drop it
	ada.get("/projects/demo").says("What ada had decided about demo 1.0 was not carried out, because the project was quarantined or deleted first")
}

// serve is the status of an answer to somebody without a session.
func (h *house) serve(method, path string) int {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), method, h.server.URL+path, nil)
	h.must(err)
	resp, err := h.server.Client().Do(r)
	h.must(err)
	resp.Body.Close()
	return resp.StatusCode
}

// Where another program keeps the index, pages offer nothing that only it could do.
func TestReleasesOfAnotherIndex(t *testing.T) {
	h := newHouse(t, func(h *house) { h.othersIndex = true })
	ada := h.founder("ada")
	ada.project("demo")
	h.keeps("demo", "demo-1.0.tar.gz")
	if got := ada.get("/projects/demo").is(200, ""); strings.Contains(got.body, "/releases") || strings.Contains(got.text(), "Releases") {
		t.Error(got.text())
	}
	for _, path := range []string{"", "/1.0", "/1.0/yank", "/1.0/unyank", "/1.0/delete"} {
		ada.get("/projects/demo/releases"+path).is(404, "")
	}
	ada.post("/projects/demo/releases/1.0/yank").is(404, "")
	ada.post("/projects/demo/releases/1.0/unyank").is(404, "")
	ada.post("/projects/demo/releases/1.0/delete", "confirm", "1.0").is(404, "")
	ada.post("/projects/demo/files/demo-1.0.tar.gz/delete", "confirm", "demo-1.0.tar.gz").is(404, "")

	ada.get("/admin/projects/demo").says("Another program keeps the files, and still offers them.")
	ada.post("/admin/projects/demo/quarantine", "quarantined", "yes", "reason", "It steals keys.").is(303, "/admin/projects/demo")
	ada.get("/admin/projects/demo").says("Another program keeps the files, and still offers them.")
	if got := ada.get("/projects/demo/settings").says("Only an administrator can lift the quarantine."); strings.Contains(got.text(), "its releases either") {
		t.Error(got.text())
	}
	ada.get("/projects/demo/releases/1.0/yank").is(404, "")
}

// A long list of releases has pages.
func TestManyReleases(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	var names []string
	for i := range releasePageSize + 1 {
		names = append(names, "demo-1."+string(rune('0'+i/10))+string(rune('0'+i%10))+".tar.gz")
	}
	h.keeps("demo", names...)
	first := ada.get("/projects/demo/releases").is(200, "").says("Show more releases")
	_, next, _ := strings.Cut(first.body, `href="/projects/demo/releases?after=`)
	next, _, _ = strings.Cut(next, `"`)
	if got := ada.get("/projects/demo/releases?after="+next).is(200, ""); strings.Count(got.body, `scope="row"`) != 1 || strings.Count(first.body, `scope="row"`) != releasePageSize {
		t.Errorf("%d and %d releases", strings.Count(first.body, `scope="row"`), strings.Count(got.body, `scope="row"`))
	}
	ada.get("/projects/demo/releases?after=zebra").is(404, "")
	if got := ada.get("/projects/demo").says("All releases"); strings.Count(got.body, `href="/projects/demo/releases/1.`) != projectPageReleases {
		t.Error("the project's page lists another number of releases")
	}
}
