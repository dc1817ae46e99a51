package issuer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// An invitation that was sent while somebody was no member, or was one, is no way back
// in once they are removed or have left: not by another address, and not to shake off
// that their tokens were shut out. One that is sent after that is.
func TestInvitationFromBeforeIsNoWayBack(t *testing.T) {
	for _, how := range []string{"removed", "leaves"} {
		h := newHouse(t)
		v := h.Follow()
		h.Project(alice, "demo")
		all := h.Mint(bob, forAll("all"))
		byName := h.Invite(alice, "demo", "bob", projects.RoleMaintainer)
		byAddress := h.Invite(alice, "demo", "Bob@example.org", projects.RoleOwner)
		_, err := h.Projects.AcceptInvitation(t.Context(), bob, byName.ID)
		h.Check(err)
		v.Expect(all.Text, "demo")
		h.Clock.Add(time.Hour)
		if how == "removed" {
			_, err = h.Projects.RemoveMember(t.Context(), alice, "demo", bobID)
		} else {
			_, _, err = h.Projects.ExcludeTokens(t.Context(), alice, "demo", bobID)
			h.Check(err)
			_, err = h.Projects.Leave(t.Context(), bob, "demo")
		}
		h.Check(err)

		h.Refused("invitation_outlived", func() error { _, err := h.Projects.AcceptInvitation(t.Context(), bob, byAddress.ID); return err })
		v.Expect(all.Text, "demo", caveats.NotAMember)
		if got := h.Offered(bob); got != "" {
			t.Errorf("%s: offered are %s", how, got)
		}
		h.Refused(ledger.ErrNotFound, func() error { _, _, err := h.Projects.InvitationByLink(t.Context(), bob, byAddress.Secret); return err })
		// Whose the address is, is told to no owner.
		if got, want := h.Pending(alice, "demo"), "demo Bob@example.org owner by alice"; got != want {
			t.Errorf("%s: pending are %s, want %s", how, got, want)
		}

		h.Clock.Add(time.Minute)
		again, err := h.Projects.Resend(t.Context(), alice, "demo", byAddress.ID)
		h.Check(err)
		if _, yours, err := h.Projects.InvitationByLink(t.Context(), bob, again.Secret); err != nil || !yours {
			t.Errorf("%s: the new link: %v, %v", how, yours, err)
		}
		_, err = h.Projects.AcceptInvitation(t.Context(), bob, byAddress.ID)
		h.Check(err)
		v.Expect(all.Text, "demo")
	}
}

// Maintainers read what happened in a project, but not what is only the owners' to know,
// nor from where others did it. Who declines an invitation stays unknown to all of them.
func TestProjectEventsKeepWhatIsOthers(t *testing.T) {
	h := newHouse(t)
	from := func(p ledger.Principal, ip string) ledger.Principal {
		p.Actor = audit.Actor{IP: ip, UserAgent: "Browser of " + p.Username, RequestID: "request of " + p.Username}
		return p
	}
	alice, bob, carol := from(alice, "192.0.2.1"), from(bob, "192.0.2.2"), from(carol, "192.0.2.3")
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	inv := h.Invite(alice, "demo", "carol@example.org", projects.RoleMaintainer)
	h.Mint(bob, forSome("ci", "demo"))
	_, err := h.Projects.DeclineInvitation(t.Context(), carol, inv.ID)
	h.Check(err)
	read := func(p ledger.Principal, q audit.Query) (out []string) {
		page, err := h.Projects.Events(t.Context(), p, "demo", q)
		h.Check(err)
		for _, e := range page.Events {
			out = append(out, fmt.Sprintf("%s by %q from %q %q %q to %q about %q", e.Kind, e.Actor.Username, e.Actor.IP, e.Actor.UserAgent, e.Actor.RequestID, e.Detail["to"], e.Account+e.AccountName))
		}
		return out
	}
	is := func(what string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", what, got, want)
		}
	}
	declined := `project.invitation_declined by "" from "" "" "" to `
	his := `project.token_minted by "bob" from "192.0.2.2" "Browser of bob" "request of bob" to "" about ""`
	hers := ` by "alice" from "192.0.2.1" "Browser of alice" "request of alice" to `
	is("the owner reads", read(alice, audit.Query{}), declined+`"carol@example.org" about ""`, his,
		"project.invited"+hers+`"carol@example.org" about ""`, "project.member_added"+hers+`"" about "`+bobID+`bob"`, "project.created"+hers+`"" about "`+aliceID+`alice"`)
	bare := ` by "alice" from "" "" "" to "" about `
	is("the maintainer reads", read(bob, audit.Query{}), declined+`"" about ""`, his,
		"project.invited"+bare+`""`, "project.member_added"+bare+`"`+bobID+`bob"`, "project.created"+bare+`"`+aliceID+`alice"`)
	// Nor does a filter tell.
	is("by the address of the owner", read(bob, audit.Query{Address: "192.0.2.1"}))
	is("by the maintainer's own", read(bob, audit.Query{Address: "192.0.2.2"}), his)
	for _, p := range []ledger.Principal{alice, bob} {
		is("by the name of who declined", read(p, audit.Query{Actor: "carol"}))
		is("by the address of who declined", read(p, audit.Query{Address: "192.0.2.3"}))
	}
	if got := read(root, audit.Query{Actor: "carol"}); len(got) != 1 {
		t.Errorf("the administrator reads %q", got)
	}
}

