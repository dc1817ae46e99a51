package e2e

// overseePerson does to an account what administrators do to people; person is its page.
func (tr *tour) overseePerson(ada *guest, person string) {
	tr.t.Helper()
	ada.get("/admin/people?q=late").is(200, "").says("late")
	for _, act := range []string{"/sign-out", "/make-admin", "/drop-admin"} {
		ada.fill(person+act, person+act).is(303, person)
		ada.get(person).is(200, "")
	}
}

// owns gives somebody a project and two tokens, whose ids it returns.
func (tr *tour) owns(late *guest) []string {
	tr.t.Helper()
	late.fill("/new-project", "/new-project", "name", "orphan").is(303, "/projects/orphan")
	_, id := late.mint("ci of late", "scope", "chosen", "projects", "orphan")
	_, lost := late.mint("lost", "scope", "all")
	return []string{id, lost}
}

// oversee looks up what somebody owns who is frozen, and does what administrators do
// about it.
func (tr *tour) oversee(ada *guest, tokens []string) {
	tr.t.Helper()
	const at = "/admin/projects/orphan"
	ada.get("/admin/projects?q=orph").is(200, "").says("orphan")
	ada.fill(at, at+"/archive").is(303, at)
	ada.fill(at, at+"/archive").is(303, at) // and back
	ada.fill(at, at+"/quarantine", "reason", "").is(422, "")
	ada.fill(at, at+"/quarantine", "reason", "the tour looks into it").is(303, at)
	ada.get(at).is(200, "").says("the tour looks into it")
	ada.fill(at, at+"/quarantine").is(303, at) // and back
	ada.get("/admin/projects?unowned=yes").is(200, "").says("orphan")
	ada.fill(at, at+"/owner", "user", "ada").is(303, at)

	ada.fill("/admin/tokens", "/admin/tokens", "q", "of late", "in", "label").is(303, "/admin/tokens")
	ada.get("/admin/tokens?in=owner&q=late").is(200, "").says("ci of late")
	ada.get("/admin/tokens?in=project&q=orphan").is(200, "").says("ci of late")
	for _, token := range tokens {
		path := "/admin/tokens/" + token + "/revoke"
		ada.fill(path, path, "reason", "").is(422, "")
		ada.fill(path, path, "reason", "the tour goes on").is(303, "/admin/tokens")
	}
}

// set sets what holds for the whole of rind, and takes it back.
func (tr *tour) set(ada *guest) {
	tr.t.Helper()
	const at = "/admin/settings"
	ada.fill(at, at+"/banner", "text", "The tour <b>goes on</b>", "level", "warning").is(303, at)
	tr.guest("a passer-by", "203.0.113.77").get("/login").is(200, "").says("The tour &lt;b&gt;goes on&lt;/b&gt;")
	ada.fill(at, at+"/banner/clear").is(303, at)
	ada.fill(at, at+"/registration", "registration", "invite").is(303, at)
	ada.fill(at, at+"/registration", "registration", "").is(303, at)
	ada.fill(at, at+"/read-only", "reason", "the tour rests").is(303, at)
	tr.guest("a passer-by", "203.0.113.77").get("/login").is(200, "").says("the tour rests")
	ada.fill(at, at+"/read-only").is(303, at)
}
