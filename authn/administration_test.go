package authn

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
)

func TestUser(t *testing.T) {
	e := newEnv(t)
	_, err := e.Accounts.User(t.Context(), "nobody")
	wantErr(t, err, ErrNotFound)
	_, err = e.Accounts.User(t.Context(), "")
	wantErr(t, err, ErrNotFound)
}

// Only an administrator administers, and with a fresh factor where it matters.
func TestAdministrationIsForAdministrators(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(bob)
	calls := func(x Session) map[string]error {
		ctx := t.Context()
		out := map[string]error{
			"SetFrozen":   e.Administration.SetFrozen(ctx, x, home, root.UserID, true),
			"SetAdmin":    e.Administration.SetAdmin(ctx, x, home, bob.UserID, true),
			"Revoke":      e.Invitations.Revoke(ctx, x, home, "none"),
			"SetReadOnly": e.Settings.SetReadOnly(ctx, x, home, true, "why"), "SetRegistration": e.Settings.SetRegistration(ctx, x, home, "open"),
			"SetBanner": e.Settings.SetBanner(ctx, x, home, someBanner), "ClearBanner": e.Settings.ClearBanner(ctx, x, home),
		}
		_, _, out["Invite"] = e.Invitations.Invite(ctx, x, home, "x@example.org")
		_, out["SignOutEverywhere"] = e.Administration.SignOutEverywhere(ctx, x, home, root.UserID)
		_, out["Person"] = e.Administration.Person(ctx, x, bob.UserID)
		_, out["People"] = e.Administration.People(ctx, x, PeopleQuery{Limit: 1})
		_, out["Invitations"] = e.Invitations.List(ctx, x)
		return out
	}
	e.unchanged(func() {
		for what, err := range calls(bob.Session) {
			if !errors.Is(err, ErrForbidden) {
				t.Errorf("%s: %v", what, err)
			}
		}
		e.pass(FactorFresh + time.Second)
		want := map[string]error{"SetFrozen": ErrFactorStale, "SetAdmin": ErrFactorStale, "Invite": ErrFactorStale, "Revoke": ErrNotFound, "Person": nil, "People": nil, "Invitations": nil}
		for what, err := range calls(root.Session) {
			if _, ok := want[what]; !ok {
				want[what] = ErrFactorStale
			}
			if !errors.Is(err, want[what]) {
				t.Errorf("%s with a stale factor: %v, want %v", what, err, want[what])
			}
		}
	})
}

func TestSetFrozen(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	ctx := t.Context()
	e.refresh(root)
	wantErr(t, e.Administration.SetFrozen(ctx, root.Session, home, "nobody", true), ErrNotFound)
	if err := e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, true); err != nil {
		t.Fatal(err)
	}
	row := e.wantRow(rowFrozen, bob.UserID)
	if row.Actor.UserID != root.UserID || row.Actor.Factor != "totp" {
		t.Errorf("%+v", row)
	}
	e.mails.last(t, string(notices.Frozen))
	if got := e.issuersView(bob.UserID); got != "bob true" {
		t.Errorf("the issuer has %q", got)
	}
	for _, err := range e.everyMethod(bob.Session) {
		wantErr(t, err, ErrSignedOut)
	}
	e.unchanged(func() {
		if err := e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, true); err != nil {
			t.Error(err)
		}
	})
	e.users.fail = errors.New("no")
	wantErr(t, e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, false), e.users.fail)
	e.users.fail = nil
	if !e.user(bob.UserID).Frozen {
		t.Error("let go although the issuer could not hear of it")
	}
	if err := e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, false); err != nil {
		t.Fatal(err)
	}
	e.wantRow(rowUnfrozen, bob.UserID)
	if got := e.issuersView(bob.UserID); got != "bob false" {
		t.Errorf("the issuer has %q", got)
	}
	_, err := e.Authenticators.Verify(ctx, bob.Session, home, e.code(bob, 0))
	wantErr(t, err, ErrSignedOut) // what was over stays over
	e.signIn(bob)
}

// A frozen account is shut by its flag too, not by its generation alone.
func TestFrozenFlagCounts(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.edit(root.UserID, func(u *userRecord) { u.Frozen = true })
	for _, err := range e.everyMethod(root.Session) {
		wantErr(t, err, ErrSignedOut)
	}
}

