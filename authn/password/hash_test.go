package password

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/alexedwards/argon2id"
)

// cheap is argon2id at the least cost, for tests that are not about it.
var cheap = argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

func newHasher(t *testing.T, parallel int) *Hasher {
	t.Helper()
	f, err := Argon2(&cheap)
	if err != nil {
		t.Fatal(err)
	}
	return NewHasher(f, parallel)
}

// The dummy costs what a real hash costs.
func TestDummyHash(t *testing.T) {
	p := newHasher(t, 0)
	params, _, _, err := argon2id.DecodeHash(p.dummy)
	if err != nil || *params != cheap {
		t.Errorf("%+v %v, want %+v", params, err, cheap)
	}
	if p.dummy == newHasher(t, 0).dummy {
		t.Error("two dummies are the same")
	}
	p.dummy, _ = p.function.Hash("known")
	if ok, _, err := p.Check(t.Context(), Requester{}, "known", ""); ok || err != nil {
		t.Errorf("the dummy was believed: %v %v", ok, err)
	}
}

// One account with four known browsers filled all places in which passwords are hashed; and so did one network, and one name. Each has
// a share, and known browsers find a place when strangers have filled theirs.
func TestPlacesToHashAreShared(t *testing.T) {
	const parallel = 2
	fill := func(p *queue, c func(i int) Requester) (n int) {
		for i := range 100 {
			if _, err := p.claim(c(i)); err == nil {
				n++
			}
		}
		return n
	}
	p := newQueue(parallel)
	if n := fill(p, func(int) Requester { return Requester{Account: "ada"} }); n != ShareOfAccount {
		t.Errorf("one account has %d places", n)
	}
	if n := fill(p, func(i int) Requester { return Requester{Login: fmt.Sprint(i), Network: "one"} }); n != networkPerPlace*parallel {
		t.Errorf("one network has %d places", n)
	}
	p = newQueue(parallel)
	if n := fill(p, func(i int) Requester { return Requester{Login: "ada", Network: fmt.Sprint(i)} }); n != ShareOfLogin {
		t.Errorf("one name has %d places", n)
	}
	if n := fill(p, func(i int) Requester { return Requester{Login: fmt.Sprint(i), Network: fmt.Sprint(i)} }); n != StrangersPerPlace*parallel-ShareOfLogin {
		t.Errorf("strangers have %d places more", n)
	}
	w, err := p.claim(Requester{Account: "ada"})
	if err != nil {
		t.Fatal("strangers keep a known browser out")
	}
	p.leave(Requester{Login: "ada", Network: "0"})
	select {
	case <-w.ready: // before the strangers who came earlier
	default:
		t.Error("a known browser waits behind strangers")
	}
}

// Who waits does so no longer than its request, and every place is given back.
func TestHasherWaits(t *testing.T) {
	h := newHasher(t, 1)
	leave, err := h.queue.enter(t.Context(), Requester{Login: "first"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := h.Check(ctx, Requester{Login: "second"}, "x", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	var waiting []Requester
	for i := 0; ; i++ {
		c := Requester{Login: strconv.Itoa(i), Network: strconv.Itoa(i)}
		if _, err := h.queue.claim(c); err != nil {
			break
		}
		waiting = append(waiting, c)
	}
	if len(waiting) != StrangersPerPlace-1 {
		t.Errorf("%d strangers wait", len(waiting))
	}
	if _, err := h.Hash(t.Context(), Requester{Login: "late"}, "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	if counted, all := h.Load(waiting[0]); counted != 1 || all != StrangersPerPlace {
		t.Errorf("%d counted, %d in all", counted, all)
	}
	leave()
	for _, c := range waiting { // each has a place when the one before leaves
		h.queue.leave(c)
	}
	p := h.queue
	if p.running != 0 || len(p.shares) != 0 || p.total != [classes]int{} || len(p.waiting[knownFirst])+len(p.waiting[strangers]) != 0 {
		t.Errorf("places were not given back: %d run, shares %v, in all %v", p.running, p.shares, p.total)
	}
}

// A hash of another cost is made anew when its password is right.
func TestCheckRenews(t *testing.T) {
	old, err := Argon2(&argon2id.Params{Memory: 16, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := old.Hash("plum orbit 7 canyon")
	if err != nil {
		t.Fatal(err)
	}
	h := newHasher(t, 0)
	ok, renewed, err := h.Check(t.Context(), Requester{}, "plum orbit 7 canyon", hash)
	if !ok || err != nil || renewed == "" {
		t.Fatalf("%v %q %v", ok, renewed, err)
	}
	if ok, again, err := h.Check(t.Context(), Requester{}, "plum orbit 7 canyon", renewed); !ok || err != nil || again != "" {
		t.Errorf("%v %q %v", ok, again, err)
	}
	if ok, renewed, err := h.Check(t.Context(), Requester{}, "another", hash); ok || err != nil || renewed != "" {
		t.Errorf("%v %q %v", ok, renewed, err)
	}
}

// Parameters that no hash can have are refused at the start.
func TestArgon2Refuses(t *testing.T) {
	for _, change := range []func(*argon2id.Params){
		func(p *argon2id.Params) { p.Memory = 0 }, func(p *argon2id.Params) { p.Iterations = 0 }, func(p *argon2id.Params) { p.Parallelism = 0 },
		func(p *argon2id.Params) { p.SaltLength = 7 }, func(p *argon2id.Params) { p.KeyLength = 15 },
	} {
		params := cheap
		change(&params)
		_, err := Argon2(&params)
		if err == nil {
			t.Errorf("%+v is taken", params)
		}
	}
}
