package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// slots bounds how many uploads are under way, in all and with each token. An upload
// that finds no slot waits a little before its body is read.
type slots struct {
	all, each int // bounds
	wait      time.Duration

	mu    sync.Mutex
	taken map[string]int // by the token's id; no zeros
	total int
	freed chan struct{} // closed when a slot gets free, and made anew
}

// Refusals of an upload that waited for a slot in vain. The first is the client's own
// doing; the second passes by itself, and is tried again.
var (
	errTokenBusy = &refusal{http.StatusTooManyRequests,
		"Too many uploads with this token are under way. Try again when one of them is done."}
	errBusy = &refusal{http.StatusServiceUnavailable, "Too many uploads are under way. Try again later."}
)

// take waits for a slot for an upload with a token. The caller calls free once, when the
// upload is over.
func (s *slots) take(ctx context.Context, tokenID string) (free func(), err error) {
	late := time.NewTimer(s.wait)
	defer late.Stop()
	for {
		freed, err := s.try(tokenID)
		if err == nil {
			return sync.OnceFunc(func() { s.free(tokenID) }), nil
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

// try takes a slot, or returns why there is none and what is closed when one gets free.
func (s *slots) try(tokenID string) (freed <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.taken[tokenID] >= s.each:
		return s.freed, errTokenBusy
	case s.total >= s.all:
		return s.freed, errBusy
	}
	s.total++
	s.taken[tokenID]++
	return nil, nil
}

func (s *slots) free(tokenID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.taken[tokenID]--; s.taken[tokenID] == 0 {
		delete(s.taken, tokenID)
	}
	close(s.freed)
	s.freed = make(chan struct{})
}
