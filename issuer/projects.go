package issuer

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// Limits of projects.
const (
	MaxProjectName = 100    // characters of a project's name
	MaxProjects    = 10_000 // projects in which a user has a role, when it creates another
	MaxMembers     = 1_000  // members of a project
)

// Role is what a member may do in a project. Both upload; an owner manages too.
type Role string

// The roles.
const (
	RoleOwner      Role = "owner"
	RoleMaintainer Role = "maintainer"
)

func (r Role) valid() bool { return r == RoleOwner || r == RoleMaintainer }

// Project is a project as its members see it.
type Project struct {
	ID         string // UUID, never used for another project
	Name       string // as its creator wrote it
	Normalized string // PEP 503, unique
	Created    time.Time
	About      About
	Archived   time.Time // zero: not archived
	Role       Role      // of the asker; "" for an administrator without one
	Members    []Member  // owners first, then by name
}

// Member is a user with a role in a project.
type Member struct {
	UserID string
	Name   string
	Role   Role
	Since  time.Time
	Frozen bool // the account is frozen, so the member can do nothing
	Shut   Shutting
}

// ProjectSummary is a line in the list of somebody's projects.
type ProjectSummary struct {
	ID         string
	Name       string
	Normalized string
	Created    time.Time
	Archived   time.Time // zero: not archived
	Role       Role      // of the user whose list it is
	Members    int       // owners and maintainers, the user included
	Owners     int
}

// projectRecord is a project in the store. roleKey indexes its members. One that
// was deleted stays as a tombstone, without members, for verifiers to hear of.
type projectRecord struct {
	ID         string `json:"-"` // it is in the key
	Name       string
	Normalized string
	Created    time.Time
	About      About                   `json:",omitzero"`
	Archived   time.Time               `json:",omitzero"`
	Deleted    time.Time               `json:",omitzero"`
	Members    map[string]memberRecord // by user id
	Left       map[string]time.Time    `json:",omitempty"` // when who is no member any more stopped being one; InvitationLife back
}

// headRecord is what lists show of a project, so that a list does not read all the
// members of all of its projects.
type headRecord struct {
	Name       string
	Normalized string
	Created    time.Time
	Archived   time.Time `json:",omitzero"`
	Members    int
	Owners     int
}

type memberRecord struct {
	Role  Role
	Since time.Time
	Shut  Shutting `json:",omitzero"` // the member's tokens are shut out
}

// reserved names, normalized, would be mistaken for a part of an index's address,
// or for the file that people pass to "pip install" with the -r forgotten.
var reserved = []string{"legacy", "requirements-txt", "rrequirements-txt", "simple"}

// CreateProject registers a project with p as its owner, under a name by PEP 508
// of at most MaxProjectName characters, which no project has after normalization
// by PEP 503, and for which none that was deleted is held back. White space around
// it is dropped. It returns the revision too. Its problems have the field "name", and none where the user made too many today, or holds too many names back.
func (s *Service) CreateProject(ctx context.Context, p Principal, name string) (Project, uint64, error) {
	name = strings.TrimSpace(name)
	if err := checkProjectName(name); err != nil {
		return Project{}, 0, err
	}
	id, err := s.newID()
	if err != nil {
		return Project{}, 0, err
	}
	var out Project
	rev, err := s.update(ctx, func(c *change) error {
		if err := c.admit(p); err != nil {
			return err
		}
		rec := projectRecord{
			ID: id, Name: name, Normalized: caveats.NormalizeProject(name), Created: c.now,
			Members: map[string]memberRecord{p.UserID: {Role: RoleOwner, Since: c.now}},
		}
		if err := c.createProject(p, rec); err != nil {
			return err
		}
		out, err = rec.view(c, p.UserID)
		return err
	})
	if err != nil {
		return Project{}, 0, err
	}
	return out, rev, nil
}

func checkProjectName(name string) error {
	switch {
	case name == "":
		return problem.New("name", "project_name_required")
	case len(name) > MaxProjectName:
		return problem.New("name", "project_name_too_long", "max", MaxProjectName)
	case !caveats.ValidProjectName(name):
		return problem.New("name", "project_name_invalid")
	case slices.Contains(reserved, caveats.NormalizeProject(name)):
		return problem.New("name", "project_name_reserved", "name", name)
	}
	return nil
}

