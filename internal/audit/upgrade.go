package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/kv"
)

// upgradeBatch is how many rows one transaction of Upgrade puts into lists.
const upgradeBatch = 500

// Upgrade adds the rows of an old trail to the lists of groups, actors, addresses, tokens
// and hours, which older versions did not have. It alters no row, does nothing if the lists
// exist, and begins again if it was cut short. Call it before anything else uses the store.
func Upgrade(ctx context.Context, store kv.Store) error {
	var l last
	for {
		done := false
		err := store.Update(ctx, func(tx kv.Tx) (err error) {
			next := l
			done, err = next.gather(tx)
			if err != nil || done {
				return err
			}
			tx.OnCommit(func() { l = next })
			return nil
		})
		if err != nil {
			return fmt.Errorf("audit: bring the trail to this version: %w", err)
		}
		if done {
			return nil
		}
	}
}

// gather puts the rows behind l into their lists, a batch of them; done tells that
// there are none left, or that there was nothing to do.
func (l *last) gather(tx kv.Tx) (done bool, err error) {
	b, err := tx.Get([]byte(keyLast))
	if errors.Is(err, kv.ErrNotFound) || err == nil && len(b) != 8 {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	pairs, err := tx.Scan([]byte(rowPrefix), []byte(rowKey(l.seq)), upgradeBatch, false)
	if err != nil {
		return false, err
	}
	for _, p := range pairs {
		e, err := decode(p.Value, string(p.Key[len(rowPrefix):]))
		if err != nil {
			return false, err
		}
		for _, list := range lists(e) {
			if err := tx.Put(entry(list, e.Seq), nil); err != nil {
				return false, err
			}
		}
		if err := l.note(tx, e); err != nil {
			return false, err
		}
	}
	if len(pairs) == upgradeBatch {
		return false, nil
	}
	if at := binary.BigEndian.Uint64(b); at != l.seq {
		return false, fmt.Errorf("the counter of rows is damaged: it says %d, and the last row is %d", at, l.seq)
	}
	return true, l.put(tx)
}
