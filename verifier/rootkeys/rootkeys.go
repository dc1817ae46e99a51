// Package rootkeys is the root-key store of a verifier: one bbolt file that
// holds what an issuer has said about tokens, users and projects, and that
// answers a verifier.Verifier without asking anybody.
//
// Open gives a Store, a replication.Follower keeps it current, and
// verifier.New takes it as it is. One process holds a file for writing; a
// second process that verifies has a file of its own.
//
// # What the file gives away
//
// The file is secret, and has mode 0600: with its key, whoever reads it can use
// the tokens that exist, though it can widen none and mint none (see package
// verifier). Values are sealed with AES-256-GCM under a key that is not in the
// file. Readable without it are the layout's version, how many tokens there are and how
// many other records, and the last 4 bytes of each token's identifier with the identifiers
// at which chunks of tokens begin. No name is.
//
// # What can't be turned back
//
// Each value is bound to what it is and to the commit that wrote it, and the present ones
// are listed under one sealed root, which has the store's position too. So an older state
// of one value, or of any number of them, put into the file without the key, is
// ErrDamaged, never an answer. A running process keeps the root and the list in memory: the
// file may be overwritten with an older one, cut, or replaced under it, and it still
// answers from its own position or not at all. It says so (ErrDamaged) with the first write,
// and within a second or so of lookups.
//
// A whole older file that is consistent opens after a restart: it is at its own position,
// and was current when it says (LastHeard). A replication.Follower asks the issuer, which
// compares the position's chain value, before it goes on from there; where the issuer can't
// be asked, it answers for as long as MaxStaleness from LastHeard allows. An issuer with
// another history is ErrOtherHistory, and the store remembers that.
//
// # What is never said
//
// A store that can't be sure says so: while it is filled for the first time, and
// where a value is damaged, Lookup returns an error that is not
// verifier.ErrUnknownToken. That a token is unknown is proved by the seals of the index and of
// the chunk that would have it.
//
// # Faults
//
// bbolt's pages have no checksums, and bbolt trusts them. So lookups go by the seals, and walk
// bbolt's tree themselves where they have to; a write looks at the pages on its way before
// bbolt goes it. A damaged page, or a file that is cut under the program, is ErrDamaged, with
// what to do about it; what is under way, Apply and Close end with it in bounded time,
// and nothing ends the process. A disk that does that is replaced; a verifier's
// file is made anew from the issuer at any time.
package rootkeys

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/seal"
)

// KeySize is the length in bytes of the key that seals a store.
const KeySize = seal.KeySize

// What an issuer tells: see there.
type (
	Position  = feed.Position
	ChangeSet = feed.ChangeSet
	Change    = feed.Change
	Token     = feed.Token
	User      = feed.User
	Project   = feed.Project
)

// Errors that callers can tell apart; what wraps them says what to do.
var (
	// ErrWrongKey says that the file was sealed with another key.
	ErrWrongKey = errors.New("rootkeys: wrong key")

	// ErrDamaged says that a record does not open or does not parse.
	ErrDamaged = errors.New("rootkeys: damaged")

	// ErrFilling says that the store does not have yet what the issuer had
	// when the store first heard of it, so it can't answer.
	ErrFilling = errors.New("rootkeys: the store has not caught up with an issuer yet")

	// ErrOtherIssuer says that the store follows another issuer.
	ErrOtherIssuer = errors.New("rootkeys: another issuer")

	// ErrWentBack says that the issuer is at an older point of its history
	// than the store: it was restored from a backup.
	ErrWentBack = errors.New("rootkeys: the issuer went back")

	// ErrOtherHistory says that the issuer's history is another one than the store's,
	// though its numbers may fit: it was restored from a backup and went on. The store
	// remembers it, also over a restart, and answers nothing until a newer epoch
	// or Reset.
	ErrOtherHistory = feed.ErrOtherHistory

	// ErrGap says that a change set is missing in front of the one to apply.
	ErrGap = errors.New("rootkeys: a change set is missing")
)

