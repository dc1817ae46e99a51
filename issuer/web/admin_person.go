package web

import (
	"context"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

func (s *adminServer) showPerson(v *visit) error {
	ctx := v.Request().Context()
	person, err := s.auth.Administration.Person(ctx, v.session, v.Param("id"))
	if err != nil {
		return err
	}
	count, err := s.tokens.List(ctx, person.ID, tokens.Page{Limit: 1})
	if err != nil {
		return err
	}
	projects, err := s.projects.List(ctx, person.ID)
	if err != nil {
		return err
	}
	_, waits, err := s.auth.Recoveries.Pending(ctx, v.session, person.ID)
	if err != nil {
		return err
	}
	events, err := s.auth.Trail.Of(ctx, v.session, person.ID, audit.Query{Limit: recentEvents})
	if err != nil {
		return err
	}
	page := ui.PersonPage{
		Layout: v.layout(), Person: s.personRow(v, person.User), Verified: person.EmailVerified, TOTP: person.HasTOTP,
		Keys: person.Keys, KeysOnly: person.KeysOnly, CodesLeft: person.RecoveryCodesLeft, Sessions: person.Sessions,
		SignedInAt: person.SignedInAt, Tokens: count.Unrevoked, Recovery: waits, Events: eventRows(events.Events, v.user.ID),
	}
	for _, p := range projects {
		page.Projects = append(page.Projects, ui.ProjectRow{Name: p.Name, Role: string(p.Role), Members: p.Members, CreatedAt: p.Created})
	}
	return v.show(page)
}

// personActPage asks for confirmation before something is done to an account.
func (s *adminServer) personActPage(act string) pageFunc {
	return func(v *visit, status int, l ui.Layout) error {
		person, err := s.auth.Administration.Person(v.Request().Context(), v.session, v.Param("id"))
		if err != nil {
			return err
		}
		return v.render(status, ui.PersonActPage{Layout: l, Person: s.personRow(v, person.User), Act: act, Sessions: person.Sessions})
	}
}

// personAct does what personActPage asked about.
func (s *adminServer) personAct(act string) handler {
	return func(v *visit) error {
		ctx, id := v.Request().Context(), v.Param("id")
		notice := "person_signed_out"
		var err error
		switch act {
		case ui.ActMakeAdmin:
			notice = "admin_granted"
			err = s.auth.Administration.SetAdmin(ctx, v.session, v.origin(), id, true)
		case ui.ActDropAdmin:
			notice = "admin_revoked"
			err = s.auth.Administration.SetAdmin(ctx, v.session, v.origin(), id, false)
		default:
			_, err = s.auth.Administration.SignOutEverywhere(ctx, v.session, v.origin(), id)
		}
		if err != nil {
			return err
		}
		return v.done(notice)
	}
}

// activeTokens counts the active tokens of a user.
func (s *adminServer) activeTokens(ctx context.Context, userID string) (n int, err error) {
	found, err := s.tokens.Find(ctx, userID, tokens.Query{State: tokens.StateActive, Limit: 1})
	return found.Matched, err
}

// freezePage asks for confirmation before an account is frozen or thawed.
func (s *adminServer) freezePage(frozen bool) pageFunc {
	return func(v *visit, status int, l ui.Layout) error {
		ctx := v.Request().Context()
		user, err := s.auth.Accounts.User(ctx, v.Param("id"))
		if err != nil {
			return err
		}
		active, err := s.activeTokens(ctx, user.ID)
		if err != nil {
			return err
		}
		return v.render(status, ui.PersonFreezePage{Layout: l, Person: s.personRow(v, user), Thaw: !frozen, Tokens: active})
	}
}

// freeze freezes or thaws an account, here and in every verifier.
func (s *adminServer) freeze(frozen bool) handler {
	return func(v *visit) error {
		ctx := v.Request().Context()
		if err := s.auth.Administration.SetFrozen(ctx, v.session, v.origin(), v.Param("id"), frozen); err != nil {
			return err
		}
		position, err := s.followers.Position(ctx)
		if err != nil {
			return err
		}
		if !frozen {
			s.wait(ctx, position.Revision)
			return v.done("person_thawed")
		}
		return v.confirmed("person_frozen", s.confirm(ctx, position.Revision))
	}
}
