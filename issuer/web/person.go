package web

import (
	"net/http"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/ui"
)

// freshAdministrator is administrator, and asks for a second factor that is fresh and
// will be for a while.
func freshAdministrator(still time.Duration) guard {
	return func(v *visit) (string, error) {
		elsewhere, err := administrator(v)
		if elsewhere == "" && err == nil && !v.session.FactorFresh(v.server.now().Add(still)) {
			return "", authn.ErrFactorStale
		}
		return elsewhere, err
	}
}

func (s *Server) personRoutes(p pages) {
	p.get(ui.PathPerson, administrator, s.showPerson)
	for path, act := range map[ui.Path]string{
		ui.PathPersonSignOut: ui.ActSignOut, ui.PathPersonMakeAdmin: ui.ActMakeAdmin, ui.PathPersonDropAdmin: ui.ActDropAdmin,
	} {
		p.get(path, administrator, s.askPersonAct(act))
		p.post(path, administrator, s.personAct(act))
	}
}

func (s *Server) showPerson(v *visit) error {
	ctx := v.Request().Context()
	person, err := s.accounts.Person(ctx, v.session, v.Param("id"))
	if err != nil {
		return err
	}
	tokens, err := s.activeTokens(ctx, person.ID)
	if err != nil {
		return err
	}
	projects, err := s.issuer.Projects.List(ctx, person.ID)
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
		Layout: v.layout(), Person: v.personRow(person.User), Verified: person.EmailVerified, TOTP: person.HasTOTP,
		Keys: person.Keys, KeysOnly: person.KeysOnly, CodesLeft: person.RecoveryCodesLeft, Sessions: person.Sessions,
		SignedInAt: person.SignedInAt, Tokens: tokens, Recovery: waits, Events: eventRows(events.Events, v.user.ID),
	}
	for _, p := range projects {
		page.Projects = append(page.Projects, ui.ProjectRow{Name: p.Name, Role: string(p.Role), Members: p.Members, CreatedAt: p.Created})
	}
	return v.show(page)
}

func (s *Server) askPersonAct(act string) handler {
	return func(v *visit) error { return v.personActPage(http.StatusOK, v.layout(), act) }
}

func (v *visit) personActPage(status int, l ui.Layout, act string) error {
	person, err := v.server.accounts.Person(v.Request().Context(), v.session, v.Param("id"))
	if err != nil {
		return err
	}
	return v.render(status, ui.PersonActPage{Layout: l, Person: v.personRow(person.User), Act: act, Sessions: person.Sessions})
}

// personAct does to an account what was asked about.
func (s *Server) personAct(act string) handler {
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
			return v.personActPage(status, v.with(ps), act)
		}
		if err != nil {
			return err
		}
		return v.then(ui.PathPerson.With(id), notice)
	}
}
