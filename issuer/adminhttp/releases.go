package adminhttp

import (
	"errors"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/files"
)

// onFiles returns a command about the files of a project.
func onFiles(do func(*call, *files.Service) (any, error)) command {
	return func(c *call) (any, error) {
		if c.Files == nil {
			return nil, problem.New("", "files_elsewhere")
		}
		return do(c, c.Files)
	}
}

// onRelease returns a command that changes a release, whose version may have any spelling.
func onRelease(change func(c *call, s *files.Service, version string) error) command {
	return onFiles(func(c *call, s *files.Service) (any, error) {
		r, err := s.Release(c.ctx, c.principal(), c.req.Name, c.req.Version)
		if err != nil {
			return nil, err
		}
		return c.decided(Done{Name: c.req.Name, Version: r.Version}, change(c, s, r.Version))
	})
}

// decided is the answer to a command whose decision may have been recorded without being carried out.
func (c *call) decided(done Done, err error) (any, error) {
	if errors.Is(err, files.ErrLater) {
		c.Logger.ErrorContext(c.ctx, "adminhttp: decided, and not done yet", "by", c.name, "error", err)
		done.Later = true
		return done, nil
	}
	return done, err
}

func yank(c *call, s *files.Service, version string) error {
	return s.Yank(c.ctx, c.principal(), c.req.Name, version, c.req.Reason)
}

func unyank(c *call, s *files.Service, version string) error {
	return s.Unyank(c.ctx, c.principal(), c.req.Name, version)
}

func deleteRelease(c *call, s *files.Service, version string) error {
	return s.DeleteRelease(c.ctx, c.principal(), c.req.Name, version, version)
}

func deleteFile(c *call, s *files.Service) (any, error) {
	if _, err := s.File(c.ctx, c.principal(), c.req.Name, c.req.File); err != nil {
		return nil, err
	}
	return c.decided(Done{Name: c.req.Name}, s.DeleteFile(c.ctx, c.principal(), c.req.Name, c.req.File, c.req.File))
}

func releases(c *call, s *files.Service) (any, error) {
	all, err := s.Releases(c.ctx, c.principal(), c.req.Name)
	out := Releases{Releases: []Release{}}
	for _, r := range all {
		release := Release{Version: r.Version, UploadedAt: stamp(r.Uploaded), Files: []File{}}
		if r.Yanked != nil {
			release.Yanked, release.Reason = true, r.Yanked.Reason
		}
		for _, f := range r.Files {
			release.Files = append(release.Files, File{Name: f.Name, Size: f.Size, SHA256: f.SHA256, UploadedAt: stamp(f.Uploaded)})
		}
		out.Releases = append(out.Releases, release)
	}
	return out, err
}
