// Package mails writes all emails of rind: the text, the address of the link, and the terms for the queue
// (internal/mail), which sends them.
//
// A Mailer is authn's Notifier. It also writes the issuer's invitations to projects, and the notices that
// internal/notices has collected for people.
package mails

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

// Mailer writes emails. It is authn's Notifier.
type Mailer struct {
	pages  *ui.Renderer
	queue  Queue
	public *url.URL
}

// Queue stores emails and sends them later; see mail.Queue.
type Queue interface {
	// Put stores an email in the transaction that causes it. Its Terms decide how it waits in the queue.
	// An email to nobody takes up the same space as any other.
	Put(tx kv.Tx, m mail.Message) error

	// Nobody does the same work as Put, but stores no email.
	Nobody(tx kv.Tx, m mail.Message) error
}

// Accounts finds accounts.
type Accounts interface {
	// User returns the account with an ID, or authn.ErrNotFound.
	User(ctx context.Context, id string) (authn.User, error)
}

// New makes a Mailer whose links begin with public.
func New(pages *ui.Renderer, queue Queue, public *url.URL) *Mailer {
	return &Mailer{pages: pages, queue: queue, public: public}
}

// linkMails has the kinds of emails with links, and the page that each link leads to.
var linkMails = map[authn.Purpose]struct {
	kind string
	page ui.Path
}{
	authn.PurposeVerifyEmail: {ui.MailVerifyEmail, ui.PathVerifyEmail},
	authn.PurposeInvitation:  {ui.MailInvitation, ui.PathInvitation},
	authn.PurposeDevice:      {ui.MailConfirmDevice, ui.PathDeviceConfirm},
	authn.PurposeReset:       {ui.MailResetLink, ui.PathReset},
	authn.PurposeEmailChange: {ui.MailEmailChange, ui.PathEmailConfirm},
	authn.PurposeEmailUndo:   {ui.MailEmailUndo, ui.PathEmailUndo},
	authn.PurposeRecovery:    {ui.MailRecovery, ui.PathRecover},
}

// Link implements authn.Notifier.
func (m *Mailer) Link(tx kv.Tx, l authn.LinkMail) error {
	it, ok := linkMails[l.Purpose]
	if !ok {
		return fmt.Errorf("mails: no mail has a link of the purpose %q", l.Purpose)
	}
	args := ui.Args{}
	if !l.About.Time.IsZero() {
		args = m.about(l.About.Origin, l.About.Time)
	}
	args["link"], args["expires"] = m.address(it.page.WithLink(l.Link.Reveal())), l.Expires
	args["inviter"], args["email"] = l.Inviter, l.NewEmail
	return m.send(tx, l.To, it.kind, args, linkTerms(l.To, l.Purpose, it.kind))
}

// linkTerms returns the terms of an email with a link.
func linkTerms(to authn.Recipient, p authn.Purpose, kind string) mail.Terms {
	switch p {
	case authn.PurposeVerifyEmail, authn.PurposeEmailChange:
		return toNew(to, p, to.UserID)
	case authn.PurposeInvitation:
		return byMember(to, "invitation", text.Mailbox(to.Email))
	case authn.PurposeReset:
		return mail.Terms{Class: mail.Asked, Slot: "reset/" + to.UserID, Target: to.UserID, Source: to.Source}
	}
	terms := toOwner(to, kind)
	if p == authn.PurposeRecovery {
		terms.Slot = kind + "/" + to.UserID
	}
	return terms
}

// AddressInUse implements authn.Notifier.
func (m *Mailer) AddressInUse(tx kv.Tx, to authn.Recipient, p authn.Purpose, userID string, about authn.Event) error {
	terms := toNew(to, p, userID)
	terms.Expires = about.Time.Add(p.Life())
	return m.send(tx, to, ui.MailAddressInUse, m.about(about.Origin, about.Time), terms)
}

// address makes a path an absolute address on this server. It does not depend on the Host of a request.
func (m *Mailer) address(path string) string { return m.public.String() + path }

