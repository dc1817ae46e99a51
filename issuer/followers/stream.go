package followers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// ErrOtherIssuer says that a verifier follows a different issuer.
var ErrOtherIssuer = errors.New("followers: the verifier follows another issuer")

// seenEvery is the least time between two writes of when a verifier was last seen.
const seenEvery = 5 * time.Minute

// seenRecord says when a verifier was last seen, for use after a restart.
type seenRecord struct {
	At      time.Time     `json:"at"`
	Applied feed.Position `json:"applied"`
}

// Stream is the open stream of changes to one verifier, from where it stands. It
// keeps no queue: each part is read from the log when it is asked for. One
// goroutine uses it; Close it at the end.
type Stream struct {
	s        *Service
	verifier string
	at       feed.Position // of the last change sent
	gone     chan struct{} // closed by connections
}

// OpenStream opens a stream of the changes after at, and counts the verifier as connected.
// It ends the verifier's previous stream. The errors say why it can't continue from at:
// feed.ErrCompacted (it takes a snapshot), ErrOtherIssuer, ErrOtherHistory and ErrAhead (an
// operator decides), ErrVerifierUnknown (it was revoked meanwhile).
func (s *Service) OpenStream(ctx context.Context, v Verifier, at feed.Position) (*Stream, error) {
	err := s.checkPosition(ctx, at)
	s.noteHistory(ctx, v, at, err)
	if err != nil {
		return nil, err
	}
	x := &Stream{s: s, verifier: v.ID, at: at, gone: make(chan struct{})}
	s.connections.open(x, v.Name, at, s.clock())
	err = s.stillAdmitted(ctx, v) // after the stream is in the table, where a revocation finds it
	if err == nil {
		return x, nil
	}
	x.Close()
	if errors.Is(err, ErrVerifierUnknown) {
		s.connections.drop(v.ID)
	}
	return nil, err
}

// WhileAdmitted calls end, which must not wait, if a verifier is revoked before stop is
// called. It is for long answers that are not Streams. ErrVerifierUnknown says that the
// verifier is already revoked.
func (s *Service) WhileAdmitted(ctx context.Context, v Verifier, end func()) (stop func(), err error) {
	w := &guard{v.ID, end}
	s.connections.watch(w)
	if err := s.stillAdmitted(ctx, v); err != nil {
		s.connections.unwatch(w)
		return nil, err
	}
	return func() { s.connections.unwatch(w) }, nil
}

// stillAdmitted returns ErrVerifierUnknown if a verifier was revoked.
func (s *Service) stillAdmitted(ctx context.Context, v Verifier) error {
	return s.store.View(ctx, func(r kv.Reader) error {
		rec, err := readVerifier(r, v.ID)
		if errors.Is(err, ledger.ErrNotFound) || err == nil && !rec.Revoked.At.IsZero() {
			return ErrVerifierUnknown
		}
		return err
	})
}

// checkPosition tells whether changes can follow at.
func (s *Service) checkPosition(ctx context.Context, at feed.Position) error {
	if at.Issuer == "" {
		return fmt.Errorf("followers: a verifier that follows nobody yet: %w", feed.ErrCompacted)
	}
	_, err := s.Changes(ctx, at, 1)
	return err
}

// noteHistory notes, by err, whether a verifier knows this store's history. Only
// ErrOtherHistory says that it knows another.
func (s *Service) noteHistory(ctx context.Context, v Verifier, at feed.Position, err error) {
	switch {
	case errors.Is(err, ErrOtherHistory):
		if s.connections.noteOtherHistory(v.ID, v.Name, s.clock()) {
			s.log.ErrorContext(ctx, "a verifier knows another history than this store has, so one of the two was restored from a backup; the verifier decides nothing. "+
				"If it was this store, stop the server and run 'rind restored'; if it was the verifier's, run 'rind verifier reset' there",
				"verifier", v.ID, "name", v.Name, "knows", at.String(), "error", err)
		}
	case err == nil || errors.Is(err, feed.ErrCompacted):
		s.connections.noteThisHistory(v.ID)
	}
}

// Close ends the stream.
func (x *Stream) Close() { x.s.connections.close(x) }

// Gone is closed when the stream has to end: its verifier was revoked, or opened
// another.
func (x *Stream) Gone() <-chan struct{} { return x.gone }

