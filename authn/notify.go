package authn

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/audit"
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

// Origin says where a request came from. The caller decides which proxies it
// believes about the address. Limits count the address, so it has to be set:
// all requests without one count as one.
type Origin struct {
	IP        netip.Addr
	UserAgent string
	RequestID string
	Device    Secret // what the browser's DeviceCookie holds; "" nothing
}

// address is the address as records have it; "" where it is not known.
func (o Origin) address() string {
	if !o.IP.IsValid() {
		return ""
	}
	return o.IP.Unmap().String()
}

// source is who counts as one where mails to others are asked for: the network, of IPv6 the /48,
// for that is what one customer may have.
func (o Origin) source() string {
	if ip := o.IP.Unmap().WithZone(""); ip.Is6() {
		p, _ := ip.Prefix(48) // never fails for an IPv6 address
		return p.String()
	}
	return network(o.IP)
}

// agent is the browser as records have it.
func (o Origin) agent() string {
	return strings.ToValidUTF8(o.UserAgent[:min(len(o.UserAgent), maxAgent)], "")
}

// maxAgent is how much of a User-Agent header is kept, in bytes.
const maxAgent = 512

// actor is the row's word for a person at an origin.
func (o Origin) actor(u userRecord, factor Factor) audit.Actor {
	return audit.Actor{
		UserID: u.ID, Username: u.Username, Factor: string(factor),
		UserAgent: o.UserAgent, RequestID: o.RequestID, IP: o.address(),
	}
}

// Secret is the text of a link. It prints as a placeholder, so that it does
// not end up in a log by accident.
type Secret string

// Reveal is the text itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the text.
func (s Secret) String() string { return "[secret]" }

// GoString hides the text.
func (s Secret) GoString() string { return "[secret]" }

// MarshalText hides the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// LogValue hides the text.
func (s Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// optional is err, but for ErrMail, which goes to refused: a change is made without the mail. A transaction
// calls it that may run again.
func optional(err error, refused *error) error {
	if *refused = nil; errors.Is(err, ErrMail) {
		*refused = err
		return nil
	}
	return err
}

// unmailed notes a mail that was not taken, without which a change was made.
func (s *core) unmailed(ctx context.Context, what string, err error) {
	if err != nil {
		s.log.WarnContext(ctx, "authn: a mail was not taken", "mail", what, "error", err)
	}
}
