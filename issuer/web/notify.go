package web

import (
	"context"
	"net/url"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/ui"
)

// Mailer writes the mails of the whole house. It is authn's Notifier.
type Mailer struct {
	pages  *ui.Renderer
	sender mail.Sender
	public *url.URL
}

// NewMailer makes a Mailer whose links lead to public.
func NewMailer(pages *ui.Renderer, sender mail.Sender, public *url.URL) *Mailer {
	return &Mailer{pages: pages, sender: sender, public: public}
}

// VerifyEmail implements authn.Notifier.
func (m *Mailer) VerifyEmail(ctx context.Context, to authn.Recipient, link authn.Secret, expires time.Time) error {
	return m.send(ctx, to, ui.MailVerifyEmail, ui.Args{
		"link": m.address(ui.PathVerifyEmail.WithLink(link.Reveal())), "expires": expires,
	})
}

// Invitation implements authn.Notifier.
func (m *Mailer) Invitation(ctx context.Context, to authn.Recipient, by string, link authn.Secret, expires time.Time) error {
	return m.send(ctx, to, ui.MailInvitation, ui.Args{
		"link": m.address(ui.PathInvitation.WithLink(link.Reveal())), "expires": expires, "inviter": by,
	})
}

// ConfirmDevice implements authn.Notifier.
func (m *Mailer) ConfirmDevice(ctx context.Context, to authn.Recipient, link authn.Secret, expires time.Time, about authn.Event) error {
	args := m.about(about.Origin, about.Time)
	args["link"], args["expires"] = m.address(ui.PathDeviceConfirm.WithLink(link.Reveal())), expires
	return m.send(ctx, to, about.Kind, args)
}

// PasswordReset implements authn.Notifier.
func (m *Mailer) PasswordReset(ctx context.Context, to authn.Recipient, link authn.Secret, expires time.Time) error {
	return m.send(ctx, to, ui.MailResetLink, ui.Args{
		"link": m.address(ui.PathReset.WithLink(link.Reveal())), "expires": expires,
	})
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
	return m.send(ctx, to, string(p), args)
}

// AccountEvent implements authn.Notifier. Kinds of events are kinds of mails.
func (m *Mailer) AccountEvent(ctx context.Context, to authn.Recipient, event authn.Event) error {
	args := m.about(event.Origin, event.Time)
	for k, v := range event.Args {
		args[k] = v
	}
	return m.send(ctx, to, event.Kind, args)
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
	})
}

// about says from where and when something was done.
func (m *Mailer) about(o authn.Origin, at time.Time) ui.Args {
	ip := ""
	if o.IP.IsValid() {
		ip = o.IP.String()
	}
	return ui.Args{"time": at, "ip": ip, "browser": m.pages.Browser("en", o.UserAgent)}
}

// send writes a mail and hands it over. For nobody it does all but that.
func (m *Mailer) send(ctx context.Context, to authn.Recipient, kind string, args ui.Args) error {
	args["username"] = to.Username
	subject, text, err := m.pages.Mail("en", kind, args)
	if err != nil {
		return err
	}
	html, err := m.pages.MailHTML("en", kind, args)
	if err != nil || to.Email == "" {
		return err
	}
	link, _ := args["link"].(string)
	return m.sender.Send(ctx, mail.Message{To: to.Email, Subject: subject, Text: text, HTML: html, Link: link})
}
