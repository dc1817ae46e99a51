package web

import (
	"context"
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// shownPeople is how many accounts a page of the list shows.
const shownPeople = 100

func (s *Server) listPeople(v *visit) error {
	return v.peoplePage(http.StatusOK, ui.AdminPeoplePage{Layout: v.layout(), Search: v.QueryParam("q")})
}

func (v *visit) peoplePage(status int, page ui.AdminPeoplePage) error {
	ctx, accounts := v.Request().Context(), v.server.accounts
	found, err := accounts.People(ctx, v.session, authn.PeopleQuery{Text: page.Search, After: v.QueryParam("after"), Limit: shownPeople})
	if err != nil {
		return err
	}
	page.Next = found.Next
	for _, u := range found.People {
		page.People = append(page.People, v.personRow(u))
	}
	invitations, err := accounts.Invitations(ctx, v.session)
	if err != nil {
		return err
	}
	for _, i := range invitations {
		page.Invitations = append(page.Invitations, ui.InvitationRow{
			ID: i.ID, Email: i.Email, InvitedBy: i.By, CreatedAt: i.CreatedAt, ExpiresAt: i.Expires,
		})
	}
	return v.render(status, page)
}

func (v *visit) personRow(u authn.User) ui.PersonRow {
	state := ui.PersonActive
	switch {
	case u.Frozen:
		state = ui.PersonFrozen
	case !u.EmailVerified || !u.HasFactor() || !u.RecoveryConfirmed:
		state = ui.PersonPending
	}
	return ui.PersonRow{
		ID: u.ID, Username: u.Username, Email: u.Email, State: state, Admin: u.Admin,
		You: u.ID == v.user.ID, CreatedAt: u.CreatedAt,
	}
}

// invite makes an invitation and shows its link, in this answer only: it is for
// handing over where the mail does not arrive.
func (s *Server) invite(v *visit) error {
	email := v.form.Get("email")
	invitation, link, err := s.accounts.Invite(v.Request().Context(), v.session, v.origin(), email)
	if ps, status := v.problems(err); status != 0 {
		return v.peoplePage(status, ui.AdminPeoplePage{Layout: v.with(ps), Email: email})
	}
	if err != nil {
		return err
	}
	return v.peoplePage(http.StatusOK, ui.AdminPeoplePage{
		Layout: v.layout(), NewEmail: invitation.Email, Mailed: !invitation.Unmailed,
		NewLink: s.address(ui.PathInvitation.WithLink(link.Reveal())),
	})
}

func (s *Server) revokeInvitation(v *visit) error {
	if err := s.accounts.RevokeInvitation(v.Request().Context(), v.session, v.origin(), v.Param("id")); err != nil {
		return err
	}
	return v.then(string(ui.PathAdminPeople), "invitation_revoked")
}

func (s *Server) askFreeze(frozen bool) handler {
	return func(v *visit) error {
		page, err := v.freezePage(v.Request().Context(), frozen)
		if err != nil {
			return err
		}
		page.Layout = v.layout()
		return v.show(page)
	}
}

func (v *visit) freezePage(ctx context.Context, frozen bool) (ui.PersonFreezePage, error) {
	user, err := v.server.accounts.User(ctx, v.Param("id"))
	if err != nil {
		return ui.PersonFreezePage{}, err
	}
	page := ui.PersonFreezePage{Person: v.personRow(user), Thaw: !frozen}
	page.Tokens, err = v.server.activeTokens(ctx, user.ID)
	return page, err
}

// freeze freezes an account or thaws it, here and in every verifier.
func (s *Server) freeze(frozen bool) handler {
	return func(v *visit) error {
		ctx := v.Request().Context()
		err := s.accounts.SetFrozen(ctx, v.session, v.origin(), v.Param("id"), frozen)
		if ps, status := v.problems(err); status != 0 {
			page, err := v.freezePage(ctx, frozen)
			if err != nil {
				return err
			}
			page.Layout = v.with(ps)
			return v.render(status, page)
		}
		if err != nil {
			return err
		}
		position, err := s.issuer.Followers.Position(ctx)
		if err != nil {
			return err
		}
		if !frozen {
			s.wait(ctx, position.Revision)
			return v.then(string(ui.PathAdminPeople), "person_thawed")
		}
		notice := "person_frozen"
		return v.reached(string(ui.PathAdminPeople), notice, s.confirm(ctx, position.Revision))
	}
}
