package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Errors of decisions that can't be carried out at once.
var (
	ErrLater   = errors.New("files: it is decided, and will be done later")
	ErrWaiting = errors.New("files: nothing was decided, because an earlier decision about the project is not carried out yet")
)

// MaxReason is the length limit of the reason of a yank, in characters. Installers print it in one line.
const MaxReason = 300

// Yank withdraws a release of a project: installers pass it over unless somebody asks for exactly this version. The project's owners may,
// and the operator. Yanking again replaces the reason; with the same one it changes nothing and writes no audit row. The problem
// has the field "reason". ledger.ErrNotFound says that there is no such release.
//
// Yank, Unyank, DeleteRelease and DeleteFile leave a quarantined project's files to the operator: whoever holds an owner's account could
// otherwise destroy what is looked into. For owners, the problem "quarantined_files_stay" has no field. The operator decides about the
// files of deleted projects too, which stay in the index. The error is ErrLater if the decision is recorded and could not be
// carried out now, and ErrWaiting if an earlier one is still like that.
func (s *Service) Yank(ctx context.Context, p ledger.Principal, project, version, reason string) error {
	reason, err := ledger.Reason(reason, MaxReason)
	if err != nil {
		return err
	}
	return s.decide(ctx, p, project, func(all []Release) (task, error) {
		r, err := find(all, version)
		if err != nil || r.Yanked != nil && r.Yanked.Reason == reason {
			return task{}, err
		}
		return task{
			Kind: doYank, Version: r.Version, Reason: reason, row: "project.release_yanked", notice: notices.ReleaseYanked,
			detail: map[string]string{"version": r.Version, "reason": reason},
		}, nil
	})
}

// Unyank undoes Yank. For a release that is not yanked it changes nothing and writes no audit row.
func (s *Service) Unyank(ctx context.Context, p ledger.Principal, project, version string) error {
	return s.decide(ctx, p, project, func(all []Release) (task, error) {
		r, err := find(all, version)
		if err != nil || r.Yanked == nil {
			return task{}, err
		}
		return task{
			Kind: doUnyank, Version: r.Version, row: "project.release_unyanked", notice: notices.ReleaseUnyanked,
			detail: map[string]string{"version": r.Version},
		}, nil
	})
}

// DeleteRelease deletes all files of a release for good. Nobody can upload a file with the name of one again. Only the project's owners and
// the operator may. confirm is the version as somebody typed it, in the spelling of Release; the problem has the field "confirm".
func (s *Service) DeleteRelease(ctx context.Context, p ledger.Principal, project, version, confirm string) error {
	return s.decide(ctx, p, project, func(all []Release) (task, error) {
		r, err := find(all, version)
		if err != nil {
			return task{}, err
		}
		if strings.TrimSpace(confirm) != r.Version {
			return task{}, problem.New("confirm", "release_version_mismatch", "version", r.Version)
		}
		t := task{
			Kind: doDelete, Version: r.Version, row: "project.release_deleted", notice: notices.ReleaseDeleted,
			detail: map[string]string{"version": r.Version, "files": fmt.Sprint(len(r.Files))},
		}
		for _, f := range r.Files {
			t.Files = append(t.Files, f.Name)
		}
		return t, nil
	})
}

// DeleteFile is DeleteRelease for one file; confirm is its name.
func (s *Service) DeleteFile(ctx context.Context, p ledger.Principal, project, name, confirm string) error {
	return s.decide(ctx, p, project, func(all []Release) (task, error) {
		f, err := findFile(all, name)
		if err != nil {
			return task{}, err
		}
		if strings.TrimSpace(confirm) != f.Name {
			return task{}, problem.New("confirm", "file_name_mismatch", "file", f.Name)
		}
		return task{
			Kind: doDelete, Version: f.Version, Files: []string{f.Name}, row: "project.file_deleted", notice: notices.FileDeleted,
			detail: map[string]string{"version": f.Version, "file": f.Name, "sha256": f.SHA256},
		}, nil
	})
}

// decide writes down what choose decides about the releases of a project, if p may, and does it. A task without a kind is nothing to do.
func (s *Service) decide(ctx context.Context, p ledger.Principal, project string, choose func([]Release) (task, error)) error {
	s.doing.Lock()
	defer s.doing.Unlock()
	name, err := s.managed(ctx, p, project)
	if err != nil {
		return err
	}
	if _, err := s.finish(ctx, name); err != nil { // so that choose sees what was decided
		return fmt.Errorf("%w: %w", ErrWaiting, err)
	}
	all, err := s.releases(ctx, name)
	if err != nil {
		return err
	}
	t, err := choose(all)
	if err != nil || t.Kind == "" {
		return err
	}
	t.Project, t.Operator, t.By = name, isOperator(p), p.Username
	if err := s.store(ctx, p, project, t); err != nil {
		return err
	}
	dropped, err := s.finish(context.WithoutCancel(ctx), name)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrLater, err)
	case dropped:
		_, err := s.managed(ctx, p, project) // says whether it was quarantined or deleted
		return cmp.Or(err, Withheld(project))
	}
	return nil
}

// isOperator tells whether p administers the instance on its machine, and may decide about all projects.
func isOperator(p ledger.Principal) bool { return p.Admin && p.UserID == "" }

// managed returns the normalized name of a project whose files p may decide about.
func (s *Service) managed(ctx context.Context, p ledger.Principal, project string) (name string, err error) {
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		rec, err := visibleTo(r, p, project)
		name = rec.Normalized
		switch {
		case err != nil || isOperator(p):
			return err
		case rec.Members[p.UserID].Role != projects.RoleOwner:
			return ledger.ErrNotOwner
		}
		return withheld(rec)
	})
	return name, err
}

// withheld returns an error if the owners of a project may not decide about its files.
func withheld(rec projects.Record) error {
	if rec.Quarantined.Set() {
		return Withheld(rec.Name)
	}
	return nil
}

// Withheld is the problem that owners get while their project is quarantined.
func Withheld(project string) error {
	return problem.New("", "quarantined_files_stay", "project", project)
}

// store writes a task down, if p may decide about the project's files.
func (s *Service) store(ctx context.Context, p ledger.Principal, project string, t task) error {
	if !isOperator(p) {
		_, err := s.projects.Manage(ctx, p, project, func(c *ledger.Change, rec projects.Record) error {
			if err := withheld(rec); err != nil {
				return err
			}
			return s.write(c, p, rec, t)
		})
		return err
	}
	_, err := s.ledger.Update(ctx, func(c *ledger.Change) error {
		if err := c.AdmitAdmin(p); err != nil {
			return err
		}
		rec, err := visibleTo(c, p, project)
		if err != nil {
			return err
		}
		return s.write(c, p, rec, t)
	})
	return err
}

// write stores a task, with its audit row and its notices to the project's members.
func (s *Service) write(c *ledger.Change, p ledger.Principal, rec projects.Record, t task) error {
	t.ProjectID = rec.ID
	if err := s.put(c, t); err != nil {
		return err
	}
	d := notices.Details{Version: t.Version, Reason: t.Reason, File: t.detail["file"]}
	if err := projects.NotifyMembers(c, p, t.notice, rec, false, d); err != nil {
		return err
	}
	detail := maps.Clone(t.detail) // a transaction may run again
	detail["project"] = rec.Name
	return c.Audit(p, audit.Event{Kind: t.row, Project: rec.ID, Detail: detail})
}
