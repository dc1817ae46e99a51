package authn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// Accounts are the accounts themselves: reading them, and registering.
type Accounts struct {
	*core
	passwords *Passwords
	addresses *Addresses
	settings  *Settings
}

// User is an account as pages see it: a copy, with nothing secret in it.
type User struct {
	ID                string // UUID version 7
	Username          string
	Email             string
	EmailVerified     bool
	Admin             bool
	Frozen            bool
	HasTOTP           bool
	Keys              int  // security keys and passkeys
	KeysOnly          bool // an authenticator's codes are no second factor
	RecoveryCodesLeft int
	RecoveryConfirmed bool // a recovery code was typed back (or used)
	CreatedAt         time.Time
	SessionGeneration uint64 // a Session of another generation no longer holds
	PasswordMailed    bool   // the password was set, or the address taken back, by a mailed link, and nobody has given a second factor since
	Recovered         bool   // its factors were taken by a recovery; new ones are set up behind the mailed link
	RecoveryBy        string // ID of the Session that has used that link
}

// HasFactor tells whether there is a second factor to sign in with. Recovery
// codes are none; they stand in for one.
func (u User) HasFactor() bool { return u.HasTOTP || u.Keys > 0 }

// userRecord is an account in the store, under authn/user/<id>.
type userRecord struct {
	ID                string    `json:"id"`
	Username          string    `json:"username"`
	Email             string    `json:"email"`
	EmailVerified     bool      `json:"email_verified,omitempty"`
	Admin             bool      `json:"admin,omitempty"`
	Frozen            bool      `json:"frozen,omitempty"`
	HasTOTP           bool      `json:"has_totp,omitempty"`
	Keys              int       `json:"keys,omitempty"`
	KeysOnly          bool      `json:"keys_only,omitempty"`
	RecoveryLeft      int       `json:"recovery_left,omitempty"`
	RecoveryConfirmed bool      `json:"recovery_confirmed,omitempty"`
	CreatedAt         time.Time `json:"created_at"`
	Generation        uint64    `json:"generation"`
	Passwords         uint64    `json:"passwords,omitempty"` // how often the password was changed; guesses at codes count for each
	Moves             uint64    `json:"moves,omitempty"`     // how often another address was asked for
	Offices           uint64    `json:"offices,omitempty"`   // how often it began or ceased to act as an administrator
	PasswordMailed    bool      `json:"password_mailed,omitempty"`
	Recovered         bool      `json:"recovered,omitempty"`
	RecoveryBy        string    `json:"recovery_by,omitempty"`
}

// public is the copy that leaves the package.
func (u userRecord) public() User {
	return User{
		ID: u.ID, Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified,
		Admin: u.Admin, Frozen: u.Frozen, HasTOTP: u.HasTOTP, Keys: u.Keys, KeysOnly: u.KeysOnly,
		RecoveryCodesLeft: u.RecoveryLeft, RecoveryConfirmed: u.RecoveryConfirmed,
		CreatedAt: u.CreatedAt, SessionGeneration: u.Generation,
		PasswordMailed: u.PasswordMailed, Recovered: u.Recovered, RecoveryBy: u.RecoveryBy,
	}
}

// inOffice tells whether the account acts as an administrator, and has ever since it did so for the time with that number.
func (u userRecord) inOffice(since uint64) bool { return u.Admin && !u.Frozen && u.Offices == since }

// hasFactor is User.HasFactor.
func (u userRecord) hasFactor() bool { return u.public().HasFactor() }

// recipient is where mail to the account goes.
func (u userRecord) recipient() Recipient {
	return Recipient{UserID: u.ID, Username: u.Username, Email: u.Email}
}

// Keys of the records of an account.
func userKey(id string) string       { return "authn/user/" + id }
func passwordKey(id string) string   { return "authn/password/" + id }
func totpKey(id string) string       { return "authn/totp/" + id }
func recoveryKeyOf(id string) string { return "authn/recovery/" + id }
func adminKey(id string) string      { return "authn/admin/" + id }

// Keys of the indexes: who has a name, who has a verified address. Both are of
// the folded form.
func nameKey(folded string) string  { return "authn/name/" + folded }
func emailKey(folded string) string { return "authn/email/" + folded }