// issuersView is what usersInTx wrote.
func (e *env) issuersView(id string) (out string) {
	e.t.Helper()
	err := e.core.store.View(e.t.Context(), func(r kv.Reader) error {
		b, err := r.Get([]byte("test/user/" + id))
		out = string(b)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return out
}

// There is always somebody who can administer: not frozen, and set up.
func TestLastAdministrator(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	half := e.invited(root, "half")
	bob := e.member(root, "bob")
	e.refresh(root)
	refused := func() {
		t.Helper()
		wantProblem(t, e.Administration.SetFrozen(ctx, root.Session, home, root.UserID, true), "", CodeLastAdministrator)
		wantProblem(t, e.Administration.SetAdmin(ctx, root.Session, home, root.UserID, false), "", CodeLastAdministrator)
	}
	e.unchanged(refused)
	mails := e.mails.count()
	if err := e.Administration.SetAdmin(ctx, root.Session, home, half.UserID, true); err != nil {
		t.Fatal(err)
	}
	e.wantRow(rowAdminGranted, half.UserID)
	if m := e.mails.last(t, string(notices.AdminGiven)); m.to.Username != "root" || m.notice.Details.User != "half" || e.mails.count() != mails+1 {
		t.Errorf("%+v", m) // half has no address that counts
	}
	e.unchanged(refused) // half can't sign in
	if err := e.Administration.SetAdmin(ctx, root.Session, home, bob.UserID, true); err != nil {
		t.Fatal(err)
	}
	e.refresh(bob)
	if err := e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, true); err != nil {
		t.Fatal(err)
	}
	refused() // nor can bob
	if err := e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, false); err != nil {
		t.Fatal(err)
	}
	x := e.signIn(bob)
	if err := e.Administration.SetAdmin(ctx, x, home, root.UserID, false); err != nil {
		t.Fatal(err)
	}
	e.wantRow(rowAdminRevoked, root.UserID)
	if m := e.mails.last(t, string(notices.AdminRevoked)); m.to.Username != "root" || m.notice.By != "bob" {
		t.Errorf("%+v", m)
	}
	if m := e.mails.mails[e.mails.count()-2]; m.kind != string(notices.AdminTaken) || m.to.Username != "bob" || m.notice.Details.User != "root" {
		t.Errorf("%+v", m)
	}
	_, err := e.Administration.People(ctx, root.Session, PeopleQuery{Limit: 1})
	wantErr(t, err, ErrForbidden)
	wantProblem(t, e.Administration.SetFrozen(ctx, x, home, bob.UserID, true), "", CodeLastAdministrator)
}

// Two administrators who freeze each other at the same moment leave one.
func TestFreezeEachOther(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	if err := e.Administration.SetAdmin(t.Context(), root.Session, home, bob.UserID, true); err != nil {
		t.Fatal(err)
	}
	e.refresh(bob)
	pair := []*person{root, bob}
	won, _ := race(2, func(i int) error {
		return e.Administration.SetFrozen(t.Context(), pair[i].Session, home, pair[1-i].UserID, true)
	})
	if won != 1 || e.user(root.UserID).Frozen == e.user(bob.UserID).Frozen {
		t.Errorf("%d won; frozen: %v %v", won, e.user(root.UserID).Frozen, e.user(bob.UserID).Frozen)
	}
}

func TestInvitations(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	inv, link, err := e.Invitations.Invite(ctx, root.Session, home, " Bob@Example.ORG ")
	if err != nil {
		t.Fatal(err)
	}
	row := e.wantRow(rowInvited, "")
	if inv.Email != "Bob@example.org" || inv.By != "root" || !inv.Expires.Equal(e.now().Add(7*24*time.Hour)) || row.Detail["email"] != inv.Email || row.Actor.UserID != root.UserID {
		t.Errorf("%+v %+v", inv, row)
	}
	if m := e.mails.last(t, "invitation"); m.link != link || m.to.Email != inv.Email || m.inviter != "root" {
		t.Errorf("%+v", m)
	}
	info, err := e.Accounts.CheckLink(ctx, PurposeInvitation, link)
	if err != nil || info.Email != inv.Email {
		t.Errorf("%+v %v", info, err)
	}

	again, link2, err := e.Invitations.Invite(ctx, root.Session, home, "BOB@example.org")
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Accounts.CheckLink(ctx, PurposeInvitation, link)
	wantProblem(t, err, "", CodeLinkUsed)
	other, link3, err := e.Invitations.Invite(ctx, root.Session, home, "ann@example.org")
	if err != nil {
		t.Fatal(err)
	}
	list, err := e.Invitations.List(ctx, root.Session)
	if err != nil || len(list) != 2 || list[0] != other || list[1] != again {
		t.Errorf("%+v %v", list, err)
	}
	if err := e.Invitations.Revoke(ctx, root.Session, home, other.ID); err != nil {
		t.Fatal(err)
	}
	if row := e.wantRow(rowInvitationRevoked, ""); row.Detail["email"] != "ann@example.org" {
		t.Errorf("%+v", row)
	}
	wantErr(t, e.Invitations.Revoke(ctx, root.Session, home, other.ID), ErrNotFound)
	_, err = e.Accounts.CheckLink(ctx, PurposeInvitation, link3)
	wantProblem(t, err, "", CodeLinkUsed)

	e.invitationIsUsed(root, link2)
}

