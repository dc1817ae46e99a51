package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// deletionStep is how many tokens of a deleted project one transaction changes. A token that names MaxTokenProjects
// makes it write about a hundred records.
const deletionStep = 50

// whyDeleted is the reason, to follow "revoked", for tokens that named only a deleted project.
const whyDeleted = "because its project was deleted"

// Deletion is what became of a project's people and tokens when it was deleted.
type Deletion struct {
	Project  projects.Project // as it was
	Reserved projects.ReservedName
	Revoked  []Token // those that named no other project, as they are now; including expired ones
	Narrowed []Token // those that go on working for other projects, as they are now
	Revision uint64  // a verifier that has applied it accepts no upload to the project
}

// deletionRecord is a deletion that has not changed all tokens of its project yet.
type deletionRecord struct {
	By   ledger.Principal `json:"by"`
	Name string           `json:"name"` // of the project
}

// DeleteProject deletes a project for good; only its owners may, by typing its name.
// Its members lose their roles. Tokens that name no other project are revoked, tokens that
// name others lose this one, and tokens for all projects of their owner stay. The name is
// reserved for NameReservation; whoever registers it after that gets another project,
// which no token of this one reaches. Files in a package index stay as they are.
//
// From the first transaction on, no token reaches the project. If there are so many tokens
// that several transactions are needed, and one fails, FinishDeletions continues. The
// problem has the field "confirm".
func (s *Service) DeleteProject(ctx context.Context, p ledger.Principal, project, confirm string) (Deletion, error) {
	var out Deletion
	rev, err := s.projects.Manage(ctx, p, project, func(c *ledger.Change, rec projects.Record) (err error) {
		if strings.TrimSpace(confirm) != rec.Name {
			return problem.New("confirm", "project_name_mismatch", "name", rec.Name)
		}
		out, err = s.endProject(c, p, rec)
		return err
	})
	if err != nil {
		return Deletion{}, err
	}
	out.Revision = rev
	s.log.InfoContext(ctx, "project deleted", "project", out.Project.ID, "by", p.UserID)
	rest, err := s.finishDeletion(ctx, out.Project.ID)
	if err != nil { // no token reaches the project; FinishDeletions does the rest
		s.log.WarnContext(ctx, "some tokens of a deleted project were not revoked yet", "project", out.Project.ID, "error", err)
	}
	out.Revoked, out.Narrowed = append(out.Revoked, rest.Revoked...), append(out.Narrowed, rest.Narrowed...)
	out.Revision = max(out.Revision, rest.Revision)
	return out, nil
}

func (s *Service) endProject(c *ledger.Change, p ledger.Principal, rec projects.Record) (Deletion, error) {
	was, reserved, err := projects.Delete(c, p, rec)
	if err != nil {
		return Deletion{}, err
	}
	if err := kv.PutJSON(c, deletionKey(rec.ID), deletionRecord{By: p, Name: rec.Name}); err != nil {
		return Deletion{}, err
	}
	out, err := s.endProjectTokens(c, rec.ID)
	out.Project, out.Reserved = was, reserved
	return out, err
}

// endProjectTokens revokes or narrows some of the tokens that name a deleted project, and
// deletes the deletionRecord once none is left.
func (s *Service) endProjectTokens(c *ledger.Change, project string) (out Deletion, err error) {
	var e deletionRecord
	err = kv.GetJSON(c, deletionKey(project), &e)
	if err != nil {
		return Deletion{}, err
	}
	ids, err := tokensNaming(c, project)
	if err != nil {
		return Deletion{}, err
	}
	for _, id := range ids {
		revoked, err := endProjectToken(c, e, project, id)
		if err != nil {
			return Deletion{}, err
		}
		t, err := s.viewToken(c, id)
		if err != nil {
			return Deletion{}, err
		}
		if revoked {
			out.Revoked = append(out.Revoked, t)
		} else {
			out.Narrowed = append(out.Narrowed, t)
		}
	}
	if len(ids) < deletionStep {
		err = c.Delete([]byte(deletionKey(project)))
	}
	return out, err
}

// endProjectToken removes a deleted project from a token, or revokes the token if it names
// no other.
func endProjectToken(c *ledger.Change, e deletionRecord, project, id string) (revoked bool, err error) {
	rec, err := readToken(c, id)
	if err != nil {
		return false, err
	}
	why := "the project " + e.Name + " was deleted"
	if len(rec.Projects) == 1 {
		err := endToken(c, id, &rec, Revocation{At: c.Now, By: e.By.UserID, Username: e.By.Username, Why: whyDeleted})
		if err != nil {
			return false, err
		}
		kind := notices.TokenRevoked
		if rec.User == e.By.UserID {
			kind = notices.TokenRevokedSelf
		}
		if err := notifyOwnerWhy(c, e.By, kind, id, rec, why); err != nil {
			return false, err
		}
		return true, auditToken(c, e.By, "revoked", id, rec, nil)
	}
	was := rec
	rec.Projects = slices.DeleteFunc(slices.Clone(rec.Projects), func(r projects.Ref) bool { return r.ID == project })
	rec.Narrowed = c.Now
	if err := saveToken(c, id, rec); err != nil {
		return false, err
	}
	c.Changed(ledger.KindToken, id)
	return false, auditNarrowed(c, e.By, id, was, rec, map[string]string{"why": why})
}

// finishDeletion revokes or narrows the tokens of a deleted project that are left.
func (s *Service) finishDeletion(ctx context.Context, project string) (out Deletion, err error) {
	for {
		var step Deletion
		rev, err := s.ledger.Update(ctx, func(c *ledger.Change) (err error) {
			step, err = s.endProjectTokens(c, project)
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

// FinishDeletions continues deletions that were interrupted between two transactions. The
// Project of each Deletion that it returns has only an id and a name.
func (s *Service) FinishDeletions(ctx context.Context) (out []Deletion, err error) {
	var left []kv.Pair
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		left, err = kv.All(r, []byte(keyDeletion))
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, pair := range left {
		var e deletionRecord
		err := json.Unmarshal(pair.Value, &e)
		if err != nil {
			return out, fmt.Errorf("tokens: the record %q is damaged: %w", pair.Key, err)
		}
		id := string(pair.Key[len(keyDeletion):])
		d, err := s.finishDeletion(ctx, id)
		d.Project = projects.Project{ID: id, Name: e.Name}
		out = append(out, d)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}
