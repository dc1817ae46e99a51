package publishers_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/publishers"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
)

func TestExchange(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuertest.WithNotices)
	v := h.Follow()
	h.Project(alice, "demo")
	h.Project(alice, "other")
	h.Member(alice, "demo", bob.UserID, projects.RoleMaintainer)
	_, err := h.exchangeHub(nil)
	h.refusedFor(err, idtoken.CodePayload, "no publisher here names the issuer")
	if n := h.github.Fetches(); n != 0 {
		t.Errorf("the keys were fetched %d times before a publisher named the issuer", n)
	}
	p := h.add(h.hub())

	var a publishers.Answer
	rows := h.Rows(func() {
		a, err = h.exchangeHub(nil)
		h.Check(err)
	})
	var kinds []string
	for _, r := range rows {
		kinds = append(kinds, r.Kind)
	}
	if want := []string{"project.token_exchanged", "token.exchanged"}; !slices.Equal(kinds, want) {
		t.Errorf("rows %v, want %v", kinds, want)
	}
	d := rows[0].Detail
	if d["publisher"] != p.ID || d["repository"] != "octo/demo" || d["ref"] != "refs/tags/v1.2.3" || d["run"] == "" || d["commit"] == "" || rows[0].Actor.IP != from.String() {
		t.Errorf("row %+v", rows[0])
	}
	if !strings.HasPrefix(a.Text, "pypi-") || !a.Token.Expires.Equal(h.Clock.Now().Add(tokens.RunLife).Truncate(time.Second)) || a.Token.UserID != alice.UserID {
		t.Errorf("%+v", a.Token)
	}
	if want := strings.TrimSuffix(h.github.URL, "/_services/token") + "/octo/demo/actions/runs/99"; a.Token.Run.URL != want {
		t.Errorf("the run is at %q, want %q", a.Token.Run.URL, want)
	}
	v.Expect(a.Text, "demo")
	v.Expect(a.Text, "other", caveats.WrongProject)
	_, err = v.Checker.Verify(h.Context(), a.Text, verifier.Request{Action: caveats.ActionCreate, Project: "demo"})
	var denial *verifier.Denial
	if !errors.As(err, &denial) {
		t.Errorf("the token registers projects: %v", err)
	}
	h.Clock.Add(tokens.RunLife)
	v.Expect(a.Text, "demo", caveats.Expired)
	if got := h.list(); got[0].Used.IsZero() || len(got[0].Pins) != 2 {
		t.Errorf("%+v", got)
	}
	// The lists of a person's own tokens hold none of jobs, and such a token can't be turned into one.
	found, err := h.Tokens.Find(h.Context(), alice.UserID, tokens.Query{})
	if err != nil || len(found.Tokens) != 0 || found.Total != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	h.Check(h.Tokens.ForgetOld(h.Context()))
}

func TestAJobsTokenBecomesNobodysOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	h.add(h.hub())
	a, err := h.exchangeHub(nil)
	h.Check(err)
	for name, do := range map[string]func() error{
		"rename": func() error { return h.Tokens.Rename(h.Context(), alice, a.Token.ID, "mine") },
		"restrict": func() error {
			_, _, err := h.Tokens.Restrict(h.Context(), alice, a.Token.ID, tokens.RestrictRequest{Expires: h.Clock.Now().Add(time.Minute)})
			return err
		},
		"replace": func() error {
			_, err := h.Tokens.Regenerate(h.Context(), alice, a.Token.ID, tokens.RegenerateRequest{})
			return err
		},
	} {
		var ps problem.Problems
		if err := do(); !errors.As(err, &ps) || !ps.Has("token_of_job") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, done, err := h.Tokens.Revoke(h.Context(), alice, a.Token.ID); err != nil || !done {
		t.Errorf("its owner can't revoke it: %v", err)
	}
	count, err := h.Tokens.List(h.Context(), alice.UserID, tokens.Page{})
	if err != nil || count.Unrevoked != 0 {
		t.Errorf("%d unrevoked, %v", count.Unrevoked, err)
	}
}

