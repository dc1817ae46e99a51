package ledger

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/seal"
)

// Config is what a Ledger needs. Store and Sealer are required.
type Config struct {
	Store  kv.Store
	Sealer *seal.Sealer // seals a check value that tells whether the store's key is the right one

	// Administrators tells whether a user is an administrator, in the transaction that
	// acts: Principal.Admin is from the beginning of the request, and a user who has been
	// demoted since must not act as an administrator. If it is nil, Principal.Admin counts.
	Administrators func(r kv.Reader, userID string) (bool, error)

	// KeepChanges is the least number of change sets that the log keeps for verifiers
	// that come back; a verifier that is further behind takes a snapshot. 0 means
	// 100,000: some 15 MB.
	KeepChanges int

	// Notices takes the notices that people get by mail, in the transaction of the event;
	// nil: no notices are sent.
	Notices *notices.Outbox

	Clock  func() time.Time       // time.Now where nil
	Rand   io.Reader              // source of root keys, secrets and ids; crypto/rand where nil
	NewID  func() (string, error) // makes the ids of projects, tokens and the like: UUIDs of version 7 where nil
	Logger *slog.Logger           // discards where nil
}

// Ledger holds the store of an issuer, the log of its changes, and the callers that wait for
// them. It is safe for concurrent use. While Follow runs, Beyond hears of the changes of every
// process that has the store open, otherwise only of those made through this Ledger.
type Ledger struct {
	store   kv.Store
	exempt  kv.Store                              // the same store, for changes that have to work in read-only mode
	admins  func(kv.Reader, string) (bool, error) // nil: Principal.Admin counts
	clock   func() time.Time
	rand    io.Reader
	newID   func() (string, error)
	log     *slog.Logger
	notices *notices.Outbox // nil where nobody is told
	keep    uint64          // change sets in the log, at least
	id      identity        // of the store; constant (see Follow)
	commits commits
	hooks   []hook // constant once the ledger is used
}

// Open opens the ledger of a store. In a new store it makes the identity by which
// verifiers tell one issuer from another; in an old one it checks that the sealer
// has the key that the store's records were sealed with.
func Open(cfg Config) (*Ledger, error) {
	if cfg.Store == nil || cfg.Sealer == nil {
		return nil, errors.New("ledger: a ledger needs a store and a sealer")
	}
	if cfg.KeepChanges < 0 {
		return nil, fmt.Errorf("ledger: the change log can't keep %d entries", cfg.KeepChanges)
	}
	l := &Ledger{
		store: instance.Guard(cfg.Store), exempt: instance.Exempt(cfg.Store), admins: cfg.Administrators, clock: cfg.Clock, rand: cfg.Rand, newID: cfg.NewID,
		log: cfg.Logger, notices: cfg.Notices, keep: uint64(cmp.Or(cfg.KeepChanges, keepChanges)),
	}
	if l.clock == nil {
		l.clock = time.Now
	}
	if l.rand == nil {
		l.rand = rand.Reader
	}
	if l.newID == nil {
		l.newID = func() (string, error) { return NewUUID(l.clock(), l.rand) }
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if err := l.open(cfg.Sealer); err != nil {
		return nil, err
	}
	return l, nil
}

// Store returns the ledger's store, which refuses to write while the instance is read-only. Use
// Update for every change that belongs in the change log or the audit trail.
func (l *Ledger) Store() kv.Store { return l.store }

// Exempt returns the store for changes that have to work while the instance is read-only (see instance.Exempt).
func (l *Ledger) Exempt() kv.Store { return l.exempt }

// Now returns the time by the ledger's clock.
func (l *Ledger) Now() time.Time { return l.clock() }

// Log returns the logger that the issuer's rooms share.
func (l *Ledger) Log() *slog.Logger { return l.log }

// NewID makes the id of a new record: a UUID.
func (l *Ledger) NewID() (string, error) { return l.newID() }

// Identity returns the id of the store and the epoch of its history. Where another process changes them, this
// ledger reads no head any more (see Head), and Follow ends with ErrIdentity.
func (l *Ledger) Identity() (issuer string, epoch uint64) { return l.id.Issuer, l.id.Epoch }

// Random makes n random bytes, for a secret or a root key.
func (l *Ledger) Random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(l.rand, b); err != nil {
		return nil, fmt.Errorf("ledger: randomness: %w", err)
	}
	return b, nil
}

// identity names a store and its epoch for good.
type identity struct {
	Issuer string `json:"issuer"`
	Epoch  uint64 `json:"epoch"`
	Check  []byte `json:"check"` // keyCheck, sealed: tells whether the key is the right one
}

const keyCheck = "issuer"

func (l *Ledger) open(sealer *seal.Sealer) error {
	fresh, err := NewUUID(l.clock(), l.rand)
	if err != nil {
		return err
	}
	err = l.exempt.Update(context.Background(), func(tx kv.Tx) error {
		err := kv.GetJSON(tx, keyIdentity, &l.id)
		if errors.Is(err, kv.ErrNotFound) {
			l.id = identity{Issuer: fresh, Epoch: 1, Check: sealer.Seal(nil, []byte(keyCheck), keyIdentity)}
			if err := kv.PutJSON(tx, keyLayout, layout); err != nil {
				return err
			}
			return kv.PutJSON(tx, keyIdentity, l.id)
		}
		if err != nil {
			return err
		}
		if err := checkLayout(tx); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("ledger: open: %w", err)
	}
	if _, err := sealer.Open(nil, l.id.Check, keyIdentity); err != nil {
		return fmt.Errorf("ledger: this store belongs to another key file: %w", err)
	}
	if err := l.hear(context.Background()); err != nil {
		return fmt.Errorf("ledger: open: %w", err)
	}
	return nil
}

// Begun tells whether a store has an issuer, whose secrets are sealed with a key.
func Begun(ctx context.Context, store kv.Store) (begun bool, err error) {
	err = store.View(ctx, func(r kv.Reader) (err error) {
		begun, err = kv.Exists(r, keyIdentity)
		return err
	})
	return begun, err
}

// NewUUID makes a UUID of version 7 (RFC 9562 §5.7) from a time and random bytes.
func NewUUID(now time.Time, random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[6:]); err != nil {
		return "", fmt.Errorf("ledger: randomness: %w", err)
	}
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// layout numbers the arrangement of the records in a store. A version of rind that
// arranges them in another way raises it, and brings older stores to its own in checkLayout.
const layout = 1

// checkLayout refuses a store whose records this version can't read.
func checkLayout(r kv.Reader) error {
	var have int
	err := kv.GetJSON(r, keyLayout, &have)
	if err != nil {
		return fmt.Errorf("the layout of the store is not known: %w", err)
	}
	if have != layout {
		return fmt.Errorf("the store has the layout %d, which another version of rind wrote; this one knows %d: use that version, or a newer one", have, layout)
	}
	return nil
}
