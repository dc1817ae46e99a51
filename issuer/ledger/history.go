package ledger

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

// Two stores restored from one backup continue with the same numbers. The chain tells their
// histories apart: each change set has a value made from the previous value, its changes,
// and random bytes. A position belongs to this history if this store has exactly its
// value, whatever the numbers are.
//
// The value of the last change set is the store's only record of its revision, so that
// number and value can't disagree. The entries of the log hold the values of the others,
// and when an entry is removed, part of its value stays as a mark: a verifier that is
// further behind than the log gets a snapshot, but only of the history that it knows.
//
// A new epoch continues the chain unchanged: the records are the same, and every position
// holds the epoch beside the value.

const chainDomain = "rind change log\x00"

// nextChain makes the value of a change set. The random bytes make two branches differ; if
// they repeat, as in two copies of one virtual machine, the other inputs do.
func nextChain(before feed.Chain, rev uint64, content []byte) feed.Chain {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails; and not Config.Rand, which tests make repeat
	b := append([]byte(chainDomain), before[:]...)
	b = binary.BigEndian.AppendUint64(b, rev)
	b = append(b, random[:]...)
	return feed.NewChain(rev, sha256.Sum256(append(b, content...)))
}

// LastChain reads the value of the last change set, zero before the first.
func LastChain(r kv.Reader) (feed.Chain, error) {
	b, err := r.Get([]byte(keyRevision))
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return feed.Chain{}, err
	}
	return chainOf(b)
}

// chainOf reads a stored value; nil is that of a store without change sets.
func chainOf(b []byte) (feed.Chain, error) {
	switch {
	case b == nil:
		return feed.Chain{}, nil
	case len(b) != len(feed.Chain{}) || feed.Chain(b).Revision() == 0:
		return feed.Chain{}, fmt.Errorf("ledger: the record %q is damaged: restore the store from a backup", keyRevision)
	}
	return feed.Chain(b), nil
}

// LastRevision reads the number of the last change set, 0 before the first.
func LastRevision(r kv.Reader) (uint64, error) {
	c, err := LastChain(r)
	return c.Revision(), err
}

// HasChain tells whether a value belongs to this store's history. The store must have reached
// its revision.
func HasChain(r kv.Reader, c feed.Chain) (bool, error) {
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

// Marks are the parts of chain values that the store keeps for good after their entries leave
// the log: markSize bytes of each, markBlock marks in a record. A million change sets take 16 MB.
const (
	markBlock = 64
	markSize  = 16
)

// markOf returns the part of a value that is kept; it follows the revision.
func markOf(c feed.Chain) []byte { return c[8 : 8+markSize] }

// markAt returns the place of a revision's mark in its record.
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
		err = fmt.Errorf("ledger: the record %q is damaged: restore the store from a backup", markKey(rev))
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
		return false, fmt.Errorf("ledger: the change log lacks revision %d: restore the store from a backup", c.Revision())
	}
	return bytes.Equal(mark, markOf(c)), nil
}

// marker writes the marks of consecutive revisions.
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
		m.block, err = readMarks(m.tx, rev)
		if err != nil {
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
