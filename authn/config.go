package authn

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/seal"
)

// Config is what a Service works with.
type Config struct {
	Store    kv.Store     // holds everything; shared with the issuer
	Sealer   *seal.Sealer // the keys of this package are derived from it
	Users    UserRecorder // hears of each account in the account's own transaction
	Notifier Notifier     // sends mails with links
	Notices  Outbox       // takes what owners of accounts hear of, in the transaction of it

	// PublicURL is scheme, host and port that people use. Security keys and passkeys
	// belong to its host and work at its origin; where it is nil, or no browser would
	// let a key be used there (KeysOffered), there are none.
	PublicURL *url.URL

	// OpenRegistration lets people register without an invitation, once the
	// first administrator has, where SetRegistration says nothing else.
	OpenRegistration bool

	// IssuerName is what an authenticator shows above the username, without ':';
	// "rind" where it is "".
	IssuerName string

	// PasswordParams is the cost of a password hash; DefaultPasswordParams where it
	// is nil. Hashes of another cost are made anew at the next sign-in.
	PasswordParams *argon2id.Params

	// MaxHashing is how many passwords are hashed at the same time, each with
	// PasswordParams.Memory; as many as there are processors, at least
	// two, where it is 0. Sixteen times as many may wait, each account, name and network with a share of
	// them (places); whoever comes then gets ErrBusy.
	MaxHashing int

	// RecoveryWait is how long a recovery waits that an administrator started;
	// RecoveryWait where it is 0, never less than MinRecoveryWait.
	RecoveryWait time.Duration

	// ConfirmDevices has the owner of an account follow a mailed link where somebody gives
	// a code in a browser and on a network that the account does not know. Set it where
	// mail arrives.
	ConfirmDevices bool

	// Breaches are passwords that nobody may take, in addition to those that are easy
	// to guess; nil: none. The caller closes it.
	Breaches *BreachList

	// BreachRange is asked for a password that is not in Breaches; nil: nobody is. Where it does
	// not answer the password is taken.
	BreachRange *BreachRange

	Clock  func() time.Time // time.Now where it is nil
	Logger *slog.Logger     // nil discards
}

// UserRecorder is the issuer's view of who there is.
type UserRecorder interface {
	// RecordUser writes, within tx, that the user with this id has this name and is
	// frozen or not. It is called when an account is made and at each
	// change of its state.
	RecordUser(tx kv.Tx, id, name string, frozen bool) error

	// RevokeTokens ends all tokens of the user, each with its row; why is for people. None of
	// them works once tx commits; how many there are must not make tx larger, so
	// what is written of each may follow in steps.
	RevokeTokens(tx kv.Tx, userID string, who audit.Actor, why string) error
}

// Service holds the rules. It is safe for concurrent use, and several may share
// one store.
type Service struct {
	store     kv.Store
	sealer    *seal.Sealer // of this package's records
	users     UserRecorder
	notifier  Notifier
	notices   Outbox
	open      bool
	issuer    string
	passwords *passwords
	breaches  *BreachList // nil where there is none

	breachRange    *BreachRange // nil where nobody is asked
	confirmDevices bool
	recoveryWait   time.Duration

	strength *strengthMeter

	party *webauthn.WebAuthn // nil where keys can't be used
	now   func() time.Time
	log   *slog.Logger

	linkKey     []byte // signs links
	recoveryKey []byte // hashes recovery codes
	throttleKey []byte // hides who an attempt was about
}

// New makes a Service. It hashes one password, to have something to compare
// with where there is no account.
func New(cfg Config) (*Service, error) {
	if cfg.Store == nil || cfg.Sealer == nil || cfg.Users == nil || cfg.Notifier == nil || cfg.Notices == nil {
		return nil, errors.New("authn: a Config needs Store, Sealer, Users, Notifier and Notices")
	}
	if strings.Contains(cfg.IssuerName, ":") {
		return nil, errors.New("authn: the issuer name may not contain ':' (it separates issuer and account in an otpauth URL)")
	}
	s := &Service{
		store: instance.Guard(cfg.Store), users: cfg.Users, notifier: cfg.Notifier, notices: cfg.Notices,
		open: cfg.OpenRegistration, issuer: cfg.IssuerName, now: cfg.Clock, log: cfg.Logger,
		breaches: cfg.Breaches, breachRange: cfg.BreachRange, strength: newStrengthMeter(), confirmDevices: cfg.ConfirmDevices, recoveryWait: cmp.Or(cfg.RecoveryWait, RecoveryWait),
	}
	if s.recoveryWait < MinRecoveryWait {
		return nil, errNoWait
	}
	if s.issuer == "" {
		s.issuer = "rind"
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.deriveKeys(cfg.Sealer); err != nil {
		return nil, err
	}
	var err error
	if s.party, err = newRelyingParty(cfg.PublicURL, s.issuer); err != nil {
		return nil, err
	}
	s.passwords, err = newPasswords(cfg.PasswordParams, cfg.MaxHashing)
	return s, err
}

// deriveKeys makes one key for each purpose.
func (s *Service) deriveKeys(from *seal.Sealer) (err error) {
	if s.sealer, err = from.Derive("authn records"); err != nil {
		return fmt.Errorf("authn: derive keys: %w", err)
	}
	for purpose, key := range map[string]*[]byte{
		"authn links":          &s.linkKey,
		"authn recovery codes": &s.recoveryKey,
		"authn throttle":       &s.throttleKey,
	} {
		if *key, err = from.DeriveKey(purpose); err != nil {
			return fmt.Errorf("authn: derive keys: %w", err)
		}
	}
	return nil
}

// mac is HMAC-SHA-256 over the parts, each preceded by its length.
func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write([]byte{byte(len(p) >> 8), byte(len(p))})
		h.Write(p)
	}
	return h.Sum(nil)
}
