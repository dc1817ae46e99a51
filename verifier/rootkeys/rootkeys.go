// Package rootkeys is the root-key store of a verifier: one bbolt file that
// holds what an issuer has said about tokens, users and projects, and that
// answers a verifier.Verifier without asking anybody.
//
// Open gives a Store, a replication.Follower keeps it current, and
// verifier.New accepts it as its store. One process holds a file for writing; a
// second process that verifies needs a file of its own.
//
// # What the file gives away
//
// The file is secret and has mode 0600: anyone who has it and its key can use
// the tokens that exist, but can't widen them or mint others (see package
// verifier). Values are sealed with AES-256-GCM under a key that is not in the
// file. Without the key, a reader learns the layout's version, the number of tokens and
// of other records, the last 4 bytes of each token's identifier, and the identifiers
// at which chunks of tokens begin, but no names.
//
// # Rollback protection
//
// Each value is bound to what it is and to the commit that wrote it, and one sealed root
// lists the current values together with the store's position. So putting older states of
// one or more values into the file without the key results in ErrDamaged, never in an
// answer. A running process keeps the root and the list in memory: if the file is
// overwritten with an older one, truncated, or replaced while it runs, it still
// answers from its own position or not at all. It reports ErrDamaged with the first write,
// and within a second or so of lookups.
//
// A whole older file that is consistent does open after a restart: it has its own position,
// and was current at the time it records (LastHeard). A replication.Follower asks the issuer,
// which compares the position's chain value, before it continues from there; while it can't
// reach the issuer, it answers for as long as MaxStaleness from LastHeard allows. An issuer
// with another history causes ErrOtherHistory, and the store remembers that.
//
// # Uncertainty
//
// A store that can't be sure says so: while it is filled for the first time, and
// where a value is damaged, Lookup returns an error that is not
// verifier.ErrUnknownToken. The seals of the index, and of the chunk that would contain a
// token, prove that the token is unknown.
//
// # Faults
//
// bbolt's pages have no checksums, and bbolt trusts them. So lookups rely on the seals, and
// walk bbolt's tree themselves where they have to; a write checks the pages on its path before
// bbolt follows it. A damaged page, or a file truncated while the program runs, causes an
// ErrDamaged that says what to do about it; operations under way, Apply and Close then return
// it in bounded time, and the process survives. Replace a disk that does this; a verifier's
// file can be made anew from the issuer at any time.
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

// What an issuer sends: see package feed.
type (
	Position  = feed.Position
	ChangeSet = feed.ChangeSet
	Change    = feed.Change
	Token     = feed.Token
	User      = feed.User
	Project   = feed.Project
)

// Errors that callers can tell apart; the errors that wrap them say what to do.
var (
	// ErrWrongKey says that the file was sealed with another key.
	ErrWrongKey = errors.New("rootkeys: wrong key")

	// ErrDamaged says that a record can't be unsealed or parsed.
	ErrDamaged = errors.New("rootkeys: damaged")

	// ErrFilling says that the store can't answer yet, because it lacks some of
	// what the issuer had when the store first heard from it.
	ErrFilling = errors.New("rootkeys: the store has not caught up with an issuer yet")

	// ErrOtherIssuer says that the store follows another issuer.
	ErrOtherIssuer = errors.New("rootkeys: another issuer")

	// ErrWentBack says that the issuer is at an older point of its history
	// than the store: it was restored from a backup.
	ErrWentBack = errors.New("rootkeys: the issuer went back")

	// ErrOtherHistory says that the issuer's history differs from the store's,
	// though its numbers may fit: it was restored from a backup and went on. The store
	// remembers this, even across a restart, and answers nothing until a newer epoch
	// or Reset.
	ErrOtherHistory = feed.ErrOtherHistory

	// ErrGap says that a change set is missing before the one to apply.
	ErrGap = errors.New("rootkeys: a change set is missing")
)

// Options are settings of Open.
type Options struct {
	// Key seals the values: KeySize random bytes that are kept outside the
	// file. Keys for other purposes are derived from it under other names, so
	// the issuer's own key may be used here.
	Key []byte

	// OldKey is the key that Key replaces, if any. Opening a store for writing that is
	// still sealed with OldKey seals it anew, as Rotate does.
	OldKey []byte

	// Timeout is how long Open waits for another process to release the
	// file: 2 s if it is 0.
	Timeout time.Duration

	// ReadOnly opens an existing file without writing to it. Several
	// processes may do so at once, but not while another has it open for writing.
	ReadOnly bool

	// GroupAccess accepts a file that its group may also read and write (mode 0660),
	// if this process is in that group. A file open to everybody is always refused.
	GroupAccess bool
}

// Store is a root-key store. It is safe for concurrent use.
type Store struct {
	path     string
	readOnly bool

	moment   atomic.Pointer[moment] // of the last commit
	diverged atomic.Bool            // the issuer is known to have another history
	heard    atomic.Int64           // when the issuer was last heard, Unix nanoseconds; 0: never
	fill     atomic.Pointer[Fill]   // the one begun last; nil if it has ended

	writing chan struct{} // full while somebody writes to the file, copies, replaces or closes it
	closed  bool          // read and written by the holder of writing
	readers readerPool    // what lookups read with
	looked  atomic.Int64  // when the file was last checked, Unix nanoseconds

	fault   atomic.Pointer[error] // why nothing is read any more; nil while all is well
	faulted chan struct{}         // closed with the fault
}

// Open opens the store at path, and creates it with mode 0600 if it doesn't
// exist. It refuses a file that others may read, one that another process holds,
// one that isn't a root-key store or has another layout, one that is damaged
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

// abandon closes a file that could not be used; after a fault, closing may never end.
func (s *Store) abandon(f *file) { _ = s.apart(f, f.db.Close) }

// Close waits for operations under way and releases the file.
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

// Position says which issuer the store follows and how far it has come in that
// issuer's history. It is zero in a store that hasn't heard from an issuer yet.
func (s *Store) Position() Position { return s.moment.Load().Position }

// Filling tells whether the store can't answer yet: it is new, or its issuer
// began a new epoch, and the changes that the issuer had then are not all applied.
func (s *Store) Filling() bool { return s.moment.Load().filling() }

// Diverged tells whether the store has learned that its issuer has another history; if
// so, it answers nothing (ErrOtherHistory).
func (s *Store) Diverged() bool { return s.diverged.Load() }

// saveEvery is how far the file's record of when the issuer was heard may lag. A
// store that is opened again starts from that record, so it errs on the side of caution.
const saveEvery = 10 * time.Second

// Heard notes that the issuer was heard at t, by this machine's clock, and that
// the store was current then. The note reaches the file with the first call at
// least saveEvery later, or with Close, at the latest.
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

// LastHeard returns when the issuer was last heard, by this machine's clock, or zero
// if it never was.
func (s *Store) LastHeard() time.Time {
	if n := s.heard.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// saveHeard writes heard to the file if it differs from the value there by d or more,
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
