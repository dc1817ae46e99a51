package hostile

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// get is a page as a browser has it. The error is that of reading it, too.
func (c *client) get(ctx context.Context, path string) (status int, to, body string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, nil)
	if err != nil {
		return 0, "", "", err
	}
	r.Header.Set("X-Forwarded-For", c.ip)
	res, err := c.Do(r)
	if err != nil {
		return 0, "", "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header.Get("Location"), string(b), err
}

// What is an owner's own in the trail of a project: the label of a token, from where it was made, and where it leaked.
const ownersLabel, ownersPlace, leakPlace = "labelofada", "203.0.113.55", "https://leak.example/paste"

// shared makes the project demo, of ada and bob, with a token of ada's that leaked; two that are archived; one that was deleted; and bob is
// shut out of a third.
func (h *house) shared(service *issuer.Service) {
	h.Helper()
	ctx := h.Context()
	ada := ledger.Principal{UserID: h.ada.id, Username: "ada", Actor: audit.Actor{IP: ownersPlace, UserAgent: "browserofada"}}
	bob := ledger.Principal{UserID: h.bob.id, Username: "bob"}
	for _, name := range []string{"demo", "old", "older", "gone", "closed"} {
		_, _, err := service.Projects.Create(ctx, ada, name)
		h.must(err)
	}
	for _, name := range []string{"demo", "closed"} {
		inv, err := service.Projects.Invite(ctx, ada, name, projects.InviteRequest{To: "bob", Role: projects.RoleMaintainer})
		h.must(err)
		_, err = service.Projects.AcceptInvitation(ctx, bob, inv.ID)
		h.must(err)
	}
	for i := range 3 {
		m, err := service.Tokens.Mint(ctx, ada, tokens.MintRequest{Label: fmt.Sprint(ownersLabel, i), Scope: tokens.ScopeChosen, Projects: []string{"demo"}, Life: tokens.Life30})
		h.must(err)
		if i == 0 {
			_, err = service.Tokens.Burn(ctx, m.Text, audit.Actor{IP: "192.0.2.200", UserAgent: leakPlace})
			h.must(err)
		}
	}
	_, _, err := service.Projects.ExcludeTokens(ctx, ada, "closed", h.bob.id)
	h.must(err)
	for _, name := range []string{"old", "older"} {
		_, err = service.Projects.Archive(ctx, ada, name)
		h.must(err)
	}
	_, err = service.Tokens.DeleteProject(ctx, ada, "gone", "gone")
	h.must(err)
}

// A maintainer reads in the trail of the project neither labels nor places of others, and no filter by an address tells whether it occurs.
func TestAMaintainerReadsNothingOfOthers(t *testing.T) {
	h := newHouse(t, "", func(h *house) {
		h.then = func(_ *authn.Service, service *issuer.Service, _ authn.Session) { h.shared(service) }
	})
	ctx, bob := t.Context(), h.browser(h.bob, "192.0.2.9")
	h.must(bob.signInByApp(ctx, h.bob))
	const trail = "/projects/demo/activity"
	for _, path := range []string{trail, trail + "?who=ada", trail + "?group=token", trail + "/export?format=csv", trail + "/export?format=jsonl&who=ada"} {
		status, _, body, err := bob.get(ctx, path)
		if err != nil || status != http.StatusOK || !strings.Contains(body, "demo") {
			t.Fatalf("%s: %d %v", path, status, err)
		}
		for _, secret := range []string{ownersLabel, ownersPlace, "browserofada", leakPlace, "192.0.2.200"} {
			if strings.Contains(body, secret) {
				t.Errorf("%s tells a maintainer %q", path, secret)
			}
		}
	}
	page := func(address string) string {
		status, _, body, err := bob.get(ctx, trail+"?address="+address)
		if err != nil || status != http.StatusOK {
			t.Fatalf("%d %v", status, err)
		}
		return strings.ReplaceAll(body, address, "ADDRESS")
	}
	if there, not := page(ownersPlace), page("203.0.113.99"); there != not {
		t.Error("the filter tells whether an address occurs")
	}
	h.server.Stop()
}