// invitationIsUsed registers bob and checks what that leaves.
func (e *env) invitationIsUsed(root *person, link Secret) {
	t, ctx := e.t, e.t.Context()
	t.Helper()
	bob := e.register("bob", PurposeInvitation, link)
	if e.user(bob.UserID).Admin {
		t.Error("an invitation made an administrator")
	}
	if list, err := e.Invitations.List(ctx, root.Session); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	if left := append(e.keys("authn/invitation/"), e.keys("authn/link-of/invitation/")...); left != nil {
		t.Errorf("left: %q", left)
	}
	e.enrol(bob)
	e.refresh(root)
	e.unchanged(func() {
		_, _, err := e.Invitations.Invite(ctx, root.Session, home, "bob@EXAMPLE.org")
		wantProblem(t, err, "email", CodeEmailTaken)
		_, _, err = e.Invitations.Invite(ctx, root.Session, home, "nonsense")
		wantProblem(t, err, "email", CodeEmailInvalid)
	})

}

func TestInvitationRace(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	_, link, err := e.Invitations.Invite(t.Context(), root.Session, home, "bob@example.org")
	if err != nil {
		t.Fatal(err)
	}
	won, lost := race(10, func(i int) error { // as many as there are places to hash passwords in
		name := fmt.Sprintf("bob%d", i)
		_, err := e.Accounts.Register(t.Context(), from(fmt.Sprintf("198.51.%d.1", i)), Registration{Username: name, Email: name + "@example.org", Password: goodPassword, Purpose: PurposeInvitation, Link: link})
		return err
	})
	if won != 1 {
		t.Errorf("%d won", won)
	}
	for _, err := range lost {
		wantProblem(t, err, "", CodeLinkUsed)
	}
}

// The same name at the same moment goes to one, in whatever case.
func TestUsernameRace(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.Registration = instance.Open })
	e.admin()
	won, lost := race(10, func(i int) error {
		name := []string{"bob", "Bob", "BOB"}[i%3]
		_, err := e.Accounts.Register(t.Context(), from(fmt.Sprintf("198.51.%d.1", i)), Registration{Username: name, Email: fmt.Sprintf("bob%d@example.org", i), Password: goodPassword})
		return err
	})
	if won != 1 {
		t.Errorf("%d won", won)
	}
	for _, err := range lost {
		var ps problem.Problems
		if !errors.As(err, &ps) || !ps.Has(CodeUsernameTaken) {
			t.Error(err)
		}
	}
}

// What an administrator had out is withdrawn when they go.
func TestInvitationsOfAFrozenAdministrator(t *testing.T) {
	for name, retire := range map[string]func(*env, Session, string) error{
		"frozen": func(e *env, x Session, id string) error {
			return e.Administration.SetFrozen(e.t.Context(), x, home, id, true)
		},
		"demoted": func(e *env, x Session, id string) error {
			return e.Administration.SetAdmin(e.t.Context(), x, home, id, false)
		},
	} {
		e := newEnv(t)
		root := e.admin()
		bob := e.member(root, "bob")
		e.refresh(root)
		if err := e.Administration.SetAdmin(t.Context(), root.Session, home, bob.UserID, true); err != nil {
			t.Fatal(err)
		}
		e.refresh(bob)
		_, link, err := e.Invitations.Invite(t.Context(), bob.Session, home, "friend@example.org")
		if err != nil {
			t.Fatal(err)
		}
		if err := retire(e, root.Session, bob.UserID); err != nil {
			t.Fatal(err)
		}
		_, err = e.Accounts.CheckLink(t.Context(), PurposeInvitation, link)
		wantProblem(t, err, "", CodeLinkUsed)
		if row := e.rows()[0]; row.Kind != rowInvitationRevoked || row.Actor.Username != root.name {
			t.Errorf("%s: %+v", name, row)
		}
	}
}
