package projects

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Limits of projects.
const (
	MaxProjectName = 100    // characters of a project's name
	MaxProjects    = 10_000 // projects in which a user has a role; with so many, the user can create no more
	MaxMembers     = 1_000  // members of a project
)

// Role is what a member may do in a project. Both roles may upload; an owner also manages it.
type Role string

// The roles.
const (
	RoleOwner      Role = "owner"
	RoleMaintainer Role = "maintainer"
)

func (r Role) valid() bool { return r == RoleOwner || r == RoleMaintainer }

// Project is a project as its members see it.
type Project struct {
	ID          string // UUID, never used for another project
	Name        string // as its creator wrote it
	Normalized  string // PEP 503, unique
	Created     time.Time
	About       About
	Archived    time.Time // zero: not archived
	Only        time.Time // since when it takes uploads of trusted publishers only; zero: of all tokens
	Deprecated  Mark
	Quarantined Mark
	Role        Role     // of the user who asks; "" for an administrator who is not a member
	Members     []Member // owners first, each group sorted by name
}

// Member is a user with a role in a project.
type Member struct {
	UserID   string
	Name     string
	Role     Role
	Since    time.Time
	Frozen   bool // the account is frozen, so the member can do nothing
	Excluded Exclusion
}

// Summary is an entry in the list of somebody's projects.
type Summary struct {
	ID          string
	Name        string
	Normalized  string
	Created     time.Time
	Archived    time.Time // zero: not archived
	Only        time.Time // since when it takes uploads of trusted publishers only; zero: of all tokens
	Deprecated  bool
	Quarantined bool
	Role        Role // of the user whose list it is
	Members     int  // owners and maintainers, including the user
	Owners      int
}

// Record is a project in the store. roleKey indexes its members. A deleted project
// stays as a tombstone without members, so that verifiers hear of the deletion.
type Record struct {
	ID         string                  `json:"-"` // stored in the key
	Name       string                  `json:"name"`
	Normalized string                  `json:"normalized"`
	Created    time.Time               `json:"created"`
	About      About                   `json:"about,omitzero"`
	Archived   time.Time               `json:"archived,omitzero"`
	Deleted    time.Time               `json:"deleted,omitzero"`
	Members    map[string]MemberRecord `json:"members"` // by user id

	OnlyPublishers time.Time `json:"only_publishers,omitzero"` // since when it takes uploads of trusted publishers only
	Deprecated     Mark      `json:"deprecated,omitzero"`
	Quarantined    Mark      `json:"quarantined,omitzero"`

	Left map[string]time.Time `json:"left,omitempty"` // by user id: when former members stopped being members, as far back as InvitationLife
}

// headRecord is the part of a project that lists show. It exists so that a list does not
// read all the members of all its projects.
type headRecord struct {
	Name        string    `json:"name"`
	Normalized  string    `json:"normalized"`
	Created     time.Time `json:"created"`
	Archived    time.Time `json:"archived,omitzero"`
	Only        time.Time `json:"only_publishers,omitzero"`
	Deprecated  bool      `json:"deprecated,omitempty"`
	Quarantined bool      `json:"quarantined,omitempty"`
	Members     int       `json:"members"`
	Owners      int       `json:"owners"`
}

// MemberRecord is a member of a project in the store.
type MemberRecord struct {
	Role     Role      `json:"role"`
	Since    time.Time `json:"since"`
	Excluded Exclusion `json:"excluded,omitzero"` // the member's tokens are shut out
}

// forbiddenNames are normalized names that could be mistaken for part of an index's address,
// or for the file that people pass to "pip install" when they forget -r.
var forbiddenNames = []string{"legacy", "requirements-txt", "rrequirements-txt", "simple"}

