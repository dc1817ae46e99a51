package projects

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// What administrators see of everybody's projects and tokens, and what they may do
// about a project that nobody can manage.

// AllQuery asks for a page of the list of all projects.
type AllQuery struct {
	Text    string // a part of the name; "" for all projects
	After   string // Next of the page before; "" for the first page
	Limit   int    // 0 means 50; at most MaxPage
	Unowned bool   // only projects without an owner, or with frozen owners only
}

// Overview is a project in the list of all.
type Overview struct {
	Summary          // its Role is ""
	OwnedBy []Member // its owners, sorted by name
	Unowned bool     // it has no owner, or frozen owners only
}

// Page is a page of the list of all projects.
type Page struct {
	Projects []Overview // sorted by normalized name
	Next     string     // After of the next page; "" on the last
}

// All lists the projects whose names contain a text, for administrators; others get
// ErrNotFound. A page may hold fewer than Limit projects, or none, and still have a
// Next, because All looks at no more than 20,000 names for one page.
func (s *Service) All(ctx context.Context, p ledger.Principal, q AllQuery) (out Page, err error) {
	if !p.Admin {
		return out, ledger.ErrNotFound
	}
	want := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(strings.TrimSpace(q.Text))) // as names are stored
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		out = Page{}
		prefix := []byte(nameKey(""))
		var after []byte
		if len(q.After) <= MaxProjectName && q.After != "" {
			after = []byte(nameKey(q.After))
		}
		for read := 0; ; {
			names, err := r.Scan(prefix, after, ledger.ScanStep, false)
			if err != nil || len(names) == 0 {
				return err
			}
			for _, n := range names {
				name := string(n.Key[len(prefix):])
				if strings.Contains(name, want) {
					if len(out.Projects) == ledger.PageSize(q.Limit) {
						out.Next = out.Projects[ledger.PageSize(q.Limit)-1].Normalized
						return nil
					}
					one, err := overviewOf(r, string(n.Value))
					if err != nil {
						return err
					}
					if !q.Unowned || one.Unowned {
						out.Projects = append(out.Projects, one)
					}
				}
				read++
				if read >= ledger.MaxScanned {
					out.Next = name
					return nil
				}
			}
			after = names[len(names)-1].Key
		}
	})
	return out, err
}

func overviewOf(r kv.Reader, id string) (Overview, error) {
	rec, err := Read(r, id)
	if err != nil {
		return Overview{}, fmt.Errorf("projects: project %s: %w", id, err)
	}
	all, err := rec.View(r, "")
	if err != nil {
		return Overview{}, err
	}
	h := rec.head()
	out := Overview{Unowned: true, Summary: Summary{
		ID: id, Name: h.Name, Normalized: h.Normalized, Created: h.Created, Archived: h.Archived,
		Deprecated: h.Deprecated, Quarantined: h.Quarantined, Members: h.Members, Owners: h.Owners,
	}}
	for _, m := range all.Members {
		if m.Role == RoleOwner {
			out.OwnedBy = append(out.OwnedBy, m)
			out.Unowned = out.Unowned && m.Frozen
		}
	}
	return out, nil
}

// AppointOwner makes a user an owner of a project that has no owner, or frozen owners
// only, so that somebody can manage it again. Only administrators may; others get
// ErrNotFound. The problem "project_owned" has no field; the others have the field
// "user". AppointOwner returns the project as it is afterwards, and the revision.
func (s *Service) AppointOwner(ctx context.Context, p ledger.Principal, project, userID string) (out Project, rev uint64, err error) {
	rev, err = s.ledger.Update(ctx, func(c *ledger.Change) error {
		if err := c.AdmitAdmin(p); err != nil {
			return err
		}
		rec, err := ByName(c, project)
		if err != nil {
			return err
		}
		if err := appointOwner(c, p, rec, userID); err != nil {
			return err
		}
		out, err = rec.View(c, p.UserID)
		return err
	})
	return out, rev, err
}

func appointOwner(c *ledger.Change, p ledger.Principal, rec Record, userID string) error {
	err := checkOwned(c, rec)
	var probs problem.Problems
	switch {
	case err == nil:
		return problem.New("", "project_owned", "project", rec.Name)
	case !errors.As(err, &probs):
		return err
	}
	m, member := rec.Members[userID]
	if !member {
		if err := checkNewMember(c, rec, userID); err != nil {
			return err
		}
		m.Since = c.Now
	} else if u, err := ledger.ReadUser(c, userID); err != nil {
		return err
	} else if u.Frozen {
		return problem.New("user", "user_frozen", "user", u.Name)
	}
	was := string(m.Role)
	m.Role = RoleOwner
	rec.Members[userID] = m
	return putMember(c, p, rec, userID, "project.owner_appointed", map[string]string{"role": string(RoleOwner), "was": was})
}

// SetArchived archives or unarchives any project, for administrators; see Archive and Unarchive.
func (s *Service) SetArchived(ctx context.Context, p ledger.Principal, project string, archived bool) (uint64, error) {
	return s.ledger.Update(ctx, administering(p, project, func(c *ledger.Change, rec Record) error {
		if archived != rec.Archived.IsZero() {
			return nil
		}
		if !archived {
			return reopen(c, p, rec)
		}
		rec.Archived = c.Now
		return putArchived(c, p, rec, "project.archived")
	}))
}
