package authn

import (
	"context"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// Rename gives a key of the account another name. The problems are those of the name in
// SecurityKeys.BeginAdd; ErrNotFound says that the account has no such key.
func (s *SecurityKeys) Rename(ctx context.Context, x Session, o Origin, id, name string) error {
	return s.store.Update(ctx, func(tx kv.Tx) error {
		u, err := s.signedInAccount(tx, x)
		if err != nil {
			return err
		}
		k, err := s.loadKey(tx, u.ID, id)
		if err != nil {
			return err
		}
		keys, err := s.loadKeys(tx, u.ID)
		if err != nil {
			return err
		}
		clean, err := cleanKeyName(name, keys, id)
		if err != nil || clean == k.Name {
			return err
		}
		row := audit.Event{Kind: rowKeyRenamed, Actor: o.actor(u, x.Factor), Detail: map[string]string{"from": k.Name, "to": clean}}
		k.Name = clean
		if err := s.putKey(tx, u.ID, k); err != nil {
			return err
		}
		return s.record(tx, u.ID, row)
	})
}

// Remove removes a key and ends all other sessions of the account; x goes on as the Session that is
// returned. It needs a fresh factor. The problem last_factor says that the account would have no
// factor left, last_key that only keys may be used and this is the last.
func (s *SecurityKeys) Remove(ctx context.Context, x Session, o Origin, id string) (Session, error) {
	var k keyRecord
	return s.changeFactors(ctx, x, o, func(tx kv.Tx, u *userRecord) (row string, detail map[string]string, err error) {
		k, err = s.loadKey(tx, u.ID, id)
		if err != nil {
			return "", nil, err
		}
		switch {
		case u.Keys <= 1 && !u.HasTOTP:
			return "", nil, problem.New("", CodeLastFactor)
		case u.Keys <= 1 && u.KeysOnly:
			return "", nil, problem.New("", CodeLastKey)
		}
		u.Keys--
		if err := tx.Delete([]byte(credentialKey(k.CredentialID))); err != nil {
			return "", nil, err
		}
		return rowKeyRemoved, map[string]string{"key": k.Name}, tx.Delete([]byte(keyKey(u.ID, id)))
	})
}

// SetOnly sets whether the account accepts security keys only: then an authenticator's code is no
// longer a second factor, and recovery codes are the only way around a lost key. It ends all other
// sessions. It needs a fresh factor and at least one key: key_missing.
func (s *SecurityKeys) SetOnly(ctx context.Context, x Session, o Origin, only bool) (Session, error) {
	row := rowKeysOnly
	if !only {
		row = rowKeysOnlyOff
	}
	return s.changeFactors(ctx, x, o, func(_ kv.Tx, u *userRecord) (string, map[string]string, error) {
		switch {
		case only && u.Keys == 0:
			return "", nil, problem.New("", CodeKeyMissing)
		case u.KeysOnly == only:
			return "", nil, nil
		}
		u.KeysOnly = only
		return row, nil, nil
	})
}
