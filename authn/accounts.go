package authn

import (
	"context"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// Accounts are the accounts themselves: reading them, and registering.
type Accounts struct {
	*core
	passwords *Passwords
	addresses *Addresses
	settings  *Settings
	place     string // see Config.Place
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
	KeysOnly          bool // an authenticator's codes don't count as a second factor
	RecoveryCodesLeft int
	RecoveryConfirmed bool // a recovery code was typed back or used
	CreatedAt         time.Time
	SessionGeneration uint64 // a Session of another generation no longer holds
	PasswordMailed    bool   // a mailed link set the password or took the address back, and no second factor was given since
	Recovered         bool   // a recovery removed its factors; the mailed link lets new ones be set up
	RecoveryBy        string // ID of the Session that has used that link
}

// HasFactor reports whether there is a second factor to sign in with. Recovery codes don't count: they
// stand in for one.
func (u User) HasFactor() bool { return u.HasTOTP || u.Keys > 0 }

// User returns an account, or ErrNotFound.
func (s *Accounts) User(ctx context.Context, id string) (User, error) {
	var u userRecord
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		u, err = loadUser(r, id)
		return err
	})
	return u.public(), err
}

// UserByName returns the account with a username, in any case of letters, or
// ErrNotFound. It reveals who has an account, so it is for people who are signed in.
func (s *Accounts) UserByName(ctx context.Context, username string) (User, error) {
	var u userRecord
	err := s.store.View(ctx, func(r kv.Reader) error {
		id, err := lookup(r, nameKey(fold(username)))
		if err != nil {
			return err
		}
		u, err = loadUser(r, id)
		return err
	})
	return u.public(), err
}

// LinkInfo is what the page behind a link says before the link is used.
type LinkInfo struct {
	Purpose  Purpose
	Email    string // the recipient; "" for PurposeSetup
	Username string // the account that has or gets the address, for PurposeVerifyEmail, PurposeEmailChange and PurposeEmailUndo
	Expires  time.Time
}

// CheckLink looks at a link without using it up, for the page that asks to
// confirm. Its problems are link_invalid, link_expired and link_used.
func (s *Accounts) CheckLink(ctx context.Context, p Purpose, link Secret) (LinkInfo, error) {
	var info LinkInfo
	err := s.store.View(ctx, func(r kv.Reader) error {
		_, rec, err := s.findLink(r, p, link)
		if err != nil {
			return err
		}
		info = LinkInfo{Purpose: p, Email: rec.Email, Expires: rec.Expires}
		if p != PurposeVerifyEmail && p != PurposeEmailChange && p != PurposeEmailUndo {
			return nil
		}
		u, err := loadUser(r, rec.Subject)
		if p == PurposeEmailChange {
			u, err = accountToMove(r, rec)
		}
		info.Username = u.Username
		return err
	})
	if err != nil {
		return LinkInfo{}, err
	}
	return info, nil
}
