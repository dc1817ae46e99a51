package authn

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// BeginAdd begins adding a security key or passkey with a name, and returns
// what the browser needs for it (PublicKeyCredentialCreationOptionsJSON). The options
// exclude the keys that the account already has. If the account has a factor, x needs a
// fresh one. BeginAdd checks for the problem email_unverified first; the problems of the name are
// key_name_required, key_name_too_long, key_name_invalid and key_name_taken.
func (s *SecurityKeys) BeginAdd(ctx context.Context, x Session, name string) (opts json.RawMessage, err error) {
	if s.party == nil {
		return nil, ErrForbidden
	}
	err = s.store.Update(ctx, func(tx kv.Tx) error {
		u, err := s.mayAddFactor(tx, x)
		if err != nil {
			return err
		}
		holder, err := s.loadHolder(tx, u)
		if err != nil {
			return err
		}
		clean, err := newKeyName(name, holder)
		if err != nil {
			return err
		}
		err = s.withHandle(tx, &holder)
		if err != nil {
			return err
		}
		creation, data, err := s.party.BeginRegistration(holder,
			webauthn.WithExclusions(webauthn.Credentials(holder.WebAuthnCredentials()).CredentialDescriptors()),
			withAlgorithms(), webauthn.WithExtensions(webauthn.WithExtensionCredProps()))
		if err != nil {
			return err
		}
		opts, err = options(creation.Response)
		if err != nil {
			return err
		}
		return s.keepCeremony(tx, ceremonyOf(ceremonyAdd, x), clean, data)
	})
	return opts, err
}

// newKeyName is cleanKeyName for one more key.
func newKeyName(name string, h keyHolder) (string, error) {
	if len(h.keys) >= maxKeys {
		return "", problem.New("", CodeTooManyKeys, "max", maxKeys)
	}
	return cleanKeyName(name, h.keys, "")
}

// Add finishes what SecurityKeys.BeginAdd began: it takes the browser's answer
// (RegistrationResponseJSON) and gives the key to the account. It ends all other
// sessions; the returned Session continues x, with the key as its last
// factor. It is enough that the factor was fresh when the ceremony began.
//
// Besides the problems of the name it returns key_expired and key_refused; the latter also for a key with an unusual
// algorithm or size (see MaxKeyAnswer). Either way the ceremony is over, unless the attempt was throttled.
func (s *SecurityKeys) Add(ctx context.Context, x Session, o Origin, response []byte) (Session, error) {
	if s.party == nil {
		return Session{}, ErrForbidden
	}
	var u userRecord
	var holder keyHolder
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		u, err = s.addingKey(r, x)
		if err != nil {
			return err
		}
		holder, err = s.loadHolder(r, u)
		return err
	})
	if err != nil {
		return Session{}, err
	}
	if _, err := s.countAttempt(ctx, s.counter(limitAddKey, u.ID)); err != nil {
		return Session{}, err
	}
	added, err := s.finishRegistration(ctx, x, holder, response)
	if err == nil {
		u, err = s.saveNewKey(ctx, x, o, added)
	}
	var refused *refusal
	if errors.As(err, &refused) {
		err = refused.problems
	}
	if err != nil {
		return Session{}, err
	}
	return s.withFactor(x, u, FactorWebAuthn), nil
}

// addingKey returns the account of a Session that may finish what SecurityKeys.BeginAdd began.
func (s *SecurityKeys) addingKey(r kv.Reader, x Session) (userRecord, error) {
	u, err := s.sessionAccount(r, x)
	if err == nil && (x.partial() || !u.mayEnrol(x)) {
		err = ErrForbidden
	}
	return u, err
}

// finishRegistration takes the ceremony and makes a key of the answer (WebAuthn §7.1), outside
// of any transaction. It writes nothing else.
func (s *SecurityKeys) finishRegistration(ctx context.Context, x Session, holder keyHolder, response []byte) (keyRecord, error) {
	rec, err := s.takeCeremony(ctx, s.store, ceremonyOf(ceremonyAdd, x))
	if err != nil {
		return keyRecord{}, err
	}
	parsed, err := parseRegistration(response)
	if err != nil {
		return keyRecord{}, keyRefused
	}
	credential, err := s.party.CreateCredential(holder, rec.Data, parsed)
	if err != nil || len(credential.ID) > maxCredentialID {
		return keyRecord{}, keyRefused
	}
	return newKeyRecord(uuid.Must(uuid.NewV7()).String(), rec.Name, credential, s.now()), nil
}

// saveNewKey gives a key to the account of x, if that may still have it.
func (s *SecurityKeys) saveNewKey(ctx context.Context, x Session, o Origin, added keyRecord) (u userRecord, err error) {
	err = s.store.Update(ctx, func(tx kv.Tx) (err error) {
		u, err = s.addingKey(tx, x)
		if err != nil {
			return err
		}
		keys, err := s.loadKeys(tx, u.ID)
		if err != nil {
			return err
		}
		added := added // each run starts from the name as it was typed
		added.Name, err = newKeyName(added.Name, keyHolder{keys: keys})
		if err != nil {
			return err
		}
		owner, err := keyOwner(tx, added.CredentialID)
		if err != nil {
			return err
		}
		if owner != "" {
			return keyRefused // §7.1 step 26
		}
		u.Keys++
		u.Recovered, u.RecoveryBy = false, ""
		err = s.endOthers(tx, &u, o)
		if err != nil {
			return err
		}
		if err := s.putKey(tx, u.ID, added); err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{
			Kind: rowKeyAdded, Actor: o.actor(u, FactorWebAuthn), Detail: map[string]string{"key": added.Name},
		})
	})
	return u, err
}
