package followers_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/ledger"
)

// other opens the store of a house a second time, as another process does: the two share nothing but the store.
func (h *house) other() *issuer.Service {
	h.Helper()
	s, err := issuer.New(issuer.Config{Store: h.Store, Sealer: issuertest.Sealer(h), Location: location, Clock: h.Clock.Now, People: h.People})
	h.Check(err)
	return s
}

// runs runs what hears of other processes, until the function that it returns is called or the test ends.
func (h *house) runs(s *issuer.Service, name string, catchUp func(context.Context, uint64) error) (stop func()) {
	h.Helper()
	p, err := s.Followers.Join(h.Context(), followers.Process{Name: name, CatchUp: catchUp})
	h.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Ledger.Follow(ctx) })
	running.Go(func() { _ = p.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	h.Cleanup(stop)
	return stop
}

func atOnce(context.Context, uint64) error { return nil }

// eventually waits until is holds.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// Whichever process revokes a verifier, its stream and its snapshot end at all of them; and even a process that hears
// of nothing sends it no change that it reads afterwards.
func TestRevokedAtAnotherProcess(t *testing.T) {
	h := newHouse(t)
	b, deaf := h.other(), h.other()
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	v, _ := h.Verifier("berlin")
	w, _ := h.Verifier("deaf")
	h.runs(b, "b", nil)
	x, err := b.Followers.OpenStream(t.Context(), v, at)
	h.Check(err)
	y, err := deaf.Followers.OpenStream(t.Context(), w, at)
	h.Check(err)
	ended := make(chan struct{})
	stop, err := b.Followers.WhileAdmitted(t.Context(), v, sync.OnceFunc(func() { close(ended) }))
	h.Check(err)
	defer stop()
	for _, id := range []string{v.ID, w.ID} {
		h.Check(h.Followers.RevokeVerifier(t.Context(), root, id))
	}
	h.Mint(alice, forAll("secret"))
	<-x.Gone()
	<-ended
	for _, s := range []*followers.Stream{x, y} {
		if sets, err := s.Changes(t.Context()); len(sets) > 0 || !errors.Is(err, followers.ErrVerifierUnknown) {
			t.Errorf("a revoked verifier gets %d sets, %v", len(sets), err)
		}
	}
	<-y.Gone()
}

// A verifier that others read the end of the log with is not taken for one that was admitted at their moment.
func TestRevokedWhileOthersRead(t *testing.T) {
	h := newHouse(t)
	b := h.other()
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	v, _ := h.Verifier("berlin")
	w, _ := h.Verifier("paris")
	x, err := b.Followers.OpenStream(t.Context(), v, at)
	h.Check(err)
	y, err := b.Followers.OpenStream(t.Context(), w, at)
	h.Check(err)
	h.Check(h.Followers.RevokeVerifier(t.Context(), root, v.ID))
	h.Mint(alice, forAll("secret"))
	if sets, err := y.Changes(t.Context()); len(sets) == 0 || err != nil {
		t.Fatalf("%d sets, %v", len(sets), err)
	}
	if sets, err := x.Changes(t.Context()); len(sets) > 0 || !errors.Is(err, followers.ErrVerifierUnknown) {
		t.Errorf("a revoked verifier gets %d sets, %v", len(sets), err)
	}
}

// A verifier has one stream, wherever: a second one at another process ends the first, and a stream that
// goes from one process to another continues where it was.
func TestOneStreamAtAllProcesses(t *testing.T) {
	h := newHouse(t)
	b := h.other()
	v, _ := h.Verifier("berlin")
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	h.runs(h.Service, "a", nil)
	first, err := h.Followers.OpenStream(t.Context(), v, at)
	h.Check(err)
	m := h.Mint(alice, forAll("one"))
	sets, err := first.Changes(t.Context())
	h.Check(err)
	last := sets[len(sets)-1]
	at.Revision, at.Chain = last.Revision, last.Chain
	h.Mint(alice, forAll("two"))

	second, err := b.Followers.OpenStream(t.Context(), v, at) // b has heard of neither
	h.Check(err)
	if got := second.Opened().Revision; got != m.Revision+1 {
		t.Errorf("the second stream begins with the position %d as proof, the store is at %d", got, m.Revision+1)
	}
	<-first.Gone()
	select {
	case <-second.Gone():
		t.Error("the second stream was ended")
	default:
	}
	sets, err = second.Changes(t.Context())
	if err != nil || len(sets) != 1 || sets[0].Revision != m.Revision+1 {
		t.Errorf("it continues with %+v, %v", sets, err)
	}
}

// Whoever commits, all processes hear of it.
func TestCommitsOfOthersWake(t *testing.T) {
	h := newHouse(t)
	b := h.other()
	h.runs(b, "b", nil)
	v, _ := h.Verifier("berlin")
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	x, err := b.Followers.OpenStream(t.Context(), v, at)
	h.Check(err)
	eventually(t, "b does not hear where the store is", func() bool { return b.Ledger.Heard().Revision() == at.Revision })
	m := h.Mint(alice, forAll("one"))
	<-x.More()
	h.Check(b.Followers.Wait(t.Context(), m.Revision-1))
	sets, err := x.Changes(t.Context())
	if err != nil || len(sets) != 1 || sets[0].Revision != m.Revision || x.Position().Revision != m.Revision {
		t.Errorf("%+v, %v", sets, err)
	}
}

// Each process waits for the verifiers and the gateways of all processes.
func TestConfirmedAtAllProcesses(t *testing.T) {
	h := newHouse(t)
	b := h.other()
	h.runs(h.Service, "a", atOnce)
	gate := make(chan struct{})
	stop := h.runs(b, "b", func(ctx context.Context, revision uint64) error {
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	v, _ := h.Verifier("berlin")
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	x, err := b.Followers.OpenStream(t.Context(), v, at)
	h.Check(err)
	defer x.Close()
	m := h.Mint(alice, forAll("one"))
	eventually(t, "a does not see the stream at b", func() bool {
		c := h.Followers.Confirm(t.Context(), m.Revision, 0)
		return c.Connected == 2 && c.Applied == 0 && slices.Equal(c.Behind, []string{"berlin", "gateway of b"})
	})
	done := make(chan followers.Confirmation)
	go func() { done <- h.Followers.Confirm(context.Background(), m.Revision, time.Minute) }()
	at, err = h.Followers.Position(t.Context())
	h.Check(err)
	h.Clock.Add(3 * time.Second)
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{Applied: at})) // the balancer sends it to a
	close(gate)
	if c := <-done; c.Connected != 2 || c.Applied != 2 {
		t.Errorf("%+v", c)
	}
	eventually(t, "b does not hear of the report at a", func() bool { return x.Silence() == 0 })
	c := b.Followers.Confirm(t.Context(), m.Revision, time.Minute)
	if c.Connected != 2 || c.Applied != 2 { // a's gateway, and berlin
		t.Errorf("at b: %+v", c)
	}
	all, err := h.Followers.Verifiers(t.Context(), root)
	if err != nil || len(all) != 1 || all[0].Connected.IsZero() || all[0].Lag != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	stop() // as if killed
	m = h.Mint(alice, forAll("two"))
	eventually(t, "b, which was killed, is still waited for, or is not named", func() bool {
		h.Clock.Add(10 * time.Second)
		c := h.Followers.Confirm(t.Context(), m.Revision, 0)
		return c.Connected == 0 && slices.Contains(c.Away, "gateway of b")
	})
}

// A verifier that was put back counts as behind at each process, whichever hears of it.
func TestStateThatGoesBack(t *testing.T) {
	h := newHouse(t)
	b := h.other()
	h.runs(h.Service, "a", nil)
	h.runs(b, "b", nil)
	v, _ := h.Verifier("berlin")
	old, err := h.Followers.Position(t.Context())
	h.Check(err)
	m := h.Mint(alice, forAll("one"))
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	x, err := b.Followers.OpenStream(t.Context(), v, old)
	h.Check(err)
	defer x.Close()
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{Applied: at}))
	applied := func(want int) func() bool {
		return func() bool {
			return h.Followers.Confirm(t.Context(), m.Revision, 0).Applied == want && b.Followers.Confirm(t.Context(), m.Revision, 0).Applied == want
		}
	}
	eventually(t, "it is not seen at both to have it", applied(1))
	h.Clock.Add(3 * time.Second)
	h.Check(b.Followers.Report(t.Context(), v, feed.Report{Applied: old}))
	eventually(t, "it is still seen to have it", applied(0))
	h.Clock.Add(3 * time.Second)
	h.Check(b.Followers.Report(t.Context(), v, feed.Report{Applied: at}))
	eventually(t, "it is not seen to have it again", applied(1))
}

