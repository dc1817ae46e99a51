package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
)

// layout is how the records of this store are arranged. 2 is the first that has lines
// and the index of the tokens that upload to a project.
const layout = 2

// layoutStep is how many tokens are brought to the layout in one transaction.
const layoutStep = 1_000

// upgrade arranges the records of a store as this version does. It may be cut short,
// and then begins anew.
func (s *Service) upgrade(ctx context.Context) error {
	var after []byte
	for {
		var next []byte
		err := s.store.Update(instance.Safe(ctx), func(tx kv.Tx) (err error) {
			next, err = upgradeStep(tx, after)
			return err
		})
		if err != nil || next == nil {
			return err
		}
		after = next
	}
}

// upgradeStep arranges the next tokens and returns the key of the last of them, nil
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
	pairs, err := tx.Scan([]byte(keyToken), after, layoutStep, false)
	if err != nil {
		return nil, err
	}
	if len(pairs) == 0 {
		return nil, kv.PutJSON(tx, keyLayout, layout)
	}
	for _, p := range pairs {
		if err := arrange(tx, p); err != nil {
			return nil, err
		}
	}
	return pairs[len(pairs)-1].Key, nil
}

// arrange makes what there was not in older layouts of a token.
func arrange(tx kv.Tx, p kv.Pair) error {
	var rec tokenRecord
	id := string(p.Key[len(keyToken):])
	if err := json.Unmarshal(p.Value, &rec); err != nil {
		return fmt.Errorf("issuer: the token %s is damaged: %w", id, err)
	}
	if err := index(tx, id, rec); err != nil {
		return err
	}
	use, err := readUse(tx, id)
	if err != nil || use.Project == "" {
		return err
	}
	project, err := rec.projectNamed(tx, use.Project)
	if err != nil || project == "" {
		return err
	}
	return kv.PutJSON(tx, usedKey(project, id), use)
}

// projectNamed is the id of the project of a normalized name, if the token reaches it;
// else "".
func (rec tokenRecord) projectNamed(r kv.Reader, name string) (string, error) {
	if rec.Scope == ScopeChosen {
		for _, p := range rec.Projects {
			if p.Name == name {
				return p.ID, nil
			}
		}
		return "", nil
	}
	id, err := r.Get([]byte(nameKey(name)))
	if errors.Is(err, kv.ErrNotFound) {
		return "", nil
	}
	return string(id), err
}
