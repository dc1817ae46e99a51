package replication

import (
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// Status is the state of a Follower at one moment.
type Status struct {
	Position  rootkeys.Position // what the store has applied
	Head      uint64            // the last revision that the issuer reported; 0: none yet
	Lag       uint64            // revisions that the store lacks, as far as is known: all of them if the issuer has begun a new epoch
	Heard     time.Time         // when the store was last known to be current; zero: never
	Age       time.Duration     // how long ago that was, or -1 if it is not known
	Usable    bool              // Lookup answers
	Parted    bool              // the issuer has another history than the store, which decides nothing (ErrOtherHistory)
	Connected time.Time         // when the stream began; zero: not connected
	Ahead     time.Duration     // how far the issuer's clock was ahead of this one when last heard
	Uses      int               // token/project pairs whose uses wait to be reported
	Dropped   uint64            // uses that were dropped for lack of room
	Err       error             // why the store can't be read (rootkeys.ErrDamaged), or else why the last attempt to follow failed; nil: all is well
}

// nobodysToken is a token's id that no issuer gives out.
const nobodysToken = "00000000-0000-7000-8000-000000000000"

// unreadable returns the error of a store that is filled but answers nothing, because its
// file was damaged or another program changed it. The state in memory does not show that.
func (f *Follower) unreadable() error {
	_, err := f.cfg.Store.Lookup(context.Background(), nobodysToken, "")
	if errors.Is(err, verifier.ErrUnknownToken) {
		return nil
	}
	return err
}

// Status returns the state of the follower; it reads from the store to see whether that answers.
// Connected and Ahead are set only with a Remote.
func (f *Follower) Status() Status {
	s := Status{Position: f.cfg.Store.Position(), Heard: f.cfg.Store.LastHeard(), Age: -1}
	if m := f.heard.Load(); m != nil {
		s.Heard = m.wall
	}
	parting := f.parting()
	s.Parted = parting != nil
	if age, known := f.age(f.now()); known {
		s.Age = age
		s.Usable = age <= f.cfg.MaxStaleness
	}
	var unreadable error
	filling := f.cfg.Store.Filling()
	if !s.Parted && !filling {
		unreadable = f.unreadable()
	}
	if s.Parted || filling || unreadable != nil {
		s.Usable = false
	}
	s.Uses, s.Dropped = f.uses.count()
	f.mu.Lock()
	defer f.mu.Unlock()
	s.Head, s.Lag = behind(s.Position, f.connection.head)
	s.Connected, s.Ahead, s.Err = f.connection.since, f.connection.skew, f.err
	switch {
	case unreadable != nil:
		s.Err = unreadable
	case s.Err == nil:
		s.Err = parting // from before this process began
	}
	return s
}

// behind returns the last revision of an issuer that reported head, and how many revisions
// a store at the position at lacks.
func behind(at, head rootkeys.Position) (last, lag uint64) {
	switch {
	case at.Issuer != "" && head.Epoch > at.Epoch: // nothing that it has counts there
		return head.Revision, max(head.Revision, 1)
	case head.Epoch < at.Epoch:
		return at.Revision, 0
	}
	last = max(head.Revision, at.Revision)
	return last, last - at.Revision
}
