package replication_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// TestADayOverHTTP runs a real issuer through what happens to a token, and asks a
// real verifier after each step. New tokens work at once, without a wait in the test.
func TestADayOverHTTP(t *testing.T) {
	o := newOrigin(t)
	early := o.mint("early")
	r := newReplica(t, o.url(), o.secretFile("berlin"))
	r.catchUp(o)
	r.expect(early.Text, "demo", "allow")
	for n := range 20 {
		r.expect(o.mint(fmt.Sprint("ci ", n)).Text, "demo", "allow")
	}
	r.expect(early.Text, "nobodys", string(caveats.NotAMember))

	step := func(what string, rev uint64, err error) {
		t.Helper()
		o.check(err)
		if c := o.Followers.Confirm(t.Context(), rev, 10*time.Second); c.Connected != 1 || c.Applied != 1 {
			t.Errorf("%s: confirmed %+v", what, c)
		}
	}
	frozen := func(is bool) {
		t.Helper()
		o.user(alice, is)
		step("freeze", o.at().Revision, nil)
	}
	frozen(true)
	r.expect(early.Text, "demo", string(caveats.UserFrozen))
	frozen(false)
	r.expect(early.Text, "demo", "allow")

	bobs, err := o.Tokens.Mint(t.Context(), bob, tokens.MintRequest{Label: "bob", Scope: tokens.ScopeAll, Life: tokens.LifeNever})
	o.check(err)
	r.expect(bobs.Text, "demo", string(caveats.NotAMember))
	rev, err := o.AddMember(t.Context(), alice, "demo", bob.UserID, projects.RoleMaintainer)
	step("add", rev, err)
	r.expect(bobs.Text, "demo", "allow")
	rev, err = o.Projects.RemoveMember(t.Context(), alice, "demo", bob.UserID)
	step("remove", rev, err)
	r.expect(bobs.Text, "demo", string(caveats.NotAMember))

	step("revoke", o.revoke(early), nil)
	r.expect(early.Text, "demo", string(caveats.Revoked))
	if s := r.Status(); s.Lag != 0 || s.Err != nil || !s.Usable || s.Connected.IsZero() || s.Age > time.Minute || s.Head != o.at().Revision {
		t.Errorf("%+v", s)
	}
}

// TestIssuerRestarts kills the issuer and brings it back. The verifier decides on
// meanwhile, says of a token that it can't know that it can't know, and follows again.
func TestIssuerRestarts(t *testing.T) {
	o := newOrigin(t)
	r := newReplica(t, o.url(), o.secretFile("berlin"))
	known := o.mint("known")
	r.catchUp(o)
	for round := range 3 {
		unseen := o.mint(fmt.Sprint("unseen ", round))
		late := o.mint(fmt.Sprint("late ", round))
		r.expect(late.Text, "demo", "allow")
		o.stop()
		r.eventually("the connection is gone", func() bool { return r.Status().Connected.IsZero() && r.Err() != nil })
		r.expect(known.Text, "demo", "allow")
		got, err := r.answerErr("pypi-"+strings.Repeat("A", 40), "demo")
		if got != string(caveats.MalformedToken) {
			t.Errorf("%s: %v", got, err)
		}
		o.start() // nobody was told of what follows
		o.revoke(unseen)
		newer := o.mint(fmt.Sprint("newer ", round))
		r.eventually("it is connected again", func() bool { return !r.Status().Connected.IsZero() })
		r.expect(newer.Text, "demo", "allow")
		r.catchUp(o)
		r.expect(unseen.Text, "demo", string(caveats.Revoked))
	}
	o.stop()
	r.eventually("the connection is gone", func() bool { return r.Status().Connected.IsZero() })
	_, err := r.Lookup(t.Context(), "01900000-0000-7000-8000-00000000dead", "demo")
	if !errors.Is(err, verifier.ErrUnavailable) || errors.Is(err, verifier.ErrUnknownToken) {
		t.Errorf("a token that may be new: %v", err)
	}
}

// TestVerifierRestarts closes the verifier and brings it back, over what happened
// meanwhile.
func TestVerifierRestarts(t *testing.T) {
	o := newOrigin(t)
	r := newReplica(t, o.url(), o.secretFile("berlin"))
	m := o.mint("old")
	r.catchUp(o)
	r.stop()
	newer := o.mint("new")
	o.revoke(m)
	r.start()
	r.catchUp(o)
	r.expect(m.Text, "demo", string(caveats.Revoked))
	r.expect(newer.Text, "demo", "allow")
	if n := o.count(feed.PathSnapshot); n != 1 {
		t.Errorf("%d snapshots for a verifier that was away for two changes", n)
	}
}

