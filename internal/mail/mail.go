// Package mail sends the few mails that rind writes: links to verify an address
// or to accept an invitation, and notices of what happened to an account.
//
// A mail leaves through an SMTP server (NewSMTP) or, if no server is configured, is
// written as a file into a folder (NewOutbox). These two send while the caller
// waits, with a time-out, and try once. A Queue in front of one of them returns once
// the mail is in the store, and retries.
//
// Mails carry links that let their reader in. No error and no log line of this
// package contains any of a mail's text.
package mail

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"github.com/rind-dev/rind/internal/text"
)

// ErrMessage says that a message is invalid and can't be sent to anybody.
var ErrMessage = errors.New("mail: the message is not acceptable")

// maxSubject and maxBody bound a message, in bytes: mails of rind are short.
const (
	maxSubject = 500
	maxBody    = 1 << 20
)

// Message is one mail to one person.
type Message struct {
	To      string `json:"to"`      // bare address: "ada@example.org"
	Subject string `json:"subject"` // one line
	Text    string `json:"text"`    // plain text, UTF-8
	HTML    string `json:"html"`    // the same for readers of HTML; "" for none
	Link    string `json:"link"`    // the link that the text asks to open; "" for none. It is not sent separately

	Terms Terms `json:"-"` // how it waits in a Queue
}

// Sender sends mail. It is safe for concurrent use.
type Sender interface {
	// Send returns nil once the message is handed over for good: accepted by
	// the mail server, or durable in the outbox. It returns ErrMessage for a
	// message that it refuses, the context's error if that ends first, and
	// otherwise an error that names the server or the folder.
	Send(ctx context.Context, m Message) error
}

// check refuses what could smuggle headers or recipients into a mail: only the
// body may have more than one line.
func (m Message) check() error {
	addr, err := netmail.ParseAddress(m.To)
	switch {
	case err != nil || addr.Address != m.To || strings.ContainsFunc(m.To, unicode.IsControl):
		return fmt.Errorf("%w: its recipient is not one bare address", ErrMessage)
	case m.Subject == "" || len(m.Subject) > maxSubject || !utf8.ValidString(m.Subject) || strings.ContainsFunc(m.Subject, text.Disruptive):
		return fmt.Errorf("%w: its subject is not one line of 1 to %d bytes", ErrMessage, maxSubject)
	case m.Text == "" || len(m.Text)+len(m.HTML) > maxBody || !utf8.ValidString(m.Text) || !utf8.ValidString(m.HTML):
		return fmt.Errorf("%w: its text is not 1 to %d bytes of UTF-8", ErrMessage, maxBody)
	}
	return nil
}

// envelope is what the mails of one sender have in common.
type envelope struct {
	from *netmail.Address
	now  func() time.Time
}

// newEnvelope reads a sender's address, with or without a name.
func newEnvelope(from string, now func() time.Time) (envelope, error) {
	addr, err := netmail.ParseAddress(from)
	if err != nil || strings.ContainsFunc(from, text.Disruptive) {
		return envelope{}, fmt.Errorf("mail: the sender %q is not an email address", from)
	}
	if now == nil {
		now = time.Now
	}
	return envelope{from: addr, now: now}, nil
}

// host is the domain of the sender's address: the right side of Message-IDs.
func (e envelope) host() string {
	return e.from.Address[strings.LastIndexByte(e.from.Address, '@')+1:]
}

// build makes the mail (RFC 5322), marked so that no machine answers it (RFC 3834 §5).
func (e envelope) build(m Message, encoding gomail.Encoding) (*gomail.Msg, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithEncoding(encoding), gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(e.from)
	msg.ToMailAddress(&netmail.Address{Address: m.To})
	msg.Subject(m.Subject)
	msg.SetDateWithValue(e.now())
	msg.SetMessageIDWithValue(randomName() + "@" + e.host())
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}

// randomName is 128 random bits in hex.
func randomName() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// render returns the mail as bytes.
func render(msg *gomail.Msg) ([]byte, error) {
	var b bytes.Buffer
	_, err := msg.WriteTo(&b)
	if err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
