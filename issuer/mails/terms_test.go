package mails

import (
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/issuer/projects"
)

// Each mail with a link waits in the class of who can have it sent, for its own target, as long as its link is
// good; and where its link voids another, in that one's place.
func TestMailsWaitAsTheirKind(t *testing.T) {
	d := newDesk(t)
	m := d.mailer
	end := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	to := authn.Recipient{UserID: "u1", Username: "ada", Email: "Ada+x@example.org", Source: "198.51.100.7"}
	about := authn.Event{Time: end}
	guest, owner := to, to
	guest.Invited = true
	owner.UserID = "u2"
	used := authn.Event{Time: end.Add(-24 * time.Hour)}
	link := func(p authn.Purpose, to authn.Recipient, about authn.Event) func(tx kv.Tx) error {
		return func(tx kv.Tx) error {
			return m.Link(tx, authn.LinkMail{Purpose: p, To: to, Link: "x", Expires: end, Inviter: "root", NewEmail: "new@example.org", About: about})
		}
	}
	const box = "ada@example.org"
	for name, c := range map[string]struct {
		send func(tx kv.Tx) error
		want mail.Terms
	}{
		"verify_email":                     {link(authn.PurposeVerifyEmail, to, authn.Event{}), mail.Terms{Class: mail.Strangers, Slot: "verify_email/u1", Target: box, Source: to.Source}},
		"verify_email of somebody invited": {link(authn.PurposeVerifyEmail, guest, authn.Event{}), mail.Terms{Class: mail.Members, Slot: "verify_email/u1", Target: box, Source: to.Source}},
		"address in use, verify":           {func(tx kv.Tx) error { return m.AddressInUse(tx, owner, authn.PurposeVerifyEmail, "u1", used) }, mail.Terms{Class: mail.Strangers, Slot: "verify_email/u1", Target: box, Source: to.Source}},
		"address in use, change":           {func(tx kv.Tx) error { return m.AddressInUse(tx, owner, authn.PurposeEmailChange, "u1", used) }, mail.Terms{Class: mail.Members, Slot: "email_change/u1", Target: box, Source: "account u1"}},
		"invitation":                       {link(authn.PurposeInvitation, to, authn.Event{}), mail.Terms{Class: mail.Members, Slot: "invitation/" + box, Target: box, Source: to.Source}},
		"device":                           {link(authn.PurposeDevice, to, about), mail.Terms{Class: mail.Security, Target: "confirm_device/u1", Source: "u1"}},
		"reset":                            {link(authn.PurposeReset, to, authn.Event{}), mail.Terms{Class: mail.Asked, Slot: "reset/u1", Target: "u1", Source: to.Source}},
		"undo":                             {link(authn.PurposeEmailUndo, to, about), mail.Terms{Class: mail.Security, Target: "email_undo/u1", Source: "u1"}},
		"recovery":                         {link(authn.PurposeRecovery, to, authn.Event{}), mail.Terms{Class: mail.Security, Slot: "recovery/u1", Target: "recovery/u1", Source: "u1"}},
		"change":                           {link(authn.PurposeEmailChange, to, authn.Event{}), mail.Terms{Class: mail.Members, Slot: "email_change/u1", Target: box, Source: "account u1"}},
		"project": {func(tx kv.Tx) error {
			return m.ProjectInvitation(tx, projects.Invited{Address: to.Email, Invitation: projects.Invitation{ID: "i1", To: to.Email, Project: "demo", By: "root", Role: projects.RoleMaintainer, Expires: end}})
		}, mail.Terms{Class: mail.Members, Slot: "project invitation/i1", Target: box, Source: "account root"}},
	} {
		if err := d.store.Update(t.Context(), c.send); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		all := d.queue.mails
		c.want.Expires = end
		if got := all[len(all)-1].Terms; got != c.want {
			t.Errorf("%s waits as %+v, want %+v", name, got, c.want)
		}
	}
}