// TestCompacted lets the log go on without the verifier until it no longer reaches
// back to it.
func TestCompacted(t *testing.T) {
	o := newOrigin(t, func(o *origin) { o.keep = 64 })
	r := newReplica(t, o.url(), o.secretFile("berlin"))
	m := o.mint("old")
	r.catchUp(o)
	r.stop()
	o.revoke(m)
	var last tokens.Minted
	for n := range 200 {
		last = o.mint(fmt.Sprint("ci ", n))
	}
	r.start()
	r.catchUp(o)
	r.expect(m.Text, "demo", string(caveats.Revoked))
	r.expect(last.Text, "demo", "allow")
	if n := o.count(feed.PathSnapshot); n != 2 {
		t.Errorf("%d snapshots", n)
	}
}

// TestRestoredFromABackup gives the issuer an older store. The verifier does not go
// back, and says what to do, until the operator has raised the epoch.
func TestRestoredFromABackup(t *testing.T) {
	o := newOrigin(t)
	r := newReplica(t, o.url(), o.secretFile("berlin"))
	m := o.mint("leaked")
	r.catchUp(o)
	o.stop()
	backup, err := os.ReadFile(o.path)
	o.check(err)
	o.start()
	o.revoke(m)
	r.catchUp(o)
	o.stop()
	o.check(os.WriteFile(o.path, backup, 0o600))
	o.start()
	err = r.fails(replication.ErrConflict)
	if !errors.Is(err, replication.ErrOtherHistory) || !strings.Contains(err.Error(), "rind restored") || !strings.Contains(err.Error(), "rind verifier reset") {
		t.Errorf("the error does not say what to do: %v", err)
	}
	r.expect(m.Text, "demo", string(caveats.Unavailable))
	for n := range 5 { // beyond where the verifier was, with another history
		o.mint(fmt.Sprint("after ", n))
	}
	r.stop()
	r.start()
	r.expect(m.Text, "demo", string(caveats.Unavailable))
	o.stop()
	store := o.openStore()
	_, err = ledger.RaiseEpoch(t.Context(), store, alice.Actor, time.Now())
	o.check(err)
	o.check(store.Close())
	o.start()
	newer := o.mint("newer")
	r.eventually("the new epoch is followed", func() bool { return r.keys.Position() == o.at() })
	r.expect(newer.Text, "demo", "allow")
	r.expect(m.Text, "demo", "allow") // by the operator's word
}

// TestSecretRevoked ends a verifier at the issuer: it is told so, decides on for as
// long as it may, and comes back with a new secret, without a restart.
func TestSecretRevoked(t *testing.T) {
	o := newOrigin(t)
	id, secret, err := o.Followers.RegisterVerifier(t.Context(), admin, "berlin")
	o.check(err)
	file := o.secretFile("paris")
	o.check(os.WriteFile(file, []byte(secret), 0o600))
	m := o.mint("ci")
	r := newReplica(t, o.url(), file)
	r.catchUp(o)
	o.check(o.Followers.RevokeVerifier(t.Context(), admin, id.ID))
	failed := r.fails(replication.ErrSecret)
	if !strings.Contains(failed.Error(), "register it with the issuer") || strings.Contains(failed.Error(), secret) {
		t.Errorf("%v", failed)
	}
	r.expect(m.Text, "demo", "allow")
	_, secret, err = o.Followers.RegisterVerifier(t.Context(), admin, "berlin again")
	o.check(err)
	o.check(os.WriteFile(file, []byte(secret), 0o600))
	r.expectSoon(o.mint("newer").Text, "demo", "allow")
}

// TestOneSecretForTwo shows that two that share a secret do not fight in a loop.
func TestOneSecretForTwo(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	file := o.secretFile("berlin")
	usual := func(r *replica) {
		r.before = func(f *replication.Follower) {}
	}
	one := newReplica(t, o.url(), file, usual)
	two := newReplica(t, o.url(), file, usual)
	one.eventually("each was thrown out", func() bool { return one.Err() != nil || two.Err() != nil })
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if o.count(feed.PathStream) > 20 {
			t.Fatalf("%d streams", o.count(feed.PathStream))
		}
	}
	one.stop()
	two.stop()
}

