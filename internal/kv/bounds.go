package kv

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
)

// Quota counts what one call has read, or what one transaction has written, for an
// implementation of this package. The zero value has counted nothing.
type Quota struct{ n, size int }

// Read counts a pair, or a key that has no value, and returns ErrTooLarge where that is one too many.
func (q *Quota) Read(key, value []byte) error {
	q.n++
	q.size += len(key) + len(value)
	if q.n > MaxRead || q.size > MaxReadBytes {
		return fmt.Errorf("%w: one call reads at most %d pairs and %d bytes: read in pages", ErrTooLarge, MaxRead, MaxReadBytes)
	}
	return nil
}

// Write counts a Put, or a Delete with no value, and returns ErrTooLarge where that is one too many.
func (q *Quota) Write(key, value []byte) error {
	q.n++
	q.size += len(key) + len(value)
	if q.n > MaxTx || q.size > MaxTxBytes {
		return fmt.Errorf("%w: one transaction writes at most %d times and %d bytes: write in steps", ErrTooLarge, MaxTx, MaxTxBytes)
	}
	return nil
}

// CheckPair returns ErrLimit where a key or a value is outside of the limits.
func CheckPair(key, value []byte) error {
	switch {
	case len(key) == 0 || len(key) > MaxKey:
		return fmt.Errorf("%w: a key has 1 to %d bytes, this one %d", ErrLimit, MaxKey, len(key))
	case len(value) > MaxValue:
		return fmt.Errorf("%w: a value has at most %d bytes, this one %d", ErrLimit, MaxValue, len(value))
	}
	return nil
}

// PrefixEnd returns the least key above all keys with the prefix, or nil if there is none.
func PrefixEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}

// eachPage is how many pairs Each reads at once.
const eachPage = 1000

// Each yields all pairs whose keys start with prefix, in the order of a Scan with the same arguments,
// however many there are. It reads them in pages; in a View, all pages are of one moment. In an
// Update the loop may write below prefix: each page shows the state at the time when it is read.
// After an error it yields nothing more.
func Each(r Reader, prefix, after []byte, reverse bool) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		for page := eachPage; ; {
			pairs, err := r.Scan(prefix, after, page, reverse)
			if errors.Is(err, ErrTooLarge) && page > 1 {
				page = max(1, page/4) // values are large; one of them is never too much
				continue
			}
			if err != nil {
				yield(Pair{}, err)
				return
			}
			if len(pairs) > 0 {
				after = bytes.Clone(pairs[len(pairs)-1].Key) // the pairs are the loop's
			}
			for _, p := range pairs {
				if !yield(p, nil) {
					return
				}
			}
			if len(pairs) < page {
				return
			}
		}
	}
}

// All returns the pairs whose keys start with prefix, in order, as Each reads them. It is for lists
// that their room bounds or keeps short.
func All(r Reader, prefix []byte) (out []Pair, err error) {
	for p, err := range Each(r, prefix, nil, false) {
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