// User returns an account, or ErrNotFound.
func (s *Accounts) User(ctx context.Context, id string) (User, error) {
	var u userRecord
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		u, err = loadUser(r, id)
		return err
	})
	return u.public(), err
}

// loadUser reads an account, or returns ErrNotFound.
func loadUser(r kv.Reader, id string) (userRecord, error) {
	var u userRecord
	if id == "" {
		return u, ErrNotFound
	}
	err := kv.GetJSON(r, userKey(id), &u)
	if errors.Is(err, kv.ErrNotFound) {
		return u, ErrNotFound
	}
	return u, err
}

// findUser returns the account that somebody signs in as: by username, or by
// verified address. Both indexes are read whatever the first one says.
func findUser(r kv.Reader, login string) (userRecord, error) {
	byName, err := lookup(r, nameKey(fold(login)))
	if err != nil {
		return userRecord{}, err
	}
	byEmail, err := lookup(r, emailKey(fold(login)))
	if err != nil {
		return userRecord{}, err
	}
	if byName != "" { // a name has no '@', an address has one: never both
		return loadUser(r, byName)
	}
	return loadUser(r, byEmail)
}

// lookup reads an index; "" where it has no such entry.
func lookup(r kv.Reader, key string) (string, error) {
	if len(key) > kv.MaxKey {
		return "", nil
	}
	id, err := r.Get([]byte(key))
	if errors.Is(err, kv.ErrNotFound) {
		return "", nil
	}
	return string(id), err
}

// saveUser writes an account, its row of the trail, and what its owner hears of that.
func (s *core) saveUser(tx kv.Tx, u userRecord, e audit.Event) error {
	if err := kv.PutJSON(tx, userKey(u.ID), u); err != nil {
		return err
	}
	if err := s.tellOf(tx, u, e); err != nil {
		return err
	}
	return s.record(tx, u.ID, e)
}

// record writes a row about an account, "" for none that there is.
func (s *core) record(tx kv.Tx, account string, e audit.Event) error {
	if account != "" && e.AccountName == "" {
		u, err := loadUser(tx, account)
		if err != nil {
			return err
		}
		e.AccountName = u.Username
	}
	e.Time = s.now()
	e.Account = account
	return audit.Append(tx, e)
}

// strangerRows counts rows about nobody in one hour.
type strangerRows struct {
	At   []int64 `json:"at"` // of the last one, Unix milliseconds: it is swept as a counter of attempts
	Hour int64   `json:"hour"`
	N    int     `json:"n"`
}

// maxStrangerRows is how many rows about nobody an hour has. Of those behind them one in a while is written, which
// says with its detail n how many there were: names that do not exist are for anybody to make up, and rows are kept
// for long.
const maxStrangerRows = 300

// recordOfAny is record for a row that is about an account or about nobody, with the same work:
// where there is no account, a counter is written in place of that of its trail.
func (s *core) recordOfAny(tx kv.Tx, account string, e audit.Event) error {
	if account != "" {
		return s.record(tx, account, e)
	}
	const key = "authn/throttle/nobody"
	var c strangerRows
	if err := kv.GetJSON(tx, key, &c); err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	now := s.now()
	if hour := now.Unix() / 3600; hour != c.Hour {
		c = strangerRows{Hour: hour}
	}
	c.N++
	c.At = []int64{now.UnixMilli()}
	if err := kv.PutJSON(tx, key, c); err != nil {
		return err
	}
	if c.N > maxStrangerRows {
		if c.N&(c.N-1) != 0 {
			return nil
		}
		e.Detail = maps.Clone(e.Detail)
		e.Detail["n"] = strconv.Itoa(c.N)
	}
	return s.record(tx, "", e)
}

// putSealed seals a value for its key.
func (s *core) putSealed(tx kv.Tx, key string, value []byte) error {
	return tx.Put([]byte(key), s.sealer.Seal(nil, value, key))
}

// getSealed opens what putSealed wrote, or returns kv.ErrNotFound.
func (s *core) getSealed(r kv.Reader, key string) ([]byte, error) {
	b, err := r.Get([]byte(key))
	if err != nil {
		return nil, err
	}
	v, err := s.sealer.Open(nil, b, key)
	if err != nil {
		return nil, fmt.Errorf("authn: the record %q: %w", key, err)
	}
	return v, nil
}
