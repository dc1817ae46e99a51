package projects

import (
	"cmp"
	"context"
	"slices"

	"github.com/rind-dev/rind/internal/kv"
)

// List returns the projects in which a user has a role, sorted by name. There can be more
// than MaxProjects, since others can add the user to theirs. List reads two small records
// for each project, however many members it has.
func (s *Service) List(ctx context.Context, userID string) ([]Summary, error) {
	var out []Summary
	err := s.store.View(ctx, func(r kv.Reader) error {
		pairs, err := kv.All(r, rolePrefix(userID))
		if err != nil {
			return err
		}
		out = make([]Summary, 0, len(pairs))
		for _, p := range pairs {
			id := string(p.Key[len(rolePrefix(userID)):])
			h, err := readHead(r, id)
			if err != nil {
				return err
			}
			out = append(out, Summary{
				ID: id, Name: h.Name, Normalized: h.Normalized, Created: h.Created, Archived: h.Archived, Only: h.Only,
				Deprecated: h.Deprecated, Quarantined: h.Quarantined,
				Role: Role(p.Value), Members: h.Members, Owners: h.Owners,
			})
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Summary) int { return cmp.Compare(a.Normalized, b.Normalized) })
	return out, err
}

// readHead reads the head of a project.
func readHead(r kv.Reader, id string) (h headRecord, err error) {
	err = kv.GetJSON(r, headKey(id), &h)
	return h, err
}
