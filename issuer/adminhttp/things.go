package adminhttp

import (
	"slices"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

func projectList(c *call) (any, error) {
	page, err := c.Issuer.Projects.All(c.ctx, c.principal(), projects.AllQuery{
		Text: c.req.Search, After: c.req.After, Limit: c.req.Limit, Unowned: c.req.Unowned,
	})
	out := Projects{Projects: []Project{}, Next: page.Next}
	for _, p := range page.Projects {
		one := Project{
			Name: p.Name, Owners: []string{}, Unowned: p.Unowned, Members: p.Members, Archived: !p.Archived.IsZero(), CreatedAt: stamp(p.Created),
		}
		for _, o := range p.OwnedBy {
			one.Owners = append(one.Owners, o.Name)
		}
		out.Projects = append(out.Projects, one)
	}
	return out, err
}

func appointOwner(c *call) (any, error) {
	u, err := c.userIn("user", c.req.User)
	if err != nil {
		return nil, err
	}
	p, revision, err := c.Issuer.Projects.AppointOwner(c.ctx, c.principal(), c.req.Name, u.ID)
	if err != nil {
		return nil, err
	}
	return Done{Name: p.Name, Verifiers: c.reached(revision)}, nil
}

func tokenList(c *call) (any, error) {
	found, err := c.findTokens()
	out := Tokens{Tokens: []Token{}, Next: found.Next}
	for _, t := range found.Tokens {
		one := Token{
			ID: t.ID, Label: t.Label, Owner: t.UserName, Projects: []string{}, All: t.Scope == tokens.ScopeAll, State: string(t.State),
			CreatedAt: stamp(t.Created), ExpiresAt: stamp(t.Expires), LastUsedAt: stamp(t.LastUsed.At), RevokedAt: stamp(t.Revoked.At), Reason: t.Revoked.Reason,
		}
		for _, p := range t.Projects {
			one.Projects = append(one.Projects, p.Name)
		}
		out.Tokens = append(out.Tokens, one)
	}
	return out, err
}

// findTokens looks where the request says: in labels and ids, of an owner, or among
// those that can upload to a project.
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

func verifiers(c *call) (any, error) {
	all, err := c.Issuer.Followers.Verifiers(c.ctx, c.principal())
	out := Verifiers{Verifiers: []Verifier{}}
	for _, v := range all {
		out.Verifiers = append(out.Verifiers, Verifier{
			ID: v.ID, Name: v.Name, Connected: !v.Connected.IsZero(), Astray: v.Astray, Lag: v.Lag, Behind: v.Behind.Seconds(),
			SeenAt: stamp(v.Seen), RevokedAt: stamp(v.Revoked.At),
		})
	}
	return out, err
}

func registerVerifier(c *call) (any, error) {
	v, secret, err := c.Issuer.Followers.RegisterVerifier(c.ctx, c.principal(), c.req.Name)
	return Secret{Name: v.Name, Secret: secret}, err
}

// revokeVerifier ends the verifier of an id, or of a name that works. The id comes first: what else is called by it does
// not keep the one that has it.
func revokeVerifier(c *call) (any, error) {
	all, err := c.Issuer.Followers.Verifiers(c.ctx, c.principal())
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(v followers.Verifier) bool { return v.ID == c.req.Name })
	if at < 0 {
		at = slices.IndexFunc(all, func(v followers.Verifier) bool { return v.Name == c.req.Name && v.Revoked.At.IsZero() })
	}
	if at < 0 {
		return nil, ledger.ErrNotFound
	}
	return Done{Name: all[at].Name}, c.Issuer.Followers.RevokeVerifier(c.ctx, c.principal(), all[at].ID)
}

func settings(c *call) (any, error) {
	set, err := c.Auth.Settings.Load(c.ctx)
	out := Settings{
		ReadOnly: set.ReadOnly.On(), ReadOnlySince: stamp(set.ReadOnly.Since), Reason: set.ReadOnly.Reason,
		Registration: string(c.Auth.Settings.Registration(set)), Configured: set.Registration == instance.AsConfigured,
	}
	if b := set.Banner; b.Shown(c.Clock()) {
		out.Banner, out.BannerLevel, out.BannerUntil = b.Text, string(b.Level), stamp(b.Until)
	}
	return out, err
}

// then answers with the settings after a change of them.
func (c *call) then(err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return settings(c)
}

func readOnly(c *call) (any, error) {
	return c.then(c.Auth.Settings.SetReadOnly(c.ctx, c.by, c.from, c.req.On, c.req.Reason))
}

func registration(c *call) (any, error) {
	to := instance.Registration(c.req.To)
	switch to {
	case instance.Open, instance.ByInvitation:
	case "default":
		to = instance.AsConfigured
	default:
		return nil, problem.New("to", "registration_unknown")
	}
	return c.then(c.Auth.Settings.SetRegistration(c.ctx, c.by, c.from, to))
}

func setBanner(c *call) (any, error) {
	b := instance.Banner{Text: c.req.Text, Level: instance.Level(c.req.Level), Until: c.req.Until}
	return c.then(c.Auth.Settings.SetBanner(c.ctx, c.by, c.from, b))
}

func clearBanner(c *call) (any, error) {
	return c.then(c.Auth.Settings.ClearBanner(c.ctx, c.by, c.from))
}
