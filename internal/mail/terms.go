package mail

import (
	"errors"
	"time"
)

// Class groups mails by who can cause them to be sent. A Queue has separate places and a separate
// lane for each class, so that mails of one neither take the places of another nor hold it up.
type Class string

// The classes.
const (
	// Security is for mails that only somebody with a password or a session of the account can
	// cause: to confirm a sign-in, to take an address back, the end of a recovery.
	Security Class = "security"

	// Asked is for mails to an account's address that anybody who knows the account's name
	// can ask for: a forgotten password.
	Asked Class = "asked"

	// Members is for mails that a signed-in person causes to be sent to an address of their
	// choice: invitations, another address of their account.
	Members Class = "members"

	// Strangers is for mails that anybody can cause to be sent to an address of their choice:
	// registrations.
	Strangers Class = "strangers"

	// Alerts is for mails about what happened to an account that its owner can't switch off, and
	// Notices for those that the owner can.
	Alerts  Class = "alerts"
	Notices Class = "notices"

	// nobody is for the mails of Queue.Nobody. No lane sends it.
	nobody Class = "nobody"
)

// room says how many mails of a class may wait (for one target, from one source, and in all), and
// how long a mail waits if its Terms don't say.
type room struct {
	target, source, all int
	life                time.Duration
}

var rooms = map[Class]room{
	Security:  {10, 10, 2048, linkLife},
	Asked:     {3, 64, 1024, linkLife},
	Members:   {5, 64, 512, linkLife},
	Strangers: {5, 64, 512, linkLife},
	Alerts:    {3, 64, 4096, noticeLife},
	Notices:   {3, 64, 2048, noticeLife},
	nobody:    {1, 1, 1, linkLife},
}

// Terms say how a mail waits in a Queue; a Sender that sends at once ignores them.
type Terms struct {
	Class   Class     // Strangers where it is ""
	Slot    string    // the mail replaces a waiting one with the same Slot, whose link it voided; "" replaces none
	Target  string    // account or mailbox that it goes to; all mails to it share places
	Source  string    // account or network that caused it; all mails from it share places
	Expires time.Time // when it is no longer worth sending, as its link has expired; zero: 72 hours from now for Alerts and Notices, else 24
}

// ErrFull says that no more mails may wait in a Queue: in all, for that target or from
// that source.
var ErrFull = errors.New("mail: too many mails are waiting for the mail server")

// How long mails without Terms.Expires wait.
const (
	linkLife   = 24 * time.Hour
	noticeLife = 72 * time.Hour
)
