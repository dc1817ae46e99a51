package adminhttp

import (
	"github.com/rind-dev/rind/issuer/tokens"
)

func tokenList(c *call) (any, error) {
	found, err := c.findTokens()
	out := Tokens{Tokens: []Token{}, Next: found.Next}
	for _, t := range found.Tokens {
		one := Token{
			ID: t.ID, Label: t.Label, Owner: t.UserName, Projects: []string{}, All: t.Scope == tokens.ScopeAll, Registers: t.Registers, State: string(t.State),
			CreatedAt: stamp(t.Created), ExpiresAt: stamp(t.Expires), LastUsedAt: stamp(t.LastUsed.At), RevokedAt: stamp(t.Revoked.At), Reason: t.Revoked.Reason,
		}
		for _, p := range t.Projects {
			one.Projects = append(one.Projects, p.Name)
		}
		out.Tokens = append(out.Tokens, one)
	}
	return out, err
}

// findTokens searches everybody's tokens by owner, by project, or by label or ID.
func (c *call) findTokens() (tokens.TokenPage, error) {
	q := tokens.AllQuery{Text: c.req.Search, Project: c.req.Project, After: c.req.After, Limit: c.req.Limit}
	if c.req.Owner != "" {
		u, err := c.userIn("owner", c.req.Owner)
		if err != nil {
			return tokens.TokenPage{}, err
		}
		q.Owner = u.ID
	}
	return c.Issuer.Tokens.Search(c.ctx, c.principal(), q)
}

func revokeToken(c *call) (any, error) {
	revision, _, err := c.Issuer.Tokens.RevokeFor(c.ctx, c.principal(), c.req.ID, c.req.Reason)
	if err != nil {
		return nil, err
	}
	return Done{Name: c.req.ID, Verifiers: c.reached(revision)}, nil
}
