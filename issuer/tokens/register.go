package tokens

import (
	"errors"
	"slices"
	"strings"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// registerChosen registers the project that a MintRequest asks to register, and adds it to the
// projects of the token. Problems with it get the field "register". If the request has any
// other problem, the transaction fails, and the project is not registered.
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
	ref, err := s.projects.Register(c, p, name, nil)
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
