package authn

import (
	"slices"
	"testing"

	"github.com/rind-dev/rind/internal/notices"
)

// Who switches mails off gets them no more, which the trail shows; those that tell of
// an intruder can't be switched off.
func TestNotifications(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	set := func(off ...notices.Kind) {
		t.Helper()
		if err := e.Notifications.SetOff(ctx, root.Session, home, off); err != nil {
			t.Fatal(err)
		}
	}
	off := func() []notices.Kind {
		t.Helper()
		off, err := e.Notifications.Off(ctx, root.Session)
		if err != nil {
			t.Fatal(err)
		}
		return off
	}
	if got := off(); got != nil {
		t.Errorf("at first %q are off", got)
	}
	set(notices.TokenUnused, notices.TokenExpiring, notices.TokenMinted, notices.TOTPRemoved, "nothing")
	if got := off(); !slices.Equal(got, []notices.Kind{notices.TokenExpiring, notices.TokenUnused}) {
		t.Errorf("off: %q", got)
	}
	if row := e.wantRow(rowNotifications, root.UserID); row.Detail["off"] != "token_expiring, token_unused" || row.Detail["on"] != "" {
		t.Errorf("the row says %v", row.Detail)
	}
	set(notices.RoleLost, notices.TokenUnused)
	if row := e.wantRow(rowNotifications, root.UserID); row.Detail["off"] != "role_lost" || row.Detail["on"] != "token_expiring" {
		t.Errorf("the row says %v", row.Detail)
	}
	e.unchanged(func() {
		set(notices.TokenUnused, notices.RoleLost)
		for _, x := range []Session{{}, {UserID: root.UserID, Stage: StagePassword, Generation: root.Session.Generation}} {
			if _, err := e.Notifications.Off(ctx, x); err == nil {
				t.Error("shown to nobody")
			}
			if err := e.Notifications.SetOff(ctx, x, home, nil); err == nil {
				t.Error("changed by nobody")
			}
		}
	})
}

// Who hears of an act of somebody else is told who, and nothing of where they are.
func TestOthersAddressesAreTheirs(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	if err := e.Administration.SetFrozen(t.Context(), root.Session, home, bob.UserID, true); err != nil {
		t.Fatal(err)
	}
	n := e.mails.last(t, string(notices.Frozen)).notice
	if n.User != bob.UserID || n.Email != "bob@example.org" || n.By != "root" || n.IP != "" || n.Agent != "" {
		t.Errorf("bob is told %+v", n)
	}
	if err := e.Administration.SetFrozen(t.Context(), root.Session, home, bob.UserID, false); err != nil {
		t.Fatal(err)
	}
	if err := e.Administration.SetAdmin(t.Context(), root.Session, home, bob.UserID, true); err != nil {
		t.Fatal(err)
	}
	if n := e.mails.last(t, string(notices.AdminGranted)).notice; n.User != bob.UserID || n.By != "root" {
		t.Errorf("bob is told %+v", n)
	}
	if err := e.Administration.SetAdmin(t.Context(), root.Session, home, bob.UserID, false); err != nil {
		t.Fatal(err)
	}
	e.mails.last(t, string(notices.AdminRevoked))
	if own := e.mails.mails[1].notice; own.By != "" || own.IP == "" || own.At.IsZero() {
		t.Errorf("root is told of an own act %+v", own)
	}
}
