package issuer

import (
	"errors"
	"slices"
	"strings"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// registerChosen registers the project that a request for a token is to be for, too, and
// adds it to the token's. What is wrong with its name is a problem of the field
// "register"; where anything else is wrong, nothing is kept of it.
func (s *Tokens) registerChosen(c *ledger.Change, ps *problem.Problems, p ledger.Principal, req MintRequest, rec *tokenRecord) error {
	name := strings.TrimSpace(req.Register)
	if req.Scope != ScopeChosen || name == "" {
		return nil
	}
	yours, err := ByName(c, name)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return err
	}
	if _, member := yours.Members[p.UserID]; member {
		ps.Add("register", "register_yours", "project", yours.Name)
		return nil
	}
	ref, err := s.Register(c, p, name)
	var wrong problem.Problems
	if errors.As(err, &wrong) {
		for _, w := range wrong {
			w.Field = "register"
			*ps = append(*ps, w)
		}
		return nil
	}
	if err != nil {
		return err
	}
	rec.Projects = append(rec.Projects, ref)
	slices.SortFunc(rec.Projects, func(a, b ProjectRef) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// Register makes a project, with its audit row.
func (s *Projects) Register(c *ledger.Change, p ledger.Principal, name string) (ProjectRef, error) {
	if err := checkProjectName(name); err != nil {
		return ProjectRef{}, err
	}
	id, err := s.ledger.NewID()
	if err != nil {
		return ProjectRef{}, err
	}
	rec := Record{
		ID: id, Name: name, Normalized: caveats.NormalizeProject(name), Created: c.Now,
		Members: map[string]MemberRecord{p.UserID: {Role: RoleOwner, Since: c.Now}},
	}
	return ProjectRef{ID: id, Name: rec.Normalized}, s.createProject(c, p, rec)
}
