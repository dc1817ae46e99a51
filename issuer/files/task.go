package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Keys in the store, in the notation that package ledger uses for its keys.
//
//	issuer/filetask/<index>/<20 digits>   task that has yet to be done in an index, numbered in the order of the decisions
const keyTask = "issuer/filetask/"

// tasks is the prefix of the keys of this index's tasks.
func (s *Service) tasks() []byte { return []byte(keyTask + s.index.ID() + "/") }

// What a task does.
const (
	doYank   = "yank"
	doUnyank = "unyank"
	doDelete = "delete"
)

// task is a decision that has yet to be done in the index.
type task struct {
	Project string   `json:"project"` // normalized name
	Kind    string   `json:"kind"`
	Version string   `json:"version,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Files   []string `json:"files,omitempty"` // to delete

	Operator  bool   `json:"operator,omitempty"` // decided it; else an owner
	By        string `json:"by,omitempty"`       // name of who did
	ProjectID string `json:"project_id,omitempty"`

	row    string            // kind of its audit row
	notice notices.Kind      // to the members
	detail map[string]string // of the row
}

// put stores a task behind those that wait.
func (s *Service) put(c *ledger.Change, t task) error {
	prefix := s.tasks()
	last, err := c.Scan(prefix, nil, 1, true)
	if err != nil {
		return err
	}
	number := uint64(1)
	if len(last) > 0 {
		n, err := strconv.ParseUint(string(last[0].Key[len(prefix):]), 10, 64)
		if err != nil {
			return fmt.Errorf("files: the key %q has no number: %w", last[0].Key, err)
		}
		number = n + 1
	}
	return kv.PutJSON(c, fmt.Sprintf("%s%020d", prefix, number), t)
}

// Finish does what was decided and has yet to be done. Call it at the start, and now and then.
func (s *Service) Finish(ctx context.Context) error {
	s.doing.Lock()
	defer s.doing.Unlock()
	_, err := s.finish(ctx, "")
	return err
}

// finish does what was decided about one project, or about all if project is "", and says whether it dropped something. The caller
// holds the lock. At most one decision about a project waits, because decide does that one first; so if it can't be done, those about
// other projects can.
func (s *Service) finish(ctx context.Context, project string) (dropped bool, err error) {
	var failed []error
	var last []byte
	for {
		var waiting []kv.Pair
		err := s.ledger.Store().View(ctx, func(r kv.Reader) (err error) {
			waiting, err = r.Scan(s.tasks(), last, 1, false) // one may name many files
			return err
		})
		if err != nil || len(waiting) == 0 {
			return dropped, errors.Join(append(failed, err)...)
		}
		last = waiting[0].Key
		var t task
		err = json.Unmarshal(waiting[0].Value, &t)
		switch {
		case err != nil && project == "":
			failed = append(failed, fmt.Errorf("files: %s: %w", last, err))
			continue
		case err != nil, project != "" && t.Project != project:
			continue
		}
		moot, err := s.finishTask(ctx, last, t)
		dropped = dropped || moot
		if err != nil {
			failed = append(failed, fmt.Errorf("files: what was decided about %s is not done yet: %w", t.Project, err))
		}
	}
}

// finishTask does one task and strikes it off, or drops it.
func (s *Service) finishTask(ctx context.Context, key []byte, t task) (dropped bool, err error) {
	moot := false
	err = s.ledger.Store().View(ctx, func(r kv.Reader) (err error) {
		moot, err = t.moot(r)
		return err
	})
	if err == nil && moot {
		dropped, err = s.drop(ctx, key, t)
	}
	if err != nil || dropped {
		return dropped, err
	}
	if err := s.do(ctx, t); err != nil {
		return false, err
	}
	// Striking it off is no new change, and works while the instance is read-only.
	return false, s.ledger.Exempt().Update(ctx, func(tx kv.Tx) error { return tx.Delete(key) })
}

// moot reports whether an owner decided the task whose project is quarantined now, or deleted.
func (t task) moot(r kv.Reader) (bool, error) {
	if t.Operator {
		return false, nil
	}
	rec, err := projects.ByName(r, t.Project)
	if errors.Is(err, ledger.ErrNotFound) {
		err = nil
	}
	return rec.ID != t.ProjectID || rec.Quarantined.Set(), err
}

// drop strikes off a task if it is moot, and says so in the audit trail.
func (s *Service) drop(ctx context.Context, key []byte, t task) (dropped bool, err error) {
	_, err = s.ledger.UpdateExempt(ctx, func(c *ledger.Change) (err error) {
		dropped, err = t.moot(c)
		if err != nil || !dropped {
			return err
		}
		if err := c.Delete(key); err != nil {
			return err
		}
		return c.Audit(ledger.Principal{}, audit.Event{Kind: "project.decision_dropped", Project: t.ProjectID, Detail: map[string]string{
			"project": t.Project, "version": t.Version, "by": t.By, "what": t.Kind,
		}})
	})
	return dropped && err == nil, err
}

// do does a task in the index. To do it again changes nothing.
func (s *Service) do(ctx context.Context, t task) (err error) {
	switch t.Kind {
	case doYank:
		err = s.index.Yank(ctx, t.Project, t.Version, t.Reason)
	case doUnyank:
		err = s.index.Unyank(ctx, t.Project, t.Version)
	case doDelete:
		err = s.index.Delete(ctx, t.Project, t.Files)
	default:
		return fmt.Errorf("no task is called %q", t.Kind)
	}
	if errors.Is(err, ledger.ErrNotFound) { // it went away meanwhile, by the operator's hand
		return nil
	}
	return err
}
