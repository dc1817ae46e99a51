package hostile

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/realtest"
)

// hostileFor is what 'make hostile' sets.
var hostileFor = flag.Duration("hostile", 4*time.Second, "how long TestTheOwnerAmongHostileClients lasts")

// perKind is how many clients of each kind there are: 20 in all.
const perKind = 5

// While 20 clients do their worst the owner signs in with a browser that the account knows, a token is
// revoked and an account is frozen on the machine, again and again; and the trail has a row for each
// guess that was looked at, or for each burst of guesses at nobody.
func TestTheOwnerAmongHostileClients(t *testing.T) {
	h := newHouse(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	did, times := &attacks{}, map[string][]time.Duration{}
	alone := h.browser(h.root, "192.0.2.8")
	h.timed(times, "sign-in, nobody else", func() error { return alone.signIn(ctx, h.root) })
	alone.CloseIdleConnections()
	var clients sync.WaitGroup
	for kind, attack := range hostileClients {
		for n := range perKind {
			clients.Go(func() {
				if err := attack(ctx, h, n, did); err != nil {
					t.Errorf("%s: the client gave up: %v", kind, err)
				}
			})
		}
	}
	realtest.Eventually(t, "all are at it", func() error {
		if did.hungUp.Load() == 0 || did.guesses.Load() == 0 || did.codes.Load() == 0 || did.keys.Load() == 0 {
			return fmt.Errorf("not yet: %s", did)
		}
		return nil
	})
	for end, round := time.Now().Add(*hostileFor), 0; round == 0 || time.Now().Before(end) && round < len(h.ada.tokens); round++ {
		h.ownerActs(round, times)
		select {
		case <-time.After(max(*hostileFor/8, time.Second)):
		case <-ctx.Done():
		}
	}
	cancel()
	clients.Wait()
	h.hangUpAlone()
	h.server.Stop()
	for act, took := range times {
		slices.Sort(took)
		t.Logf("%-22s %d times, median %s, longest %s", act, len(took), took[len(took)/2], took[len(took)-1])
	}
	t.Logf("hostile clients: %s", did)
	h.trailIsWhole()
}

func (a *attacks) String() string {
	return fmt.Sprintf("%d hang-ups, %d guesses at names, %d wrong codes, %d giant keys; %d were refused unseen",
		a.hungUp.Load(), a.guesses.Load(), a.codes.Load(), a.keys.Load(), a.refused.Load())
}

// ownerActs is one round of what must go on. Each act has to succeed.
func (h *house) ownerActs(round int, times map[string][]time.Duration) {
	h.Helper()
	ctx := h.Context()
	timed := func(act string, do func() error) { h.Helper(); h.timed(times, act, do) }
	browser := h.browser(h.ada, "192.0.2.7")
	defer browser.CloseIdleConnections()
	switch {
	case round == 0:
		timed("sign-in", func() error { return browser.signInByApp(ctx, h.ada) })
	case len(h.ada.codes) > 0:
		timed("sign-in", func() error { return browser.signIn(ctx, h.ada) })
	default:
		return
	}
	h.keepDevice(browser)
	timed("revocation", func() error {
		id := h.ada.tokens[h.ada.used]
		h.ada.used++
		return browser.mustForm(ctx, "/tokens/"+id+"/revoke")
	})
	timed("rind admin freeze", func() error { return h.admin("freeze", h.bob.name) })
	if err := h.admin("thaw", h.bob.name); err != nil {
		h.Errorf("thaw: %v", err)
	}
}

// timed notes how long an act took, which has to succeed.
func (h *house) timed(times map[string][]time.Duration, act string, do func() error) {
	h.Helper()
	begin := time.Now()
	if err := do(); err != nil {
		h.Errorf("%s: %v", act, err)
	}
	times[act] = append(times[act], time.Since(begin).Round(time.Millisecond))
}

// keepDevice remembers what the cookie of a known browser holds now: it is new at each sign-in.
func (h *house) keepDevice(c *client) {
	h.Helper()
	for _, cookie := range c.Jar.Cookies(mustParse(h.url)) {
		if strings.HasSuffix(cookie.Name, "rind_device") {
			h.ada.device = secretOf(cookie.Value)
		}
	}
}

func (h *house) admin(args ...string) error {
	cmd := exec.Command(realtest.Rind(h), append([]string{"admin", "--data", h.data}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("rind admin %v: %w: %s", args, err, out)
	}
	return nil
}

// hangUpAlone guesses as those who hang up do while nobody is in the way, so that the guesses are looked at.
func (h *house) hangUpAlone() {
	h.Helper()
	for i := range 10 {
		ctx, cancel := context.WithTimeout(h.Context(), 35*time.Millisecond)
		c := h.newClient(fmt.Sprintf("198.17.0.%d", i+1))
		_, _, _ = c.form(ctx, "/login", "login", h.ada.name, "password", "wrong")
		c.CloseIdleConnections()
		cancel()
		h.server.Says(" ip="+c.ip+" ", 1)
	}
}

// logLine is a request in the log.
var logLine = regexp.MustCompile(`msg=request method=POST route=(\S+) status=(\d+) ms=\d+ ip=(\S+) request_id=(\S+)`)

// trailIsWhole fails where a guess was looked at and left no row. The log says which were: all but those
// that were refused unseen, and those that were right.
func (h *house) trailIsWhole() {
	h.Helper()
	rows := map[string]audit.Event{}
	strangers, bursts := 0, 0
	for _, row := range h.rows() {
		if row.Kind == "account.sign_in_failed" || row.Kind == "account.factor_failed" {
			rows[row.Actor.RequestID] = row
			if row.Account == "" {
				strangers++
				if row.Detail["n"] != "" {
					bursts++
				}
			}
		}
	}
	seen, unseen := map[string]int{}, 0
	for _, m := range logLine.FindAllStringSubmatch(h.server.Out.String(), -1) {
		route, status, ip, id := m[1], m[2], m[3], m[4]
		if route != "/login" && route != "/login/totp" && route != "/login/recovery" || status == "303" || status == "429" || status == "503" {
			continue
		}
		what := route
		if strings.HasPrefix(ip, guesses) {
			what = "nobody"
		}
		_, ok := rows[id]
		if status == "499" && !ok { // its client was gone before there was a place to look at it
			unseen++
			continue
		}
		seen[what]++
		if !ok && (what != "nobody" || bursts == 0) {
			h.Errorf("the request %s of %s to %s was answered %s and left no row", id, ip, route, status)
		}
	}
	h.Logf("guesses that were looked at: %v; hang-ups that were not: %d; rows of failures: %d, of them %d at nobody, of them %d of bursts", seen, unseen, len(rows), strangers, bursts)
	for _, what := range []string{"/login", "nobody", "/login/totp", "/login/recovery"} {
		if seen[what] == 0 {
			h.Errorf("no guess at %s was looked at: %v", what, seen)
		}
	}
	if out := h.server.Out.String(); strings.Contains(out, "status=500") || strings.Contains(out, "panic") {
		h.Error("a request failed within rind")
	}
}
