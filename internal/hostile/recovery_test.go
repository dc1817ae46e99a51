package hostile

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/issuer"
)

// recoveredTokens is how large the account is: go test ./internal/hostile -run LargeRecovery -v -recovered-tokens 10000
var recoveredTokens = flag.Int("recovered-tokens", 300, "how many tokens the account has whose recovery ends in TestTheEndOfALargeRecovery")

// The recovery of an account with many tokens comes to its end, and meanwhile others sign in, revoke tokens and are frozen as always.
// How long each took is printed.
func TestTheEndOfALargeRecovery(t *testing.T) {
	h := newHouse(t, "", func(h *house) {
		h.age, h.tokens = 75*time.Hour, *recoveredTokens
		h.then = func(auth *authn.Service, service *issuer.Service, admin authn.Session) {
			_, err := auth.Recoveries.Start(h.Context(), admin, authn.Origin{}, h.ada.id, false)
			h.must(err)
			h.bob.tokens = h.mint(service, h.bob, 300)
		}
	})
	ctx, times := t.Context(), map[string][]time.Duration{}
	bob := h.browser(h.bob, "192.0.2.9")
	h.must(bob.signInByApp(ctx, h.bob))
	before := map[string][]time.Duration{}
	for round := range 3 {
		h.othersAct(ctx, bob, 100+round, before)
	}
	begin, signedIn := time.Now(), make(chan time.Duration, 1)
	go func() { // that ends the recovery, too, which is due
		err := h.browser(h.ada, "192.0.2.7").mustForm(ctx, "/login", "login", h.ada.name, "password", h.ada.password)
		if err != nil {
			t.Errorf("ada signs in: %v", err)
		}
		signedIn <- time.Since(begin)
	}()
	over := time.Duration(0)
	for round := 0; over == 0; round++ {
		h.othersAct(ctx, bob, round, times)
		if left := h.unrevoked(h.ada); left == 0 {
			over = time.Since(begin)
		} else if time.Since(begin) > 5*time.Minute {
			t.Fatalf("after 5 minutes %d tokens are not revoked", left)
		}
	}
	t.Logf("%d tokens: the sign-in of their owner took %s, all were revoked within %s", *recoveredTokens, <-signedIn, over)
	for _, act := range slices.Sorted(maps.Keys(times)) {
		was, took := slices.Sorted(slices.Values(before[act])), slices.Sorted(slices.Values(times[act]))
		t.Logf("%-20s %d times, median %s, longest %s; before: median %s, longest %s", act, len(took), took[len(took)/2], took[len(took)-1], was[len(was)/2], was[len(was)-1])
	}
	h.server.Stop()
}

// othersAct is one round of what others do meanwhile.
func (h *house) othersAct(ctx context.Context, bob *client, round int, times map[string][]time.Duration) {
	h.Helper()
	eve := h.newClient(fmt.Sprintf("198.51.100.%d", round%200+1))
	defer eve.CloseIdleConnections()
	h.timed(times, "sign-in (password)", func() error { return eve.mustForm(ctx, "/login", "login", h.root.name, "password", h.root.password) })
	if len(h.root.codes) > 0 { // of which there are few
		h.timed(times, "sign-in (both)", func() error { return h.browser(h.root, "192.0.2.8").signIn(ctx, h.root) })
	}
	if round < len(h.bob.tokens) {
		h.timed(times, "revocation", func() error { return bob.mustForm(ctx, "/tokens/"+h.bob.tokens[round]+"/revoke") })
	}
	h.timed(times, "rind admin freeze", func() error { return h.admin("freeze", h.eve.name) })
	if err := h.admin("thaw", h.eve.name); err != nil {
		h.Errorf("thaw: %v", err)
	}
}

// unrevoked is how many tokens of somebody are not revoked.
func (h *house) unrevoked(who *person) int {
	h.Helper()
	out, err := exec.Command(realtest.Rind(h), "admin", "--data", h.data, "--json", "person", who.name).Output()
	h.must(err)
	var p struct {
		Tokens int `json:"tokens"`
	}
	h.must(json.Unmarshal(out, &p))
	return p.Tokens
}
