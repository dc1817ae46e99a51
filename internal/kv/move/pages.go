package move

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"

	"github.com/rind-dev/rind/internal/kv"
)

// pageSize is how many pairs are copied in one transaction.
const pageSize = 1000

// read returns the next pairs behind a key without the marks, the last key that was looked at, and whether these were the
// last pairs. limit is made smaller where values are large.
func read(ctx context.Context, store kv.Store, after []byte, limit *int) (pairs []kv.Pair, last []byte, end bool, err error) {
	for {
		err = store.View(ctx, func(r kv.Reader) (err error) {
			pairs, err = r.Scan(nil, after, *limit, false)
			return err
		})
		if !errors.Is(err, kv.ErrTooLarge) || *limit == 1 {
			break
		}
		*limit = max(1, *limit/4)
	}
	if err != nil {
		return nil, nil, false, err
	}
	end, last = len(pairs) < *limit, after
	if len(pairs) > 0 {
		last = pairs[len(pairs)-1].Key
	}
	pairs = slices.DeleteFunc(pairs, func(p kv.Pair) bool { return bytes.HasPrefix(p.Key, []byte(prefix)) })
	*limit = min(pageSize, *limit*2)
	return pairs, last, end, nil
}

// page copies the next pairs, and notes in the same transaction how far it is.
func (c *copying) page(ctx context.Context) (end bool, err error) {
	pairs, last, end, err := read(ctx, c.from.Store, c.mark.After, &c.limit)
	if err != nil {
		return false, fmt.Errorf("move: read %s: %w", c.from.Name, err)
	}
	count := Count{c.mark.Pairs, c.mark.Bytes}
	count.add(pairs)
	next := c.mark
	next.After, next.Pairs, next.Bytes = last, count.Pairs, count.Bytes
	err = c.to.Store.Update(ctx, func(tx kv.Tx) error {
		var now target
		err := kv.GetJSON(tx, keyTo, &now)
		if err != nil {
			return err
		}
		if now.Copy != c.mark.Copy || !bytes.Equal(now.After, c.mark.After) {
			return errors.New("another process copies into it at the same time: let that one finish")
		}
		for _, p := range pairs {
			if err := tx.Put(p.Key, p.Value); err != nil {
				return err
			}
		}
		return kv.PutJSON(tx, keyTo, next)
	})
	if err != nil {
		return false, fmt.Errorf("move: write to %s: %w", c.to.Name, err)
	}
	c.mark = next
	return end, nil
}

// digest returns the SHA-256 of all pairs of a store without the marks, and how many there are.
func digest(ctx context.Context, store kv.Store, progress func(Count)) (string, Count, error) {
	sum := sha256.New()
	var total Count
	limit, after := pageSize, []byte(nil)
	for {
		pairs, last, end, err := read(ctx, store, after, &limit)
		if err != nil {
			return "", total, err
		}
		for _, p := range pairs {
			writeSized(sum, p.Key)
			writeSized(sum, p.Value)
		}
		total.add(pairs)
		progress(total)
		after = last
		if end {
			return hex.EncodeToString(sum.Sum(nil)), total, nil
		}
	}
}

// writeSized writes the length before the bytes, so that no two lists of pairs read the same.
func writeSized(sum hash.Hash, b []byte) {
	sum.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
	sum.Write(b)
}