// Options are settings of Open.
type Options struct {
	// Key seals the values: KeySize random bytes that are kept outside the
	// file. Keys of other purposes are derived from it under other names, so
	// the issuer's own key may serve.
	Key []byte

	// OldKey is the key before Key, where one is to take the place of the other. A
	// store that is still sealed with it is sealed anew when it is opened for writing,
	// as Rotate does.
	OldKey []byte

	// Timeout is how long Open waits for another process to let go of the
	// file: 2 s where it is 0.
	Timeout time.Duration

	// ReadOnly opens a file that is there without writing to it. Several
	// processes may do so at once, but none while one writes.
	ReadOnly bool

	// GroupAccess takes a file that its group may read and write as well (mode 0660),
	// where that is a group of this process. Everybody is always refused.
	GroupAccess bool
}

// Store is a root-key store. It is safe for concurrent use.
type Store struct {
	path     string
	readOnly bool

	moment   atomic.Pointer[moment] // of the last commit
	diverged atomic.Bool            // the issuer was heard to have another history
	heard    atomic.Int64           // when it was heard at all, Unix nanoseconds; 0: never
	fill     atomic.Pointer[Fill]   // the one that was begun last; nil where it has ended

	writing chan struct{} // full while somebody writes to the file, copies, replaces or closes it
	closed  bool          // read and written by the holder of writing
	readers readerPool    // what lookups read with
	looked  atomic.Int64  // when the file was looked at, Unix nanoseconds

	fault   atomic.Pointer[error] // why nothing is read any more; nil while all is well
	faulted chan struct{}         // closed with the fault
}

// Open opens the store at path and creates it, with mode 0600, where there is
// none. It refuses a file that others may read, one that another process holds,
// one that is no root-key store or has another layout, one that is damaged
// (ErrDamaged), and one that was sealed with another key (ErrWrongKey).
func Open(path string, opt Options) (*Store, error) {
	sealer, err := sealerOf(opt.Key)
	if err != nil {
		return nil, err
	}
	f, err := openFile(path, opt)
	if err != nil {
		return nil, err
	}
	f.sealer = sealer
	s := &Store{path: path, readOnly: opt.ReadOnly, writing: make(chan struct{}, 1), faulted: make(chan struct{})}
	if err := s.openWith(f, opt); err != nil {
		if s.moment.Load() != nil {
			s.closeFile()
		} else {
			s.abandon(f)
		}
		return nil, err
	}
	return s, nil
}

// abandon closes a file that could not be used; behind a fault that may never end.
func (s *Store) abandon(f *file) { _ = s.apart(f, f.db.Close) }

// Close waits for what is under way and releases the file.
func (s *Store) Close() error {
	err := s.saveHeard(0)
	if cerr := s.closeFile(); err == nil || errors.Is(err, errClosed) {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("rootkeys: close %s: %w", s.path, err)
	}
	return nil
}

// Position is how far the store has come in which issuer's history. It is zero
// in a store that has not heard of an issuer yet.
func (s *Store) Position() Position { return s.moment.Load().Position }

// Filling tells whether the store can't answer yet: it is new, or its issuer
// began a new epoch, and the changes that the issuer had then are not all applied.
func (s *Store) Filling() bool { return s.moment.Load().filling() }

// Diverged tells whether the store has heard that its issuer has another history; it
// answers nothing since (ErrOtherHistory).
func (s *Store) Diverged() bool { return s.diverged.Load() }

// saveEvery is how old the file's word on when the issuer was heard may be. A
// store that is opened again believes that, so it is off towards caution.
const saveEvery = 10 * time.Second

// Heard notes that the issuer was heard at t, by this machine's clock, and that
// the store was current then. It reaches the file at the latest with the first
// call saveEvery later, or with Close.
func (s *Store) Heard(t time.Time) error {
	s.heard.Store(t.UnixNano())
	err := s.look()
	if err == nil {
		err = s.saveHeard(saveEvery)
	}
	if err != nil {
		return fmt.Errorf("rootkeys: %s: note when the issuer was heard: %w", s.path, err)
	}
	return nil
}

// LastHeard is when the issuer was last heard, by this machine's clock; zero if
// it never was.
func (s *Store) LastHeard() time.Time {
	if n := s.heard.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// saveHeard writes heard to the file if it is further than d from what is there,
// in either direction.
func (s *Store) saveHeard(d time.Duration) error {
	far := func(n int64) bool {
		off := time.Duration(s.heard.Load() - n).Abs()
		return off != 0 && off >= d
	}
	if s.readOnly || !far(s.moment.Load().heard) {
		return s.failure()
	}
	return s.update(context.Background(), func(w *writer) error {
		w.m.heard = s.heard.Load()
		return nil
	})
}
