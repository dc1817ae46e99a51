package followers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Any process may revoke a verifier, or open the stream that takes the place of another. So the store says
// who is admitted: each such change raises one number, and whoever serves a verifier looks again at the
// verifier's record, and at the stream that it has, once that number has changed.

// readAdmission reads the number.
func readAdmission(r kv.Reader) (uint64, error) {
	b, err := r.Get([]byte(keyAdmission))
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case len(b) != 8:
		return 0, fmt.Errorf("followers: the record %q is damaged: restore the store from a backup", keyAdmission)
	}
	return binary.BigEndian.Uint64(b), nil
}

// raiseAdmission raises the number, and returns it.
func raiseAdmission(tx kv.Tx) (uint64, error) {
	n, err := readAdmission(tx)
	if err != nil {
		return 0, err
	}
	return n + 1, tx.Put([]byte(keyAdmission), binary.BigEndian.AppendUint64(nil, n+1))
}

// admitted returns ErrVerifierUnknown if a verifier was revoked, and errReplaced if it has another stream than
// the one given; "" stands for any.
func admitted(r kv.Reader, verifier, stream string) error {
	rec, err := readVerifier(r, verifier)
	if errors.Is(err, ledger.ErrNotFound) || err == nil && !rec.Revoked.At.IsZero() {
		return ErrVerifierUnknown
	}
	if err != nil || stream == "" {
		return err
	}
	has, err := r.Get([]byte(streamKey(verifier)))
	if errors.Is(err, kv.ErrNotFound) || err == nil && string(has) != stream {
		return errReplaced
	}
	return err
}

// errReplaced says that a verifier has opened another stream.
var errReplaced = errors.New("followers: the verifier has opened another stream")

// take makes x the only stream of its verifier, on whichever process others are. If the store can't be
// written to, x is the only one of this process.
func (x *Stream) take(ctx context.Context) error {
	var refused error
	err := x.s.exempt.Update(ctx, func(tx kv.Tx) (err error) {
		refused = admitted(tx, x.verifier, "")
		if refused != nil {
			return refused
		}
		x.admission, err = raiseAdmission(tx)
		if err != nil {
			return err
		}
		return tx.Put([]byte(streamKey(x.verifier)), []byte(x.id))
	})
	if err == nil {
		x.taken.Store(true)
	}
	if err == nil || refused != nil {
		return err
	}
	x.s.log.WarnContext(ctx, "that a verifier opened a stream can't be noted, so that an earlier one at another process may go on", "verifier", x.verifier, "error", err)
	return x.look(ctx)
}

// noted returns the id that the store has for the verifier of x while x may go on, "" if it was never noted.
func (x *Stream) noted() string {
	if x.taken.Load() {
		return x.id
	}
	return ""
}

// look reads whether x may go on; if not, it ends x.
func (x *Stream) look(ctx context.Context) error {
	err := x.s.store.View(ctx, func(r kv.Reader) (err error) {
		x.admission, err = readAdmission(r)
		if err != nil {
			return err
		}
		return admitted(r, x.verifier, x.noted())
	})
	if errors.Is(err, ErrVerifierUnknown) || errors.Is(err, errReplaced) {
		x.end()
	}
	return err
}

// expel ends, at this process, what serves verifiers that another process has revoked, or whose stream is elsewhere by
// now. It reads again only if the store's number differs from seen, and returns that number.
func (s *Service) expel(ctx context.Context, seen uint64) (now uint64, err error) {
	var out []error
	var streams []*Stream
	var guards []*guard
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		now, err = readAdmission(r)
		out = nil
		if err != nil || now == seen {
			return err
		}
		streams, guards = s.connections.served() // after the number: whoever comes later sees it
		for _, x := range streams {
			err := admitted(r, x.verifier, x.noted())
			if err != nil && !errors.Is(err, ErrVerifierUnknown) && !errors.Is(err, errReplaced) {
				return err
			}
			out = append(out, err)
		}
		for _, g := range guards {
			err := admitted(r, g.verifier, "")
			if err != nil && !errors.Is(err, ErrVerifierUnknown) {
				return err
			}
			out = append(out, err)
		}
		return nil
	})
	if err != nil {
		return seen, err
	}
	for i, err := range out {
		switch {
		case err == nil:
		case i < len(streams) && errors.Is(err, errReplaced):
			streams[i].end()
			s.connections.close(streams[i])
		case i < len(streams):
			s.connections.drop(streams[i].verifier)
		default:
			s.connections.drop(guards[i-len(streams)].verifier)
		}
	}
	return now, nil
}

// changesAdmitted is Changes, and the number of the admissions at the same moment.
func (s *Service) changesAdmitted(ctx context.Context, after feed.Position, limit int) (out []feed.ChangeSet, admission uint64, err error) {
	if limit <= 0 || limit > MaxChanges {
		limit = MaxChanges
	}
	err = s.store.View(ctx, func(r kv.Reader) error {
		if err := s.checkHistory(r, after); err != nil {
			return err
		}
		last, err := s.ledger.Head(r)
		if err != nil {
			return err
		}
		admission, err = readAdmission(r)
		if err != nil {
			return err
		}
		b := batch{s: s, r: r, last: last, seen: make(map[ledger.Ref]bool)}
		out, err = b.read(after.Revision, limit)
		return err
	})
	return out, admission, err
}
