package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
)

// endStep is how many tokens of a deleted project are dealt with in one transaction.
const endStep = 200

// whyDeleted follows "revoked".
const whyDeleted = "because its project was deleted"

// Deletion is what became of a project's people and tokens when it was deleted.
type Deletion struct {
	Project  Project // as it was
	Held     HeldName
	Revoked  []Token // those that named no other project, as they are now; expired ones are among them
	Narrowed []Token // those that go on for other projects, as they are now
	Revision uint64  // a verifier that has applied it lets nothing into the project
}

// endingRecord is a deletion whose tokens were not all dealt with yet.
type endingRecord struct {
	By   Principal
	Name string // of the project
}

// DeleteProject deletes a project for good; only its owners may, by typing its name.
// Its members lose their roles. Tokens that name no other project are revoked, others
// lose this one, and those for all projects of their owner stay. Its name is held back
// for NameHeld; whoever registers it then gets another project, which no token
// of this one reaches. What is in a package index is not touched.
//
// From the first transaction on no token reaches the project. Where there are so many
// that several transactions are needed and one fails, FinishDeletions goes on. The
// problem has the field "confirm".
func (s *Service) DeleteProject(ctx context.Context, p Principal, project, confirm string) (Deletion, error) {
	var out Deletion
	rev, err := s.manage(ctx, p, project, func(c *change, rec projectRecord) (err error) {
		if strings.TrimSpace(confirm) != rec.Name {
			return problem.New("confirm", "project_name_mismatch", "name", rec.Name)
		}
		out, err = c.deleteProject(p, rec)
		return err
	})
	if err != nil {
		return Deletion{}, err
	}
	out.Revision = rev
	s.log.InfoContext(ctx, "project deleted", "project", out.Project.ID, "by", p.UserID)
	rest, err := s.finishDeletion(ctx, out.Project.ID)
	if err != nil { // nothing reaches the project; what is left is done later
		s.log.WarnContext(ctx, "some tokens of a deleted project were not revoked yet", "project", out.Project.ID, "error", err)
	}
	out.Revoked, out.Narrowed = append(out.Revoked, rest.Revoked...), append(out.Narrowed, rest.Narrowed...)
	out.Revision = max(out.Revision, rest.Revision)
	return out, nil
}

func (c *change) deleteProject(p Principal, rec projectRecord) (Deletion, error) {
	was, err := rec.view(c, p.UserID)
	if err != nil {
		return Deletion{}, err
	}
	if err := c.tellMembers(p, notices.ProjectDeleted, rec, false, nil); err != nil {
		return Deletion{}, err
	}
	if err := c.dropMembers(p, rec, was.Members); err != nil {
		return Deletion{}, err
	}
	if err := c.dropInvites(rec.ID); err != nil {
		return Deletion{}, err
	}
	if err := c.Delete([]byte(nameKey(rec.Normalized))); err != nil {
		return Deletion{}, err
	}
	held, err := c.hold(p, rec)
	if err != nil {
		return Deletion{}, err
	}
	rec.Deleted, rec.Members, rec.Left = c.now, nil, nil
	if err := c.putProject(rec); err != nil {
		return Deletion{}, err
	}
	err = c.audit(p, audit.Event{Kind: "project.deleted", Account: p.UserID, Project: rec.ID, Detail: map[string]string{
		"project": rec.Name, "members": fmt.Sprint(len(was.Members)), "held_until": held.Until.Format(time.RFC3339),
	}})
	if err != nil {
		return Deletion{}, err
	}
	if err := kv.PutJSON(c, endingKey(rec.ID), endingRecord{By: p, Name: rec.Name}); err != nil {
		return Deletion{}, err
	}
	out, err := c.endTokens(rec.ID)
	out.Project, out.Held = was, held
	return out, err
}

