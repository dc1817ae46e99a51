package adminhttp

import (
	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/ledger"
)

// onFiles returns a command that changes the files of a project.
func onFiles(change func(*call, *files.Service) error) command {
	return func(c *call) (any, error) {
		if c.Files == nil { // another program keeps the index
			return nil, ledger.ErrNotFound
		}
		return Done{Name: c.req.Name}, change(c, c.Files)
	}
}

func yank(c *call, s *files.Service) error {
	return s.Yank(c.ctx, c.principal(), c.req.Name, c.req.Version, c.req.Reason)
}

func unyank(c *call, s *files.Service) error {
	return s.Unyank(c.ctx, c.principal(), c.req.Name, c.req.Version)
}

// deleteRelease takes the version for what was typed to confirm: who wrote the command has typed it.
func deleteRelease(c *call, s *files.Service) error {
	return s.DeleteRelease(c.ctx, c.principal(), c.req.Name, c.req.Version, c.req.Version)
}

func deleteFile(c *call, s *files.Service) error {
	return s.DeleteFile(c.ctx, c.principal(), c.req.Name, c.req.File, c.req.File)
}
