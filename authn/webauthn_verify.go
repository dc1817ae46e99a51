package authn

import (
	"context"
	"encoding/json"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// BeginVerifyKey begins to give a security key as second factor, and returns
// what the browser needs for it (PublicKeyCredentialRequestOptionsJSON). It is
// ErrForbidden for an account without one.
func (s *Service) BeginVerifyKey(ctx context.Context, x Session) (opts json.RawMessage, err error) {
	if s.party == nil {
		return nil, ErrForbidden
	}
	err = s.store.Update(instance.Safe(ctx), func(tx kv.Tx) error {
		u, err := s.member(tx, x)
		if err == nil {
			err = u.mayGive(FactorWebAuthn)
		}
		if err != nil {
			return err
		}
		holder, err := s.loadHolder(tx, u)
		if err != nil {
			return err
		}
		assertion, data, err := s.party.BeginLogin(holder)
		if err != nil {
			return err
		}
		if opts, err = options(assertion.Response); err != nil {
			return err
		}
		return s.keepCeremony(tx, ceremonyOf(ceremonyVerify, x), "", data)
	})
	return opts, err
}

// VerifyKey gives a security key as second factor, with the browser's answer
// (AuthenticationResponseJSON) to what BeginVerifyKey began. Beyond Session
// and throttling its problems are key_expired, key_refused and key_cloned. Either
// way the ceremony is over, unless the attempt was throttled.
func (s *Service) VerifyKey(ctx context.Context, x Session, o Origin, response []byte) (Session, error) {
	if s.party == nil {
		return Session{}, ErrForbidden
	}
	next, _, err := s.secondFactor(ctx, x, o, FactorWebAuthn, func(tx kv.Tx, u *userRecord) (accepted, error) {
		rec, err := s.burnCeremony(tx, ceremonyOf(ceremonyVerify, x))
		if err != nil {
			return accepted{}, err
		}
		holder, err := s.loadHolder(tx, *u)
		if err != nil {
			return accepted{}, err
		}
		parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
		if err != nil {
			return accepted{}, keyRefused
		}
		credential, err := s.party.ValidateLogin(holder, rec.Data, parsed)
		if err != nil {
			return accepted{}, keyRefused
		}
		k, err := s.useKey(tx, holder, credential)
		return accepted{row: rowFactorAccepted, detail: map[string]string{"key": k.Name}}, err
	})
	return next, err
}

// keyRefused is what is said of an answer that is not what was asked for, in
// whatever way.
var keyRefused = refuse("ceremony", problem.New("", CodeKeyRefused))

// useKey notes that one of the holder's keys was used, as the library returned it
// from a ceremony that was in order, or returns a refusal where the key's counter
// did not go on: then there are two of it (WebAuthn §7.2 step 22).
func (s *Service) useKey(tx kv.Tx, h keyHolder, credential *webauthn.Credential) (keyRecord, error) {
	k, err := h.key(credential.ID)
	if err != nil {
		return k, err
	}
	if credential.Authenticator.CloneWarning {
		return k, &refusal{why: "counter", cloned: k.Name, problems: problem.New("", CodeKeyCloned, "key", k.Name)}
	}
	k.SignCount = credential.Authenticator.SignCount
	k.BackedUp = credential.Flags.BackupState
	k.UsedAt = s.now().UTC()
	return k, s.putKey(tx, h.user.ID, k)
}
