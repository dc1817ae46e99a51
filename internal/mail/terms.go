package mail

import (
	"errors"
	"time"
)

// Class is who can have mails of a kind sent. A Queue has places and a lane of its own for
// each, so that mails of one class neither take the places of another nor hold it up.
type Class string

// The classes.
const (
	// Security is for mails that take a password or a session of the account that they
	// are about: to confirm a sign-in, to take an address back, the end of a recovery.
	Security Class = "security"

	// Asked is for mails to the address of an account that anybody can ask for who knows
	// its name: a forgotten password.
	Asked Class = "asked"

	// Members is for mails that somebody who is signed in has sent to an address of their
	// choice: invitations, another address of their account.
	Members Class = "members"

	// Strangers is for mails that anybody has sent to an address of their choice: those of
	// registrations.
	Strangers Class = "strangers"

	// Alerts is for mails that tell an account of what happened to it, which its owner can't switch
	// off, and Notices for those that can be.
	Alerts  Class = "alerts"
	Notices Class = "notices"

	// nobody is for what is written where there is nobody to write to. No lane sends it.
	nobody Class = "nobody"
)

// room is how many mails of a class wait: for one target, from one source, and in all; and how
// long those do whose Terms don't say.
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
	Slot    string    // a mail takes the place of the one that waits with the same Slot, whose link it voided; "" of none
	Target  string    // account or mailbox that it goes to, with which it shares places
	Source  string    // account or network that had it sent, with which it shares places
	Expires time.Time // when it is not worth sending any more, as its link is over; where it is zero 72 hours from now for Alerts and Notices, else 24
}

// ErrFull says that as many mails wait in a Queue as may: in all, for that target or from
// that source.
var ErrFull = errors.New("mail: too many mails are waiting for the mail server")

// How long mails without Terms.Expires wait.
const (
	linkLife   = 24 * time.Hour
	noticeLife = 72 * time.Hour
)