// TestRandomIds shows that who sends made up tokens makes the verifier ask the
// issuer a few times a second, not once for each.
func TestRandomIds(t *testing.T) {
	o := newOrigin(t)
	r := newReplica(t, o.url(), o.secretFile("berlin"), func(r *replica) {
		r.before = func(f *replication.Follower) {}
	})
	r.catchUp(o)
	before, began := o.count(feed.PathReport), time.Now()
	var wg sync.WaitGroup
	const lookups = 2000
	for w := range 50 {
		wg.Go(func() {
			for n := range lookups / 50 {
				_, err := r.Lookup(t.Context(), fmt.Sprintf("01900000-0000-7000-8000-%06d%06d", w, n), "demo")
				if !errors.Is(err, verifier.ErrUnknownToken) {
					t.Errorf("%v", err)
				}
				if n == 8 {
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	if got, most := o.count(feed.PathReport)-before, 3+int(took/(100*time.Millisecond)); got > most {
		t.Errorf("%d questions in %s", got, took)
	}
}

// TestUsesReachTheIssuer shows that a use is reported once a minute and token, with
// its network and not its address.
func TestUsesReachTheIssuer(t *testing.T) {
	o := newOrigin(t)
	r := newReplica(t, o.url(), o.secretFile("berlin"))
	m := o.mint("ci")
	r.catchUp(o)
	o.stop() // what is used now is reported later
	grant, err := r.verify.Verify(t.Context(), m.Text, verifier.Request{Action: caveats.ActionUpload, Project: "Demo"})
	o.check(err)
	at := time.Now()
	for range 1000 {
		r.Used(grant, netip.MustParseAddr("203.0.113.77"), at)
	}
	if s := r.Status(); s.Uses != 1 {
		t.Errorf("%d uses wait", s.Uses)
	}
	o.start()
	var tok tokens.Token
	r.eventually("the use is known", func() bool {
		tok, err = o.Tokens.Get(t.Context(), alice, m.Token.ID)
		o.check(err)
		return !tok.LastUsed.At.IsZero()
	})
	if u := tok.LastUsed; !u.At.Equal(at.Truncate(time.Minute)) || u.Project != "demo" || u.Network != "203.0.113.0/24" {
		t.Errorf("%+v", u)
	}
	if u, err := o.Tokens.ProjectUploads(t.Context(), alice, "demo", 1); err != nil || u.Total != 1000 {
		t.Errorf("%d uses are counted, not 1000 (%v)", u.Total, err)
	}
	for n := range replication.MaxUses + 500 {
		r.stopTalking(o)
		r.Used(verifier.Grant{TokenID: fmt.Sprint(n)}, netip.Addr{}, at)
	}
	if s := r.Status(); s.Uses > replication.MaxUses || s.Dropped == 0 {
		t.Errorf("%d uses wait, %d were dropped", s.Uses, s.Dropped)
	}
}

// TestAnswersThatAreNone shows that a follower survives whatever it is answered, and
// says what it was.
func TestAnswersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		is     error
		says   string
	}{
		"not found": {http.NotFound, nil, "404"},
		"redirected": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://example.org", http.StatusFound)
		}, nil, "302"},
		"forbidden": {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "use\x1b[31m HTTPS", http.StatusForbidden) }, replication.ErrSecret, "HTTPS"},
		"a page":    {func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "<html>") }, feed.ErrFrame, ""},
		"nothing":   {func(w http.ResponseWriter, r *http.Request) {}, nil, "broke off"},
		"no position": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, `{"end":true}`)
		}, feed.ErrFrame, "without a position"},
		"nobody's": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, `{"position":{"issuer":"","epoch":0,"revision":0}}`)
		}, nil, "who it is"},
		"too few": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, `{"position":{"issuer":"x","epoch":1,"revision":7}}`+"\n"+`{"position":{"issuer":"x","epoch":1,"revision":7},"end":true,"count":3}`)
		}, feed.ErrFrame, "0 records"},
		"no end": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, `{"position":{"issuer":"x","epoch":1,"revision":7}}`)
		}, nil, "broke off"},
		"a record of nothing": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, `{"position":{"issuer":"x","epoch":1,"revision":7}}`+"\n"+`{"records":[{}]}`+"\n"+`{"position":{"issuer":"x","epoch":1,"revision":7},"end":true,"count":1}`)
		}, nil, "not of one record"},
		"an end before its beginning": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, `{"position":{"issuer":"x","epoch":1,"revision":7}}`+"\n"+`{"position":{"issuer":"x","epoch":1,"revision":6},"end":true}`)
		}, feed.ErrFrame, "does not end"},
		"an id of megabytes": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"position":{"issuer":"x","epoch":1,"revision":7}}`+"\n"+`{"records":[{"token":{"id":"%s"}}]}`+"\n"+`{"position":{"issuer":"x","epoch":1,"revision":7},"end":true,"count":1}`+"\n", strings.Repeat("x", 2<<20))
		}, nil, "token xxx"},
		"a time of megabytes": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"time":"%s"}`+"\n", strings.Repeat("x", 2<<20))
		}, feed.ErrFrame, ""},
		"a line without end": {func(w http.ResponseWriter, r *http.Request) {
			for range feed.MaxFrame/1000 + 1000 {
				fmt.Fprint(w, strings.Repeat("x", 1000))
			}
		}, feed.ErrFrame, "over the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			url := serveHTTP(t, c.answer)
			file := t.TempDir() + "/secret"
			if err := os.WriteFile(file, []byte("rindv_x\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := newReplica(t, url, file)
			r.eventually(name, func() bool { return r.Err() != nil })
			err := r.Err()
			if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || strings.ContainsRune(err.Error(), 0x1b) || len(err.Error()) > 1100 {
				t.Errorf("%.2000v", err)
			}
			if r.keys.Position() != (rootkeys.Position{}) || !r.keys.Filling() {
				t.Errorf("at %s", r.keys.Position())
			}
		})
	}
}
