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

// invitationRow returns an invitation in the form that pages show.
func (s *projectServer) invitationRow(v *visit, inv projects.Invitation, yours bool) ui.ProjectInvitation {
	return ui.ProjectInvitation{
		ID: inv.ID, Project: inv.Project, To: inv.To, Role: string(inv.Role), Transfer: inv.Hand != "", Stay: string(inv.Hand),
		InvitedBy: inv.By, SentAt: inv.Sent, ExpiresAt: inv.Expires, Expired: inv.Void || !s.now().Before(inv.Expires), Yours: yours,
	}
}

func (s *projectServer) invitePage(v *visit, status int, l ui.Layout) error {
	p, err := s.owned(v)
	if err != nil {
		return err
	}
	return v.render(status, ui.MemberInvitePage{Layout: l, Project: p.Name, User: v.form.Get("user"), Role: v.form.Get("role")})
}

// inviteMember answers the same whether the account exists or not.
func (s *projectServer) inviteMember(v *visit) error {
	ctx := v.Request().Context()
	p, err := s.owned(v)
	if err != nil {
		return err
	}
	req := projects.InviteRequest{To: v.form.Get("user"), Role: projects.Role(v.form.Get("role"))}
	if _, err := s.projects.Invite(ctx, v.principal(), p.Name, req); err != nil {
		return err
	}
	return v.done("member_invited", p.Name)
}

func (s *projectServer) resendProjectInvitation(v *visit) error {
	if _, err := s.projects.Resend(v.Request().Context(), v.principal(), v.Param("name"), v.Param("id")); err != nil {
		return err
	}
	return v.done("invitation_sent")
}

func (s *projectServer) endProjectInvitation(v *visit) error {
	if err := s.projects.Uninvite(v.Request().Context(), v.principal(), v.Param("name"), v.Param("id")); err != nil {
		return err
	}
	return v.done("invitation_withdrawn")
}

// showInvitedLink shows the page that the link in the email leads to. It redirects visitors who can answer
// the invitation to it, and tells others what they need first.
func (s *projectServer) showInvitedLink(v *visit) error {
	ctx := v.Request().Context()
	link, moved, err := v.link(ui.PathInvitedLink)
	if moved || err != nil {
		return err
	}
	var who ledger.Principal
	if v.step() == authn.StepDone {
		who = v.principal()
	}
	inv, yours, err := s.projects.InvitationByLink(ctx, who, link.Reveal())
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
	page := ui.InvitedPage{Layout: v.layout(), Invitation: s.invitationRow(v, inv, false)}
	page.RegistrationOpen, err = s.canRegister(ctx)
	if err != nil {
		return err
	}
	return v.show(page)
}

func (s *projectServer) showInvited(v *visit) error {
	all, err := s.projects.InvitationsFor(v.Request().Context(), v.principal())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(inv projects.Invitation) bool { return inv.ID == v.Param("id") })
	if i < 0 {
		return ledger.ErrNotFound
	}
	return v.show(ui.InvitedPage{Layout: v.layout(), Invitation: s.invitationRow(v, all[i], true)})
}

func (s *projectServer) acceptInvitation(v *visit) error {
	ctx := v.Request().Context()
	done, err := s.projects.AcceptInvitation(ctx, v.principal(), v.Param("id"))
	if err != nil {
		return err
	}
	s.wait(ctx, done.Revision)
	notice := "invitation_accepted"
	if done.Project.Role == projects.RoleOwner {
		notice = "ownership_accepted"
	}
	return v.done(notice, done.Project.Name)
}

func (s *projectServer) declineInvitation(v *visit) error {
	if _, err := s.projects.DeclineInvitation(v.Request().Context(), v.principal(), v.Param("id")); err != nil {
		return err
	}
	return v.done("invitation_declined")
}
