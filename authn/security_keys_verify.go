package authn

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// BeginVerify begins a sign-in step with a security key as second factor, and returns
// what the browser needs for it (PublicKeyCredentialRequestOptionsJSON). It returns
// ErrForbidden if the account has no key.
func (s *SecurityKeys) BeginVerify(ctx context.Context, x Session) (opts json.RawMessage, err error) {
	if s.party == nil {
		return nil, ErrForbidden
	}
	err = s.exempt.Update(ctx, func(tx kv.Tx) error {
		u, err := s.sessionAccount(tx, x)
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
		opts, err = options(assertion.Response)
		if err != nil {
			return err
		}
		return s.keepCeremony(tx, ceremonyOf(ceremonyVerify, x), "", data)
	})
	return opts, err
}

// Verify finishes what SecurityKeys.BeginVerify began: it takes the browser's answer
// (AuthenticationResponseJSON) and accepts the security key as second factor. Besides those of the Session
// and of throttling its problems are key_expired, key_refused and key_cloned. Either
// way the ceremony is over, unless the attempt was throttled. Nobody can guess a signature,
// so wrong signatures do not count against codes, nor wrong codes against keys.
func (s *SecurityKeys) Verify(ctx context.Context, x Session, o Origin, response []byte) (Session, error) {
	if s.party == nil {
		return Session{}, ErrForbidden
	}
	next, _, err := s.secondFactor(ctx, x, o, FactorWebAuthn, func(u userRecord) (factorCheck, error) {
		used, err := s.finishAssertion(ctx, x, u, response)
		if err != nil {
			return nil, err
		}
		return func(tx kv.Tx, u *userRecord) (accepted, error) {
			k, err := s.useKey(tx, *u, o, used)
			return accepted{row: rowFactorAccepted, detail: map[string]string{"key": k.Name}}, err
		}, nil
	})
	return next, err
}

// keyRefused is the problem of an answer that does not match the request, for any reason.
var keyRefused = refuse("ceremony", problem.New("", CodeKeyRefused))

// usedKey is a key whose signature was verified, as it was then, and what the
// authenticator said with it.
type usedKey struct {
	key      keyRecord
	count    uint32 // the signature counter
	backedUp bool
	verified bool // the user was verified in this ceremony
}

// finishAssertion takes the ceremony of x and verifies the answer (WebAuthn §7.2), outside of any
// transaction. useKey must then compare its result with the stored key and write it.
func (s *SecurityKeys) finishAssertion(ctx context.Context, x Session, u userRecord, response []byte) (usedKey, error) {
	rec, err := s.takeCeremony(ctx, s.exempt, ceremonyOf(ceremonyVerify, x))
	if err != nil {
		return usedKey{}, err
	}
	parsed, err := parseAssertion(response)
	if err != nil {
		return usedKey{}, keyRefused
	}
	holder, err := s.holder(ctx, u)
	if err != nil {
		return usedKey{}, err
	}
	k, err := holder.signer(parsed)
	if err != nil {
		return usedKey{}, keyRefused
	}
	if _, err := s.party.ValidateLogin(holder, rec.Data, parsed); err != nil {
		s.logKeyRefused(ctx, k, err)
		return usedKey{}, keyRefused
	}
	return newUsedKey(k, parsed), nil
}

func newUsedKey(k keyRecord, parsed *protocol.ParsedCredentialAssertionData) usedKey {
	data := parsed.Response.AuthenticatorData
	return usedKey{
		key: k, count: data.Counter,
		backedUp: data.Flags.HasBackupState(), verified: data.Flags.HasUserVerified(),
	}
}

// logKeyRefused logs why a key's answer is refused, for example because the key was registered as not
// syncable and now says that it is. Pages do not show the reason.
func (s *SecurityKeys) logKeyRefused(ctx context.Context, k keyRecord, err error) {
	why := "unknown"
	var said *protocol.Error
	if errors.As(err, &said) {
		why = said.Details
	}
	s.log.WarnContext(ctx, "authn: the answer of a security key was refused", "key", k.ID, "why", why)
}

// counterNoticeInterval is the least time between two notices that the counter of a synced passkey went back.
const counterNoticeInterval = 24 * time.Hour

// useKey records that a key of the account was used, if it is still the key whose signature was verified.
// It refuses the key if its counter did not increase from the stored value, because then two copies of it exist
// (WebAuthn §7.2 step 22). A synced passkey is meant to have several copies, and each may count
// for itself, so it is accepted all the same, with a row and a mail; Level 3 leaves that choice to us.
func (s *SecurityKeys) useKey(tx kv.Tx, u userRecord, o Origin, used usedKey) (keyRecord, error) {
	k, err := s.loadKey(tx, u.ID, used.key.ID)
	if errors.Is(err, ErrNotFound) || err == nil && !k.sameKey(used.key) {
		return k, keyRefused
	}
	if err != nil {
		return k, err
	}
	if used.count <= k.SignCount && (used.count != 0 || k.SignCount != 0) {
		if !k.BackupEligible {
			return k, &refusal{why: "counter", cloned: k.Name, problems: problem.New("", CodeKeyCloned, "key", k.Name)}
		}
		err := s.noteCounterReset(tx, u, o, &k)
		if err != nil {
			return k, err
		}
	}
	k.SignCount, k.BackedUp, k.UsedAt = max(k.SignCount, used.count), used.backedUp, s.now().UTC()
	return k, s.putKey(tx, u.ID, k)
}

// noteCounterReset records that the counter of a synced passkey went back, and notifies its owner unless a notice went out
// within counterNoticeInterval.
func (s *SecurityKeys) noteCounterReset(tx kv.Tx, u userRecord, o Origin, k *keyRecord) error {
	row := audit.Event{Kind: rowKeyCounterBack, Actor: o.actor(u, FactorWebAuthn), Detail: map[string]string{"key": k.Name}}
	if now := s.now().UTC(); now.Sub(k.CounterNotifiedAt).Abs() >= counterNoticeInterval {
		k.CounterNotifiedAt = now
		if err := s.notifyOfRow(tx, u, row); err != nil {
			return err
		}
	}
	return s.record(tx, u.ID, row)
}
