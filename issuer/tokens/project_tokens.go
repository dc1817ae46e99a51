package tokens

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// ProjectToken describes a token that can upload to a project, for people who may know that
// it can. It says nothing about other projects that the token may be for.
type ProjectToken struct {
	ID       string
	UserID   string
	UserName string // as it is now
	Label    string
	All      bool // it is for all of its owner's projects
	Limits   Limits
	Created  time.Time
	Factor   string    // second factor of the session that minted it
	Expires  time.Time // zero: never
	Replaced bool      // another token was made in its place
	Used     Use       // the last use for this project; zero: none yet
	Excluded bool      // its owner's tokens are excluded from the project
	Frozen   bool      // its owner is frozen
}

// ProjectTokensQuery asks for a page of the tokens that can upload to a project.
type ProjectTokensQuery struct {
	UserID string // only tokens of this member; "": of all members
	After  string // id of the last token of the page before; "" for the first page
	Limit  int    // 0 means 50; at most MaxPage
}

// ProjectTokens lists the tokens that can upload to a project, newest first: the members'
// tokens that name it or are for all of a member's projects, and are neither revoked nor
// expired. It includes tokens of members who are frozen or excluded, since they work again
// as soon as that ends. next is After of the next page, or "" on the last.
//
// Owners and administrators see the tokens of all members; maintainers see their own.
// Users who are not members get ErrNotFound.
func (s *Service) ProjectTokens(ctx context.Context, p ledger.Principal, project string, q ProjectTokensQuery) (out []ProjectToken, next string, err error) {
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		rec, found, after, err := s.findInProject(r, p, project, q)
		if err != nil {
			return err
		}
		next = after
		out, err = viewProjectTokens(r, rec, found)
		return err
	})
	return out, next, err
}

// findInProject returns a page of the tokens that can upload to a project, and After of the next page.
func (s *Service) findInProject(r kv.Reader, p ledger.Principal, project string, q ProjectTokensQuery) (rec projects.Record, found []projectEntry, next string, err error) {
	limit := ledger.PageSize(q.Limit)
	rec, err = projects.VisibleTo(r, p, project)
	if err != nil {
		return rec, nil, "", err
	}
	w := projectSearch{r: r, project: rec, now: s.clock().Unix(), want: limit + 1}
	if q.After != "" {
		last, err := readToken(r, q.After)
		if errors.Is(err, kv.ErrNotFound) {
			return rec, nil, "", ledger.ErrNotFound
		}
		if err != nil {
			return rec, nil, "", err
		}
		w.below = last.Serial
	}
	found, err = w.find(shownTo(rec, p, q.UserID))
	if err != nil {
		return rec, nil, "", err
	}
	if len(found) > limit {
		found = found[:limit]
		next = found[limit-1].id
	}
	return rec, found, next, nil
}

// shownTo lists the members whose tokens p may see; if asked is set, only that member.
func shownTo(rec projects.Record, p ledger.Principal, asked string) []string {
	all := p.Admin || rec.Members[p.UserID].Role == projects.RoleOwner
	var out []string
	for id := range rec.Members {
		if (all || id == p.UserID) && (asked == "" || id == asked) {
			out = append(out, id)
		}
	}
	return out
}

// projectEntry is an entry of the index of tokens that can upload to a project.
type projectEntry struct {
	serial  uint64
	expires int64 // Unix seconds; 0: never
	id      string
}

func decodeProjectEntry(p kv.Pair) (f projectEntry, err error) {
	expires, size := binary.Varint(p.Value)
	if size <= 0 || len(p.Key) < 8 {
		return f, fmt.Errorf("tokens: the entry %q of an index is damaged: restore the store from a backup", p.Key)
	}
	return projectEntry{binary.BigEndian.Uint64(p.Key[len(p.Key)-8:]), expires, string(p.Value[size:])}, nil
}

// tokensNaming lists the ids of at most deletionStep unrevoked tokens that name a project.
func tokensNaming(r kv.Reader, project string) ([]string, error) {
	pairs, err := r.Scan(projectEntriesPrefix(project), nil, deletionStep, false)
	ids := make([]string, len(pairs))
	for i, p := range pairs {
		f, err := decodeProjectEntry(p)
		if err != nil {
			return nil, err
		}
		ids[i] = f.id
	}
	return ids, err
}

// projectSearch reads the newest tokens that can upload to a project. How much it reads
// depends on the number of members, of tokens wanted and of expired tokens, but not on
// the number of other tokens.
type projectSearch struct {
	r       kv.Reader
	project projects.Record
	now     int64  // Unix seconds
	below   uint64 // all serials have to be below it; 0: no bound
	want    int
}

func (w projectSearch) find(users []string) ([]projectEntry, error) {
	var out []projectEntry
	for _, user := range users {
		for _, project := range []string{w.project.ID, anyProject} {
			some, err := w.newest(project, user)
			if err != nil {
				return nil, err
			}
			out = append(out, some...)
		}
	}
	slices.SortFunc(out, func(a, b projectEntry) int { return cmp.Compare(b.serial, a.serial) })
	return out[:min(len(out), w.want)], nil
}

// newest reads a user's newest entries under a project in the index.
func (w projectSearch) newest(project, user string) (out []projectEntry, err error) {
	prefix := projectEntriesOf(project, user)
	var after []byte
	if w.below > 0 {
		after = projectEntryKey(project, user, w.below)
	}
	for {
		pairs, err := w.r.Scan(prefix, after, w.want, true)
		if err != nil {
			return nil, err
		}
		for _, p := range pairs {
			f, err := decodeProjectEntry(p)
			if err != nil {
				return nil, err
			}
			after = p.Key
			if f.expires == 0 || f.expires > w.now {
				out = append(out, f)
			}
		}
		if len(pairs) < w.want || len(out) >= w.want {
			return out, nil
		}
	}
}

// viewProjectTokens reads the tokens of index entries for display.
func viewProjectTokens(r kv.Reader, rec projects.Record, found []projectEntry) ([]ProjectToken, error) {
	ids := make([]string, len(found))
	for i, f := range found {
		ids[i] = f.id
	}
	r, err := readAhead(r, ids, func(id string) string { return usedKey(rec.ID, id) })
	if err != nil {
		return nil, err
	}
	out := make([]ProjectToken, len(found))
	for i, f := range found {
		t, err := readToken(r, f.id)
		if err != nil {
			return nil, fmt.Errorf("tokens: token %s: %w", f.id, err)
		}
		user, err := ledger.ReadUser(r, t.User)
		if err != nil {
			return nil, err
		}
		out[i] = ProjectToken{
			ID: f.id, UserID: t.User, UserName: user.Name, Label: t.Label, All: t.Scope == ScopeAll, Limits: t.Limits,
			Created: t.Created, Factor: t.Factor, Expires: t.Expires, Replaced: t.Replaced != "",
			Excluded: !rec.Members[t.User].Excluded.At.IsZero(), Frozen: user.Frozen,
		}
		out[i].Used, err = readUsed(r, rec.ID, f.id)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
