package issuer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// What administrators see of everybody's projects and tokens, and what they may do
// about a project that nobody can manage.

// AllQuery asks for a part of the list of all projects, or of all tokens.
type AllQuery struct {
	Text    string // what to look for; "" for all
	After   string // Next of the page before; "" for the first page
	Limit   int    // 50 where it is 0, at most MaxPage
	Unowned bool   // of projects, those without an owner who is not frozen
}

func (q AllQuery) limit() int { return ledger.PageSize(q.Limit) }

// ProjectOverview is a project in the list of all.
type ProjectOverview struct {
	ProjectSummary          // its Role is ""
	OwnedBy        []Member // its owners, by name
	Unowned        bool     // no owner is left who is not frozen
}

// ProjectPage is a part of the list of all projects.
type ProjectPage struct {
	Projects []ProjectOverview // by normalized name
	Next     string            // After of the next page; "" on the last
}

// AllProjects lists the projects whose name holds a text, for administrators; to
// others it is ErrNotFound. A page may hold fewer than Limit, or none, and still have a
// Next: no more than 20,000 names are looked at for it.
func (s *Projects) AllProjects(ctx context.Context, p ledger.Principal, q AllQuery) (out ProjectPage, err error) {
	if !p.Admin {
		return out, ledger.ErrNotFound
	}
	want := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(strings.TrimSpace(q.Text))) // as names are stored
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		out = ProjectPage{}
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
					if len(out.Projects) == q.limit() {
						out.Next = out.Projects[q.limit()-1].Normalized
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
				if read++; read >= ledger.MaxScanned {
					out.Next = name
					return nil
				}
			}
			after = names[len(names)-1].Key
		}
	})
	return out, err
}

func overviewOf(r kv.Reader, id string) (ProjectOverview, error) {
	rec, err := Read(r, id)
	if err != nil {
		return ProjectOverview{}, fmt.Errorf("issuer: project %s: %w", id, err)
	}
	all, err := rec.View(r, "")
	if err != nil {
		return ProjectOverview{}, err
	}
	h := rec.head()
	out := ProjectOverview{Unowned: true, ProjectSummary: ProjectSummary{
		ID: id, Name: h.Name, Normalized: h.Normalized, Created: h.Created, Archived: h.Archived, Members: h.Members, Owners: h.Owners,
	}}
	for _, m := range all.Members {
		if m.Role == RoleOwner {
			out.OwnedBy = append(out.OwnedBy, m)
			out.Unowned = out.Unowned && m.Frozen
		}
	}
	return out, nil
}

// SearchTokens lists the tokens of everybody whose label holds a text, or whose id
// begins with it, newest first, for administrators; to others it is ErrNotFound. A
// page may hold fewer than Limit, or none, and still have a Next: no more than 20,000
// tokens are looked at for it. How many there are is not counted.
//
// What looks like the text of a token is not searched for: it is the problem
// "token_as_search" of the field "q".
func (s *Tokens) SearchTokens(ctx context.Context, p ledger.Principal, q AllQuery) (out TokenPage, err error) {
	if !p.Admin {
		return out, ledger.ErrNotFound
	}
	if err := CheckTokenSearch(q.Text); err != nil {
		return out, err
	}
	want := strings.TrimSpace(q.Text)
	now := s.clock()
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		out = TokenPage{}
		ids, next, err := searchTokens(r, want, q)
		if err != nil {
			return err
		}
		out.Next = next
		out.Tokens, err = viewTokens(r, ids, now)
		return err
	})
	return out, err
}

// CheckTokenSearch refuses a text that is, or holds, a token: whoever typed it took one
// box for another, and it must not get into an address, a log or a page.
func CheckTokenSearch(text string) error {
	if strings.Contains(strings.ToLower(text), token.Prefix) {
		return problem.New("q", "token_as_search")
	}
	return nil
}

// searchTokens is a page of ids, and the last id that was looked at where there may be
// more.
func searchTokens(r kv.Reader, want string, q AllQuery) (ids []string, next string, err error) {
	prefix, label, start := []byte(keyToken), ledger.Fold(want), strings.ToLower(want)
	var after []byte
	if q.After != "" && len(q.After) <= 36 {
		after = []byte(tokenKey(q.After))
	}
	last := ""
	for read := 0; read < ledger.MaxScanned; {
		pairs, err := r.Scan(prefix, after, ledger.ScanStep, true) // ids sort as tokens were minted
		if err != nil || len(pairs) == 0 {
			return ids, "", err
		}
		for _, p := range pairs {
			id := string(p.Key[len(prefix):])
			ok, err := meets(id, p.Value, start, label)
			if err != nil {
				return nil, "", err
			}
			if ok && len(ids) == q.limit() {
				return ids, last, nil
			}
			if last = id; ok {
				ids = append(ids, id)
			}
		}
		read += len(pairs)
		after = pairs[len(pairs)-1].Key
	}
	return ids, last, nil
}

// labelBegins is what stands in front of the label in a tokenRecord.
var labelBegins = []byte(`"Label":"`)

// meets tells whether a token has an id that begins with start, or a label that holds
// the folded want. Of a record in which the label is written as it is, nothing else is decoded.
func meets(id string, record []byte, start, want string) (bool, error) {
	if strings.HasPrefix(id, start) {
		return true, nil
	}
	if _, rest, ok := bytes.Cut(record, labelBegins); ok {
		if end := bytes.IndexAny(rest, `"\`); end >= 0 && rest[end] == '"' {
			return strings.Contains(ledger.Fold(string(rest[:end])), want), nil
		}
	}
	var rec tokenRecord
	if err := json.Unmarshal(record, &rec); err != nil {
		return false, fmt.Errorf("issuer: the token %s is damaged: %w", id, err)
	}
	return strings.Contains(ledger.Fold(rec.Label), want), nil
}

// AppointOwner makes a user an owner of a project that has none who is not frozen, so
// that somebody can manage it again; administrators may. To others it is ErrNotFound.
// The problems are "project_owned" without a field and those of the field "user". It
// returns the project as it is then, and the revision.
func (s *Projects) AppointOwner(ctx context.Context, p ledger.Principal, project, userID string) (out Project, rev uint64, err error) {
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

// SetArchived is Archive and Unarchive for administrators, of any project.
func (s *Projects) SetArchived(ctx context.Context, p ledger.Principal, project string, archived bool) (uint64, error) {
	return s.ledger.Update(ctx, func(c *ledger.Change) error {
		if err := c.AdmitAdmin(p); err != nil {
			return err
		}
		rec, err := ByName(c, project)
		if err != nil || archived != rec.Archived.IsZero() {
			return err
		}
		kind := "project.unarchived"
		if rec.Archived = (time.Time{}); archived {
			kind, rec.Archived = "project.archived", c.Now
		}
		return putArchived(c, p, rec, kind)
	})
}
