package web

import (
	"context"
	"net/http"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

func (s *adminServer) showPerson(v *visit) error {
	ctx := v.Request().Context()
	person, err := s.accounts.Person(ctx, v.session, v.Param("id"))
	if err != nil {
		return err
	}
	tokens, err := s.activeTokens(ctx, person.ID)
	if err != nil {
		return err
	}
	projects, err := s.projects.List(ctx, person.ID)
	if err != nil {
		return err
	}
	_, waits, err := s.accounts.PendingRecovery(ctx, v.session, person.ID)
	if err != nil {
		return err
	}
	events, err := s.accounts.EventsOf(ctx, v.session, person.ID, audit.Query{Limit: shownEvents})
	if err != nil {
		return err
	}
	page := ui.PersonPage{
		Layout: v.layout(), Person: s.personRow(v, person.User), Verified: person.EmailVerified, TOTP: person.HasTOTP,
		Keys: person.Keys, KeysOnly: person.KeysOnly, CodesLeft: person.RecoveryCodesLeft, Sessions: person.Sessions,
		SignedInAt: person.SignedInAt, Tokens: tokens, Recovery: waits, Events: eventRows(events.Events, v.user.ID),
	}
	for _, p := range projects {
		page.Projects = append(page.Projects, ui.ProjectRow{Name: p.Name, Role: string(p.Role), Members: p.Members, CreatedAt: p.Created})
	}
	return v.show(page)
}

func (s *adminServer) askPersonAct(act string) handler {
	return func(v *visit) error { return s.personActPage(v, http.StatusOK, v.layout(), act) }
}

func (s *adminServer) personActPage(v *visit, status int, l ui.Layout, act string) error {
	person, err := s.accounts.Person(v.Request().Context(), v.session, v.Param("id"))
	if err != nil {
		return err
	}
	return v.render(status, ui.PersonActPage{Layout: l, Person: s.personRow(v, person.User), Act: act, Sessions: person.Sessions})
}

// personAct does to an account what was asked about.
func (s *adminServer) personAct(act string) handler {
	return func(v *visit) error {
		ctx, id := v.Request().Context(), v.Param("id")
		notice := "person_signed_out"
		var err error
		switch act {
		case ui.ActMakeAdmin:
			notice = "admin_granted"
			err = s.accounts.SetAdmin(ctx, v.session, v.origin(), id, true)
		case ui.ActDropAdmin:
			notice = "admin_revoked"
			err = s.accounts.SetAdmin(ctx, v.session, v.origin(), id, false)
		default:
			_, err = s.accounts.SignOutEverywhere(ctx, v.session, v.origin(), id)
		}
		if ps, status := v.problems(err); status != 0 {
			return s.personActPage(v, status, v.with(ps), act)
		}
		if err != nil {
			return err
		}
		return v.then(ui.PathPerson.With(id), notice)
	}
}

// activeTokens counts the tokens of a user that work.
func (s *adminServer) activeTokens(ctx context.Context, userID string) (n int, err error) {
	tokenList, err := s.tokens.List(ctx, userID, tokens.Page{Limit: ledger.MaxPage})
	for _, t := range tokenList.Tokens {
		if t.State == tokens.StateActive {
			n++
		}
	}
	return n, err
}

func (s *adminServer) askFreeze(frozen bool) handler {
	return func(v *visit) error {
		page, err := s.freezePage(v, v.Request().Context(), frozen)
		if err != nil {
			return err
		}
		page.Layout = v.layout()
		return v.show(page)
	}
}

func (s *adminServer) freezePage(v *visit, ctx context.Context, frozen bool) (ui.PersonFreezePage, error) {
	user, err := s.accounts.User(ctx, v.Param("id"))
	if err != nil {
		return ui.PersonFreezePage{}, err
	}
	page := ui.PersonFreezePage{Person: s.personRow(v, user), Thaw: !frozen}
	page.Tokens, err = s.activeTokens(ctx, user.ID)
	return page, err
}

// freeze freezes an account or thaws it, here and in every verifier.
func (s *adminServer) freeze(frozen bool) handler {
	return func(v *visit) error {
		ctx := v.Request().Context()
		err := s.accounts.SetFrozen(ctx, v.session, v.origin(), v.Param("id"), frozen)
		if ps, status := v.problems(err); status != 0 {
			page, err := s.freezePage(v, ctx, frozen)
			if err != nil {
				return err
			}
			page.Layout = v.with(ps)
			return v.render(status, page)
		}
		if err != nil {
			return err
		}
		position, err := s.followers.Position(ctx)
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
