package gateway

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"time"
)

// slots bounds how many uploads are under way: in all, of each account and with each token. The last quarter is
// reserved for accounts that have no upload under way, so that a few accounts can't take all slots. An upload
// that finds no slot waits a little before its body is read.
type slots struct {
	all, owner, token int // bounds
	wait              time.Duration

	mu    sync.Mutex
	taken map[share]int // no zeros
	total int
	freed chan struct{} // closed when a slot becomes free, and then replaced
}

// share identifies what has its own bound: the token with that id, or all tokens of an account.
type share struct{ token, owner string }

// holder says whose upload takes a slot; owner is "" if a Verifier does not name it.
type holder struct{ token, owner string }

func (h holder) shares() [2]share {
	return [2]share{{token: h.token}, {owner: cmp.Or(h.owner, "of "+h.token)}}
}

// busyTime is the time after which a client is asked to try again.
const busyTime = 10 * time.Second

// Refusals of an upload that found no free slot in time. The first two are caused by the
// client itself; the last one is temporary, so clients try again.
var (
	errTokenBusy = &Refusal{Status: http.StatusTooManyRequests, RetryAfter: busyTime,
		Reason: "Too many uploads with this token are in progress. Try again when one of them is done."}
	errOwnerBusy = &Refusal{Status: http.StatusTooManyRequests, RetryAfter: busyTime,
		Reason: "Too many uploads with tokens of this account are in progress. Try again when one of them is done."}
	errBusy = &Refusal{Status: http.StatusServiceUnavailable, RetryAfter: busyTime, Reason: "Too many uploads are in progress. Try again later."}
)

// take waits for a slot for an upload. The caller calls free once, when the upload is over.
func (s *slots) take(ctx context.Context, h holder) (free func(), err error) {
	late := time.NewTimer(s.wait)
	defer late.Stop()
	for {
		freed, err := s.try(h)
		if err == nil {
			return sync.OnceFunc(func() { s.free(h) }), nil
		}
		select {
		case <-freed:
		case <-late.C:
			return nil, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// try takes a slot, or returns why none is free and a channel that is closed when one becomes
// free.
func (s *slots) try(h holder) (freed <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := s.taken[h.shares()[1]]
	most := s.all
	if mine > 0 {
		most -= s.all / 4
	}
	switch {
	case s.taken[h.shares()[0]] >= s.token:
		return s.freed, errTokenBusy
	case mine >= s.owner:
		return s.freed, errOwnerBusy
	case s.total >= most:
		return s.freed, errBusy
	}
	s.total++
	for _, of := range h.shares() {
		s.taken[of]++
	}
	return nil, nil
}

func (s *slots) free(h holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	for _, of := range h.shares() {
		s.taken[of]--
		if s.taken[of] == 0 {
			delete(s.taken, of)
		}
	}
	close(s.freed)
	s.freed = make(chan struct{})
}
