package web

import (
	"slices"

	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// How much of the tokens of a project pages show.
const (
	tokensOnProject = 25 // on the project's page
	tokensShut      = 10 // named before a member's are shut out
	charted         = 5  // tokens with a part of their own in the chart
)

func (s *Server) projectTokenRoutes(p pages) {
	p.get(ui.PathProjectTokens, member, s.listProjectTokens)
	p.get(ui.PathMemberShut, member, s.askShut(true))
	p.post(ui.PathMemberShut, member, s.shut(true))
	p.get(ui.PathMemberLetIn, member, s.askShut(false))
	p.post(ui.PathMemberLetIn, member, s.shut(false))
}

// projectTokens is a page of the tokens that can upload to a project.
func (v *visit) projectTokens(p projects.Project, q tokens.ProjectTokensQuery) (ui.ProjectTokens, error) {
	tokens, next, err := v.server.issuer.Tokens.ProjectTokens(v.Request().Context(), v.principal(), p.Name, q)
	out := ui.ProjectTokens{
		Project: p.Name, All: p.Role == projects.RoleOwner || v.user.Admin, Owner: p.Role == projects.RoleOwner, Rows: make([]ui.ProjectTokenRow, len(tokens)), Next: next, Later: q.After != "", ID: q.UserID,
	}
	for i, t := range tokens {
		out.Rows[i] = ui.ProjectTokenRow{
			ID: t.ID, Label: t.Label, Owner: t.UserName, OwnerID: t.UserID, You: t.UserID == v.user.ID, All: t.All, Limits: shownLimits(t.Limits),
			CreatedAt: t.Created, Factor: t.Factor, ExpiresAt: t.Expires, Replaced: t.Replaced,
			LastUsedAt: t.Used.At, LastFrom: t.Used.Network, LastSaidBy: t.Used.Verifier, Shut: t.Excluded, Frozen: t.Frozen,
		}
	}
	return out, err
}

// uploads are those of a project, for its chart.
func (v *visit) uploads(p projects.Project) (ui.Uploads, error) {
	u, err := v.server.issuer.Tokens.ProjectUploads(v.Request().Context(), v.principal(), p.Name, charted)
	out := ui.Uploads{First: u.First, Others: u.Others}
	for _, t := range u.Tokens {
		out.Series = append(out.Series, ui.UploadSeries{Label: t.Label, Owner: t.Owner, Days: t.Days})
	}
	return out, err
}

func (s *Server) listProjectTokens(v *visit) error {
	p, err := v.project(v.Request().Context())
	if err != nil {
		return err
	}
	q := tokens.ProjectTokensQuery{After: v.QueryParam("after"), UserID: v.QueryParam("member"), Limit: shownTokens}
	tokens, err := v.projectTokens(p, q)
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

// memberOf is a member of a project, or ErrNotFound.
func memberOf(p projects.Project, userID string) (projects.Member, error) {
	i := slices.IndexFunc(p.Members, func(m projects.Member) bool { return m.UserID == userID })
	if i < 0 {
		return projects.Member{}, ledger.ErrNotFound
	}
	return p.Members[i], nil
}

// askShut asks before a member's tokens are shut out, or let in again.
func (s *Server) askShut(out bool) handler {
	return func(v *visit) error {
		p, err := v.project(v.Request().Context())
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
		tokens, err := v.projectTokens(p, tokens.ProjectTokensQuery{UserID: m.UserID, Limit: tokensShut})
		if err != nil {
			return err
		}
		return v.show(ui.MemberShutPage{
			Layout: v.layout(), Project: p.Name, Member: v.memberRow(m), LetIn: !out, Tokens: tokens.Rows, More: tokens.Next != "",
		})
	}
}

// shut shuts a member's tokens out, or lets them in again, and says which verifiers
// know.
func (s *Server) shut(out bool) handler {
	return func(v *visit) error {
		ctx := v.Request().Context()
		act, notice := s.issuer.Projects.ReadmitTokens, "tokens_let_in"
		if out {
			act, notice = s.issuer.Projects.ExcludeTokens, "tokens_shut_out"
		}
		revision, _, err := act(ctx, v.principal(), v.Param("name"), v.Param("id"))
		if err != nil {
			return err
		}
		return v.reached(ui.PathProject.With(v.Param("name")), notice, s.confirm(ctx, revision))
	}
}
