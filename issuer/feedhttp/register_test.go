package feedhttp

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/tokens"
)

// A verifier with its secret has projects registered, for whoever's token it is; the issuer's reasons come as data, and a
// request that makes no sense, or that nobody may make, changes nothing.
func TestRegister(t *testing.T) {
	h := newSource(t, func(f *Handler) {
		f.say = func(p problem.Problem) string { return "It is " + p.Code + "." }
	})
	_, secret := h.secret("edge")
	able, err := h.Tokens.Mint(t.Context(), ada, tokens.MintRequest{Label: "able", Scope: tokens.ScopeAll, Registers: true, Life: tokens.LifeNever})
	h.must(err)
	plain := h.mint("plain")
	body := func(r feed.Registration) *bytes.Reader {
		b, err := json.Marshal(r)
		h.must(err)
		return bytes.NewReader(b)
	}
	good := feed.Registration{Token: able.Text, Project: "New", Version: "1.0", Filename: "new-1.0.tar.gz", ClientIP: "198.51.100.7", UserAgent: "twine/7.0"}
	status, text := h.status("POST", feed.PathRegister, secret, body(good))
	var did feed.Registered
	err = json.Unmarshal([]byte(text), &did)
	if status != 200 || err != nil || did.Revision != h.at().Revision {
		t.Fatalf("%d %s, %v", status, text, err)
	}
	var rows []audit.Event
	h.must(h.store.View(t.Context(), func(r kv.Reader) (err error) { rows, err = audit.All(r, 0, 0); return err }))
	last := rows[0]
	if last.Kind != "project.created" || last.Actor.IP != "198.51.100.7" || last.Actor.UserAgent != "twine/7.0" || last.Actor.Username != "ada" || last.Detail["verifier"] != "edge" {
		t.Errorf("%+v", last)
	}
	at := h.at()
	with := func(change func(*feed.Registration)) *bytes.Reader {
		r := good
		change(&r)
		return body(r)
	}
	for _, c := range []struct {
		what, method, secret string
		body                 *bytes.Reader
		status               int
		text                 string
	}{
		{"again", "POST", secret, body(good), 200, `{"revision":`},
		{"a plain token", "POST", secret, with(func(r *feed.Registration) { r.Token, r.Project = plain.Text, "other" }), 422, `{"status":403,"reason":"Invalid API Token: token may not register projects"}`},
		{"a name of the index", "POST", secret, with(func(r *feed.Registration) { r.Project = "simple" }), 422, `{"status":400,"reason":"The project can't be registered. It is project_name_prohibited."}`},
		{"no secret", "POST", "x", body(good), 401, ""},
		{"no JSON", "POST", secret, bytes.NewReader([]byte("x")), 400, ""},
		{"something behind it", "POST", secret, bytes.NewReader([]byte("{} {}")), 400, ""},
		{"too long", "POST", secret, with(func(r *feed.Registration) { r.Filename = strings.Repeat("x", feed.MaxRegister) }), 400, ""},
		{"no address", "POST", secret, with(func(r *feed.Registration) { r.ClientIP = "x" }), 400, ""},
		{"another method", "GET", secret, body(good), 405, ""},
	} {
		status, text := h.status(c.method, feed.PathRegister, c.secret, c.body)
		if status != c.status || !strings.HasPrefix(text, c.text) {
			t.Errorf("%s: %d %s", c.what, status, text)
		}
	}
	h.must(h.store.Update(t.Context(), func(tx kv.Tx) error {
		return instance.Save(tx, instance.Settings{ReadOnly: instance.ReadOnly{Since: time.Now()}})
	}))
	if status, text := h.status("POST", feed.PathRegister, secret, with(func(r *feed.Registration) { r.Project = "later" })); status != 503 || !strings.Contains(text, "read-only") {
		t.Error(status, text)
	}
	if h.at() != at {
		t.Error("something was changed")
	}
	if strings.Contains(h.log.String(), able.Text) || strings.Contains(h.log.String(), plain.Text) || strings.Contains(h.log.String(), secret) {
		t.Error("a secret is in the log")
	}
}
