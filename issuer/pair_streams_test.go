package issuer_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/ledger"
)

// wrong notes a problem.
func (x *history) wrong(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.problems = append(x.problems, fmt.Errorf(format, args...))
}

// passing tells whether an error only says that the database was away for a moment.
func passing(err error) bool {
	return errors.Is(err, kv.ErrUnavailable) || errors.Is(err, kv.ErrUnknown)
}

// dismiss registers verifiers, which follow issuer b, and revokes them at a: what is minted after the revocation is
// acknowledged reaches none of them.
func (x *history) dismiss(ctx context.Context, a, b one) {
	for n := 0; ctx.Err() == nil; n++ {
		v, _, err := a.Followers.RegisterVerifier(context.Background(), root, fmt.Sprint("v", n))
		if err != nil {
			if !passing(err) {
				x.wrong("register a verifier: %w", err)
				return
			}
			continue
		}
		at, err := b.Followers.Position(context.Background())
		var s *followers.Stream
		if err == nil {
			s, err = b.Followers.OpenStream(context.Background(), v, at)
		}
		if err != nil && !passing(err) {
			x.wrong("open the stream of a verifier: %w", err)
			return
		}
		for err = kv.ErrUnavailable; passing(err); {
			err = a.Followers.RevokeVerifier(context.Background(), root, v.ID)
		}
		if err != nil && !errors.Is(err, ledger.ErrNotFound) { // which is for one that was revoked already
			x.wrong("revoke a verifier: %w", err)
		}
		label := fmt.Sprint("after-", n)
		m, err := a.Tokens.Mint(context.Background(), alice, forAll(label))
		x.note(x.minted, label, err)
		if s == nil {
			continue
		}
		for over := false; !over; { // it may get what was read for others before the revocation
			sets, streamErr := s.Changes(context.Background())
			over = errors.Is(streamErr, followers.ErrVerifierUnknown)
			late := err == nil && len(sets) > 0 && sets[len(sets)-1].Revision >= m.Revision
			if late || !over && !passing(streamErr) && len(sets) == 0 {
				x.wrong("the stream of a revoked verifier: %d sets, minted after that: %v, error %w", len(sets), late, streamErr)
				over = true
			}
		}
		s.Close()
		x.mu.Lock()
		x.dismissed++
		x.mu.Unlock()
	}
}

// move follows the changes at one issuer and then at the other, again and again, and misses none.
func (x *history) move(ctx context.Context, pair [2]one) {
	v, _, err := pair[0].Followers.RegisterVerifier(context.Background(), root, "mover")
	for n := 0; passing(err); n++ {
		v, _, err = pair[0].Followers.RegisterVerifier(context.Background(), root, fmt.Sprint("mover ", n))
	}
	if err != nil {
		x.wrong("register a verifier: %w", err)
		return
	}
	at, err := pair[0].Followers.Position(context.Background())
	for passing(err) {
		at, err = pair[0].Followers.Position(context.Background())
	}
	for n := 0; ctx.Err() == nil; n++ {
		s, err := pair[n%2].Followers.OpenStream(context.Background(), v, at)
		if err != nil {
			if !passing(err) {
				x.wrong("a verifier that moves: %w", err)
				return
			}
			continue
		}
		for range 5 {
			select {
			case <-s.More():
			case <-ctx.Done():
			}
			sets, err := s.Changes(context.Background())
			if err != nil && !passing(err) {
				x.wrong("the stream of a verifier that moves: %w", err)
			}
			for _, set := range sets {
				if set.Revision != at.Revision+1 {
					x.wrong("a verifier that moves got revision %d after %d", set.Revision, at.Revision)
				}
				at.Revision, at.Chain = set.Revision, set.Chain
			}
		}
		s.Close()
		x.mu.Lock()
		x.moved++
		x.mu.Unlock()
	}
}
