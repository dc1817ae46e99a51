package authn

import (
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// Notifier queues mails with links. Its methods write the mail in the transaction of the change
// that needs it, so that both are committed or neither is; they send nothing themselves. If they refuse the mail they
// write nothing and return an error that wraps ErrMail; any other error is the store's.
type Notifier interface {
	// Link queues a mail with a link.
	Link(tx kv.Tx, m LinkMail) error

	// AddressInUse notifies the owner of an address that somebody entered it for another account, userID. It replaces
	// the mail with a link of purpose p that would otherwise have gone there, and is treated like that mail in every
	// respect except its text, so that nobody can tell from the treatment which of the two was sent. The owner need
	// do nothing.
	AddressInUse(tx kv.Tx, to Recipient, p Purpose, userID string, about Event) error
}

// LinkMail is a mail with a link. The page that the link opens uses it up by POST only, because mail scanners
// follow links.
type LinkMail struct {
	Purpose Purpose
	To      Recipient // if it has no address nothing is sent, after the same work
	Link    Secret
	Expires time.Time

	Inviter  string // for PurposeInvitation: an administrator's username; "" for the operator
	NewEmail string // for PurposeEmailUndo: the address that the account moves to
	About    Event  // what led to the mail; zero if the mail does not say
}

// Recipient is the person to whom a mail goes.
type Recipient struct {
	UserID   string // "" for somebody without an account
	Username string // "" for somebody without an account
	Email    string

	// Source is the network or the account that caused the mail and chose its address. The sender may
	// limit the mails of one source; "" means that no source is given.
	Source string

	// Invited is set if Source holds an invitation link to register: strangers can't be told apart
	// from each other, but invited people can.
	Invited bool
}

// Event is something that was done to an account, for a mail.
type Event struct {
	Time   time.Time // UTC
	Origin Origin    // of the request that did it
}