// The same ID token presented 50 times at once mints one token.
func TestFiftyAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	h.add(h.hub())
	text := h.github.Sign(t, h.hubClaims(nil))
	var all sync.WaitGroup
	var mu sync.Mutex
	minted, reused := 0, 0
	for range 50 {
		all.Go(func() {
			_, err := h.exchange(text)
			mu.Lock()
			defer mu.Unlock()
			var no *publishers.Refused
			switch {
			case err == nil:
				minted++
			case errors.As(err, &no) && no.Code == publishers.CodeReused:
				reused++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if minted != 1 || reused != 49 {
		t.Errorf("%d minted, %d refused", minted, reused)
	}
}

// A token that is used up stays so as long as it could be presented, and is forgotten then.
func TestJTIOutlivesItsTokenWithLeeway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	h.add(h.hub())
	claims := h.hubClaims(nil)
	text := h.github.Sign(t, claims)
	_, err := h.exchange(text)
	h.Check(err)
	for _, d := range []time.Duration{0, 5 * time.Minute, idtoken.Leeway - time.Second} {
		h.Clock.Add(d)
		h.Check(h.Publishers.Tend(h.Context()))
		_, err := h.exchange(text)
		h.refusedFor(err, publishers.CodeReused, "")
	}
	h.Clock.Add(10 * time.Second)
	h.Check(h.Publishers.Tend(h.Context()))
	_, err = h.exchange(text)
	h.refusedFor(err, idtoken.CodeToken, "expired")
}

// The version comes from the tag, and the digests from the job: a stolen token of the run for 1.2.3 can't publish 1.2.4.
func TestNarrowedToTheRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := h.Follow()
	h.Project(alice, "demo")
	rules := h.hub()
	rules.Tag, rules.Network = "v{version}", true
	h.add(rules)
	digest := strings.Repeat("d", 64)
	a, err := h.exchange(h.github.Sign(t, h.hubClaims(nil)), digest)
	h.Check(err)
	h.Check(v.Follower.CatchUp(h.Context(), h.Revision()))
	good := verifier.Request{Action: caveats.ActionUpload, Project: "demo", Version: "1.2.3", SHA256: digest, ClientIP: from}
	if _, err := v.Checker.Verify(h.Context(), a.Text, good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*verifier.Request){
		"another version": func(r *verifier.Request) { r.Version = "1.2.4" },
		"another file":    func(r *verifier.Request) { r.SHA256 = strings.Repeat("e", 64) },
		"another network": func(r *verifier.Request) { r.ClientIP = from.Next() },
	} {
		bad := good
		change(&bad)
		var denial *verifier.Denial
		if _, err := v.Checker.Verify(h.Context(), a.Text, bad); !errors.As(err, &denial) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = h.exchangeHub(map[string]any{"ref": "refs/heads/main", "workflow_ref": "octo/demo/.github/workflows/release.yml@refs/heads/main"})
	h.refusedFor(err, publishers.CodePublisher, `ref: expected "refs/tags/v{version}", got "refs/heads/main"`)
	_, err = h.exchangeHub(map[string]any{"ref": "refs/tags/vx", "workflow_ref": "octo/demo/.github/workflows/release.yml@refs/tags/vx"})
	h.refusedFor(err, publishers.CodePublisher, `"refs/tags/vx"`)
	for code, digests := range map[string][]string{"digest_invalid": {strings.Repeat("D", 64)}, "too_many_digests": many(tokens.MaxDigests + 1)} {
		text := h.github.Sign(t, h.hubClaims(nil))
		_, err = h.exchange(text, digests...)
		var ps problem.Problems
		if !errors.As(err, &ps) || !ps.Has(code) {
			t.Errorf("%v, want %s", err, code)
		}
		_, err := h.exchange(text, many(tokens.MaxDigests)...) // it is not used up, and as many fit
		h.Check(err)
	}
}

func many(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("%064x", i))
	}
	return out
}

