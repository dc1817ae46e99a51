package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/rind-dev/rind/internal/kv"
)

// The tokens that name a project are found by an index: an entry for each project
// and each token of ScopeChosen that is not revoked.

// reindex brings the index from the projects that a token named to those that it
// names now.
func (c *change) reindex(id, owner string, was, now []ProjectRef) error {
	for _, r := range was {
		if !slices.Contains(now, r) {
			if err := c.Delete(reachKey(r.ID, id)); err != nil {
				return err
			}
		}
	}
	for _, r := range now {
		if !slices.Contains(was, r) {
			if err := c.Put(reachKey(r.ID, id), []byte(owner)); err != nil {
				return err
			}
		}
	}
	return nil
}

// naming lists the ids of the unrevoked tokens that name a project, oldest first:
// at most limit of them where limit is above 0.
func naming(r kv.Reader, project string, limit int) ([]string, error) {
	pairs, err := r.Scan(reachPrefix(project), nil, limit, false)
	ids := make([]string, len(pairs))
	for i, p := range pairs {
		ids[i] = string(p.Key[len(reachPrefix(project)):])
	}
	return ids, err
}

// layout is how the records of this store are arranged. 1 is the first that has
// the index of the tokens that name a project.
const layout = 1

// indexStep is how many tokens are indexed in one transaction.
const indexStep = 1000

// upgrade arranges the records of a store as this version does.
func (s *Service) upgrade(ctx context.Context) error {
	var after []byte
	for {
		var next []byte
		err := s.store.Update(ctx, func(tx kv.Tx) (err error) {
			next, err = upgradeStep(tx, after)
			return err
		})
		if err != nil || next == nil {
			return err
		}
		after = next
	}
}

// upgradeStep indexes the next tokens and returns the key of the last of them, nil
// where the store is as it is to be.
func upgradeStep(tx kv.Tx, after []byte) (next []byte, err error) {
	var have int
	err = kv.GetJSON(tx, keyLayout, &have)
	switch {
	case err == nil && have > layout:
		return nil, fmt.Errorf("this store has the layout %d, which a newer rind wrote; this one knows %d", have, layout)
	case err == nil && have == layout:
		return nil, nil
	case err != nil && !errors.Is(err, kv.ErrNotFound):
		return nil, err
	}
	pairs, err := tx.Scan([]byte(keyToken), after, indexStep, false)
	if err != nil {
		return nil, err
	}
	if len(pairs) == 0 {
		return nil, kv.PutJSON(tx, keyLayout, layout)
	}
	for _, p := range pairs {
		if err := index(tx, p); err != nil {
			return nil, err
		}
	}
	return pairs[len(pairs)-1].Key, nil
}

// index enters a token of a store that had no index.
func index(tx kv.Tx, p kv.Pair) error {
	var rec tokenRecord
	id := string(p.Key[len(keyToken):])
	if err := json.Unmarshal(p.Value, &rec); err != nil {
		return fmt.Errorf("issuer: the token %s is damaged: %w", id, err)
	}
	if !rec.Revoked.At.IsZero() {
		return nil
	}
	c := change{Tx: tx}
	return c.reindex(id, rec.User, nil, rec.Projects)
}