func (c *change) createProject(p Principal, rec projectRecord) error {
	taken, err := kv.Exists(c, nameKey(rec.Normalized))
	if err != nil {
		return err
	}
	if taken {
		return problem.New("name", "project_name_taken", "name", rec.Normalized)
	}
	if err := c.checkHeld(rec.Normalized); err != nil {
		return err
	}
	if err := c.checkProjectRate(p); err != nil {
		return err
	}
	roles, err := c.Scan(rolePrefix(p.UserID), nil, MaxProjects, false)
	if err != nil {
		return err
	}
	if len(roles) >= MaxProjects {
		return problem.New("name", "too_many_projects", "max", MaxProjects)
	}
	if err := c.Put([]byte(nameKey(rec.Normalized)), []byte(rec.ID)); err != nil {
		return err
	}
	if err := c.Put(roleKey(p.UserID, rec.ID), []byte(RoleOwner)); err != nil {
		return err
	}
	if err := c.putProject(rec); err != nil {
		return err
	}
	return c.audit(p, audit.Event{Kind: "project.created", Account: p.UserID, Project: rec.ID,
		Detail: map[string]string{"project": rec.Name}})
}

// putProject stores a project and notes that it changed.
func (c *change) putProject(rec projectRecord) error {
	c.changed(kindProject, rec.ID)
	if err := kv.PutJSON(c, projectKey(rec.ID), rec); err != nil {
		return err
	}
	return kv.PutJSON(c, headKey(rec.ID), rec.head())
}

func (rec projectRecord) head() headRecord {
	return headRecord{
		Name: rec.Name, Normalized: rec.Normalized, Created: rec.Created, Archived: rec.Archived,
		Members: len(rec.Members), Owners: rec.count(RoleOwner),
	}
}

// Project returns the project of a name, which need not be normalized, to its
// members and to administrators; to others it is ErrNotFound.
func (s *Service) Project(ctx context.Context, p Principal, name string) (Project, error) {
	var out Project
	err := s.viewAs(ctx, p, func(r kv.Reader) error {
		rec, err := visibleProject(r, p, name)
		if err != nil {
			return err
		}
		out, err = rec.view(r, p.UserID)
		return err
	})
	return out, err
}

// visibleProject reads the project of a name if p may see it, else ErrNotFound.
func visibleProject(r kv.Reader, p Principal, name string) (projectRecord, error) {
	rec, err := projectByName(r, name)
	if err != nil {
		return projectRecord{}, err
	}
	if _, ok := rec.Members[p.UserID]; !ok && !p.Admin {
		return projectRecord{}, ErrNotFound
	}
	return rec, nil
}

// projectByName reads the project of a name, normalized or not, or ErrNotFound.
func projectByName(r kv.Reader, name string) (projectRecord, error) {
	if len(name) > MaxProjectName || !caveats.ValidProjectName(name) {
		return projectRecord{}, ErrNotFound
	}
	id, err := r.Get([]byte(nameKey(caveats.NormalizeProject(name))))
	if errors.Is(err, kv.ErrNotFound) {
		return projectRecord{}, ErrNotFound
	}
	if err != nil {
		return projectRecord{}, err
	}
	return readProject(r, string(id))
}

// readProject reads a project by its id, or kv.ErrNotFound.
func readProject(r kv.Reader, id string) (projectRecord, error) {
	rec := projectRecord{ID: id}
	err := kv.GetJSON(r, projectKey(id), &rec)
	return rec, err
}

func (rec projectRecord) count(role Role) (n int) {
	for _, m := range rec.Members {
		if m.Role == role {
			n++
		}
	}
	return n
}

// view makes the project that asker sees.
func (rec projectRecord) view(r kv.Reader, asker string) (Project, error) {
	p := Project{
		ID: rec.ID, Name: rec.Name, Normalized: rec.Normalized, Created: rec.Created,
		About: rec.About, Archived: rec.Archived, Role: rec.Members[asker].Role,
	}
	for id, m := range rec.Members {
		u, err := readUser(r, id)
		if err != nil {
			return Project{}, err
		}
		p.Members = append(p.Members, Member{UserID: id, Name: u.Name, Role: m.Role, Since: m.Since, Frozen: u.Frozen, Shut: m.Shut})
	}
	slices.SortFunc(p.Members, func(a, b Member) int {
		if a.Role != b.Role {
			return -cmp.Compare(a.Role, b.Role) // "owner" sorts behind "maintainer"
		}
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UserID, b.UserID))
	})
	return p, nil
}
