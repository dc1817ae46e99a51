package web

import (
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// peoplePageSize is how many accounts a page of the list shows.
const peoplePageSize = 100

func (s *adminServer) peoplePage(v *visit, status int, l ui.Layout) error {
	return s.drawPeople(v, status, ui.AdminPeoplePage{Layout: l, Search: v.QueryParam("q"), Email: v.form.Get("email")})
}

func (s *adminServer) drawPeople(v *visit, status int, page ui.AdminPeoplePage) error {
	ctx := v.Request().Context()
	found, err := s.auth.Administration.People(ctx, v.session, authn.PeopleQuery{Text: page.Search, After: v.QueryParam("after"), Limit: peoplePageSize})
	if err != nil {
		return err
	}
	page.Next = found.Next
	for _, u := range found.People {
		page.People = append(page.People, s.personRow(v, u))
	}
	invitations, err := s.auth.Invitations.List(ctx, v.session)
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

func (s *adminServer) personRow(v *visit, u authn.User) ui.PersonRow {
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

// invite creates an invitation. It shows the link, in this answer only, in case the email does not
// arrive.
func (s *adminServer) invite(v *visit) error {
	invitation, link, err := s.auth.Invitations.Invite(v.Request().Context(), v.session, v.origin(), v.form.Get("email"))
	if err != nil {
		return err
	}
	return s.drawPeople(v, http.StatusOK, ui.AdminPeoplePage{
		Layout: v.layout(), NewEmail: invitation.Email, Mailed: !invitation.Unmailed,
		NewLink: s.address(ui.PathInvitation.WithLink(link.Reveal())),
	})
}

func (s *adminServer) revokeInvitation(v *visit) error {
	if err := s.auth.Invitations.Revoke(v.Request().Context(), v.session, v.origin(), v.Param("id")); err != nil {
		return err
	}
	return v.done("invitation_revoked")
}
