package e2e

import (
	"strings"
)

// changeProjects does to projects what their owners can do, and invites in each way.
func (tr *tour) changeProjects(ada, bob *guest) {
	tr.t.Helper()
	const at = "/projects/fleeting"
	ada.fill("/new-project", "/new-project", "name", "fleeting").is(303, at)
	ada.fill(at+"/settings", at+"/settings", "description", "It does not last.", "homepage", "https://example.org").is(303, at)
	ada.fill(at+"/settings", at+"/deprecate", "reason", "Use <b>demo</b>.").is(303, at)
	ada.get(at).is(200, "").says("Use &lt;b&gt;demo&lt;/b&gt;.")
	ada.fill(at+"/settings", at+"/deprecate").is(303, at) // and back
	ada.fill(at+"/archive", at+"/archive").is(303, at)
	ada.get(at+"/settings").is(200, "")
	ada.fill(at+"/reopen", at+"/reopen").is(303, at)

	ada.fill(at+"/members", at+"/members", "user", bob.name, "role", "maintainer").is(303, at)
	old := bob.mailed(bob.address(), "/project-invitation")
	ada.act(at, "/resend").is(303, at)
	link := bob.mailed(bob.address(), "/project-invitation")
	bob.follow(old).is(410, "")
	tr.guest("stranger", "203.0.113.98").follow(link).is(200, "").says("invited you to")
	bob.act(bob.offered(), "/decline").is(303, "/projects")
	ada.fill(at+"/members", at+"/members", "user", "Zoe@example.org", "role", "owner").is(303, at)
	ada.act(at, "/revoke").is(303, at)

	ada.fill(at+"/transfer", at+"/transfer", "user", bob.name, "stay", "leave").is(303, at)
	offer := bob.offered()
	bob.fill(offer, offer).is(303, at)
	bob.fill(at+"/delete", at+"/delete", "confirm", "else").is(422, "")
	bob.fill(at+"/delete", at+"/delete", "confirm", "fleeting").is(303, "/projects")
	ada.fill("/new-project", "/new-project", "name", "fleeting").is(422, "")
	ada.act("/admin/names", "/release").is(303, "/admin/names")
}

// excludeTokens shuts somebody's tokens out of a project, and lets them in again.
func (tr *tour) excludeTokens(owner *guest, project string) {
	tr.t.Helper()
	at := "/projects/" + project + "/tokens"
	for _, e := range tags(owner.get(at).is(200, "").body) {
		if exclude := e.attrs["href"]; strings.HasSuffix(exclude, "/exclude") {
			owner.fill(exclude, exclude).is(303, "/projects/"+project)
			owner.get(at).is(200, "")
			in := strings.TrimSuffix(exclude, "/exclude") + "/readmit"
			owner.fill(in, in).is(303, "/projects/"+project)
			return
		}
	}
	tr.t.Fatalf("nobody can be shut out of %s", project)
}

// yankReleases yanks a release and undoes it.
func (tr *tour) yankReleases(owner *guest) {
	tr.t.Helper()
	const at = "/projects/demo/releases/1.0"
	owner.fill(at+"/yank", at+"/yank", "reason", "It loses data.").is(303, at)
	owner.get(at).is(200, "").says("It loses data.")
	owner.fill(at+"/unyank", at+"/unyank").is(303, at)
}

// ciSettings name a CI system of which nothing is fetched.
const ciSettings = "[[oidc-issuer]]\nname = \"forge\"\nurl = \"https://git.example.org/api/actions\"\nkind = \"github\"\njwks-file = \"/dev/null\"\n"

// trustPublishers adds publishers, of a project and pending, and removes them.
func (tr *tour) trustPublishers(owner *guest) {
	tr.t.Helper()
	for _, c := range []struct{ list, name string }{{"/projects/demo/publishers", ""}, {"/account/publishers", "of-a-job"}} {
		owner.get(c.list).is(200, "")
		owner.get(c.list+"/new").is(200, "")
		form := c.list + "/new?from=https://git.example.org/octo/demo"
		sent := owner.fill(form, c.list+"/new", "workflow", "release.yml", "name", c.name)
		one, _, _ := strings.Cut(sent.header.Get("Location"), "?")
		sent.is(303, one)
		owner.get(one).is(200, "").says("enable-openid-connect: true")
		if c.name == "" {
			owner.send("POST", one+"/vouch", formType, "").is(303, one)
		}
		if c.name == "" {
			owner.fill("/projects/demo/only-publishers", "/projects/demo/only-publishers").is(303, "/projects/demo")
			owner.get("/projects/demo").says("Only jobs of this project")
			owner.get("/projects/demo/settings").says("Let all tokens upload again")
			owner.fill("/projects/demo/all-tokens", "/projects/demo/all-tokens").is(303, "/projects/demo")
		}
		owner.fill(one+"/remove", one+"/remove").is(303, c.list)
		owner.get(c.list).is(200, "")
	}
}

// knowSystems adds a CI system of which nothing is fetched, and removes it.
func (tr *tour) knowSystems(admin *guest) {
	tr.t.Helper()
	const at = "/admin/ci-systems"
	admin.fill(at, at, "name", "lab", "url", "https://gitlab.example.org", "kind", "gitlab").is(303, at)
	admin.get(at).says("https://gitlab.example.org")
	admin.get(at+"/lab/remove").is(200, "").says("No publisher of a project names it.")
	admin.fill(at+"/lab/remove", at+"/lab/remove").is(303, at)
}

// askAsAJob asks at the addresses for jobs of a CI system, without a good ID token.
func (tr *tour) askAsAJob(job *guest) {
	tr.t.Helper()
	job.get("/_/oidc/audience").is(200, "")
	job.get("/.well-known/pytp?discover=%2Flegacy%2F").is(200, "")
	for _, path := range []string{"/_/oidc/mint-token", "/_/oidc/github/mint-token"} {
		job.send("POST", path, "application/json", `{"token": "x"}`).is(422, "")
	}
	job.send("POST", "/_/oidc/burn-token", "application/json", `{"token": "pypi-x"}`).is(422, "")
}

// act sends the first form of a page whose address ends like that.
func (g *guest) act(page, end string) answer {
	g.t.Helper()
	for _, f := range forms(g.get(page).is(200, "").body) {
		if strings.HasSuffix(f.action, end) {
			return g.post(f.action)
		}
	}
	g.t.Fatalf("%s has no form for %s", page, end)
	return answer{}
}

// offered is where the guest answers an invitation.
func (g *guest) offered() string {
	g.t.Helper()
	for _, e := range tags(g.get("/projects").is(200, "").body) {
		if at := e.attrs["href"]; strings.HasPrefix(at, "/project-invitation/") {
			return at
		}
	}
	g.t.Fatalf("%s finds no invitation", g.name)
	return ""
}
