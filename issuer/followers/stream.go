package followers

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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
	id       string        // random
	taken    atomic.Bool   // the store has id as the verifier's only stream; see take
	opened   feed.Position // the store's, read after the stream was asked for
	at       feed.Position // of the last change sent

	admission uint64 // the number at which its verifier was last known to be admitted; see readAdmission
	gone      chan struct{}
	once      sync.Once // closes gone
}

// end closes gone.
func (x *Stream) end() { x.once.Do(func() { close(x.gone) }) }

// OpenStream opens a stream of the changes after at, and counts the verifier as connected.
// It ends the verifier's previous stream. The errors say why it can't continue from at:
// feed.ErrCompacted (it takes a snapshot), ErrOtherIssuer, ErrOtherHistory and ErrAhead (an
// operator decides), ErrVerifierUnknown (it was revoked meanwhile).
func (s *Service) OpenStream(ctx context.Context, v Verifier, at feed.Position) (*Stream, error) {
	head, err := s.checkPosition(ctx, at)
	s.noteHistory(ctx, v, at, err)
	if err != nil {
		return nil, err
	}
	id, err := s.ledger.Random(16)
	if err != nil {
		return nil, err
	}
	x := &Stream{s: s, verifier: v.ID, id: hex.EncodeToString(id), opened: head, at: at, gone: make(chan struct{})}
	s.connections.open(x, v.Name, at, s.clock())
	err = x.take(ctx) // after the stream is in the table, where a revocation finds it
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
	return s.store.View(ctx, func(r kv.Reader) error { return admitted(r, v.ID, "") })
}

// checkPosition tells whether changes can follow at, and where the store stands at the same moment.
func (s *Service) checkPosition(ctx context.Context, at feed.Position) (head feed.Position, err error) {
	if at.Issuer == "" {
		return head, fmt.Errorf("followers: a verifier that follows nobody yet: %w", feed.ErrCompacted)
	}
	err = s.store.View(ctx, func(r kv.Reader) error {
		if err := s.checkHistory(r, at); err != nil {
			return err
		}
		last, err := s.ledger.Head(r)
		if err != nil {
			return err
		}
		head = s.position(last)
		_, err = ledger.Entries(r, at.Revision, 1)
		return err
	})
	return head, err
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
		s.connections.noteThisHistory(v.ID, v.Name, s.clock())
	}
}

// Close ends the stream.
func (x *Stream) Close() { x.s.connections.close(x) }

// Gone is closed when the stream has to end: its verifier was revoked, or opened
// another.
func (x *Stream) Gone() <-chan struct{} { return x.gone }

// Changes returns the change sets after those that it returned before, none if there are
// no new ones yet; the errors are those of Service.Changes, and ErrVerifierUnknown if the verifier was revoked
// by the moment of the read, at whichever process. The caller must not modify the
// result: other streams share it.
func (x *Stream) Changes(ctx context.Context) ([]feed.ChangeSet, error) {
	var sets []feed.ChangeSet
	var admission uint64
	var err error
	if head := x.s.ledger.Heard().Revision(); head-x.at.Revision > nearTail { // also where it is behind what was read
		sets, admission, err = x.s.changesAdmitted(ctx, x.at, MaxChanges)
	} else {
		sets, admission, err = x.s.tail.changes(ctx, x.s, x.at, head)
	}
	if err == nil && admission != x.admission { // some verifier was revoked, or some stream opened, at whichever process
		err = x.look(ctx)
	}
	if err != nil {
		return nil, err
	}
	if len(sets) > 0 {
		last := &sets[len(sets)-1]
		x.at.Revision, x.at.Chain = last.Revision, last.Chain
	}
	return sets, nil
}

// nearTail is how many revisions behind the last one a stream counts as being at
// the end of the log.
const nearTail = 16

// tail caches the change sets last read from the end of the log: after a change all
// streams want the same ones.
type tail struct {
	mu        sync.Mutex
	after     uint64
	sets      []feed.ChangeSet // whole up to their last revision
	admission uint64           // of the moment at which they were read
}

// changes is Service.changesAdmitted for a known last revision, head.
func (t *tail) changes(ctx context.Context, s *Service, after feed.Position, head uint64) ([]feed.ChangeSet, uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.sets); n > 0 && t.after == after.Revision && t.sets[n-1].Revision >= head {
		return t.sets, t.admission, nil
	}
	sets, admission, err := s.changesAdmitted(ctx, after, MaxChanges)
	if err == nil {
		t.after, t.sets, t.admission = after.Revision, sets, admission
	}
	return sets, admission, err
}

// More is closed as soon as Changes has more.
func (x *Stream) More() <-chan struct{} {
	if more := x.s.ledger.Beyond(x.at.Revision); more != nil {
		return more
	}
	return closed
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Opened returns the position of the store at a moment after OpenStream was called. It proves to the verifier how
// current it is; Position does not.
func (x *Stream) Opened() feed.Position { return x.opened }

// Position returns the last position that this process has heard of, without reading the store.
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