// A maintainer does not read of the tokens of others: not their labels, not their owners, not
// where one was found.
func TestProjectEventsKeepTokensOfOthers(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	m := h.Mint(alice, forSome("deploy key of alice", "demo"))
	_, err := h.Tokens.Leaked(t.Context(), m.Text, audit.Actor{}, tokens.Found{URL: "https://example.org/alice/private", Source: "content"})
	h.Check(err)
	mine := h.Mint(bob, forSome("of bob", "demo"))
	read := func(p ledger.Principal, q audit.Query) audit.Page {
		page, err := h.Projects.Events(t.Context(), p, "demo", q)
		h.Check(err)
		return page
	}
	if got := fmt.Sprint(read(bob, audit.Query{})); strings.Contains(got, "deploy key") || strings.Contains(got, "private") || strings.Contains(got, m.Token.ID) || !strings.Contains(got, mine.Token.ID) {
		t.Errorf("the maintainer reads %s", got)
	}
	if got := fmt.Sprint(read(alice, audit.Query{})); !strings.Contains(got, "deploy key") || !strings.Contains(got, "private") {
		t.Errorf("the owner reads %s", got)
	}
}

// Whether there is a next page tells nothing of an address, a name or a token that no row
// of the pages says.
func TestNextRevealsNothing(t *testing.T) {
	h := newHouse(t)
	far := alice
	far.Actor = audit.Actor{IP: "192.0.2.1"}
	h.Project(far, "demo")
	h.Member(far, "demo", bobID, projects.RoleMaintainer)
	for range 40 { // more rows than are looked at for one page of two
		_, err := h.Projects.Describe(t.Context(), far, "demo", projects.About{Description: fmt.Sprint(h.Clock.Now())})
		h.Check(err)
		h.Clock.Add(time.Minute)
	}
	m := h.Mint(far, forSome("ci", "demo"))
	pages := func(q audit.Query) (out []string) {
		for range 60 {
			q.Limit = 2
			page, err := h.Projects.Events(t.Context(), bob, "demo", q)
			h.Check(err)
			out = append(out, fmt.Sprint(len(page.Events), page.Next, page.Reached))
			q.Before = page.Next
			if q.Before == 0 {
				break
			}
		}
		return out
	}
	for what, q := range map[string][2]audit.Query{
		"an address": {{Address: "192.0.2.1"}, {Address: "192.0.2.77"}},
		"a token":    {{Token: m.Token.ID}, {Token: bobID}},
	} {
		if a, b := pages(q[0]), pages(q[1]); !slices.Equal(a, b) {
			t.Errorf("%s that occurs: %q, one that does not: %q", what, a, b)
		}
	}
}

// Old forms are forgotten in one go, also where transactions run again.
func TestFormsAreForgottenWhereTransactionsRunAgain(t *testing.T) {
	h := newHouse(t, func(c *issuer.Config) { c.Store = &issuertest.Faulty{Store: c.Store, Twice: true} })
	h.Check(h.Store.Update(context.Background(), func(tx kv.Tx) error {
		for n := range 450 {
			b, err := json.Marshal(map[string]any{"token": "t", "at": start})
			if err != nil {
				return err
			}
			if err := tx.Put(fmt.Appendf(nil, "issuer/idempotency/%s/mark-of-a-form-%04d", aliceID, n), b); err != nil {
				return err
			}
		}
		return nil
	}))
	h.Clock.Add(49 * time.Hour)
	h.Check(h.Tokens.ForgetOld(t.Context()))
	h.Check(h.Store.View(t.Context(), func(r kv.Reader) error {
		left, err := r.Scan([]byte("issuer/idempotency/"), nil, 0, false)
		if len(left) != 0 {
			t.Errorf("%d forms are left", len(left))
		}
		return err
	}))
}

// A search among projects that finds nothing reads no more for a page than one that does.
func TestAllProjectsIsBounded(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "zebra")
	h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error {
		for n := range 20_100 { // they are not read: their names don't fit
			if err := tx.Put(fmt.Appendf(nil, "issuer/name/p%05d", n), []byte("none")); err != nil {
				return err
			}
		}
		return nil
	}))
	page, err := h.Projects.All(t.Context(), root, projects.AllQuery{Text: "zebra"})
	if err != nil || len(page.Projects) != 0 || page.Next != "p19999" {
		t.Errorf("first: %d projects, next %q (%v)", len(page.Projects), page.Next, err)
	}
	page, err = h.Projects.All(t.Context(), root, projects.AllQuery{Text: "zebra", After: page.Next})
	if err != nil || len(page.Projects) != 1 || page.Next != "" {
		t.Errorf("second: %d projects, next %q (%v)", len(page.Projects), page.Next, err)
	}
}
