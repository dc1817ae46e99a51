package publishers

import (
	"errors"
	"fmt"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// stored is a record with its id.
type stored struct {
	id  string
	rec record
}

func read(r kv.Reader, id string) (rec record, err error) {
	if !caveats.ValidUUID(id) {
		return rec, ledger.ErrNotFound
	}
	err = kv.GetJSON(r, publisherKey(id), &rec)
	if errors.Is(err, kv.ErrNotFound) {
		err = ledger.ErrNotFound
	}
	return rec, err
}

// readAll reads the publishers of an index, at most maxCandidates, which is more than any index has.
func readAll(r kv.Reader, prefix []byte) ([]stored, error) {
	pairs, err := r.Scan(prefix, nil, maxCandidates, false)
	if err != nil {
		return nil, err
	}
	out := make([]stored, len(pairs))
	for i, p := range pairs {
		out[i].id = string(p.Key[len(prefix):])
		out[i].rec, err = read(r, out[i].id)
		if err != nil {
			return nil, fmt.Errorf("publishers: publisher %s: %w", out[i].id, err)
		}
	}
	return out, nil
}

func ofProject(r kv.Reader, project string) ([]stored, error) {
	return readAll(r, ofPrefix(project))
}

// put stores a new or changed publisher, and its index entries.
func put(c *ledger.Change, id string, rec record) error {
	old, err := read(c, id)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return err
	}
	if err == nil {
		if err := unindex(c, id, old); err != nil {
			return err
		}
	}
	for _, key := range indexKeys(id, rec) {
		if err := c.Put(key, nil); err != nil {
			return err
		}
	}
	if err := c.Put(append(issuerPrefix(rec.Rules.Issuer), id...), []byte(rec.Rules.Issuer)); err != nil {
		return err
	}
	return kv.PutJSON(c, publisherKey(id), rec)
}

func indexKeys(id string, rec record) (out [][]byte) {
	for _, l := range rec.lookups() {
		out = append(out, append(atPrefix(l), id...))
	}
	if rec.Project == "" {
		return append(out, byKey(rec.User, id))
	}
	return append(out, ofKey(rec.Project, id))
}

func unindex(c *ledger.Change, id string, rec record) error {
	for _, key := range append(indexKeys(id, rec), append(issuerPrefix(rec.Rules.Issuer), id...)) {
		if err := c.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
