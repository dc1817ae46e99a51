package web

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
	h := newHouse(t)
	m := h.mailer
	end := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	to := authn.Recipient{UserID: "u1", Username: "ada", Email: "Ada+x@example.org", Source: "198.51.100.7"}
	about := authn.Event{Kind: authn.EventDeviceAsked, Time: end, Args: map[string]string{"email": "new@example.org"}}
	guest, owner := to, to
	guest.Invited = true
	owner.UserID = "u2"
	used := authn.Event{Kind: authn.EventAddressInUse, Time: end.Add(-24 * time.Hour)}
	const box = "ada@example.org"
	for name, c := range map[string]struct {
		send func(tx kv.Tx) error
		want mail.Terms
	}{
		"verify_email":                     {func(tx kv.Tx) error { return m.VerifyEmail(tx, to, "x", end) }, mail.Terms{Class: mail.Strangers, Slot: "verify_email/u1", Target: box, Source: to.Source}},
		"verify_email of somebody invited": {func(tx kv.Tx) error { return m.VerifyEmail(tx, guest, "x", end) }, mail.Terms{Class: mail.Members, Slot: "verify_email/u1", Target: box, Source: to.Source}},
		"address in use, verify":           {func(tx kv.Tx) error { return m.AddressInUse(tx, owner, authn.PurposeVerifyEmail, "u1", used) }, mail.Terms{Class: mail.Strangers, Slot: "verify_email/u1", Target: box, Source: to.Source}},
		"address in use, change":           {func(tx kv.Tx) error { return m.AddressInUse(tx, owner, authn.PurposeEmailChange, "u1", used) }, mail.Terms{Class: mail.Members, Slot: "email_change/u1", Target: box, Source: "account u1"}},
		"invitation":                       {func(tx kv.Tx) error { return m.Invitation(tx, to, "root", "x", end) }, mail.Terms{Class: mail.Members, Slot: "invitation/" + box, Target: box, Source: to.Source}},
		"device":                           {func(tx kv.Tx) error { return m.ConfirmDevice(tx, to, "x", end, about) }, mail.Terms{Class: mail.Security, Target: "confirm_device/u1", Source: "u1"}},
		"reset":                            {func(tx kv.Tx) error { return m.PasswordReset(tx, to, "x", end) }, mail.Terms{Class: mail.Asked, Slot: "reset/u1", Target: "u1", Source: to.Source}},
		"undo":                             {func(tx kv.Tx) error { return m.AccountLink(tx, to, authn.PurposeEmailUndo, "x", end, about) }, mail.Terms{Class: mail.Security, Target: "email_undo/u1", Source: "u1"}},
		"recovery":                         {func(tx kv.Tx) error { return m.AccountLink(tx, to, authn.PurposeRecovery, "x", end, authn.Event{}) }, mail.Terms{Class: mail.Security, Slot: "recovery/u1", Target: "recovery/u1", Source: "u1"}},
		"change":                           {func(tx kv.Tx) error { return m.AccountLink(tx, to, authn.PurposeEmailChange, "x", end, authn.Event{}) }, mail.Terms{Class: mail.Members, Slot: "email_change/u1", Target: box, Source: "account u1"}},
		"project": {func(tx kv.Tx) error {
			return m.ProjectInvitation(tx, projects.Invited{Address: to.Email, Invitation: projects.Invitation{ID: "i1", To: to.Email, Project: "demo", By: "root", Role: projects.RoleMaintainer, Expires: end}})
		}, mail.Terms{Class: mail.Members, Slot: "project invitation/i1", Target: box, Source: "account root"}},
	} {
		if err := h.store.Update(t.Context(), c.send); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		all := h.mails.messages()
		c.want.Expires = end
		if got := all[len(all)-1].Terms; got != c.want {
			t.Errorf("%s waits as %+v, want %+v", name, got, c.want)
		}
	}
}
