package web

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// tokenPageSize is how many tokens a page of the list shows.
const tokenPageSize = 100

func (s *tokenServer) listTokens(v *visit) error {
	ctx := v.Request().Context()
	projects, err := s.projects.List(ctx, v.user.ID)
	if err != nil {
		return err
	}
	page := ui.TokensPage{HasProjects: len(projects) > 0, Filter: ui.TokenFilter{
		Text: v.QueryParam("q"), Project: v.QueryParam("project"), State: v.QueryParam("state"),
		Expiring: v.QueryParam("expiring"), Unused: v.QueryParam("unused"), Sort: v.QueryParam("sort"),
	}}
	for _, p := range projects {
		page.Projects = append(page.Projects, p.Normalized)
	}
	if p := page.Filter.Project; p != "" && !slices.Contains(page.Projects, p) {
		page.Projects = append(page.Projects, p) // the visitor has left this project, but its tokens are in the list
	}
	found, err := s.tokens.Find(ctx, v.user.ID, tokenQuery(page.Filter, v.QueryParam("after")))
	if ps, status := v.problems(err); status != 0 {
		for i := range ps {
			if ps[i].Field == "after" { // the page has no such field
				ps[i].Field = ""
			}
		}
		page.Layout = v.layoutWith(ps)
		return v.render(status, page)
	}
	if err != nil {
		return err
	}
	page.Layout, page.Tokens = v.layout(), tokenRows(found.Tokens)
	page.First, page.Matched, page.Total, page.Next = found.First, found.Matched, found.Total, found.Next
	return v.show(page)
}

// tokenQuery turns the filter into a query. It refuses days that are not a number.
func tokenQuery(f ui.TokenFilter, after string) tokens.Query {
	days := func(typed string) int {
		typed = strings.TrimSpace(typed)
		if typed == "" {
			return 0
		}
		if n, err := strconv.Atoi(typed); err == nil && n > 0 {
			return n
		}
		return -1
	}
	return tokens.Query{
		Text: f.Text, Project: f.Project, State: tokens.State(f.State), Expiring: days(f.Expiring), Unused: days(f.Unused),
		Sort: tokens.Sort(f.Sort), After: after, Limit: tokenPageSize,
	}
}

func tokenRows(tokens []tokens.Token) []ui.TokenRow {
	out := make([]ui.TokenRow, len(tokens))
	for i, t := range tokens {
		out[i] = tokenRow(t)
	}
	return out
}

func tokenRow(t tokens.Token) ui.TokenRow {
	return ui.TokenRow{
		Limits: canDo(t), NarrowedAt: t.Narrowed, Replaced: t.Replaced != "",
		ID: t.ID, Label: t.Label, AllProjects: t.Scope == tokens.ScopeAll, Projects: projectNames(t.Projects),
		State: string(t.State), CreatedAt: t.Created, Factor: t.Factor, ExpiresAt: t.Expires, RevokedAt: t.Revoked.At, RevokedBy: t.Revoked.Username, Reason: t.Revoked.Reason,
		LastUsedAt: t.LastUsed.At, LastProject: t.LastUsed.Project, LastFrom: t.LastUsed.Network, LastSaidBy: t.LastUsed.Verifier,
	}
}

func projectNames(refs []projects.Ref) []string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = r.Name
	}
	return out
}
