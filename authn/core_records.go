package authn

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/rind-dev/rind/internal/kv"
)

// putSealed seals a value for its key.
func (s *core) putSealed(tx kv.Tx, key string, value []byte) error {
	return tx.Put([]byte(key), s.sealer.Seal(nil, value, key))
}

// getSealed opens what putSealed wrote, or returns kv.ErrNotFound.
func (s *core) getSealed(r kv.Reader, key string) ([]byte, error) {
	b, err := r.Get([]byte(key))
	if err != nil {
		return nil, err
	}
	v, err := s.sealer.Open(nil, b, key)
	if err != nil {
		return nil, fmt.Errorf("authn: the record %q: %w", key, err)
	}
	return v, nil
}

// putSealedJSON seals v, as JSON, for its key.
func (s *core) putSealedJSON(tx kv.Tx, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("authn: encode %q: %w", key, err)
	}
	return s.putSealed(tx, key, b)
}

// getSealedJSON reads what putSealedJSON wrote, or returns kv.ErrNotFound.
func (s *core) getSealedJSON(r kv.Reader, key string, v any) error {
	b, err := s.getSealed(r, key)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("authn: the record %q is damaged: %w", key, err)
	}
	return nil
}

// dropMost is how many keys dropAll deletes at most: more than an account has of what dropAll is
// called for, unless somebody made them on purpose.
const dropMost = 1000

// dropAll deletes the keys of an account with the prefix. What is left where there are more than dropMost does not
// hold by the account's generation, or without the account, and is swept.
func dropAll(tx kv.Tx, prefix string) error {
	found, err := tx.Scan([]byte(prefix), nil, dropMost, false)
	if err != nil {
		return err
	}
	for _, p := range found {
		if err := tx.Delete(p.Key); err != nil {
			return err
		}
	}
	return nil
}

// eachRecord calls do for every record whose key begins with prefix, in the order of
// their keys, outside of a transaction: a record may have changed when do is called.
// It ends with the first error, that of a record that can't be read included.
func eachRecord[T any](ctx context.Context, store kv.Store, prefix string, do func(T) error) error {
	var after []byte
	for {
		var page []kv.Pair
		err := store.View(ctx, func(r kv.Reader) (err error) {
			page, err = r.Scan([]byte(prefix), after, sweepPage, false)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, p := range page {
			var rec T
			err := json.Unmarshal(p.Value, &rec)
			if err != nil {
				return fmt.Errorf("authn: the record %q is damaged: %w", p.Key, err)
			}
			if err := do(rec); err != nil {
				return err
			}
		}
		after = page[len(page)-1].Key
	}
}
