package web

import (
	"context"
	"slices"

	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

func (v *visit) memberRow(m projects.Member) ui.MemberRow {
	return ui.MemberRow{
		ID: m.UserID, Username: m.Name, Role: string(m.Role), Since: m.Since, You: m.UserID == v.user.ID, Frozen: m.Frozen, Excluded: !m.Excluded.At.IsZero(),
	}
}

// memberOf returns a member of a project, or ErrNotFound.
func memberOf(p projects.Project, userID string) (projects.Member, error) {
	i := slices.IndexFunc(p.Members, func(m projects.Member) bool { return m.UserID == userID })
	if i < 0 {
		return projects.Member{}, ledger.ErrNotFound
	}
	return p.Members[i], nil
}

func (s *projectServer) setMemberRole(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.projects.SetRole(ctx, v.principal(), v.Param("name"), v.Param("id"), projects.Role(v.form.Get("role")))
	if err != nil {
		return err
	}
	s.wait(ctx, revision)
	return v.done("role_changed")
}

func (s *projectServer) askRemoveMember(v *visit) error {
	ctx := v.Request().Context()
	p, err := s.project(v)
	if err != nil {
		return err
	}
	if v.Param("id") == v.user.ID {
		return v.then(ui.PathProjectLeave.With(p.Name), "")
	}
	if p.Role != projects.RoleOwner {
		return ledger.ErrNotOwner
	}
	i := slices.IndexFunc(p.Members, func(m projects.Member) bool { return m.UserID == v.Param("id") })
	if i < 0 {
		return ledger.ErrNotFound
	}
	tokens, err := s.tokensFor(ctx, v.Param("id"), p)
	if err != nil {
		return err
	}
	return v.show(ui.MemberRemovePage{Layout: v.layout(), Project: p.Name, Member: v.memberRow(p.Members[i]), Tokens: tokens})
}

func (s *projectServer) removeMember(v *visit) error {
	if v.Param("id") == v.user.ID {
		return s.leaveProject(v)
	}
	ctx := v.Request().Context()
	revision, err := s.projects.RemoveMember(ctx, v.principal(), v.Param("name"), v.Param("id"))
	if err != nil {
		return err
	}
	return v.confirmed("member_removed", s.confirm(ctx, revision))
}

// tokensFor lists a user's tokens that can upload to a project now.
func (s *projectServer) tokensFor(ctx context.Context, userID string, p projects.Project) ([]ui.TokenRow, error) {
	tokens, _, err := s.tokens.ProjectTokens(ctx, ledger.Principal{UserID: userID}, p.Name, tokens.ProjectTokensQuery{UserID: userID, Limit: ledger.MaxPage})
	var out []ui.TokenRow
	for _, t := range tokens { // their use for other projects is private
		out = append(out, ui.TokenRow{ID: t.ID, Label: t.Label, LastUsedAt: t.Used.At})
	}
	return out, err
}

func (s *projectServer) askLeaveProject(v *visit) error {
	ctx := v.Request().Context()
	p, err := s.project(v)
	if err != nil {
		return err
	}
	if p.Role == "" { // an administrator who is not a member
		return ledger.ErrNotFound
	}
	tokens, err := s.tokensFor(ctx, v.user.ID, p)
	if err != nil {
		return err
	}
	return v.show(ui.ProjectLeavePage{Layout: v.layout(), Project: p.Name, Tokens: tokens})
}

func (s *projectServer) leaveProject(v *visit) error {
	ctx := v.Request().Context()
	revision, err := s.projects.Leave(ctx, v.principal(), v.Param("name"))
	if err != nil {
		return err
	}
	return v.thenConfirmed(string(ui.PathProjects), "project_left", s.confirm(ctx, revision))
}