// A token that was minted ends with its publisher, and with the role of the owner who vouches.
func TestEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := h.Follow()
	h.Project(alice, "demo")
	h.Member(alice, "demo", bob.UserID, projects.RoleOwner)
	p := h.add(h.hub())

	a, err := h.exchangeHub(nil)
	h.Check(err)
	v.Expect(a.Text, "demo")
	_, err = h.Projects.SetRole(h.Context(), bob, "demo", alice.UserID, projects.RoleMaintainer)
	h.Check(err)
	v.Expect(a.Text, "demo", caveats.Revoked)
	_, err = h.exchangeHub(nil)
	h.refusedFor(err, publishers.CodePublisher, "alice, who vouched for the publisher, is no owner")
	if got := h.list(); !got[0].Stopped || got[0].AddedBy != "alice" {
		t.Errorf("%+v", got)
	}
	h.Wrote(map[string]string{"demo": projectID(h)}, func() error { return h.Publishers.Vouch(h.Context(), bob, "demo", p.ID) },
		"project.publisher_vouched - demo")
	a, err = h.exchangeHub(nil)
	h.Check(err)
	v.Expect(a.Text, "demo")
	_, err = h.Publishers.Remove(h.Context(), bob, "demo", p.ID)
	h.Check(err)
	v.Expect(a.Text, "demo", caveats.Revoked)
	if says := v.Denied(a.Text, "demo"); !strings.Contains(says, "its publisher was removed") {
		t.Error(says)
	}
	_, err = h.exchangeHub(nil)
	h.refusedFor(err, idtoken.CodePayload, "")

	// The job ends its own token.
	_, err = h.Publishers.Add(h.Context(), bob, "demo", h.hub())
	h.Check(err)
	a, err = h.exchangeHub(nil)
	h.Check(err)
	if b, err := h.Tokens.Burn(h.Context(), a.Text, alice.Actor); err != nil || !b.Done {
		t.Error(err)
	}
	v.Expect(a.Text, "demo", caveats.Revoked)

	// The account is recovered, frozen, or leaves; the project is archived, or deleted.
	a, err = h.exchangeHub(nil)
	h.Check(err)
	h.Record(bob.UserID, "bob", true)
	v.Expect(a.Text, "demo", caveats.UserFrozen)
	_, err = h.exchangeHub(nil)
	h.refusedFor(err, publishers.CodePublisher, "frozen")
	h.Record(bob.UserID, "bob", false)
	_, err = h.Projects.Archive(h.Context(), bob, "demo")
	h.Check(err)
	_, err = h.exchangeHub(nil)
	h.refusedFor(err, publishers.CodePublisher, "archived")
	_, err = h.Projects.Unarchive(h.Context(), bob, "demo")
	h.Check(err)
	operator := ledger.Principal{Username: "operator", Admin: true}
	_, err = h.Projects.Quarantine(h.Context(), operator, "demo", "It steals keys.")
	h.Check(err)
	_, err = h.exchangeHub(nil)
	h.refusedFor(err, publishers.CodePublisher, "quarantined")
	_, err = h.Projects.LiftQuarantine(h.Context(), operator, "demo")
	h.Check(err)
	h.Deletes(bob, "demo")
	_, err = h.exchangeHub(nil)
	h.refusedFor(err, idtoken.CodePayload, "")
}

func projectID(h *house) string {
	p, err := h.Projects.Get(h.Context(), alice, "demo")
	h.Check(err)
	return p.ID
}

// A repository that was renamed goes on working; one that somebody else made under the name, or that has another owner, does not.
func TestPins(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	h.add(h.hub())
	_, err := h.exchangeHub(map[string]any{"repository": "Octo/DEMO", "workflow_ref": "Octo/DEMO/.github/workflows/release.yml@refs/tags/v1.2.3"})
	h.Check(err)
	_, err = h.exchangeHub(map[string]any{"repository": "octo/renamed", "workflow_ref": "octo/renamed/.github/workflows/release.yml@refs/tags/v1.2.3"})
	h.Check(err)
	_, err = h.exchangeHub(map[string]any{"repository_id": "75"})
	h.refusedFor(err, publishers.CodePublisher, `repository_id: expected "74", got "75"`)
	_, err = h.exchangeHub(map[string]any{"repository_id": nil})
	h.refusedFor(err, publishers.CodePublisher, `repository_id: expected "74", got none`)
	_, err = h.exchangeHub(map[string]any{"repository_owner_id": "66", "repository": "evil/demo", "repository_owner": "evil", "workflow_ref": "evil/demo/.github/workflows/release.yml@refs/tags/v1.2.3"})
	h.refusedFor(err, publishers.CodePublisher, `repository_owner_id: expected "65", got "66"`)
	_, err = h.exchangeHub(map[string]any{"repository": "octo/third", "repository_id": "76"})
	h.refusedFor(err, publishers.CodePublisher, "no project here has a publisher for octo/third")
}

