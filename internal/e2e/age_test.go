package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/seal"
)

// age makes records, sealed ones too, older than they are: the clock of a server can't be moved, but the
// times in its store can, while it is stopped. There must be some.
func (s *server) age(prefix string, by time.Duration) {
	s.t.Helper()
	store, err := boltkv.Open(filepath.Join(s.data, "rind.db"), boltkv.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	key, err := seal.LoadKey(filepath.Join(s.data, "rind.key"), false)
	if err != nil {
		s.t.Fatal(err)
	}
	whole, err := seal.New(key)
	if err != nil {
		s.t.Fatal(err)
	}
	sealer, err := whole.Derive("authn records")
	if err != nil {
		s.t.Fatal(err)
	}
	moved := 0
	err = store.Update(context.Background(), func(tx kv.Tx) error {
		pairs, err := tx.Scan([]byte(prefix), nil, 0, false)
		for _, p := range pairs {
			var record any
			plain, open := p.Value, json.Valid(p.Value)
			if !open {
				plain, err = sealer.Open(nil, p.Value, string(p.Key))
				if err != nil {
					return err
				}
			}
			d := json.NewDecoder(bytes.NewReader(plain))
			d.UseNumber()
			err := d.Decode(&record)
			if err != nil {
				return err
			}
			plain, err = json.Marshal(older(record, by))
			if err != nil {
				return err
			}
			if !open {
				plain = sealer.Seal(nil, plain, string(p.Key))
			}
			if err := tx.Put(p.Key, plain); err != nil {
				return err
			}
			moved++
		}
		return err
	})
	if err != nil || moved == 0 {
		s.t.Fatalf("%d records %s were made older: %v", moved, prefix, err)
	}
	if err := store.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// older is a value of JSON with each time in it moved back.
func older(v any, by time.Duration) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = older(x, by)
		}
	case []any:
		for i, x := range v {
			v[i] = older(x, by)
		}
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return at.Add(-by)
		}
	}
	return v
}
