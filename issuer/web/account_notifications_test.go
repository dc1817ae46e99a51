package web

import (
	"regexp"
	"slices"
	"testing"

	"github.com/rind-dev/rind/internal/notices"
)

// Who switches kinds off on the page gets no such mail; those of security come.
func TestChoosingMails(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	page := ada.get("/account/notifications").is(200, "").says("Always on").says("nobody can")
	var on []string
	for _, i := range notices.Kinds() {
		box := regexp.MustCompile(`<input type="checkbox" id="` + string(i.Kind) + `" name="` + string(i.Kind) + `" value="on" checked`).MatchString(page.body)
		if box == i.Always {
			t.Errorf("%s: whether it can be switched off is wrong", i.Kind)
		}
		page.says(h.pages.Text("en", "mails."+string(i.Kind), nil))
		if !i.Always && i.Kind != notices.TokenRevokedSelf {
			on = append(on, string(i.Kind), "on")
		}
	}
	ada.get("/account").says("Email notifications")
	ada.post("/account/notifications", on...).is(303, "/account/notifications")
	ada.get("/account/notifications").says("Your email notifications are saved.")
	if e := h.last(); e.Kind != "account.notifications_changed" || e.Detail["off"] != "token_revoked_self" || e.Actor.UserID != ada.id || e.Account != ada.id {
		t.Errorf("the row is %+v", e)
	}
	before := h.state()
	ada.post("/account/notifications", append(on, "nothing", "on")...).is(303, "/account/notifications")
	if d := changed(before, h.state()); len(d) > 0 {
		t.Errorf("the same choice changes %q", d)
	}
	ada.post("/account/notifications", "token_revoked_self", "on", "token_revoked_self", "on").is(400, "")
	_, id := ada.mint("ci")
	ada.post("/tokens/"+id+"/revoke").is(303, "/tokens")
	if got := h.about(ada.address(), "You revoked"); len(got) != 0 {
		t.Errorf("a mail that is switched off: %q", got)
	}
	if got := h.about(ada.address(), "A token was created: ci"); len(got) != 1 {
		t.Errorf("%d mails about a new token", len(got))
	}
	ada.post("/account/notifications", slices.Concat(on, []string{"token_revoked_self", "on"})...).is(303, "/account/notifications")
	if e := h.last(); e.Detail["on"] != "token_revoked_self" {
		t.Errorf("the row is %+v", e)
	}
}
