package password

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// A hash takes memory, so few run at the same time, and the queue is bounded. So that nobody can fill it and
// shut others out, each requester has a share: the account of a known browser, a typed name, and a
// network. Known browsers go first, and strangers can never fill the queue.
const (
	QueuePerPlace     = 17 // hashes that run and wait, for each hash that may run
	StrangersPerPlace = 13 // of those, how many strangers may have
	ShareOfAccount    = 4  // of one account, in known browsers or signed in
	ShareOfLogin      = 8  // of what was typed as one name
	networkPerPlace   = 6  // of one network, for each hash that may run
)

// ErrBusy says that too many passwords are being hashed at the moment, in all or for one requester.
var ErrBusy = errors.New("password: too many passwords are being hashed")

// Requester is the person for whom a password is hashed.
type Requester struct {
	Account string // an account that knows the browser, or is signed in; "" for strangers
	Login   string // what was typed as a name; "" where nothing was
	Network string
}

func (c Requester) class() int {
	if c.Account != "" {
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

// queue hands out the places in which passwords are hashed.
type queue struct {
	parallel int // how many run at once

	mu      sync.Mutex
	running int
	waiting [classes][]*waiter
	shares  map[string]int // those that run or wait, by share
	total   [classes]int
}

func newQueue(parallel int) *queue { return &queue{parallel: parallel, shares: make(map[string]int)} }

// sharesOf returns the shares that a requester's place counts with, and how many places each may have.
func (p *queue) sharesOf(c Requester) map[string]int {
	if c.Account != "" {
		return map[string]int{"account " + c.Account: ShareOfAccount}
	}
	return map[string]int{"login " + c.Login: ShareOfLogin, "network " + c.Network: networkPerPlace * p.parallel}
}

// load returns how many places count with the fullest share of a requester, and how many are taken or
// waited for in all.
func (p *queue) load(c Requester) (share, all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name := range p.sharesOf(c) {
		share = max(share, p.shares[name])
	}
	return share, max(p.running, p.total[knownFirst]+p.total[strangers])
}

// enter waits for a place. It returns ErrBusy if all places, or all of a share, are taken or waited for, and
// the context's error if the context ends first.
func (p *queue) enter(ctx context.Context, c Requester) (leave func(), err error) {
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
func (p *queue) claim(c Requester) (*waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	shares := p.sharesOf(c)
	if p.total[knownFirst]+p.total[strangers] >= QueuePerPlace*p.parallel || c.Account == "" && p.total[strangers] >= StrangersPerPlace*p.parallel {
		return nil, ErrBusy
	}
	for share, most := range shares {
		if p.shares[share] >= most {
			return nil, ErrBusy
		}
	}
	for share := range shares {
		p.shares[share]++
	}
	p.total[c.class()]++
	w := &waiter{make(chan struct{})}
	p.waiting[c.class()] = append(p.waiting[c.class()], w)
	p.next()
	return w, nil
}

// next hands free places to waiters. The caller holds the mutex.
func (p *queue) next() {
	for class := range p.waiting {
		for q := &p.waiting[class]; p.running < p.parallel && len(*q) > 0; *q = (*q)[1:] {
			p.running++
			close((*q)[0].ready)
		}
	}
}

// leave gives a place back.
func (p *queue) leave(c Requester) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	p.release(c)
}

// giveUp ends the wait of w, which may have got its place at the same moment.
func (p *queue) giveUp(w *waiter, c Requester) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := &p.waiting[c.class()]
	if i := slices.Index(*q, w); i >= 0 {
		*q = slices.Delete(*q, i, i+1)
	} else {
		p.running--
	}
	p.release(c)
}

// release takes a claimant out of the shares. The caller holds the mutex.
func (p *queue) release(c Requester) {
	for share := range p.sharesOf(c) {
		p.shares[share]--
		if p.shares[share] == 0 {
			delete(p.shares, share)
		}
	}
	p.total[c.class()]--
	p.next()
}