// ProjectInvitation queues the email with the link of an invitation to a project. If nobody has the name or
// address, it queues a blank in its place, so that the inviter can't learn whether the account exists.
func (m *Mailer) ProjectInvitation(tx kv.Tx, inv projects.Invited) error {
	kind := ui.MailProjectInvited
	if inv.Hand != "" {
		kind = ui.MailTransferAsked
	}
	target := "user " + strings.ToLower(inv.To)
	if strings.Contains(inv.To, "@") {
		target = text.Mailbox(inv.To)
	}
	msg, err := m.write(authn.Recipient{Email: inv.Address}, kind, ui.Args{
		"project": inv.Project, "inviter": inv.By, "role": string(inv.Role),
		"link": m.address(ui.PathInvitedLink.WithLink(inv.Secret)), "expires": inv.Expires,
	}, mail.Terms{Class: mail.Members, Slot: "project invitation/" + inv.ID, Target: target, Source: "account " + inv.By})
	if err != nil {
		return err
	}
	return refused(m.queue.Put(tx, msg))
}

// about returns the arguments that say when and from where something was done.
func (m *Mailer) about(o authn.Origin, at time.Time) ui.Args {
	ip := ""
	if o.IP.IsValid() {
		ip = o.IP.String()
	}
	return ui.Args{"time": at, "ip": ip, "browser": m.pages.Browser("en", o.UserAgent)}
}

// toOwner returns the terms of an email that an account's owner gets after giving the password or using a
// session. Emails that strangers cause, and emails of other kinds, can't take its space.
func toOwner(to authn.Recipient, kind string) mail.Terms {
	return mail.Terms{Class: mail.Security, Target: kind + "/" + to.UserID, Source: to.UserID}
}

// byMember returns the terms of an email that a signed-in user sends to an address of their choice.
func byMember(to authn.Recipient, kind, name string) mail.Terms {
	return mail.Terms{Class: mail.Members, Slot: kind + "/" + name, Target: text.Mailbox(to.Email), Source: to.Source}
}

// toNew returns the terms of an email to an address that an account does not have yet, or of the email that
// the address's owner gets instead. It replaces a waiting email with the same purpose and account, whose
// link no longer works.
func toNew(to authn.Recipient, p authn.Purpose, userID string) mail.Terms {
	terms := byMember(to, string(p), userID)
	switch {
	case p == authn.PurposeEmailChange:
		terms.Source = "account " + userID
	case !to.Invited: // anybody may have chosen the address
		terms.Class = mail.Strangers
	}
	return terms
}

// send writes and queues an email. If the recipient has no address it does the same work, but sends nothing.
func (m *Mailer) send(tx kv.Tx, to authn.Recipient, kind string, args ui.Args, terms mail.Terms) error {
	msg, err := m.write(to, kind, args, terms)
	switch {
	case err != nil:
		return err
	case to.Email == "":
		return refused(m.queue.Nobody(tx, msg))
	}
	return refused(m.queue.Put(tx, msg))
}

// write renders an email.
func (m *Mailer) write(to authn.Recipient, kind string, args ui.Args, terms mail.Terms) (mail.Message, error) {
	args["username"] = to.Username
	subject, plain, err := m.pages.Mail("en", kind, args)
	if err != nil {
		return mail.Message{}, err
	}
	html, err := m.pages.MailHTML("en", kind, args)
	if err != nil {
		return mail.Message{}, err
	}
	link, _ := args["link"].(string)
	if at, ok := args["expires"].(time.Time); ok {
		terms.Expires = at
	}
	return mail.Message{To: to.Email, Subject: subject, Text: plain, HTML: html, Link: link, Terms: terms}, nil
}

// refused returns authn.ErrMail if the queue did not accept the email.
func refused(err error) error {
	if errors.Is(err, mail.ErrFull) || errors.Is(err, mail.ErrMessage) {
		return fmt.Errorf("%w: %w", authn.ErrMail, err)
	}
	return err
}
