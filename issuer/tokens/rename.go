package tokens

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Rename gives a token of p another label. The rules are those of Mint, and the problems
// have the field "label". Verifiers do not know labels, so they hear nothing of it. A
// revoked token gives the problem "token_over" with no field; giving a token the label
// that it already has writes nothing.
func (s *Service) Rename(ctx context.Context, p ledger.Principal, id, label string) error {
	_, err := s.ledger.Update(ctx, func(c *ledger.Change) error {
		rec, err := ownedToken(c, p, id)
		if err != nil {
			return err
		}
		if !rec.Revoked.At.IsZero() {
			return problem.New("", "token_over")
		}
		var ps problem.Problems
		label := checkLabel(&ps, label)
		if err := ps.Err(); err != nil || label == rec.Label {
			return err
		}
		was := rec.Label
		err = relabel(c, &ps, id, &rec, label)
		if err != nil {
			return err
		}
		if err := ps.Err(); err != nil {
			return err
		}
		return auditToken(c, p, "renamed", id, rec, map[string]string{"was": was})
	})
	return err
}

// relabel stores a new label, or adds a problem if another token has it.
func relabel(c *ledger.Change, ps *problem.Problems, id string, rec *tokenRecord, label string) error {
	key := []byte(labelKey(rec.User, label))
	holder, err := c.Get(key)
	switch {
	case err == nil && string(holder) != id:
		ps.Add("label", "label_taken", "label", label)
		return nil
	case err != nil && !errors.Is(err, kv.ErrNotFound):
		return err
	}
	if err := freeLabel(c, id, *rec); err != nil {
		return err
	}
	rec.Label = label
	if err := c.Put(key, []byte(id)); err != nil {
		return err
	}
	return saveToken(c, id, *rec)
}
