package web

import (
	"context"
	"slices"

	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// How many of a project's tokens pages show.
const (
	projectPageTokens   = 25 // on the project's page
	excludedTokensShown = 10 // when an owner has to confirm that a member's are excluded
	chartedTokens       = 5  // with their own series in the chart
)

// projectTokens returns a page of the tokens that can upload to a project.
func (s *projectServer) projectTokens(v *visit, p projects.Project, q tokens.ProjectTokensQuery) (ui.ProjectTokens, error) {
	tokens, next, err := s.tokens.ProjectTokens(v.Request().Context(), v.principal(), p.Name, q)
	out := ui.ProjectTokens{
		Project: p.Name, All: p.Role == projects.RoleOwner || v.user.Admin, Owner: p.Role == projects.RoleOwner, Rows: make([]ui.ProjectTokenRow, len(tokens)), Next: next, Later: q.After != "", ID: q.UserID,
	}
	for i, t := range tokens {
		out.Rows[i] = ui.ProjectTokenRow{
			ID: t.ID, Label: t.Label, Owner: t.UserName, OwnerID: t.UserID, You: t.UserID == v.user.ID, All: t.All, Limits: shownLimits(t.Limits),
			CreatedAt: t.Created, Factor: t.Factor, ExpiresAt: t.Expires, Replaced: t.Replaced,
			LastUsedAt: t.Used.At, LastFrom: t.Used.Network, LastSaidBy: t.Used.Verifier, Excluded: t.Excluded, Frozen: t.Frozen,
		}
	}
	return out, err
}

func (s *projectServer) listProjectTokens(v *visit) error {
	p, err := s.project(v)
	if err != nil {
		return err
	}
	q := tokens.ProjectTokensQuery{After: v.QueryParam("after"), UserID: v.QueryParam("member"), Limit: tokenPageSize}
	tokens, err := s.projectTokens(v, p, q)
	if err != nil {
		return err
	}
	if q.UserID != "" {
		m, err := memberOf(p, q.UserID)
		if err != nil {
			return err
		}
		tokens.Member = m.Name
	}
	return v.show(ui.ProjectTokensPage{Layout: v.layout(), Tokens: tokens})
}

// askExclude asks for confirmation before a member's tokens are excluded, or readmitted.
func (s *projectServer) askExclude(out bool) handler {
	return func(v *visit) error {
		p, err := s.project(v)
		if err != nil {
			return err
		}
		if p.Role != projects.RoleOwner {
			return ledger.ErrNotOwner
		}
		m, err := memberOf(p, v.Param("id"))
		if err != nil {
			return err
		}
		tokens, err := s.projectTokens(v, p, tokens.ProjectTokensQuery{UserID: m.UserID, Limit: excludedTokensShown})
		if err != nil {
			return err
		}
		return v.show(ui.MemberExclusionPage{
			Layout: v.layout(), Project: p.Name, Member: v.memberRow(m), Readmit: !out, Tokens: tokens.Rows, More: tokens.Next != "",
		})
	}
}

// exclude excludes a member's tokens, or readmits them, and shows which verifiers have the change.
func (s *projectServer) exclude(out bool) handler {
	return func(v *visit) error {
		ctx := v.Request().Context()
		act, notice := s.projects.ReadmitTokens, "tokens_readmitted"
		if out {
			act, notice = s.projects.ExcludeTokens, "tokens_excluded"
		}
		revision, _, err := act(ctx, v.principal(), v.Param("name"), v.Param("id"))
		if err != nil {
			return err
		}
		return v.confirmed(notice, s.confirm(ctx, revision))
	}
}

// usedTokensShown is how many of the tokens that will stop working a confirmation lists.
const usedTokensShown = 20

// usedTokens lists the tokens that can upload to a project, the last used first, and counts those it leaves
// out.
func (s *projectServer) usedTokens(ctx context.Context, v *visit, project string) (shown []ui.UsedToken, more int, err error) {
	all, _, err := s.tokens.ProjectTokens(ctx, v.principal(), project, tokens.ProjectTokensQuery{Limit: ledger.MaxPage})
	if err != nil {
		return nil, 0, err
	}
	slices.SortStableFunc(all, func(a, b tokens.ProjectToken) int { return b.Used.At.Compare(a.Used.At) })
	for _, t := range all[:min(len(all), usedTokensShown)] {
		shown = append(shown, ui.UsedToken{Label: t.Label, Owner: t.UserName, All: t.All, UsedAt: t.Used.At})
	}
	return shown, len(all) - len(shown), nil
}
