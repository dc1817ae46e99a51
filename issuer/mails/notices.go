package mails

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

// Carry writes and queues the emails of notices. A notice without an address goes to the account's verified
// address.
func (m *Mailer) Carry(accounts Accounts) notices.Deliver {
	return func(ctx context.Context, b notices.Batch) (func(kv.Tx) error, error) {
		to, err := recipientOf(ctx, accounts, b)
		if err != nil || to.Email == "" {
			return nil, err
		}
		msg, err := m.writeBatch(b, to)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", notices.ErrRefused, err)
		}
		msg.Terms = noticeTerms(b)
		return func(tx kv.Tx) error {
			err := m.queue.Put(tx, msg)
			switch {
			case errors.Is(err, mail.ErrMessage):
				err = fmt.Errorf("%w: %w", notices.ErrRefused, err)
			case errors.Is(err, mail.ErrFull):
				err = fmt.Errorf("%w: %w", notices.ErrLater, err)
			}
			return err
		}, nil
	}
}

// noticeTerms returns the terms of a batch's email. Each kind has its own space per account, and people who
// cause many emails take turns with others.
func noticeTerms(b notices.Batch) mail.Terms {
	terms := mail.Terms{Class: mail.Notices, Target: b.User + "/" + string(b.Kind), Source: "to " + b.User}
	if b.Kind.Always() {
		terms.Class = mail.Alerts
	}
	if n := b.Notices; len(n) > 0 && n[0].By != "" {
		terms.Source = "by " + n[0].By
	}
	return terms
}

// recipientOf returns the recipient of a batch; without an address the email goes to nobody. If a batch
// has several addresses it chooses the oldest, because a new one may be an intruder's.
func recipientOf(ctx context.Context, accounts Accounts, b notices.Batch) (authn.Recipient, error) {
	for _, n := range b.Notices {
		if n.Email != "" {
			return authn.Recipient{UserID: b.User, Username: n.Username, Email: n.Email}, nil
		}
	}
	u, err := accounts.User(ctx, b.User)
	if errors.Is(err, authn.ErrNotFound) || err == nil && !u.EmailVerified {
		return authn.Recipient{}, nil
	}
	return authn.Recipient{UserID: u.ID, Username: u.Username, Email: u.Email}, err
}

// writeBatch writes the email of one notice, or of several together.
func (m *Mailer) writeBatch(b notices.Batch, to authn.Recipient) (mail.Message, error) {
	msg := mail.Message{To: to.Email}
	var err error
	if len(b.Notices) == 1 && b.More == 0 {
		args := m.args(b.Notices[0])
		args["username"] = to.Username
		msg.Link, _ = args["link"].(string)
		msg.Subject, msg.Text, err = m.pages.Mail("en", string(b.Kind), args)
		if err == nil {
			msg.HTML, err = m.pages.MailHTML("en", string(b.Kind), args)
		}
	} else {
		var items []ui.Args
		for _, n := range b.Notices {
			items = append(items, m.args(n))
		}
		args := m.choice(b.Kind)
		args["username"] = to.Username
		msg.Subject, msg.Text, msg.HTML, err = m.pages.MailDigest("en", string(b.Kind), items, b.More, args)
	}
	return msg, err
}

// choice returns where a kind of email can be switched off, if anywhere.
func (m *Mailer) choice(kind notices.Kind) ui.Args {
	if kind.Always() {
		return ui.Args{}
	}
	return ui.Args{"settings": m.address(string(ui.PathNotifications))}
}

// args returns the arguments of a notice's email, except its recipient.
func (m *Mailer) args(n notices.Notice) ui.Args {
	args, d := m.choice(n.Kind), n.Details
	for name, v := range map[string]string{
		"key": d.Key, "to": d.To, "user": d.User, "from": d.From, "label": d.Label, "network": d.Network, "verifier": d.Verifier,
		"url": d.URL, "reason": d.Reason, "project": d.Project, "version": d.Version, "file": d.File, "role": m.role(d.Role), "was": m.role(d.Was),
	} {
		args[name] = v
	}
	for name, at := range map[string]time.Time{"until": d.Until, "created": d.Created, "expires": d.Expires, "used": d.Used} {
		if !at.IsZero() {
			args[name] = at
		}
	}
	args["left"] = d.CodesLeft
	switch {
	case d.Token != "":
		args["link"] = m.address(ui.PathToken.With(d.Token))
		scope := m.pages.Scope("en", d.AllProjects, d.Projects, d.Expires)
		if d.Registers {
			scope += " " + m.pages.Text("en", "bounds.registers", nil)
		}
		args["scope"] = scope
	case d.Project != "":
		args["link"] = m.address(ui.PathProject.With(d.Project))
	default:
		args["link"] = m.address(string(ui.PathLogin))
	}
	if !slices.Contains([]notices.Kind{notices.TokenExpiring, notices.TokenUnused}, n.Kind) { // these are nobody's doing
		args["time"] = n.At
	}
	args["by"], args["ip"] = n.By, n.IP
	if n.Agent != "" {
		args["browser"] = m.pages.Browser("en", n.Agent)
	}
	return args
}

// role returns the word for a role. It returns unknown roles unchanged.
func (m *Mailer) role(role string) string {
	if role == string(projects.RoleOwner) || role == string(projects.RoleMaintainer) {
		return m.pages.Text("en", "audit.role."+role, nil)
	}
	return role
}
