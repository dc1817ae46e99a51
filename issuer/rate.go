package issuer

import (
	"errors"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// Limits of what one user makes, so that nobody fills the store, or takes names, for nothing.
const (
	MaxProjectsDaily = 200 // projects that a user creates in a day, UTC, unless Config says otherwise
	MaxHeldNames     = 30  // names that are held back because a user deleted their projects, when it creates another
	MaxDrafts        = 120 // drafts of tokens that a user asks one process for in a minute
)

// heldBy lists when names are free again that a user's deletions hold back.
type heldBy struct {
	Until []time.Time
}

// current are those that are held still.
func (h heldBy) current(now time.Time) (out []time.Time) {
	for _, t := range h.Until {
		if now.Before(t) {
			out = append(out, t)
		}
	}
	return out
}

func (c *change) readHeldBy(userID string) (h heldBy, err error) {
	err = kv.GetJSON(c, heldByKey(userID), &h)
	if errors.Is(err, kv.ErrNotFound) {
		return heldBy{}, nil
	}
	h.Until = h.current(c.now)
	return h, err
}

// countHeld notes that a deletion of p's holds a name back. It refuses nothing: to delete is not
// what has to be rare.
func (c *change) countHeld(p Principal, until time.Time) error {
	h, err := c.readHeldBy(p.UserID)
	if err != nil || len(h.Until) > MaxHeldNames {
		return err
	}
	h.Until = append(h.Until, until)
	return kv.PutJSON(c, heldByKey(p.UserID), h)
}

// checkProjectRate refuses another project to who created many today, or deleted many whose names
// are held back.
func (c *change) checkProjectRate(p Principal) error {
	h, err := c.readHeldBy(p.UserID)
	if err != nil {
		return err
	}
	if len(h.Until) >= MaxHeldNames {
		return problem.New("", "too_many_held_names", "max", MaxHeldNames, "until", h.Until[0])
	}
	n, err := c.countDaily("projects/" + p.UserID)
	if most := c.s.projectsDaily; err == nil && n > most {
		err = problem.New("", "too_many_projects_today", "max", most)
	}
	return err
}

// drafts counts the drafts of each user in the present minute.
type drafts struct {
	mu     sync.Mutex
	minute int64
	count  map[string]int
}

// take counts one more, or returns how long to wait.
func (d *drafts) take(userID string, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if minute := now.Unix() / 60; minute != d.minute || d.count == nil {
		d.minute, d.count = minute, map[string]int{}
	}
	if d.count[userID] >= MaxDrafts {
		return problem.New("", "too_many_drafts", "max", MaxDrafts)
	}
	d.count[userID]++
	return nil
}