// A process whose store got another epoch tells verifiers nothing more, and ends.
func TestEpochOfAnotherProcess(t *testing.T) {
	h := newHouse(t)
	b := h.other()
	at, err := b.Followers.Position(t.Context())
	h.Check(err)
	ended := make(chan error)
	go func() { ended <- b.Ledger.Follow(context.Background()) }()
	_, err = ledger.RaiseEpoch(t.Context(), h.Store, audit.Actor{Username: "operator"}, h.Clock.Now())
	h.Check(err)
	if err := <-ended; !errors.Is(err, ledger.ErrIdentity) {
		t.Errorf("it ends with %v", err)
	}
	if _, err := b.Followers.Position(t.Context()); !errors.Is(err, ledger.ErrIdentity) {
		t.Errorf("a position is told: %v", err)
	}
	if _, err := b.Followers.Changes(t.Context(), at, 0); !errors.Is(err, ledger.ErrIdentity) && !errors.Is(err, feed.ErrCompacted) {
		t.Errorf("changes are told: %v", err)
	}
}

// A process that left is waited for no more, and its records are gone.
func TestLeave(t *testing.T) {
	h := newHouse(t)
	b := h.other()
	h.runs(h.Service, "a", nil)
	p, err := b.Followers.Join(t.Context(), followers.Process{Name: "b"})
	h.Check(err)
	m := h.Mint(alice, forAll("one"))
	eventually(t, "b is not known", func() bool { return h.Followers.Confirm(t.Context(), m.Revision, 0).Connected == 1 })
	h.Check(p.Leave(t.Context()))
	eventually(t, "b is still known", func() bool { return h.Followers.Confirm(t.Context(), m.Revision, 0).Connected == 0 })
}

