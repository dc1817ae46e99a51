package authn

import (
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// Notifier takes mails with links. Its methods write the mail in the transaction of the change
// that needs it, so that there is neither without the other; they send nothing themselves. They return an error that
// wraps ErrMail where the mail is not taken, and have written nothing then; any other is the store's.
type Notifier interface {
	// VerifyEmail sends the link that shows that the account's owner reads that
	// address. The link's page burns it by POST only: scanners of mail follow links.
	VerifyEmail(tx kv.Tx, to Recipient, link Secret, expires time.Time) error

	// Invitation sends an invitation; by is the administrator's username, "" for the
	// operator.
	Invitation(tx kv.Tx, to Recipient, by string, link Secret, expires time.Time) error

	// ConfirmDevice sends the link that lets a sign-in go on, with what it is about.
	ConfirmDevice(tx kv.Tx, to Recipient, link Secret, expires time.Time, about Event) error

	// PasswordReset sends the link with which a forgotten password is set anew. A
	// Recipient without an address gets nothing, after the same work.
	PasswordReset(tx kv.Tx, to Recipient, link Secret, expires time.Time) error

	// AccountLink sends a link of one of the other purposes (PurposeRecovery, PurposeEmailChange,
	// PurposeEmailUndo: args: email), with
	// what it is about.
	AccountLink(tx kv.Tx, to Recipient, p Purpose, link Secret, expires time.Time, about Event) error

	// AddressInUse tells the owner of an address that somebody gave it for another account, userID. It takes the
	// place of the mail with a link of purpose p that would have gone there otherwise, in every respect but what it
	// says: nobody learns by what becomes of it which of the two it was.
	AddressInUse(tx kv.Tx, to Recipient, p Purpose, userID string, event Event) error
}

// Recipient is to whom a mail goes.
type Recipient struct {
	UserID   string // "" for somebody without an account
	Username string // "" for somebody without an account
	Email    string

	// Source is who has the mail sent where its address was chosen by them: a network, or an
	// account. Whoever sends it may bound what one source has it send; "" says nothing.
	Source string

	// Invited is set where that somebody holds a link by which they were asked to register: strangers
	// can't be told apart from each other, and they can.
	Invited bool
}

// Kinds of Event.
const (
	EventDeviceAsked  = "confirm_device" // of the mail that ConfirmDevice sends
	EventAddressInUse = "address_in_use" // somebody gave this address for another account; the owner need do nothing
)

// Event is something that happened to an account, for a mail.
type Event struct {
	Kind   string            // one of the Event constants
	Time   time.Time         // UTC
	Origin Origin            // of the request that did it
	Args   map[string]string // what the mail mentions beside that; never a secret
}
