package files

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// File is an uploaded file.
type File struct {
	Name     string
	Version  string // in the normal form of PEP 440
	Size     int64  // bytes
	SHA256   string // lower-case hex
	Uploaded time.Time
	Yanked   *Yank // nil: its release is not yanked
	Attested bool  // it came with attestations (PEP 740)
}

// Yank says that a release is withdrawn.
type Yank struct {
	Reason string // may be ""
	At     time.Time
}

// Index is the index that this server keeps. Projects are named by their normalized names, versions in any spelling. Each change is
// durable when its method returns nil. After an error it may have been made, and it is safe to make it again. ledger.ErrNotFound says
// that there is no such project or release.
type Index interface {
	// ID tells this index from all others, for good. Several processes may share the issuer's store, each with an index of its own.
	ID() string

	Files(ctx context.Context, project string) ([]File, error) // sorted by name
	Yank(ctx context.Context, project, version, reason string) error
	Unyank(ctx context.Context, project, version string) error
	Delete(ctx context.Context, project string, names []string) error // passes over names that don't exist
}

// Service carries out what is decided about files. It is safe for concurrent use.
type Service struct {
	ledger   *ledger.Ledger
	projects *projects.Service
	index    Index

	doing sync.Mutex // held while what was decided is done, so that it is done in order
}

// New returns the Service for the projects of a ledger whose index this server keeps. Call Finish before people come.
func New(l *ledger.Ledger, p *projects.Service, index Index) *Service {
	return &Service{ledger: l, projects: p, index: index}
}

// Release is a version of a project and its files.
type Release struct {
	Version  string // as its first file spells it, in normal form
	Files    []File // sorted by name
	Uploaded time.Time
	Yanked   *Yank // nil: it is not yanked
}

// Size is the size of all files, in bytes.
func (r Release) Size() (n int64) {
	for _, f := range r.Files {
		n += f.Size
	}
	return n
}

// Releases lists the releases of a project, the one that was uploaded last first. Members of the project and administrators may
// see them; others get ledger.ErrNotFound.
func (s *Service) Releases(ctx context.Context, p ledger.Principal, project string) ([]Release, error) {
	rec, err := s.visible(ctx, p, project)
	if err != nil {
		return nil, err
	}
	all, err := s.releases(ctx, rec.Normalized)
	if err == nil && len(all) == 0 && rec.ID == "" {
		err = ledger.ErrNotFound
	}
	return all, err
}

// Release returns one release, by a version in any spelling, or ledger.ErrNotFound.
func (s *Service) Release(ctx context.Context, p ledger.Principal, project, version string) (Release, error) {
	all, err := s.Releases(ctx, p, project)
	if err != nil {
		return Release{}, err
	}
	return find(all, version)
}

// File returns one file, or ledger.ErrNotFound.
func (s *Service) File(ctx context.Context, p ledger.Principal, project, file string) (File, error) {
	all, err := s.Releases(ctx, p, project)
	if err != nil {
		return File{}, err
	}
	return findFile(all, file)
}

// visible returns a project that p may see.
func (s *Service) visible(ctx context.Context, p ledger.Principal, project string) (rec projects.Record, err error) {
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) (err error) {
		rec, err = visibleTo(r, p, project)
		return err
	})
	return rec, err
}

// visibleTo returns a project that p may see. For the operator, it may be a deleted one, of which only the name is known.
func visibleTo(r kv.Reader, p ledger.Principal, project string) (projects.Record, error) {
	rec, err := projects.VisibleTo(r, p, project)
	if errors.Is(err, ledger.ErrNotFound) && isOperator(p) && len(project) <= projects.MaxProjectName && caveats.ValidProjectName(project) {
		name := caveats.NormalizeProject(project)
		return projects.Record{Name: name, Normalized: name}, nil
	}
	return rec, err
}

func (s *Service) releases(ctx context.Context, name string) ([]Release, error) {
	all, err := s.index.Files(ctx, name)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Release
	at := map[string]int{}
	for _, f := range all {
		key := dist.ReleaseKey(f.Version)
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key], out = i, append(out, Release{Version: f.Version, Uploaded: f.Uploaded, Yanked: f.Yanked})
		}
		out[i].Files = append(out[i].Files, f)
		if f.Uploaded.Before(out[i].Uploaded) {
			out[i].Uploaded = f.Uploaded
		}
	}
	slices.SortStableFunc(out, func(a, b Release) int {
		return cmp.Or(b.Uploaded.Compare(a.Uploaded), cmp.Compare(b.Version, a.Version))
	})
	return out, nil
}

func find(all []Release, version string) (Release, error) {
	key := dist.ReleaseKey(version)
	i := slices.IndexFunc(all, func(r Release) bool { return key != "" && dist.ReleaseKey(r.Version) == key })
	if i < 0 {
		return Release{}, ledger.ErrNotFound
	}
	return all[i], nil
}

func findFile(all []Release, name string) (File, error) {
	for _, r := range all {
		for _, f := range r.Files {
			if f.Name == name {
				return f, nil
			}
		}
	}
	return File{}, ledger.ErrNotFound
}
