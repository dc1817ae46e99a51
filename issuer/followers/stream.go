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

// ErrOtherIssuer says that a verifier follows another issuer than this one.
var ErrOtherIssuer = errors.New("followers: the verifier follows another issuer")

// seenEvery is how often at most it is written down that a verifier was heard of.
const seenEvery = 5 * time.Minute

// seenRecord says when a verifier was heard of, for the time after a restart.
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
	at       feed.Position // of what it was told last
	gone     chan struct{} // closed by live
}

// OpenStream begins to tell a verifier what follows at, and counts it as connected.
// A stream that it had before is gone. The errors say why it can't go on from there:
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

// WhileAdmitted calls end, which must not wait, when a verifier is revoked, until stop is
// called: for an answer that takes long and is no Stream. ErrVerifierUnknown says that it
// was revoked already.
func (s *Service) WhileAdmitted(ctx context.Context, v Verifier, end func()) (stop func(), err error) {
	w := &guard{v.ID, end}
	s.connections.watch(w)
	if err := s.stillAdmitted(ctx, v); err != nil {
		s.connections.unwatch(w)
		return nil, err
	}
	return func() { s.connections.unwatch(w) }, nil
}

// stillAdmitted is ErrVerifierUnknown where a verifier was revoked.
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

// noteHistory notes whether the history that a verifier knows is this store's, which err
// tells. Only ErrOtherHistory tells that it is not.
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

// Changes returns what follows what it returned before, none where there is nothing
// yet; the errors are those of Service.Changes. The caller does not change what it
// gets: other streams get the same.
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

// tail keeps the change sets that were read last from the end of the log: after a
// change all streams want the same.
type tail struct {
	mu    sync.Mutex
	after uint64
	sets  []feed.ChangeSet // whole up to their last revision
}

// changes is Service.Changes where head is the last revision that was heard of.
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

// Position is where the issuer stands, without a look into the store.
func (x *Stream) Position() feed.Position {
	head := x.s.ledger.Heard()
	if x.at.Chain.Revision() > head.Revision() { // a commit that was read before it was announced
		head = x.at.Chain
	}
	return x.s.position(head)
}

// Silence is how long the verifier has reported nothing.
func (x *Stream) Silence() time.Duration { return x.s.connections.silence(x, x.s.clock()) }

// Report takes what a verifier says: the position that its store has applied, and
// where tokens were used. Uses that the verifier can't have seen are dropped, their
// times are put between its last report and now, and who said so is kept with them; that they can't be written down is logged and no error.
// ErrOtherIssuer, ErrOtherHistory and ErrAhead refuse the whole report.
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

// lastSeen is when a verifier was heard of before this process began, to a few minutes;
// where that is not known, when it was registered.
func (s *Service) lastSeen(ctx context.Context, v Verifier) time.Time {
	var seen seenRecord
	err := s.store.View(ctx, func(r kv.Reader) error { return kv.GetJSON(r, seenKey(v.ID), &seen) })
	if err != nil || seen.At.Before(v.Created) {
		return v.Created
	}
	return seen.At
}

// checkReport refuses positions that this issuer never told.
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