// Changes returns the change sets after those that it returned before, none if there are
// no new ones yet; the errors are those of Service.Changes. The caller must not modify the
// result: other streams share it.
func (x *Stream) Changes(ctx context.Context) ([]feed.ChangeSet, error) {
	var sets []feed.ChangeSet
	var err error
	if head := x.s.ledger.Heard().Revision(); head-x.at.Revision > nearTail { // also where it is behind what was read
		sets, err = x.s.Changes(ctx, x.at, MaxChanges)
	} else {
		sets, err = x.s.tail.changes(ctx, x.s, x.at, head)
	}
	if err == nil && len(sets) > 0 {
		last := &sets[len(sets)-1]
		x.at.Revision, x.at.Chain = last.Revision, last.Chain
	}
	return sets, err
}

// nearTail is how many revisions behind the last one a stream counts as being at
// the end of the log.
const nearTail = 16

// tail caches the change sets last read from the end of the log: after a change all
// streams want the same ones.
type tail struct {
	mu    sync.Mutex
	after uint64
	sets  []feed.ChangeSet // whole up to their last revision
}

// changes is Service.Changes for a known last revision, head.
func (t *tail) changes(ctx context.Context, s *Service, after feed.Position, head uint64) ([]feed.ChangeSet, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.sets); n > 0 && t.after == after.Revision && t.sets[n-1].Revision >= head {
		return t.sets, nil
	}
	sets, err := s.Changes(ctx, after, MaxChanges)
	if err == nil {
		t.after, t.sets = after.Revision, sets
	}
	return sets, err
}

// More is closed as soon as Changes has more.
func (x *Stream) More() <-chan struct{} {
	if more := x.s.ledger.Beyond(x.at.Revision); more != nil {
		return more
	}
	return closed
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Position returns the issuer's current position without reading the store.
func (x *Stream) Position() feed.Position {
	head := x.s.ledger.Heard()
	if x.at.Chain.Revision() > head.Revision() { // a commit that was read before it was announced
		head = x.at.Chain
	}
	return x.s.position(head)
}

// Silence returns how long the verifier has reported nothing.
func (x *Stream) Silence() time.Duration { return x.s.connections.silence(x, x.s.clock()) }

// Report takes a verifier's report: the position that its store has applied, and where
// tokens were used. Report drops uses that the verifier can't have seen, moves the times
// of the others between its last report and now, and keeps the verifier's name with them.
// A failure to write uses is logged and is not an error. ErrOtherIssuer, ErrOtherHistory
// and ErrAhead refuse the whole report.
func (s *Service) Report(ctx context.Context, v Verifier, r feed.Report) error {
	err := s.checkReport(ctx, r.Applied)
	s.noteHistory(ctx, v, r.Applied, err)
	if err != nil {
		return err
	}
	now := s.clock()
	before, store := s.connections.report(v.ID, v.Name, r.Applied, now)
	if before.IsZero() {
		before = s.lastSeen(ctx, v)
	}
	if store {
		rec := seenRecord{At: now.UTC().Truncate(time.Minute), Applied: r.Applied}
		err := s.exempt.Update(ctx, func(tx kv.Tx) error { return kv.PutJSON(tx, seenKey(v.ID), rec) })
		if err != nil && s.connections.mayWarn(v.ID, now) {
			s.log.WarnContext(ctx, "that a verifier was heard of is not noted", "verifier", v.ID, "error", err)
		}
	}
	if err := s.uses.RecordUses(ctx, v.Name, before, r.Uses); err != nil && s.connections.mayWarn(v.ID, now) {
		s.log.WarnContext(ctx, "the uses that a verifier reports are not noted", "verifier", v.ID, "uses", len(r.Uses), "error", err)
	}
	return nil
}

// lastSeen returns when a verifier was last seen before this process started, to a few
// minutes, or if that is unknown, when it was registered.
func (s *Service) lastSeen(ctx context.Context, v Verifier) time.Time {
	var seen seenRecord
	err := s.store.View(ctx, func(r kv.Reader) error { return kv.GetJSON(r, seenKey(v.ID), &seen) })
	if err != nil || seen.At.Before(v.Created) {
		return v.Created
	}
	return seen.At
}

// checkReport refuses positions that this issuer never sent.
func (s *Service) checkReport(ctx context.Context, at feed.Position) error {
	if at.Issuer == "" { // a new one, which has nothing yet
		return nil
	}
	err := s.store.View(ctx, func(r kv.Reader) error { return s.checkHistory(r, at) })
	if errors.Is(err, errEpochEnded) { // it will hear of that
		return nil
	}
	return err
}
