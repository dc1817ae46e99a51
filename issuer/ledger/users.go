package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
)

// User is what this room knows about a user.
type User struct {
	Name   string `json:"name"`
	Frozen bool   `json:"frozen,omitempty"`

	Revoking bool `json:"revoking,omitempty"` // its tokens are being revoked (RevokeTokens): to verifiers it is frozen
}

// RecordUser tells the issuer, and through it the verifiers, of a user: that it
// exists, its name, and whether it is frozen. The room that keeps accounts
// calls it in the transaction that changes one of these, and writes the audit row
// itself. Recording the same values again costs nothing and changes nothing.
func (l *Ledger) RecordUser(tx kv.Tx, id, name string, frozen bool) error {
	if !caveats.ValidUUID(id) {
		return fmt.Errorf("ledger: the id of a user is a UUID in lower case, not %q", id)
	}
	if name == "" {
		return fmt.Errorf("ledger: user %s has no name", id)
	}
	old, err := ReadUser(tx, id)
	rec := old
	rec.Name, rec.Frozen = name, frozen
	if err == nil && old == rec {
		return nil
	}
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	_, err = l.Join(tx, func(c *Change) error { return putUser(c, id, rec) })
	return err
}

func putUser(c *Change, id string, rec User) error {
	c.Changed(KindUser, id)
	return kv.PutJSON(c, UserKey(id), rec)
}

// ReadUser reads what is recorded of a user, or kv.ErrNotFound.
func ReadUser(r kv.Reader, id string) (rec User, err error) {
	err = kv.GetJSON(r, UserKey(id), &rec)
	return rec, err
}

// SetRevoking notes whether tokens of a user are still to be revoked: to verifiers such a user is frozen.
func (c *Change) SetRevoking(id string, revoking bool) error {
	rec, err := ReadUser(c, id)
	if err != nil || rec.Revoking == revoking {
		return err
	}
	rec.Revoking = revoking
	return putUser(c, id, rec)
}

func (rec User) feed(id string) *feed.User {
	return &feed.User{ID: id, Name: rec.Name, Frozen: rec.Frozen || rec.Revoking}
}

// FeedUser returns a user as verifiers hear of it, or kv.ErrNotFound.
func FeedUser(r kv.Reader, id string) (*feed.User, error) {
	rec, err := ReadUser(r, id)
	if err != nil {
		return nil, err
	}
	return rec.feed(id), nil
}

// FeedUsers returns at most limit users that follow the id after, in the order of their ids, as verifiers
// hear of them; "" begins with the first.
func FeedUsers(r kv.Reader, after string, limit int) iter.Seq2[*feed.User, error] {
	return Records(r, keyUser, after, limit, func(id string, b []byte) (*feed.User, error) {
		var rec User
		err := json.Unmarshal(b, &rec)
		return rec.feed(id), err
	})
}

// Records decodes at most limit records below a prefix that follow the id after, in the order of their ids.
// It ends with the first error.
func Records[T any](r kv.Reader, prefix, after string, limit int, decode func(id string, b []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var from []byte
		if after != "" {
			from = []byte(prefix + after)
		}
		pairs, err := r.Scan([]byte(prefix), from, limit, false)
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, p := range pairs {
			one, err := decode(string(p.Key[len(prefix):]), p.Value)
			if err != nil {
				err = fmt.Errorf("ledger: the record %q is damaged: %w", p.Key, err)
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}
