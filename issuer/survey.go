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
)

// What administrators see of everybody's projects and tokens, and what they may do
// about a project that nobody can manage.

// surveyStep is how many records one scan of a survey reads, and surveyRead how many
// it reads for one page at most; a page that is cut short there has a Next.
const (
	surveyStep = 1_000
	surveyRead = 20_000
)

// Survey asks for a part of the list of all projects, or of all tokens.
type Survey struct {
	Text    string // what to look for; "" for all
	After   string // Next of the page before; "" for the first page
	Limit   int    // 50 where it is 0, at most MaxPage
	Unowned bool   // of projects, those without an owner who is not frozen
}

func (q Survey) limit() int {
	if q.Limit <= 0 {
		return 50
	}
	return min(q.Limit, MaxPage)
}

// SurveyedProject is a project in the list of all.
type SurveyedProject struct {
	ProjectSummary          // its Role is ""
	OwnedBy        []Member // its owners, by name
	Unowned        bool     // no owner is left who is not frozen
}

// ProjectPage is a part of the list of all projects.
type ProjectPage struct {
	Projects []SurveyedProject // by normalized name
	Next     string            // After of the next page; "" on the last
}

// AllProjects lists the projects whose name holds a text, for administrators; to
// others it is ErrNotFound. A page may hold fewer than Limit, or none, and still have a
// Next: no more than 20,000 names are looked at for it.
func (s *Service) AllProjects(ctx context.Context, p Principal, q Survey) (out ProjectPage, err error) {
	if !p.Admin {
		return out, ErrNotFound
	}
	want := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(strings.TrimSpace(q.Text))) // as names are stored
	err = s.viewAs(ctx, p, func(r kv.Reader) error {
		out = ProjectPage{}
		prefix := []byte(nameKey(""))
		var after []byte
		if len(q.After) <= MaxProjectName && q.After != "" {
			after = []byte(nameKey(q.After))
		}
		for read := 0; ; {
			names, err := r.Scan(prefix, after, surveyStep, false)
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
					one, err := surveyed(r, string(n.Value))
					if err != nil {
						return err
					}
					if !q.Unowned || one.Unowned {
						out.Projects = append(out.Projects, one)
					}
				}
				if read++; read >= surveyRead {
					out.Next = name
					return nil
				}
			}
			after = names[len(names)-1].Key
		}
	})
	return out, err
}

func surveyed(r kv.Reader, id string) (SurveyedProject, error) {
	rec, err := readProject(r, id)
	if err != nil {
		return SurveyedProject{}, fmt.Errorf("issuer: project %s: %w", id, err)
	}
	all, err := rec.view(r, "")
	if err != nil {
		return SurveyedProject{}, err
	}
	h := rec.head()
	out := SurveyedProject{Unowned: true, ProjectSummary: ProjectSummary{
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
func (s *Service) SearchTokens(ctx context.Context, p Principal, q Survey) (out TokenPage, err error) {
	if !p.Admin {
		return out, ErrNotFound
	}
	if err := CheckTokenSearch(q.Text); err != nil {
		return out, err
	}
	want := strings.TrimSpace(q.Text)
	now := s.clock()
	err = s.viewAs(ctx, p, func(r kv.Reader) error {
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
func searchTokens(r kv.Reader, want string, q Survey) (ids []string, next string, err error) {
	prefix, label, start := []byte(keyToken), foldLabel(want), strings.ToLower(want)
	var after []byte
	if q.After != "" && len(q.After) <= 36 {
		after = []byte(tokenKey(q.After))
	}
	last := ""
	for read := 0; read < surveyRead; {
		pairs, err := r.Scan(prefix, after, surveyStep, true) // ids sort as tokens were minted
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
			return strings.Contains(foldLabel(string(rest[:end])), want), nil
		}
	}
	var rec tokenRecord
	if err := json.Unmarshal(record, &rec); err != nil {
		return false, fmt.Errorf("issuer: the token %s is damaged: %w", id, err)
	}
	return strings.Contains(foldLabel(rec.Label), want), nil
}

// AppointOwner makes a user an owner of a project that has none who is not frozen, so
// that somebody can manage it again; administrators may. To others it is ErrNotFound.
// The problems are "project_owned" without a field and those of the field "user". It
// returns the project as it is then, and the revision.
func (s *Service) AppointOwner(ctx context.Context, p Principal, project, userID string) (out Project, rev uint64, err error) {
	rev, err = s.update(ctx, func(c *change) error {
		if err := c.admitAdmin(p); err != nil {
			return err
		}
		rec, err := projectByName(c, project)
		if err != nil {
			return err
		}
		if err := c.appoint(p, rec, userID); err != nil {
			return err
		}
		out, err = rec.view(c, p.UserID)
		return err
	})
	return out, rev, err
}

func (c *change) appoint(p Principal, rec projectRecord, userID string) error {
	err := c.checkOwned(rec)
	var probs problem.Problems
	switch {
	case err == nil:
		return problem.New("", "project_owned", "project", rec.Name)
	case !errors.As(err, &probs):
		return err
	}
	m, member := rec.Members[userID]
	if !member {
		if err := c.checkNewMember(rec, userID); err != nil {
			return err
		}
		m.Since = c.now
	} else if u, err := readUser(c, userID); err != nil {
		return err
	} else if u.Frozen {
		return problem.New("user", "user_frozen", "user", u.Name)
	}
	was := string(m.Role)
	m.Role = RoleOwner
	rec.Members[userID] = m
	return c.putMember(p, rec, userID, "project.owner_appointed", map[string]string{"role": string(RoleOwner), "was": was})
}

// SetArchived is Archive and Unarchive for administrators, of any project.
func (s *Service) SetArchived(ctx context.Context, p Principal, project string, archived bool) (uint64, error) {
	return s.update(ctx, func(c *change) error {
		if err := c.admitAdmin(p); err != nil {
			return err
		}
		rec, err := projectByName(c, project)
		if err != nil || archived != rec.Archived.IsZero() {
			return err
		}
		kind := "project.unarchived"
		if rec.Archived = (time.Time{}); archived {
			kind, rec.Archived = "project.archived", c.now
		}
		return c.putArchived(p, rec, kind)
	})
}