func TestPendingPublishers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuertest.WithNotices)
	v := h.Follow()
	ctx := h.Context()
	p, err := h.Publishers.AddPending(ctx, alice, " New.Thing ", h.hub())
	h.Check(err)
	_, err = h.Publishers.AddPending(ctx, alice, "new-thing", h.hub())
	h.Refused("publisher_exists", func() error { return err })
	_, err = h.Publishers.AddPending(ctx, alice, "-", publishers.Rules{Issuer: h.github.URL})
	h.Refused("repository: publisher_repository_invalid; workflow: publisher_workflow_required; name: project_name_invalid", func() error { return err })
	if got, err := h.Publishers.Pending(ctx, alice); err != nil || len(got) != 1 || got[0].Pending != "New.Thing" || !got[0].Until.Equal(h.Clock.Now().Add(publishers.PendingLife)) {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = h.exchangeHub(map[string]any{"environment": "x", "workflow_ref": "octo/demo/.github/workflows/x.yml@refs/tags/v1.2.3"})
	h.refusedFor(err, publishers.CodePublisher, "workflow_ref")
	a, err := h.exchangeHub(nil)
	h.Check(err)
	v.Expect(a.Text, "new-thing")
	proj, err := h.Projects.Get(ctx, alice, "new-thing")
	if err != nil || proj.Name != "New.Thing" || proj.Role != projects.RoleOwner {
		t.Errorf("%+v, %v", proj, err)
	}
	if list, err := h.Publishers.List(ctx, alice, "new-thing"); err != nil || len(list) != 1 || list[0].ID != p.ID || list[0].Pending != "" {
		t.Errorf("%+v, %v", list, err)
	}
	if got, err := h.Publishers.Pending(ctx, alice); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}

	// Somebody registers the project first: the pending one ends.
	_, err = h.Publishers.AddPending(ctx, bob, "raced", publishers.Rules{Issuer: h.github.URL, Repository: "bob/raced", Workflow: "release.yml"})
	h.Check(err)
	h.Project(carol, "raced")
	claims := map[string]any{"repository": "bob/raced", "repository_id": "80", "repository_owner": "bob", "repository_owner_id": "81", "workflow_ref": "bob/raced/.github/workflows/release.yml@refs/tags/v1.2.3"}
	_, err = h.exchangeHub(claims)
	h.refusedFor(err, publishers.CodePending, "registered meanwhile")
	_, err = h.exchangeHub(claims)
	h.refusedFor(err, publishers.CodePublisher, "no project here")
	if got, err := h.Publishers.Pending(ctx, bob); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}

	// They end by themselves, and who added them can end them.
	q, err := h.Publishers.AddPending(ctx, bob, "later", h.hub())
	h.Check(err)
	h.Check(errors.Join(h.Publishers.Tend(ctx)))
	if err := h.Publishers.RemovePending(ctx, carol, q.ID); !errors.Is(err, ledger.ErrNotFound) {
		t.Error(err)
	}
	h.Check(h.Publishers.RemovePending(ctx, bob, q.ID))
	_, err = h.Publishers.AddPending(ctx, bob, "later", h.hub())
	h.Check(err)
	h.Clock.Add(publishers.PendingLife - time.Hour)
	h.Check(errors.Join(h.Publishers.Tend(ctx), h.Publishers.Tend(ctx)))
	h.Clock.Add(time.Hour)
	_, err = h.exchangeHub(nil)
	if err != nil { // alice's publisher of new-thing fits still; bob's pending one is over
		t.Error(err)
	}
	h.Check(h.Publishers.Tend(ctx))
	if got, err := h.Publishers.Pending(ctx, bob); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	for i := range publishers.MaxPending {
		_, err := h.Publishers.AddPending(ctx, bob, fmt.Sprintf("many%d", i), h.hub())
		h.Check(err)
	}
	_, err = h.Publishers.AddPending(ctx, bob, "more", h.hub())
	h.Refused("too_many_pending_publishers", func() error { return err })
}
