package e2e

import (
	"strings"
	"time"
)

// recover has an administrator recover an account: it is stopped by both, and at last
// goes through.
func (tr *tour) recover(ada, late *guest) {
	tr.t.Helper()
	page := ""
	for _, e := range tags(ada.get("/admin/people").is(200, "").body) {
		if h := e.attrs["href"]; strings.HasSuffix(h, "/freeze") && strings.Contains(ada.get(h).body, "late") {
			page = strings.TrimSuffix(h, "/freeze") + "/recovery"
			break
		}
	}
	start := func() {
		a := ada.fill(page, page, "vouched", "yes").is(303, page)
		ada.get(a.path).is(200, "")
	}
	start()
	late.get("/account").is(200, "")
	late.fill("/account", "/account/recovery/cancel").is(303, "/account")
	start()
	ada.fill(page, page+"/cancel").is(303, page)
	start()
	tr.daysPass(4)
	late.newBrowserFor("198.51.100.44")
	late.mailed(late.address(), "/recover")
	late.fill("/login", "/login", "login", "late", "password", password).is(303, "/recover")
	late.fill("/recover", "/recover/resend").is(303, "/recover")
	late.follow(late.mailed(late.address(), "/recover")).is(200, "")
	late.fill("/recover", "/recover").is(303, "/account/factors")
	late.addApp()
	late.saveCodes()
}

// daysPass lets recoveries grow older than they are.
func (tr *tour) daysPass(days int) {
	tr.t.Helper()
	tr.server.stop()
	tr.logs = append(tr.logs, tr.server.process.Out.String()...)
	tr.server.age("authn/account-recovery/", time.Duration(days)*24*time.Hour)
	tr.server.start()
}

// moves takes an account to another address, and back by the link that goes to the one
// before: it may have been somebody else.
func (g *guest) moves() {
	g.t.Helper()
	const other = "late@engines.example.org"
	g.fill("/account/email", "/account/email", "email", "no address").is(422, "")
	g.fill("/account/email", "/account/email", "email", other).is(303, "/account")
	undo := g.mailed(g.address(), "/keep-email")
	g.follow(g.mailed(other, "/confirm-email")).is(200, "")
	g.fill("/confirm-email", "/confirm-email").is(303, "/account")
	g.follow(undo).is(200, "")
	g.fill("/keep-email", "/keep-email").is(200, "")
}
