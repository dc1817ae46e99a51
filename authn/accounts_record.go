package authn

import (
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

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
	Passwords         uint64    `json:"passwords,omitempty"`  // number of passwords that it has had; attempts at codes are counted per password
	Moves             uint64    `json:"moves,omitempty"`      // how often a change of address was requested
	AdminTerm         uint64    `json:"admin_term,omitempty"` // number of times that it became, or stopped being, an active administrator
	PasswordMailed    bool      `json:"password_mailed,omitempty"`
	Recovered         bool      `json:"recovered,omitempty"`
	RecoveryBy        string    `json:"recovery_by,omitempty"`
}

// public returns the copy that leaves the package.
func (u userRecord) public() User {
	return User{
		ID: u.ID, Username: u.Username, Email: u.Email, EmailVerified: u.EmailVerified,
		Admin: u.Admin, Frozen: u.Frozen, HasTOTP: u.HasTOTP, Keys: u.Keys, KeysOnly: u.KeysOnly,
		RecoveryCodesLeft: u.RecoveryLeft, RecoveryConfirmed: u.RecoveryConfirmed,
		CreatedAt: u.CreatedAt, SessionGeneration: u.Generation,
		PasswordMailed: u.PasswordMailed, Recovered: u.Recovered, RecoveryBy: u.RecoveryBy,
	}
}

// adminSince reports whether the account acts as an administrator, and has been one since the term with that number (AdminTerm).
func (u userRecord) adminSince(since uint64) bool {
	return u.Admin && !u.Frozen && u.AdminTerm == since
}

// hasFactor is User.HasFactor.
func (u userRecord) hasFactor() bool { return u.public().HasFactor() }

// recipient returns where mail to the account goes.
func (u userRecord) recipient() Recipient {
	return Recipient{UserID: u.ID, Username: u.Username, Email: u.Email}
}

// Keys of the records of an account.
func userKey(id string) string { return "authn/user/" + id }

func passwordKey(id string) string { return "authn/password/" + id }

func totpKey(id string) string { return "authn/totp/" + id }

func recoveryKeyOf(id string) string { return "authn/recovery/" + id }

func adminKey(id string) string { return "authn/admin/" + id }

// Keys of the indexes of usernames and of verified addresses. Both use the folded form.
func nameKey(folded string) string { return "authn/name/" + folded }

func emailKey(folded string) string { return "authn/email/" + folded }

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

// findUser returns the account that somebody signs in as: by username, or by verified address. It
// always reads both indexes, whatever the first one says.
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

// lookup reads an index; it returns "" if there is no such entry.
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
