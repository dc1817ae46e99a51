package authn

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/rind-dev/rind/authn/password"
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
	// let a key be used there (SecurityKeys.Offered), there are none.
	PublicURL *url.URL

	// Registration says who may register, once the first administrator has, where SetRegistration
	// says nothing else; instance.AsConfigured means instance.ByInvitation.
	Registration instance.Registration

	// IssuerName is what an authenticator shows above the username, without ':';
	// "rind" where it is "".
	IssuerName string

	// PasswordParams is the cost of a password hash; password.DefaultParams where it
	// is nil. Hashes of another cost are made anew at the next sign-in.
	PasswordParams *argon2id.Params

	// MaxHashing is how many passwords are hashed at the same time, each with
	// PasswordParams.Memory; as many as there are processors, at least
	// two, where it is 0. Sixteen times as many may wait, each account, name and network with a share of
	// them (package password); whoever comes then gets ErrBusy.
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
	Breaches *password.BreachList

	// BreachRange is asked for a password that is not in Breaches; nil: nobody is. Where it does
	// not answer the password is taken.
	BreachRange *password.BreachRange

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

// Service has the rules of accounts, in parts that share one store. It is safe for concurrent use, and several
// Services may share one store.
type Service struct {
	Accounts       *Accounts
	Addresses      *Addresses
	Passwords      *Passwords
	Sessions       *Sessions
	Devices        *Devices
	Authenticators *Authenticators
	SecurityKeys   *SecurityKeys
	RecoveryCodes  *RecoveryCodes
	Recoveries     *Recoveries
	Invitations    *Invitations
	Administration *Administration
	Settings       *Settings
	Notifications  *Notifications
	Trail          *Trail
	Cleanup        *Cleanup

	core *core
}

// New makes a Service. It hashes one password, to have something to compare
// with where there is no account.
func New(cfg Config) (*Service, error) {
	c, err := newCore(cfg)
	if err != nil {
		return nil, err
	}
	issuer := cmp.Or(cfg.IssuerName, "rind")
	if strings.Contains(issuer, ":") {
		return nil, errors.New("authn: the issuer name may not contain ':' (it separates issuer and account in an otpauth URL)")
	}
	wait := cmp.Or(cfg.RecoveryWait, RecoveryWait)
	if wait < MinRecoveryWait {
		return nil, errNoWait
	}
	party, err := newRelyingParty(cfg.PublicURL, issuer)
	if err != nil {
		return nil, err
	}
	recoveryKey, err := cfg.Sealer.DeriveKey("authn recovery codes")
	if err != nil {
		return nil, fmt.Errorf("authn: derive keys: %w", err)
	}
	function, err := password.Argon2(cfg.PasswordParams)
	if err != nil {
		return nil, fmt.Errorf("authn: %w", err)
	}
	hashing, err := password.NewHasher(function, cfg.MaxHashing)
	if err != nil {
		return nil, fmt.Errorf("authn: %w", err)
	}
	s := &Service{core: c}
	s.Recoveries = &Recoveries{core: c, recoveryWait: wait}
	s.Devices = &Devices{core: c, recoveries: s.Recoveries, confirmDevices: cfg.ConfirmDevices}
	s.Passwords = &Passwords{
		core: c, recoveries: s.Recoveries, hashing: hashing,
		breaches: cfg.Breaches, breachRange: cfg.BreachRange, strength: newStrengthMeter(),
	}
	s.Addresses = &Addresses{core: c, recoveries: s.Recoveries}
	s.Settings = &Settings{core: c, configured: cmp.Or(cfg.Registration, instance.ByInvitation)}
	s.Accounts = &Accounts{core: c, passwords: s.Passwords, addresses: s.Addresses, settings: s.Settings}
	s.Sessions = &Sessions{core: c, passwords: s.Passwords, devices: s.Devices, recoveries: s.Recoveries}
	f := &factors{core: c, devices: s.Devices, recoveries: s.Recoveries}
	s.Authenticators = &Authenticators{factors: f, issuer: issuer}
	s.SecurityKeys = &SecurityKeys{factors: f, party: party}
	s.RecoveryCodes = &RecoveryCodes{factors: f, recoveryKey: recoveryKey}
	s.Invitations = &Invitations{core: c}
	s.Administration = &Administration{core: c, invitations: s.Invitations, recoveries: s.Recoveries}
	s.Notifications = &Notifications{core: c}
	s.Trail = &Trail{core: c}
	s.Cleanup = &Cleanup{core: c, invitations: s.Invitations}
	return s, nil
}

var errNoWait = errors.New("authn: a recovery waits at least 24 hours")
