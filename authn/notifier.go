package authn

import (
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// Notifier takes mails with links. Its methods write the mail in the transaction of the change
// that needs it, so that there is neither without the other; they send nothing themselves. They return an error that
// wraps ErrMail where the mail is not taken, and have written nothing then; any other is the store's.
type Notifier interface {
	// Link takes a mail with a link.
	Link(tx kv.Tx, m LinkMail) error

	// AddressInUse notifies the owner of an address that somebody entered it for another account, userID. It takes the
	// place of the mail with a link of purpose p that would have gone there otherwise, in every respect but what it
	// says: nobody learns by what becomes of it which of the two it was. The owner need do nothing.
	AddressInUse(tx kv.Tx, to Recipient, p Purpose, userID string, about Event) error
}

// LinkMail is a mail with a link. The page behind the link uses it up by POST only: scanners of mail
// follow links.
type LinkMail struct {
	Purpose Purpose
	To      Recipient // one without an address gets nothing, after the same work
	Link    Secret
	Expires time.Time

	Inviter  string // for PurposeInvitation: an administrator's username; "" for the operator
	NewEmail string // for PurposeEmailUndo: the address that the account moves to
	About    Event  // what led to the mail; zero where the mail does not say
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

// Event is something that was done to an account, for a mail.
type Event struct {
	Time   time.Time // UTC
	Origin Origin    // of the request that did it
}
