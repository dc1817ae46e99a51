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

// Config is what a Service needs.
//
// # What it stores
//
// Keys start with "authn/" and "session". Password hashes (argon2id), TOTP
// secrets, security keys and challenges are sealed under the key with the record's name as associated data.
// Links, sessions and devices are stored only as SHA-256 hashes, recovery codes only as
// HMAC-SHA-256 under a key derived from the sealing key. Somebody who steals the
// store's file without the key can't sign in as anybody.
type Config struct {
	Store    kv.Store     // holds everything; shared with the issuer
	Sealer   *seal.Sealer // the keys of this package are derived from it
	Users    UserRecorder // is told of each account in the account's own transaction
	Notifier Notifier     // sends mails with links
	Notices  Outbox       // takes notices for the owners of accounts, in the transaction of each change

	// PublicURL is the scheme, host and port that people use. Security keys and passkeys belong to its
	// host and work at its origin. If it is nil, or no browser would allow a key there
	// (SecurityKeys.Offered), there are none.
	PublicURL *url.URL

	// Registration says who may register after the first administrator, unless SetRegistration says
	// otherwise; instance.AsConfigured means instance.ByInvitation.
	Registration instance.Registration

	// IssuerName is what an authenticator shows above the username, without ':'; "rind" if it is "".
	IssuerName string

	// PasswordParams is the cost of a password hash; password.DefaultParams if it is nil. A hash of
	// another cost is renewed at the next sign-in.
	PasswordParams *argon2id.Params

	// MaxHashing is how many passwords are hashed at the same time, each with PasswordParams.Memory; if it
	// is 0, as many as there are processors, at least two. Sixteen times as many may wait, and each
	// account, name and network has a share of those places (package password); anybody beyond that gets
	// ErrBusy.
	MaxHashing int

	// RecoveryWait is how long a recovery that an administrator started waits; the constant RecoveryWait
	// if it is 0, never less than 24 hours.
	RecoveryWait time.Duration

	// Place names this process among those that share the store: its set-up link voids only its own previous one.
	Place string

	// ConfirmDevices makes the owner of an account follow a mailed link when somebody gives a code in a
	// browser and on a network that the account does not know. Set it if mail arrives.
	ConfirmDevices bool

	// Breaches are passwords that nobody may use, in addition to those that are easy to guess; nil: none.
	// The caller closes it.
	Breaches *password.BreachList

	// BreachRange is asked about a password that is not in Breaches; nil: no server is asked. If it does
	// not answer, the password is accepted.
	BreachRange *password.BreachRange

	Clock  func() time.Time // time.Now if it is nil
	Logger *slog.Logger     // nil discards
}

// UserRecorder is the issuer's view of the users.
type UserRecorder interface {
	// RecordUser writes, within tx, the name of the user with this id and whether the user is frozen. It
	// is called when an account is made and at each change of its state.
	RecordUser(tx kv.Tx, id, name string, frozen bool) error

	// RevokeTokens ends all tokens of the user, each with its row; why is for people. None of them works
	// once tx commits. The number of tokens must not make tx larger, so what is written about each may
	// follow in steps.
	RevokeTokens(tx kv.Tx, userID string, who audit.Actor, why string) error
}

// Service has the rules of accounts, in parts that share one store. It is safe for concurrent use, and several
// Services may share one store.
//
// # What is guaranteed
//
// A Session is SignedIn only after a second factor, or in a browser that was
// remembered after one. Every method checks the stage of its Session against the
// account in the transaction that makes the change: a frozen account, a changed password
// or a changed factor invalidates all older Sessions (Session.Generation).
//
// Every change that may remove an intruder from an account increments its generation: to the password or the factors, a
// reset, signing out everywhere, freezing. Everything that depends on the account depends on its generation: sessions in
// any stage, known and remembered browsers (deviceRecord.known), links (accountLinks; endUndo says which of the links
// that move an address back end), and invitations, also those to projects (People.Generation). Each new kind of link
// needs a row in TestEvictionsEndEverything. What an administrator started also ends with their term
// (userRecord.AdminTerm).
//
// A transaction does not grow with what an account, a project or a stranger has accumulated: one number invalidates all
// of it at once, and the records and rows follow in small transactions, or are swept. Writes about a stranger go through
// the exempt store, which does not stop when their request is cancelled; internal/arrows checks the source for that.
//
// Links, one-time codes, recovery codes and the step of a time-based code are
// used up in the transaction that accepts them, so each works once, even
// if many requests send it at the same moment. An attempt is counted in a
// transaction of its own before it is checked, so no later failure
// undoes the count.
//
// A security key is asked in two steps: a Begin method returns what the browser
// needs, and stores a challenge for this Session and purpose alone; the method that
// takes the key's answer uses the challenge up in a transaction that commits even
// if the answer is wrong. A passkey that verified its user counts as both factors
// (BeginPasskey, SignInPasskey).
//
// Nobody can turn off second factors. If all are lost, an administrator starts a
// recovery (Recoveries.Start), which takes days, notifies the owner at once, and ends
// without effect with the owner's next complete sign-in; Recoveries.Run carries it on.
//
// An account moves to another address when the reader of that address follows a link; the previous
// address gets a mail first, and can undo the change for seven days. An account that
// never confirms an address is deleted after a week (DropUnconfirmed).
//
// Each change writes its row of the audit trail in the same transaction.
// No row, log line or error contains a secret. The same transaction writes the notice for the
// account's owner to Config.Notices, and a mail with a link to Config.Notifier:
// a change that needs a mail fails if the queue refuses it.
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

// New makes a Service. It hashes one password, to have something to compare with when there is no
// account.
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
	if wait < minRecoveryWait {
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
	hashing := password.NewHasher(function, cfg.MaxHashing)
	s := &Service{core: c}
	s.Recoveries = &Recoveries{core: c, recoveryWait: wait}
	s.Devices = &Devices{core: c, recoveries: s.Recoveries, confirmDevices: cfg.ConfirmDevices}
	s.Passwords = &Passwords{
		core: c, recoveries: s.Recoveries, hashing: hashing,
		breaches: cfg.Breaches, breachRange: cfg.BreachRange, strength: newStrengthMeter(),
	}
	s.Addresses = &Addresses{core: c, recoveries: s.Recoveries}
	s.Settings = &Settings{core: c, configured: cmp.Or(cfg.Registration, instance.ByInvitation)}
	s.Accounts = &Accounts{core: c, passwords: s.Passwords, addresses: s.Addresses, settings: s.Settings, place: cfg.Place}
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
