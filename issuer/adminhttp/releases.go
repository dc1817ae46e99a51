package adminhttp

import (
	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/ledger"
)

// released returns the service for files; another program may keep the index, and then there is none.
func (c *call) released() (*files.Service, error) {
	if c.Files == nil {
		return nil, ledger.ErrNotFound
	}
	return c.Files, nil
}

func yank(c *call) (any, error) {
	s, err := c.released()
	if err == nil {
		err = s.Yank(c.ctx, c.principal(), c.req.Name, c.req.Version, c.req.Reason)
	}
	return Done{Name: c.req.Name}, err
}

func unyank(c *call) (any, error) {
	s, err := c.released()
	if err == nil {
		err = s.Unyank(c.ctx, c.principal(), c.req.Name, c.req.Version)
	}
	return Done{Name: c.req.Name}, err
}
