package web

import (
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/issuer"
)

// Each mail with a link waits in the class of who can have it sent, for its own target, as long as its link is
// good; and where its link voids another, in that one's place.
func TestMailsWaitAsTheirKind(t *testing.T) {
	h := newHouse(t)
	m := h.web.mailer
	ctx, end := t.Context(), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	to := authn.Recipient{UserID: "u1", Username: "ada", Email: "Ada+x@example.org", Source: "198.51.100.7"}
	about := authn.Event{Kind: authn.EventDeviceAsked, Time: end, Args: map[string]string{"email": "new@example.org"}}
	const box = "ada@example.org"
	for name, c := range map[string]struct {
		send func() error
		want mail.Terms
	}{
		"verify":     {func() error { return m.VerifyEmail(ctx, to, "x", end) }, mail.Terms{Class: mail.Strangers, Slot: "verify/u1", Target: box, Source: to.Source}},
		"invitation": {func() error { return m.Invitation(ctx, to, "root", "x", end) }, mail.Terms{Class: mail.Members, Slot: "invitation/" + box, Target: box, Source: to.Source}},
		"device":     {func() error { return m.ConfirmDevice(ctx, to, "x", end, about) }, mail.Terms{Class: mail.Security, Target: "confirm_device/u1", Source: "u1"}},
		"reset":      {func() error { return m.PasswordReset(ctx, to, "x", end) }, mail.Terms{Class: mail.Asked, Slot: "reset/u1", Target: "u1", Source: to.Source}},
		"undo":       {func() error { return m.AccountLink(ctx, to, authn.PurposeEmailUndo, "x", end, about) }, mail.Terms{Class: mail.Security, Target: "email_undo/u1", Source: "u1"}},
		"recovery":   {func() error { return m.AccountLink(ctx, to, authn.PurposeRecovery, "x", end, authn.Event{}) }, mail.Terms{Class: mail.Security, Slot: "recovery/u1", Target: "recovery/u1", Source: "u1"}},
		"change":     {func() error { return m.AccountLink(ctx, to, authn.PurposeEmailChange, "x", end, authn.Event{}) }, mail.Terms{Class: mail.Members, Slot: "email_change/u1", Target: box, Source: "account u1"}},
		"project": {func() error {
			return m.ProjectInvitation(ctx, to, issuer.Invited{Invitation: issuer.Invitation{ID: "i1", Project: "demo", By: "root", Role: issuer.RoleMaintainer, Expires: end}})
		}, mail.Terms{Class: mail.Members, Slot: "project invitation/i1", Target: box, Source: to.Source}},
	} {
		if err := c.send(); err != nil {
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
