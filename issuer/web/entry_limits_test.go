package web

import (
	"strconv"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/instance"
)

func TestThrottledIsSaid(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	p := h.visitor("ada")
	for range 10 {
		p.post("/login", "login", "ada", "password", "no").is(422, "")
	}
	got := p.post("/login", "login", "ada", "password", password).is(429, "")
	wait, err := strconv.Atoi(got.header.Get("Retry-After"))
	if err != nil || wait <= 0 || wait > 300 || got.value("login") != "ada" {
		t.Errorf("Retry-After %q, login %q", got.header.Get("Retry-After"), got.value("login"))
	}
	got.says("There were too many attempts. Try again in " + strconv.Itoa((wait+59)/60) + " minutes.")
	h.clock.pass(time.Duration(wait) * time.Second)
	p.post("/login", "login", "ada", "password", password).is(303, "/login/totp")
	for range 5 {
		p.post("/login/totp", "code", "000000").is(422, "")
	}
	for _, c := range []struct{ path, code string }{{"/login/totp", ada.code()}, {"/login/recovery", ada.codes[2]}} {
		if got := p.post(c.path, "code", c.code).is(429, ""); got.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", c.path)
		}
	}
	r := h.visitor("bob")
	for range 40 { // registration is closed: that costs nothing and says so
		r.post("/register", "username", "bob", "email", "bob@example.org", "password", password).is(403, "")
	}
}

func TestRegistrationsAreThrottled(t *testing.T) {
	h := newHouse(t, func(h *house) { h.registration = instance.Open })
	h.visitor("nobody").get("/register").is(403, "") // before there is an administrator
	h.founder("ada")
	h.visitor("nobody").get("/").says("Create an account")
	p := h.visitor("x")
	for i := range 20 {
		p.forget()
		p.post("/register", "username", "x"+strconv.Itoa(i), "email", "x"+strconv.Itoa(i)+"@example.org", "password", password).is(303, "/verify-email/sent")
	}
	p.forget()
	got := p.post("/register", "username", "y", "email", "x@example.org", "password", password).is(429, "")
	if got.header.Get("Retry-After") == "" || got.value("username") != "y" {
		t.Errorf("Retry-After %q, username %q", got.header.Get("Retry-After"), got.value("username"))
	}
}
