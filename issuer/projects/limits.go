package projects

import (
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Limits of what one user creates, so that nobody needlessly fills the store or takes names.
const (
	MaxProjectsDaily = 200 // projects that a user creates in a day, UTC, unless Config says otherwise
	MaxReservedNames = 30  // names that a user's deletions reserve; with so many, the user can create no project
)

// reservedBy lists when the names that a user's deletions reserve become free again.
type reservedBy struct {
	Until []time.Time `json:"until"`
}

// current returns the times of the names that are still reserved.
func (h reservedBy) current(now time.Time) (out []time.Time) {
	for _, t := range h.Until {
		if now.Before(t) {
			out = append(out, t)
		}
	}
	return out
}

func readReservedBy(c *ledger.Change, userID string) (h reservedBy, err error) {
	err = kv.GetJSON(c, reservedByKey(userID), &h)
	if errors.Is(err, kv.ErrNotFound) {
		return reservedBy{}, nil
	}
	h.Until = h.current(c.Now)
	return h, err
}

// countReserved counts a name that a deletion by p reserves. It never refuses a deletion: only
// creations are limited.
func countReserved(c *ledger.Change, p ledger.Principal, until time.Time) error {
	h, err := readReservedBy(c, p.UserID)
	if err != nil || len(h.Until) > MaxReservedNames {
		return err
	}
	h.Until = append(h.Until, until)
	return kv.PutJSON(c, reservedByKey(p.UserID), h)
}

// checkProjectRate returns a problem if p has created too many projects today, or deleted too many
// whose names are still reserved.
func (s *Service) checkProjectRate(c *ledger.Change, p ledger.Principal) error {
	h, err := readReservedBy(c, p.UserID)
	if err != nil {
		return err
	}
	if len(h.Until) >= MaxReservedNames {
		return problem.New("", "too_many_reserved_names", "max", MaxReservedNames, "until", h.Until[0])
	}
	n, err := countDaily(c, "projects/"+p.UserID)
	if most := s.daily; err == nil && n > most {
		err = problem.New("", "too_many_projects_today", "max", most)
	}
	return err
}