// Create registers a project with p as its owner. The name follows PEP 508 and has at
// most MaxProjectName characters; after normalization by PEP 503, no project may have it, and it must not be reserved. Create drops white space around it. It returns
// the revision too. Problems have the field "name", except if the user created too many
// projects today or reserves too many names.
func (s *Service) Create(ctx context.Context, p ledger.Principal, name string) (Project, uint64, error) {
	name = strings.TrimSpace(name)
	if err := checkProjectName(name); err != nil {
		return Project{}, 0, err
	}
	id, err := s.ledger.NewID()
	if err != nil {
		return Project{}, 0, err
	}
	var out Project
	rev, err := s.ledger.Update(ctx, func(c *ledger.Change) error {
		if err := c.Admit(p); err != nil {
			return err
		}
		rec := Record{
			ID: id, Name: name, Normalized: caveats.NormalizeProject(name), Created: c.Now,
			Members: map[string]MemberRecord{p.UserID: {Role: RoleOwner, Since: c.Now}},
		}
		if err := s.createProject(c, p, rec, nil); err != nil {
			return err
		}
		out, err = rec.View(c, p.UserID)
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
	case slices.Contains(forbiddenNames, caveats.NormalizeProject(name)):
		return problem.New("name", "project_name_prohibited", "name", name)
	}
	return nil
}

// createProject stores a new project. Its audit row has the details in more too.
func (s *Service) createProject(c *ledger.Change, p ledger.Principal, rec Record, more map[string]string) error {
	taken, err := kv.Exists(c, nameKey(rec.Normalized))
	if err != nil {
		return err
	}
	if taken {
		return problem.New("name", "project_name_taken", "name", rec.Normalized)
	}
	if err := checkReserved(c, rec.Normalized); err != nil {
		return err
	}
	if err := s.checkProjectRate(c, p); err != nil {
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
	if err := putProject(c, rec); err != nil {
		return err
	}
	detail := map[string]string{"project": rec.Name}
	maps.Copy(detail, more)
	return c.Audit(p, audit.Event{Kind: "project.created", Account: p.UserID, Project: rec.ID, Detail: detail})
}

// putProject stores a project and its head, and adds it to the changes that verifiers hear of.
func putProject(c *ledger.Change, rec Record) error {
	c.Changed(ledger.KindProject, rec.ID)
	if err := kv.PutJSON(c, projectKey(rec.ID), rec); err != nil {
		return err
	}
	return kv.PutJSON(c, headKey(rec.ID), rec.head())
}

func (rec Record) head() headRecord {
	return headRecord{
		Name: rec.Name, Normalized: rec.Normalized, Created: rec.Created, Archived: rec.Archived, Only: rec.OnlyPublishers,
		Deprecated: rec.Deprecated.Set(), Quarantined: rec.Quarantined.Set(),
		Members: len(rec.Members), Owners: rec.count(RoleOwner),
	}
}

// Get returns the project with a name, which need not be normalized, to its
// members and to administrators; others get ErrNotFound.
func (s *Service) Get(ctx context.Context, p ledger.Principal, name string) (Project, error) {
	var out Project
	err := s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		rec, err := VisibleTo(r, p, name)
		if err != nil {
			return err
		}
		out, err = rec.View(r, p.UserID)
		return err
	})
	return out, err
}

// VisibleTo reads the project with a name if p may see it, or returns ErrNotFound.
func VisibleTo(r kv.Reader, p ledger.Principal, name string) (Record, error) {
	rec, err := ByName(r, name)
	if err != nil {
		return Record{}, err
	}
	if _, ok := rec.Members[p.UserID]; !ok && !p.Admin {
		return Record{}, ledger.ErrNotFound
	}
	return rec, nil
}

// ByName reads the project with a name, normalized or not, or returns ErrNotFound.
func ByName(r kv.Reader, name string) (Record, error) {
	if len(name) > MaxProjectName || !caveats.ValidProjectName(name) {
		return Record{}, ledger.ErrNotFound
	}
	id, err := IDOf(r, caveats.NormalizeProject(name))
	if err == nil && id == "" {
		err = ledger.ErrNotFound
	}
	if err != nil {
		return Record{}, err
	}
	return Read(r, id)
}

// IDOf returns the id of the project with a normalized name, or "" if no project has it.
func IDOf(r kv.Reader, normalized string) (string, error) {
	id, err := r.Get([]byte(nameKey(normalized)))
	if errors.Is(err, kv.ErrNotFound) {
		return "", nil
	}
	return string(id), err
}

// Read reads a project by its id, or returns kv.ErrNotFound.
func Read(r kv.Reader, id string) (Record, error) {
	rec := Record{ID: id}
	err := kv.GetJSON(r, projectKey(id), &rec)
	return rec, err
}

func (rec Record) count(role Role) (n int) {
	for _, m := range rec.Members {
		if m.Role == role {
			n++
		}
	}
	return n
}

// View returns the project as the user asker sees it.
func (rec Record) View(r kv.Reader, asker string) (Project, error) {
	p := Project{
		ID: rec.ID, Name: rec.Name, Normalized: rec.Normalized, Created: rec.Created,
		About: rec.About, Archived: rec.Archived, Only: rec.OnlyPublishers, Deprecated: rec.Deprecated, Quarantined: rec.Quarantined,
		Role: rec.Members[asker].Role,
	}
	for id, m := range rec.Members {
		u, err := ledger.ReadUser(r, id)
		if err != nil {
			return Project{}, err
		}
		p.Members = append(p.Members, Member{UserID: id, Name: u.Name, Role: m.Role, Since: m.Since, Frozen: u.Frozen, Excluded: m.Excluded})
	}
	slices.SortFunc(p.Members, func(a, b Member) int {
		if a.Role != b.Role {
			return -cmp.Compare(a.Role, b.Role) // "owner" sorts after "maintainer"
		}
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UserID, b.UserID))
	})
	return p, nil
}

// Register creates a project owned by p, with its audit row, which has the details in more too.
func (s *Service) Register(c *ledger.Change, p ledger.Principal, name string, more map[string]string) (Ref, error) {
	if err := checkProjectName(name); err != nil {
		return Ref{}, err
	}
	id, err := s.ledger.NewID()
	if err != nil {
		return Ref{}, err
	}
	rec := Record{
		ID: id, Name: name, Normalized: caveats.NormalizeProject(name), Created: c.Now,
		Members: map[string]MemberRecord{p.UserID: {Role: RoleOwner, Since: c.Now}},
	}
	return Ref{ID: id, Name: rec.Normalized}, s.createProject(c, p, rec, more)
}

// Ref refers to a project, with the name that it had when the token was minted.
type Ref struct {
	ID   string `json:"id"`
	Name string `json:"name"` // normalized
}