// dropMembers takes the index entries of a project's members away, and tells in the
// trail of each that the role is gone.
func (c *change) dropMembers(p Principal, rec projectRecord, members []Member) error {
	for _, m := range members {
		if err := c.Delete(roleKey(m.UserID, rec.ID)); err != nil {
			return err
		}
		if m.UserID == p.UserID {
			continue // the row of the deletion is in that trail
		}
		err := c.audit(p, audit.Event{Kind: "project.member_removed", Account: m.UserID, Project: rec.ID, Detail: map[string]string{
			"project": rec.Name, "user": m.Name, "was": string(m.Role), "why": "the project was deleted",
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// endTokens deals with some of the tokens that name a deleted project, and forgets
// that it was deleted when it has dealt with all.
func (c *change) endTokens(project string) (out Deletion, err error) {
	var e endingRecord
	if err := kv.GetJSON(c, endingKey(project), &e); err != nil {
		return Deletion{}, err
	}
	ids, err := naming(c, project)
	if err != nil {
		return Deletion{}, err
	}
	for _, id := range ids {
		revoked, err := c.endToken(e, project, id)
		if err != nil {
			return Deletion{}, err
		}
		t, err := c.s.viewToken(c, id)
		if err != nil {
			return Deletion{}, err
		}
		if revoked {
			out.Revoked = append(out.Revoked, t)
		} else {
			out.Narrowed = append(out.Narrowed, t)
		}
	}
	if len(ids) < endStep {
		err = c.Delete([]byte(endingKey(project)))
	}
	return out, err
}

// endToken takes a deleted project from a token, which is revoked where it names no
// other.
func (c *change) endToken(e endingRecord, project, id string) (revoked bool, err error) {
	rec, err := readToken(c, id)
	if err != nil {
		return false, err
	}
	why := "the project " + e.Name + " was deleted"
	if len(rec.Projects) == 1 {
		if err := c.end(id, &rec, Revocation{At: c.now, By: e.By.UserID, Username: e.By.Username, Why: whyDeleted}); err != nil {
			return false, err
		}
		kind := notices.TokenRevoked
		if rec.User == e.By.UserID {
			kind = notices.TokenRevokedSelf
		}
		if err := c.tellOwner(e.By, kind, id, rec, map[string]string{"reason": why}); err != nil {
			return false, err
		}
		return true, c.auditToken(e.By, "revoked", id, rec, nil)
	}
	was := rec
	rec.Projects = slices.DeleteFunc(slices.Clone(rec.Projects), func(r ProjectRef) bool { return r.ID == project })
	rec.Narrowed = c.now
	if err := c.save(id, rec); err != nil {
		return false, err
	}
	c.changed(kindToken, id)
	return false, c.auditNarrowed(e.By, id, was, rec, map[string]string{"why": why})
}

// finishDeletion deals with what is left of the tokens of a deleted project.
func (s *Service) finishDeletion(ctx context.Context, project string) (out Deletion, err error) {
	for {
		var step Deletion
		rev, err := s.update(ctx, func(c *change) (err error) {
			step, err = c.endTokens(project)
			return err
		})
		if errors.Is(err, kv.ErrNotFound) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out.Revoked, out.Narrowed = append(out.Revoked, step.Revoked...), append(out.Narrowed, step.Narrowed...)
		out.Revision = rev
	}
}

// FinishDeletions goes on with deletions that something cut short between two
// transactions. Each of those that it returns has a Project with an id and a name
// only.
func (s *Service) FinishDeletions(ctx context.Context) (out []Deletion, err error) {
	var left []kv.Pair
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		left, err = r.Scan([]byte(keyEnding), nil, 0, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, pair := range left {
		var e endingRecord
		if err := json.Unmarshal(pair.Value, &e); err != nil {
			return out, fmt.Errorf("issuer: the record %q is damaged: %w", pair.Key, err)
		}
		id := string(pair.Key[len(keyEnding):])
		d, err := s.finishDeletion(ctx, id)
		d.Project = Project{ID: id, Name: e.Name}
		out = append(out, d)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}
