package web

import (
	"errors"
	"net/http"
	"slices"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

// projectInvitationRoutes are where owners invite, and where the invited answer.
func (s *Server) projectInvitationRoutes(p pages) {
	p.get(ui.PathMembers, fresh(formTime), s.showInvite)
	p.post(ui.PathMembers, member, s.inviteMember)
	p.post(ui.PathProjectInvitationSend, member, s.resendProjectInvitation)
	p.post(ui.PathProjectInvitationEnd, member, s.endProjectInvitation)
	p.get(ui.PathInvitedLink, anyone, s.showInvitedLink)
	p.get(ui.PathInvited, member, s.showInvited)
	p.post(ui.PathInvited, member, s.acceptInvitation)
	p.post(ui.PathInvitedDecline, member, s.declineInvitation)
}

// invitationRow is an invitation as a page shows it.
func (v *visit) invitationRow(inv projects.Invitation, yours bool) ui.ProjectInvitation {
	return ui.ProjectInvitation{
		ID: inv.ID, Project: inv.Project, To: inv.To, Role: string(inv.Role), Transfer: inv.Hand != "", Stay: string(inv.Hand),
		InvitedBy: inv.By, SentAt: inv.Sent, ExpiresAt: inv.Expires, Expired: inv.Void || !v.server.now().Before(inv.Expires), Yours: yours,
	}
}

func (s *Server) showInvite(v *visit) error {
	p, err := v.owned(v.Request().Context())
	if err != nil {
		return err
	}
	return v.show(ui.MemberInvitePage{Layout: v.layout(), Project: p.Name})
}

// inviteMember answers the same whether there is such an account or not.
func (s *Server) inviteMember(v *visit) error {
	ctx := v.Request().Context()
	p, err := v.owned(ctx)
	if err != nil {
		return err
	}
	typed := ui.MemberInvitePage{Project: p.Name, User: v.form.Get("user"), Role: v.form.Get("role")}
	_, err = s.issuer.Projects.Invite(ctx, v.principal(), p.Name, projects.InviteRequest{To: typed.User, Role: projects.Role(typed.Role)})
	if ps, status := v.problems(err); status != 0 {
		typed.Layout = v.with(ps)
		return v.render(status, typed)
	}
	if err != nil {
		return err
	}
	return v.then(ui.PathProject.With(p.Name), "member_invited")
}

func (s *Server) resendProjectInvitation(v *visit) error {
	_, err := s.issuer.Projects.Resend(v.Request().Context(), v.principal(), v.Param("name"), v.Param("id"))
	return v.changedMembers(0, err, ui.ProjectPage{}, "invitation_sent")
}

func (s *Server) endProjectInvitation(v *visit) error {
	err := s.issuer.Projects.Uninvite(v.Request().Context(), v.principal(), v.Param("name"), v.Param("id"))
	return v.changedMembers(0, err, ui.ProjectPage{}, "invitation_withdrawn")
}

// showInvitedLink is where the link of a mail leads: who can answer goes on to the
// invitation, others are told what they need for it.
func (s *Server) showInvitedLink(v *visit) error {
	ctx := v.Request().Context()
	link, moved, err := v.link(ui.PathInvitedLink)
	if moved || err != nil {
		return err
	}
	var who ledger.Principal
	if v.step() == authn.StepDone {
		who = v.principal()
	}
	inv, yours, err := s.issuer.Projects.InvitationByLink(ctx, who, link.Reveal())
	if ps, _ := v.problems(err); ps != nil || errors.Is(err, ledger.ErrNotFound) {
		why := ui.LinkUsed
		switch {
		case ps.Has("invitation_expired"):
			why = ui.LinkExpired
		case link == "":
			why = ui.LinkUnknown
		}
		v.forgetLink()
		return v.render(http.StatusGone, ui.LinkInvalidPage{Layout: v.layout(), Kind: ui.LinkProject, Why: why})
	}
	if err != nil {
		return err
	}
	if yours {
		v.forgetLink()
		return v.then(ui.PathInvited.With(inv.ID), "")
	}
	page := ui.InvitedPage{Layout: v.layout(), Invitation: v.invitationRow(inv, false)}
	if page.RegistrationOpen, err = s.accounts.CanRegister(ctx); err != nil {
		return err
	}
	return v.show(page)
}

func (s *Server) showInvited(v *visit) error {
	all, err := s.issuer.Projects.InvitationsFor(v.Request().Context(), v.principal())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(inv projects.Invitation) bool { return inv.ID == v.Param("id") })
	if i < 0 {
		return ledger.ErrNotFound
	}
	return v.show(ui.InvitedPage{Layout: v.layout(), Invitation: v.invitationRow(all[i], true)})
}

func (s *Server) acceptInvitation(v *visit) error {
	ctx := v.Request().Context()
	done, err := s.issuer.Projects.AcceptInvitation(ctx, v.principal(), v.Param("id"))
	if err != nil {
		return err
	}
	s.wait(ctx, done.Revision)
	notice := "invitation_accepted"
	if done.Project.Role == projects.RoleOwner {
		notice = "ownership_accepted"
	}
	return v.then(ui.PathProject.With(done.Project.Name), notice)
}

func (s *Server) declineInvitation(v *visit) error {
	if _, err := s.issuer.Projects.DeclineInvitation(v.Request().Context(), v.principal(), v.Param("id")); err != nil {
		return err
	}
	return v.then(string(ui.PathProjects), "invitation_declined")
}
