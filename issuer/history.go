package issuer

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
)

// Two stores that come from one backup count on with the same numbers. What tells their
// histories apart is the chain: each change set has a value made from the one before it,
// what it changed, and random bytes. A position is of this history where this store has
// exactly its value, whatever the numbers are.
//
// The value of the last change set is the store's only record of where it stands, so that
// number and value can't part. The values of the others stand in their entries of the log,
// and when an entry goes its value stays behind as a mark: a verifier that is further
// behind than the log gets a snapshot, but only of the history that it knows.
//
// A new epoch goes on with the chain as it is: the records are the same, and the epoch
// stands beside the value in every position.

const chainDomain = "rind change log\x00"

// nextChain is the value of a change set. The random bytes make two branches differ; what
// else goes in does so where they repeat, as in two copies of one virtual machine.
func nextChain(before feed.Chain, rev uint64, content []byte) feed.Chain {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails; and not Config.Rand, which tests make repeat
	b := append([]byte(chainDomain), before[:]...)
	b = binary.BigEndian.AppendUint64(b, rev)
	b = append(b, random[:]...)
	return feed.NewChain(rev, sha256.Sum256(append(b, content...)))
}

// lastChain reads the value of the last change set, zero before the first.
func lastChain(r kv.Reader) (feed.Chain, error) {
	b, err := r.Get([]byte(keyRevision))
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return feed.Chain{}, nil
	case err != nil:
		return feed.Chain{}, err
	case len(b) != len(feed.Chain{}) || feed.Chain(b).Revision() == 0:
		return feed.Chain{}, fmt.Errorf("issuer: the record %q is damaged: restore the store from a backup", keyRevision)
	}
	return feed.Chain(b), nil
}

// lastRevision reads the number of the last change set, 0 before the first.
func lastRevision(r kv.Reader) (uint64, error) {
	c, err := lastChain(r)
	return c.Revision(), err
}

// position is a moment of this store.
func (s *Service) position(c feed.Chain) feed.Position {
	return feed.Position{Issuer: s.id.Issuer, Epoch: s.id.Epoch, Revision: c.Revision(), Chain: c}
}

// checkHistory tells whether what follows at can be told to a verifier that knows it:
// ErrOtherIssuer, ErrAhead and ErrOtherHistory say that its operator or this one's has to
// decide first, and errEpochEnded that a snapshot has to. The changes may be gone
// nevertheless.
func (s *Service) checkHistory(r kv.Reader, at feed.Position) error {
	switch {
	case at.Issuer != s.id.Issuer:
		return fmt.Errorf("%w: it follows %.64q, and this is %s", ErrOtherIssuer, at.Issuer, s.id.Issuer)
	case at.Epoch > s.id.Epoch:
		return fmt.Errorf("%w (it is of epoch %d, this store of %d)", ErrAhead, at.Epoch, s.id.Epoch)
	case at.Epoch < s.id.Epoch:
		return fmt.Errorf("%w (%d, it is %d)", errEpochEnded, at.Epoch, s.id.Epoch)
	}
	last, err := lastRevision(r)
	if err != nil {
		return err
	}
	known := max(at.Revision, at.Chain.Revision())
	if known > last {
		return fmt.Errorf("%w (it knows revision %d, the last is %d)", ErrAhead, known, last)
	}
	ours := at.Chain.Revision() >= at.Revision
	if ours {
		ours, err = hasChain(r, at.Chain)
	}
	if err == nil && !ours {
		err = fmt.Errorf("%w (at revision %d)", ErrOtherHistory, known)
	}
	return err
}

var errEpochEnded = fmt.Errorf("issuer: its epoch ended: %w", feed.ErrCompacted)

// hasChain tells whether a value is of this store's history. Its revision was reached.
func hasChain(r kv.Reader, c feed.Chain) (bool, error) {
	rev := c.Revision()
	if rev == 0 {
		return c == feed.Chain{}, nil
	}
	b, err := r.Get(logKey(rev))
	if errors.Is(err, kv.ErrNotFound) {
		return hasMark(r, c)
	}
	if err != nil {
		return false, err
	}
	e, err := decodeEntry(kv.Pair{Key: logKey(rev), Value: b})
	return e.Chain == c, err
}

// Marks are what is kept for good of the values of the entries that the log no longer
// has: markSize bytes of each, markBlock of them in a record. A million change sets take 16 MB.
const (
	markBlock = 64
	markSize  = 16
)

// markOf is the part of a value that is kept, behind its revision.
func markOf(c feed.Chain) []byte { return c[8 : 8+markSize] }

// markAt is where the mark of a revision stands in its record.
func markAt(block []byte, rev uint64) []byte {
	at := rev % markBlock * markSize
	return block[at : at+markSize]
}

func readMarks(r kv.Reader, rev uint64) ([]byte, error) {
	b, err := r.Get(markKey(rev))
	if errors.Is(err, kv.ErrNotFound) {
		return make([]byte, markBlock*markSize), nil
	}
	if err == nil && len(b) != markBlock*markSize {
		err = fmt.Errorf("issuer: the record %q is damaged: restore the store from a backup", markKey(rev))
	}
	return bytes.Clone(b), err
}

func hasMark(r kv.Reader, c feed.Chain) (bool, error) {
	block, err := readMarks(r, c.Revision())
	if err != nil {
		return false, err
	}
	mark := markAt(block, c.Revision())
	if bytes.Equal(mark, make([]byte, markSize)) {
		return false, fmt.Errorf("issuer: the change log lacks revision %d: restore the store from a backup", c.Revision())
	}
	return bytes.Equal(mark, markOf(c)), nil
}

// marker writes marks of revisions in a row.
type marker struct {
	tx    kv.Tx
	rev   uint64 // the last
	block []byte // nil before the first
}

func (m *marker) mark(c feed.Chain) (err error) {
	rev := c.Revision()
	if m.block == nil || rev/markBlock != m.rev/markBlock {
		if err := m.flush(); err != nil {
			return err
		}
		if m.block, err = readMarks(m.tx, rev); err != nil {
			return err
		}
	}
	m.rev = rev
	copy(markAt(m.block, rev), markOf(c))
	return nil
}

func (m *marker) flush() error {
	if m.block == nil {
		return nil
	}
	return m.tx.Put(markKey(m.rev), m.block)
}