// Processes tell each other of their settings, and the log names, once, those that another one has otherwise.
func TestProcessesWithOtherSettings(t *testing.T) {
	var log bytes.Buffer
	h := newHouse(t, func(c *issuer.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	join := func(s *issuer.Service, name string, settings map[string]string) *followers.Process {
		p, err := s.Followers.Join(t.Context(), followers.Process{Name: name, Settings: settings})
		h.Check(err)
		return p
	}
	join(h.other(), "same", map[string]string{"life": "1", "mail": "1"})
	join(h.other(), "older", map[string]string{"life": "1"})
	join(h.other(), "oldest", nil)
	join(h.other(), "newer", map[string]string{"life": "2", "mail": "2", "index": "1"})
	p := join(h.Service, "this", map[string]string{"life": "1", "mail": "1"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = p.Run(ctx)
	if got := log.String(); strings.Count(got, "other settings") != 1 || !strings.Contains(got, `process=newer settings="life, mail"`) {
		t.Errorf("the log: %s", got)
	}
}

// A process that was killed and started again is waited for once, under its name.
func TestStartedAgain(t *testing.T) {
	h := newHouse(t)
	h.runs(h.Service, "a", nil)
	stop := h.runs(h.other(), "b", func(ctx context.Context, _ uint64) error { <-ctx.Done(); return ctx.Err() })
	m := h.Mint(alice, forAll("one"))
	eventually(t, "b is not waited for", func() bool { return h.Followers.Confirm(t.Context(), m.Revision, 0).Connected == 1 })
	stop() // as if killed
	h.Clock.Add(10 * time.Second)
	if c := h.Followers.Confirm(t.Context(), m.Revision, 0); !slices.Contains(c.Away, "gateway of b") {
		t.Errorf("before b is back: %+v", c)
	}
	h.runs(h.other(), "b", atOnce)
	eventually(t, "b is not waited for once, or what it was before is still named", func() bool {
		c := h.Followers.Confirm(t.Context(), m.Revision, 0)
		return c.Connected == 1 && c.Applied == 1 && len(c.Away) == 0
	})
	h.Clock.Add(10 * time.Second)
	eventually(t, "what b was before is still in the store", func() bool {
		pairs := 0
		h.Check(h.Store.View(t.Context(), func(r kv.Reader) error {
			all, err := kv.All(r, []byte("issuer/process/"))
			pairs = len(all)
			return err
		}))
		return pairs == 2
	})
}