// Who is signed in by a remembered browser, so without a factor of now, is asked for one before letting anybody in, reopening a project
// or releasing a name.
func TestWhatGivesPowerAsksForAFactor(t *testing.T) {
	h := newHouse(t, "", func(h *house) {
		h.then = func(_ *authn.Service, service *issuer.Service, _ authn.Session) { h.shared(service) }
	})
	ctx := t.Context()
	for who, paths := range map[*person][]string{
		h.ada:  {"/projects/closed/members/" + h.bob.id + "/readmit", "/projects/old/reopen"},
		h.root: {"/admin/projects/older/archive", "/admin/names/gone/release"},
	} {
		browser := h.browser(who, "192.0.2.7")
		h.must(browser.mustForm(ctx, "/login", "login", who.name, "password", who.password))
		code, err := totp.GenerateCode(who.secret, time.Now())
		h.must(err)
		h.must(browser.mustForm(ctx, "/login/totp", "code", code, "remember", "yes"))
		h.must(browser.mustForm(ctx, "/logout"))
		status, to, err := browser.form(ctx, "/login", "login", who.name, "password", who.password)
		if err != nil || status != http.StatusSeeOther || strings.HasPrefix(to, "/login") {
			t.Fatalf("%s: %d %q %v", who.name, status, to, err)
		}
		for _, path := range paths {
			if status, to, err := browser.form(ctx, path); err != nil || status != http.StatusSeeOther || !strings.HasPrefix(to, "/login/totp") {
				t.Errorf("%s by %s: %d to %q %v", path, who.name, status, to, err)
			}
		}
		h.must(browser.mustForm(ctx, "/login/recovery", "code", who.codes[0]))
		for _, path := range paths {
			if status, to, err := browser.form(ctx, path); err != nil || status != http.StatusSeeOther || strings.HasPrefix(to, "/login") {
				t.Errorf("%s by %s, with a factor: %d to %q %v", path, who.name, status, to, err)
			}
		}
	}
	h.server.Stop()
}

// An export of the whole trail ends when its administrator is none any more, in the middle, and what there is of it looks broken: HTTP
// says that it is not all.
func TestAnExportEndsWithTheOffice(t *testing.T) {
	h := newHouse(t, "")
	h.server.Stop()
	h.longTrail(60_000)
	h.serve()
	h.must(h.admin("make-admin", h.eve.name))
	ctx, eve := t.Context(), h.browser(h.eve, "192.0.2.10")
	h.must(eve.signInByApp(ctx, h.eve))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/admin/audit/export?format=jsonl", nil)
	h.must(err)
	r.Header.Set("X-Forwarded-For", eve.ip)
	res, err := eve.Do(r)
	h.must(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("status %d", res.StatusCode)
	}
	first := make([]byte, 4096)
	_, err = io.ReadFull(res.Body, first)
	h.must(err)
	h.must(h.admin("drop-admin", h.eve.name))
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil {
		t.Errorf("a file that ends after %d bytes looks whole", n)
	}
	t.Logf("%d bytes, then: %v", n, err)
	h.server.Stop()
}

// longTrail writes rows. The server must not run.
func (h *house) longTrail(rows int) {
	h.Helper()
	store, err := boltkv.Open(filepath.Join(h.data, "rind.db"), boltkv.Options{})
	h.must(err)
	defer func() { h.must(store.Close()) }()
	for done := 0; done < rows; done += 2000 {
		h.must(store.Update(h.Context(), func(tx kv.Tx) error {
			for i := range 2000 {
				e := audit.Event{Kind: "token.minted", Time: time.Now(), Account: h.ada.id, Detail: map[string]string{"label": fmt.Sprint(i, strings.Repeat("x", 400))}}
				if err := audit.Append(tx, e); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}
