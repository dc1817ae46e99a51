package authn

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// BeginPasskey begins a sign-in with a passkey, before the user is
// known. It returns what the browser needs for it
// (PublicKeyCredentialRequestOptionsJSON), and the handle with which only this browser
// can finish the ceremony.
func (s *SecurityKeys) BeginPasskey(ctx context.Context, o Origin) (opts json.RawMessage, handle Secret, err error) {
	if s.party == nil {
		return nil, "", ErrForbidden
	}
	if _, err := s.countAttempt(ctx, s.counter(limitPasskeyBegin, network(o.IP))); err != nil {
		return nil, "", err
	}
	assertion, data, err := s.party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, "", err
	}
	// finishPasskey checks whether the key verified its user: if it did not, the page says what to do
	// instead.
	data.UserVerification = protocol.VerificationPreferred
	opts, err = options(assertion.Response)
	if err != nil {
		return nil, "", err
	}
	handle = newHandle()
	err = s.exempt.Update(ctx, func(tx kv.Tx) error {
		return s.keepCeremony(tx, ceremonyOfHandle(ceremonyPasskey, handle), "", data)
	})
	return opts, handle, err
}

// SignInPasskey finishes what BeginPasskey began: it takes the browser's answer
// (AuthenticationResponseJSON). A passkey that verified its user in this
// ceremony counts as both factors, so the Session is SignedIn, or at Enrolling if the
// account is not set up.
//
// Its problems are passkey_failed if the passkey is unknown or wrong, or its
// account is frozen; passkey_unverified for a key that did not verify its
// user; key_expired; and key_cloned. Either way the ceremony is over, unless the
// attempt was throttled. A browser that the passkey's account knows is counted by itself.
func (s *SecurityKeys) SignInPasskey(ctx context.Context, o Origin, handle Secret, response []byte) (Session, error) {
	if s.party == nil {
		return Session{}, ErrForbidden
	}
	if begun, err := s.passkeyBegun(ctx, handle); err != nil || !begun {
		if err == nil {
			err = problem.New("", CodeKeyExpired)
		}
		return Session{}, err
	}
	parsed, err := parseAssertion(response)
	if err != nil {
		parsed = nil
	}
	said, err := s.passkeyOwner(ctx, o, parsed)
	if err != nil {
		return Session{}, err
	}
	giveBack, err := s.countAttempt(ctx, said.counter)
	if err != nil {
		return Session{}, err
	}
	used, err := s.finishPasskey(ctx, handle, said.keyHolder, parsed)
	var x Session
	var refused *refusal
	if errors.As(err, &refused) {
		err = nil
	}
	if err != nil {
		return Session{}, err
	}
	before := refused
	err = s.exempt.Update(ctx, func(tx kv.Tx) (err error) {
		refused = before
		if refused == nil {
			x, err = s.acceptPasskey(tx, o, said.user, used, giveBack)
		}
		if errors.As(err, &refused) || refused != nil {
			row := audit.Event{Kind: rowSignInFailed, Actor: o.actor(userRecord{}, FactorNone), Detail: map[string]string{"why": "passkey"}}
			return s.recordRefusal(tx, said.user, refused, row)
		}
		return err
	})
	if err != nil {
		return Session{}, err
	}
	if refused != nil {
		return Session{}, refused.problems
	}
	return x, nil
}

// passkeyBegun reports whether the browser with this handle has begun a ceremony. An answer without
// a ceremony is not an attempt: it leaves no row and is not counted.
func (s *SecurityKeys) passkeyBegun(ctx context.Context, handle Secret) (there bool, err error) {
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		there, err = kv.Exists(r, ceremonyOfHandle(ceremonyPasskey, handle))
		return err
	})
	return there, err
}

// claimedPasskey holds the account that an answer claims to come from (none if the
// passkey is unknown), and the counter of the attempt.
type claimedPasskey struct {
	keyHolder
	counter counter
}

// passkeyOwner finds the account whose passkey an answer claims to come from. Nothing in the answer is verified
// yet, and it may be nil.
func (s *SecurityKeys) passkeyOwner(ctx context.Context, o Origin, parsed *protocol.ParsedCredentialAssertionData) (said claimedPasskey, err error) {
	said.counter = s.counter(limitPasskey, network(o.IP))
	if parsed == nil {
		return said, nil
	}
	err = s.store.View(ctx, func(r kv.Reader) error {
		owner, err := keyOwner(r, parsed.RawID)
		if err != nil {
			return err
		}
		u, err := loadUser(r, owner)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		said.keyHolder, err = s.loadHolder(r, u)
		if err != nil {
			return err
		}
		d, err := s.loadDevice(r, u, o)
		if d.ID != "" {
			said.counter = s.counter(limitPasskeyDevice, u.ID, d.ID)
		}
		return err
	})
	return said, err
}

// finishPasskey takes the ceremony and verifies the answer, outside of any transaction; parsed is nil if the
// answer could not be read.
func (s *SecurityKeys) finishPasskey(ctx context.Context, handle Secret, holder keyHolder, parsed *protocol.ParsedCredentialAssertionData) (usedKey, error) {
	failed := refuse("passkey", problem.New("", CodePasskeyFailed))
	rec, err := s.takeCeremony(ctx, s.exempt, ceremonyOfHandle(ceremonyPasskey, handle))
	if err != nil {
		return usedKey{}, err
	}
	if parsed == nil || holder.user.ID == "" || holder.user.Frozen {
		return usedKey{}, failed
	}
	k, err := holder.signer(parsed)
	if err != nil {
		return usedKey{}, failed
	}
	find := func(_, _ []byte) (webauthn.User, error) { return holder, nil } // the library compares the handle
	if _, err := s.party.ValidateDiscoverableLogin(find, rec.Data, parsed); err != nil {
		s.logKeyRefused(ctx, k, err)
		return usedKey{}, failed
	}
	return newUsedKey(k, parsed), nil
}

// acceptPasskey makes the Session for a passkey whose signature was verified, if the account has not changed
// since. If the passkey did not verify its user, acceptPasskey records its use and refuses it.
func (s *SecurityKeys) acceptPasskey(tx kv.Tx, o Origin, before userRecord, used usedKey, giveBack func(kv.Tx) error) (x Session, err error) {
	u, err := loadUser(tx, before.ID)
	if err != nil {
		return x, err
	}
	if u.Frozen || u.Generation != before.Generation {
		return x, refuse("passkey", problem.New("", CodePasskeyFailed))
	}
	k, err := s.useKey(tx, u, o, used)
	if err == nil && !used.verified {
		err = refuse("unverified", problem.New("", CodePasskeyUnverified))
	}
	if err != nil {
		return x, err
	}
	if err := giveBack(tx); err != nil {
		return x, err
	}
	x = s.withFactor(s.newSession(u), u, FactorWebAuthn)
	if err := s.recoveries.cancelAtSignIn(tx, u, o, FactorWebAuthn); err != nil {
		return x, err
	}
	return x, s.record(tx, u.ID, audit.Event{
		Kind: rowPasskeyAccepted, Actor: o.actor(u, FactorWebAuthn), Detail: map[string]string{"key": k.Name},
	})
}
