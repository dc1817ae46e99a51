package authn

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// BeginPasskey begins to sign in with a passkey, before anybody has said who they
// are. It returns what the browser needs for it
// (PublicKeyCredentialRequestOptionsJSON), and the handle by which this browser, and
// no other, ends the ceremony.
func (s *Service) BeginPasskey(ctx context.Context, o Origin) (opts json.RawMessage, handle Secret, err error) {
	if s.party == nil {
		return nil, "", ErrForbidden
	}
	if _, err := s.take(ctx, s.counter(limitPasskeyBegin, network(o.IP))); err != nil {
		return nil, "", err
	}
	assertion, data, err := s.party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, "", err
	}
	// Whether the key verified its user is for finishPasskey to look at: where it
	// did not, people are told what to do in place of that.
	data.UserVerification = protocol.VerificationPreferred
	if opts, err = options(assertion.Response); err != nil {
		return nil, "", err
	}
	handle = newHandle()
	err = s.store.Update(instance.Safe(ctx), func(tx kv.Tx) error {
		return s.keepCeremony(tx, ceremonyOfHandle(ceremonyPasskey, handle), "", data)
	})
	return opts, handle, err
}

// SignInPasskey ends what BeginPasskey began, with the browser's answer
// (AuthenticationResponseJSON). A passkey that verified its user in this very
// ceremony is both factors, so the Session is SignedIn, or at Enrolling where the
// account is not set up.
//
// Its problems are passkey_failed for all that have no passkey, have a wrong
// one, or are frozen; passkey_unverified for a key that did not verify its
// user; key_expired; and key_cloned. Either way the ceremony is over, unless the
// attempt was throttled.
func (s *Service) SignInPasskey(ctx context.Context, o Origin, handle Secret, response []byte) (Session, error) {
	if s.party == nil {
		return Session{}, ErrForbidden
	}
	giveBack, err := s.take(ctx, s.counter(limitPasskey, network(o.IP)))
	if err != nil {
		return Session{}, err
	}
	var x Session
	var refused *refusal
	err = s.store.Update(instance.Safe(ctx), func(tx kv.Tx) error {
		refused = nil
		u, k, err := s.finishPasskey(tx, handle, response)
		if errors.As(err, &refused) {
			row := audit.Event{Kind: rowSignInFailed, Actor: o.actor(userRecord{}, FactorNone), Detail: map[string]string{"why": "passkey"}}
			return s.recordRefusal(tx, u, refused, row)
		}
		if err != nil {
			return err
		}
		if err := giveBack(tx); err != nil {
			return err
		}
		x = s.withFactor(s.begin(u), u, FactorWebAuthn)
		if err := s.stopRecovery(tx, u, o, FactorWebAuthn); err != nil {
			return err
		}
		return s.record(tx, u.ID, audit.Event{
			Kind: rowPasskeyAccepted, Actor: o.actor(u, FactorWebAuthn), Detail: map[string]string{"key": k.Name},
		})
	})
	if err != nil {
		return Session{}, err
	}
	if refused != nil {
		return Session{}, refused.problems
	}
	return x, nil
}

// finishPasskey burns the ceremony and finds who signs in. With a refusal it
// returns the account that the passkey is of, if there is one.
func (s *Service) finishPasskey(tx kv.Tx, handle Secret, response []byte) (userRecord, keyRecord, error) {
	failed := refuse("passkey", problem.New("", CodePasskeyFailed))
	rec, err := s.burnCeremony(tx, ceremonyOfHandle(ceremonyPasskey, handle))
	if err != nil {
		return userRecord{}, keyRecord{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return userRecord{}, keyRecord{}, failed
	}
	owner, err := keyOwner(tx, parsed.RawID)
	if err != nil {
		return userRecord{}, keyRecord{}, err
	}
	u, err := loadUser(tx, owner)
	if errors.Is(err, ErrNotFound) {
		return u, keyRecord{}, failed
	}
	if err != nil {
		return u, keyRecord{}, err
	}
	if u.Frozen {
		return u, keyRecord{}, failed
	}
	holder, err := s.loadHolder(tx, u)
	if err != nil {
		return u, keyRecord{}, err
	}
	find := func(_, _ []byte) (webauthn.User, error) { return holder, nil } // the library compares the handle
	credential, err := s.party.ValidateDiscoverableLogin(find, rec.Data, parsed)
	if err != nil {
		return u, keyRecord{}, failed
	}
	k, err := s.useKey(tx, holder, credential)
	if err == nil && !parsed.Response.AuthenticatorData.Flags.HasUserVerified() {
		err = refuse("unverified", problem.New("", CodePasskeyUnverified))
	}
	return u, k, err
}
