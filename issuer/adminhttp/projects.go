package adminhttp

import (
	"github.com/rind-dev/rind/issuer/projects"
)

func projectList(c *call) (any, error) {
	page, err := c.Issuer.Projects.All(c.ctx, c.principal(), projects.AllQuery{
		Text: c.req.Search, After: c.req.After, Limit: c.req.Limit, Unowned: c.req.Unowned,
	})
	out := Projects{Projects: []Project{}, Next: page.Next}
	for _, p := range page.Projects {
		one := Project{
			Name: p.Name, Owners: []string{}, Unowned: p.Unowned, Members: p.Members, Archived: !p.Archived.IsZero(), Status: p.Status(), CreatedAt: stamp(p.Created),
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

func quarantine(c *call) (any, error) {
	revision, err := c.Issuer.Projects.Quarantine(c.ctx, c.principal(), c.req.Name, c.req.Reason)
	if err != nil {
		return nil, err
	}
	return Done{Name: c.req.Name, Verifiers: c.reached(revision)}, nil
}

func liftQuarantine(c *call) (any, error) {
	revision, err := c.Issuer.Projects.LiftQuarantine(c.ctx, c.principal(), c.req.Name)
	if err != nil {
		return nil, err
	}
	return Done{Name: c.req.Name, Verifiers: c.reached(revision)}, nil
}
