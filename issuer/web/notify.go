package web

import (
	"context"
	"net/url"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/ui"
)

// Mailer writes the mails of the whole house. It is authn's Notifier.
type Mailer struct {
	pages  *ui.Renderer
	queue  Queue
	public *url.URL
}

// Queue takes mails with links and sends them later; see mail.Queue.
type Queue interface {
	// Send returns nil when the mail is durable, and waits as its Terms say.
	Send(ctx context.Context, m mail.Message) error

	// Nobody does the work of Send and sends nothing.
	Nobody(ctx context.Context, m mail.Message) error
}

// NewMailer makes a Mailer whose links lead to public.
func NewMailer(pages *ui.Renderer, queue Queue, public *url.URL) *Mailer {
	return &Mailer{pages: pages, queue: queue, public: public}
}

// VerifyEmail implements authn.Notifier.
func (m *Mailer) VerifyEmail(ctx context.Context, to authn.Recipient, link authn.Secret, expires time.Time) error {
	return m.send(ctx, to, ui.MailVerifyEmail, ui.Args{
		"link": m.address(ui.PathVerifyEmail.WithLink(link.Reveal())), "expires": expires,
	}, toStranger(to, "verify", to.UserID))
}

// Invitation implements authn.Notifier.
func (m *Mailer) Invitation(ctx context.Context, to authn.Recipient, by string, link authn.Secret, expires time.Time) error {
	return m.send(ctx, to, ui.MailInvitation, ui.Args{
		"link": m.address(ui.PathInvitation.WithLink(link.Reveal())), "expires": expires, "inviter": by,
	}, byMember(to, "invitation", text.Mailbox(to.Email)))
}

// ConfirmDevice implements authn.Notifier.
func (m *Mailer) ConfirmDevice(ctx context.Context, to authn.Recipient, link authn.Secret, expires time.Time, about authn.Event) error {
	args := m.about(about.Origin, about.Time)
	args["link"], args["expires"] = m.address(ui.PathDeviceConfirm.WithLink(link.Reveal())), expires
	return m.send(ctx, to, about.Kind, args, toOwner(to, about.Kind))
}

// PasswordReset implements authn.Notifier.
func (m *Mailer) PasswordReset(ctx context.Context, to authn.Recipient, link authn.Secret, expires time.Time) error {
	return m.send(ctx, to, ui.MailResetLink, ui.Args{
		"link": m.address(ui.PathReset.WithLink(link.Reveal())), "expires": expires,
	}, mail.Terms{Class: mail.Asked, Slot: "reset/" + to.UserID, Target: to.UserID, Source: to.Source})
}

// linkPages are where the links of AccountLink lead, by what they are for.
var linkPages = map[authn.Purpose]ui.Path{
	authn.PurposeEmailChange: ui.PathEmailConfirm, authn.PurposeEmailUndo: ui.PathEmailUndo,
	authn.PurposeRecovery: ui.PathRecover,
}

// AccountLink implements authn.Notifier. Purposes of links are kinds of mails.
func (m *Mailer) AccountLink(ctx context.Context, to authn.Recipient, p authn.Purpose, link authn.Secret, expires time.Time, about authn.Event) error {
	args := ui.Args{}
	if !about.Time.IsZero() {
		args = m.about(about.Origin, about.Time)
	}
	for k, v := range about.Args {
		args[k] = v
	}
	args["link"], args["expires"] = m.address(linkPages[p].WithLink(link.Reveal())), expires
	terms := toOwner(to, string(p))
	switch p {
	case authn.PurposeEmailChange:
		terms = byMember(to, string(p), to.UserID)
		terms.Source = "account " + to.UserID
	case authn.PurposeRecovery:
		terms.Slot = string(p) + "/" + to.UserID
	}
	return m.send(ctx, to, string(p), args, terms)
}

// AccountEvent implements authn.Notifier. Kinds of events are kinds of mails.
func (m *Mailer) AccountEvent(ctx context.Context, to authn.Recipient, event authn.Event) error {
	args := m.about(event.Origin, event.Time)
	for k, v := range event.Args {
		args[k] = v
	}
	return m.send(ctx, to, event.Kind, args, toStranger(to, event.Kind, to.UserID)) // a stranger gave the address
}

// address is an absolute address on this server, whatever a request called it.
func (m *Mailer) address(path string) string { return m.public.String() + path }

// ProjectInvitation sends the link of an invitation into a project. For a Recipient
// without an address it does the same work, and sends nothing.
func (m *Mailer) ProjectInvitation(ctx context.Context, to authn.Recipient, inv issuer.Invited) error {
	kind := ui.MailProjectInvited
	if inv.Hand != "" {
		kind = ui.MailTransferAsked
	}
	return m.send(ctx, to, kind, ui.Args{
		"project": inv.Project, "inviter": inv.By, "role": string(inv.Role),
		"link": m.address(ui.PathInvitedLink.WithLink(inv.Secret)), "expires": inv.Expires,
	}, byMember(to, "project invitation", inv.ID))
}

// about says from where and when something was done.
func (m *Mailer) about(o authn.Origin, at time.Time) ui.Args {
	ip := ""
	if o.IP.IsValid() {
		ip = o.IP.String()
	}
	return ui.Args{"time": at, "ip": ip, "browser": m.pages.Browser("en", o.UserAgent)}
}

// toOwner are the terms of a mail that takes the password or a session of the account that it goes
// to: no mail that a stranger has sent takes its places, nor does one of another kind.
func toOwner(to authn.Recipient, kind string) mail.Terms {
	return mail.Terms{Class: mail.Security, Target: kind + "/" + to.UserID, Source: to.UserID}
}

// byMember are the terms of a mail that somebody who is signed in has sent to an address of their choice.
func byMember(to authn.Recipient, kind, name string) mail.Terms {
	terms := toStranger(to, kind, name)
	terms.Class = mail.Members
	return terms
}

// toStranger are the terms of a mail to an address that anybody may have chosen. It replaces
// the one of the same kind and name that waits, which is void.
func toStranger(to authn.Recipient, kind, name string) mail.Terms {
	return mail.Terms{Class: mail.Strangers, Slot: kind + "/" + name, Target: text.Mailbox(to.Email), Source: to.Source}
}

// send writes a mail and hands it over. For nobody it does all but that.
func (m *Mailer) send(ctx context.Context, to authn.Recipient, kind string, args ui.Args, terms mail.Terms) error {
	args["username"] = to.Username
	subject, plain, err := m.pages.Mail("en", kind, args)
	if err != nil {
		return err
	}
	html, err := m.pages.MailHTML("en", kind, args)
	if err != nil {
		return err
	}
	link, _ := args["link"].(string)
	terms.Expires, _ = args["expires"].(time.Time)
	msg := mail.Message{To: to.Email, Subject: subject, Text: plain, HTML: html, Link: link, Terms: terms}
	if to.Email == "" {
		return m.queue.Nobody(ctx, msg)
	}
	return m.queue.Send(ctx, msg)
}
