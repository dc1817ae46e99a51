package authn

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/audit"
)

// Notifier sends mail. Its methods are called after the change is committed,
// never inside a transaction, with a context that outlives the request; they should
// queue and return. An error is logged, and reported where somebody waits for that
// mail.
type Notifier interface {
	// VerifyEmail sends the link that shows that the account's owner reads that
	// address. The link's page burns it by POST only: scanners of mail follow links.
	VerifyEmail(ctx context.Context, to Recipient, link Secret, expires time.Time) error

	// Invitation sends an invitation; by is the administrator's username, "" for the
	// operator.
	Invitation(ctx context.Context, to Recipient, by string, link Secret, expires time.Time) error

	// ConfirmDevice sends the link that lets a sign-in go on, with what it is about.
	ConfirmDevice(ctx context.Context, to Recipient, link Secret, expires time.Time, about Event) error

	// PasswordReset sends the link with which a forgotten password is set anew. A
	// Recipient without an address gets nothing, after the same work.
	PasswordReset(ctx context.Context, to Recipient, link Secret, expires time.Time) error

	// AccountLink sends a link of one of the other purposes (PurposeRecovery, PurposeEmailChange,
	// PurposeEmailUndo: args: email), with
	// what it is about.
	AccountLink(ctx context.Context, to Recipient, p Purpose, link Secret, expires time.Time, about Event) error

	// AccountEvent tells the owner of an account, or of an address, what happened.
	AccountEvent(ctx context.Context, to Recipient, event Event) error
}

// Recipient is to whom a mail goes.
type Recipient struct {
	UserID   string // "" for somebody without an account
	Username string // "" for somebody without an account
	Email    string

	// Source is who has the mail sent where its address was chosen by them: a network, or an
	// account. Whoever sends it may bound what one source has it send; "" says nothing.
	Source string
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

// mail runs one call of the Notifier and turns its failure into ErrMail.
func (s *Service) mail(ctx context.Context, what string, send func(context.Context) error) error {
	err := send(context.WithoutCancel(ctx))
	if err == nil {
		return nil
	}
	s.log.ErrorContext(ctx, "authn: a mail was not sent", "mail", what, "error", err)
	return fmt.Errorf("%w: %s: %w", ErrMail, what, err)
}
