package tokens

import (
	"errors"
	"slices"
	"strings"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// registerChosen registers the project that a request for a token is to be for, too, and
// adds it to the token's. What is wrong with its name is a problem of the field
// "register"; where anything else is wrong, nothing is kept of it.
func (s *Service) registerChosen(c *ledger.Change, ps *problem.Problems, p ledger.Principal, req MintRequest, rec *tokenRecord) error {
	name := strings.TrimSpace(req.Register)
	if req.Scope != ScopeChosen || name == "" {
		return nil
	}
	yours, err := projects.ByName(c, name)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return err
	}
	if _, member := yours.Members[p.UserID]; member {
		ps.Add("register", "register_yours", "project", yours.Name)
		return nil
	}
	ref, err := s.projects.Register(c, p, name)
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
	slices.SortFunc(rec.Projects, func(a, b projects.Ref) int { return strings.Compare(a.Name, b.Name) })
	return nil
}
