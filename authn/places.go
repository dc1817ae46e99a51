package authn

import (
	"context"
	"slices"
	"sync"
)

// Places in which passwords are hashed are few, for each takes memory. So that nobody fills them against
// others, whoever comes has a share: of one known browser's account so many, of one name from anywhere, and of one
// network. Known browsers go first, and strangers never fill the queue.
const (
	waitingTimes     = 17 // places, of those that run and wait, for each that runs
	strangersTimes   = 13 // of them, for strangers
	shareKnown       = 4  // of one account, in known browsers or signed in
	shareLogin       = 8  // of what was typed as one name
	shareNetworkTime = 6  // of one network, for each place that runs
)

// claimant is for whom a password is hashed.
type claimant struct {
	account string // in a known browser of it, or signed in to it; "" for strangers
	login   string // what was typed as a name; "" where nothing was
	network string
}

func (c claimant) class() int {
	if c.account != "" {
		return knownFirst
	}
	return strangers
}

// The classes, in the order in which they get a place.
const (
	knownFirst = iota
	strangers
	classes
)

// waiter waits for a place; ready is closed when it has one.
type waiter struct{ ready chan struct{} }

// places hands out the places in which passwords are hashed.
type places struct {
	parallel int // how many run at once

	mu      sync.Mutex
	running int
	queues  [classes][]*waiter
	held    map[string]int // by share: those that run or wait
	total   [classes]int
}

func newPlaces(parallel int) *places { return &places{parallel: parallel, held: make(map[string]int)} }

// shares are what a claimant's place counts with, and how many each may have.
func (p *places) shares(c claimant) map[string]int {
	if c.account != "" {
		return map[string]int{"account " + c.account: shareKnown}
	}
	return map[string]int{"login " + c.login: shareLogin, "network " + c.network: shareNetworkTime * p.parallel}
}

// enter waits for a place. It returns ErrBusy where all, or all of a share, are taken or waited for, and
// the context's error where it ends first.
func (p *places) enter(ctx context.Context, c claimant) (leave func(), err error) {
	w, err := p.claim(c)
	if err != nil {
		return nil, err
	}
	select {
	case <-w.ready:
		return func() { p.leave(c) }, nil
	default:
	}
	select {
	case <-w.ready:
		return func() { p.leave(c) }, nil
	case <-ctx.Done():
		p.giveUp(w, c)
		return nil, ctx.Err()
	}
}

// claim takes a place, or one in the queue.
func (p *places) claim(c claimant) (*waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	shares := p.shares(c)
	if p.total[knownFirst]+p.total[strangers] >= waitingTimes*p.parallel || c.account == "" && p.total[strangers] >= strangersTimes*p.parallel {
		return nil, ErrBusy
	}
	for share, most := range shares {
		if p.held[share] >= most {
			return nil, ErrBusy
		}
	}
	for share := range shares {
		p.held[share]++
	}
	p.total[c.class()]++
	w := &waiter{make(chan struct{})}
	p.queues[c.class()] = append(p.queues[c.class()], w)
	p.next()
	return w, nil
}

// next hands free places to who waits. The caller holds the mutex.
func (p *places) next() {
	for class := range p.queues {
		for q := &p.queues[class]; p.running < p.parallel && len(*q) > 0; *q = (*q)[1:] {
			p.running++
			close((*q)[0].ready)
		}
	}
}

// leave gives a place back.
func (p *places) leave(c claimant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	p.release(c)
}

// giveUp ends waiting; the place may have come at the same moment.
func (p *places) giveUp(w *waiter, c claimant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := &p.queues[c.class()]
	if i := slices.Index(*q, w); i >= 0 {
		*q = slices.Delete(*q, i, i+1)
	} else {
		p.running--
	}
	p.release(c)
}

// release takes a claimant out of the shares. The caller holds the mutex.
func (p *places) release(c claimant) {
	for share := range p.shares(c) {
		if p.held[share]--; p.held[share] == 0 {
			delete(p.held, share)
		}
	}
	p.total[c.class()]--
	p.next()
}
