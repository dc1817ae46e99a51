package authn

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// BeginAddKey begins to add a security key or passkey with a name, and returns
// what the browser needs for it (PublicKeyCredentialCreationOptionsJSON). The keys
// that the account has are excluded. An account that has a factor needs a
// fresh one. The problem email_unverified comes first; those of the name are
// key_name_required, key_name_too_long, key_name_invalid and key_name_taken.
func (s *Service) BeginAddKey(ctx context.Context, x Session, name string) (opts json.RawMessage, err error) {
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
		if err := s.withHandle(tx, &holder); err != nil {
			return err
		}
		creation, data, err := s.party.BeginRegistration(holder,
			webauthn.WithExclusions(webauthn.Credentials(holder.WebAuthnCredentials()).CredentialDescriptors()),
			webauthn.WithExtensions(webauthn.WithExtensionCredProps()))
		if err != nil {
			return err
		}
		if opts, err = options(creation.Response); err != nil {
			return err
		}
		return s.keepCeremony(tx, ceremonyOf(ceremonyAdd, x), clean, data)
	})
	return opts, err
}

// newKeyName is cleanKeyName for one more key.
func newKeyName(name string, h keyHolder) (string, error) {
	if len(h.keys) >= MaxKeys {
		return "", problem.New("", CodeTooManyKeys, "max", MaxKeys)
	}
	return cleanKeyName(name, h.keys, "")
}

// AddKey ends what BeginAddKey began, with the browser's answer
// (RegistrationResponseJSON): the key is the account's. It ends all other
// sessions; x goes on as the Session that is returned, with the key as its last
// factor. That the factor was fresh when the ceremony began is enough.
//
// Beyond those of the name the problems are key_expired and key_refused. Either
// way the ceremony is over.
func (s *Service) AddKey(ctx context.Context, x Session, o Origin, response []byte) (Session, error) {
	if s.party == nil {
		return Session{}, ErrForbidden
	}
	id := uuid.Must(uuid.NewV7()).String()
	var u userRecord
	var added keyRecord
	var refused error
	err := s.store.Update(ctx, func(tx kv.Tx) error {
		var err error
		refused = nil
		if u, err = s.member(tx, x); err == nil && (x.half() || !u.mayEnrol(x)) {
			err = ErrForbidden
		}
		if err != nil {
			return err
		}
		added, err = s.finishRegistration(tx, x, u, id, response)
		var ps problem.Problems
		if errors.Is(err, errWrong) || errors.As(err, &ps) {
			refused = err
			return nil // the ceremony is over
		}
		if err != nil {
			return err
		}
		u.Keys++
		u.Recovered, u.RecoveryBy = false, ""
		u.Generation++
		if err := s.putKey(tx, u.ID, added); err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{
			Kind: rowKeyAdded, Actor: o.actor(u, FactorWebAuthn), Detail: map[string]string{"key": added.Name},
		})
	})
	var r *refusal
	if errors.As(refused, &r) {
		refused = r.problems
	}
	if err = errors.Join(err, refused); err != nil {
		return Session{}, err
	}
	return s.withFactor(x, u, FactorWebAuthn), nil
}

// finishRegistration burns the ceremony and makes a key of the answer (WebAuthn
// §7.1). It writes nothing else.
func (s *Service) finishRegistration(tx kv.Tx, x Session, u userRecord, id string, response []byte) (keyRecord, error) {
	rec, err := s.burnCeremony(tx, ceremonyOf(ceremonyAdd, x))
	if err != nil {
		return keyRecord{}, err
	}
	holder, err := s.loadHolder(tx, u)
	if err != nil {
		return keyRecord{}, err
	}
	name, err := newKeyName(rec.Name, holder)
	if err != nil {
		return keyRecord{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return keyRecord{}, keyRefused
	}
	credential, err := s.party.CreateCredential(holder, rec.Data, parsed)
	if err != nil || len(credential.ID) > maxCredentialID {
		return keyRecord{}, keyRefused
	}
	owner, err := keyOwner(tx, credential.ID)
	if err != nil {
		return keyRecord{}, err
	}
	if owner != "" {
		return keyRecord{}, keyRefused // §7.1 step 26
	}
	return newKeyRecord(id, name, credential, s.now()), nil
}
