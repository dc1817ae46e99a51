package tokens

import (
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/problem"
)

// MaxDrafts is the most drafts of tokens that a user can ask one process for in a minute.
const MaxDrafts = 120

// draftLimiter counts the drafts of each user in the current minute.
type draftLimiter struct {
	mu     sync.Mutex
	minute int64
	count  map[string]int
}

// take counts a draft of a user, or returns a problem if the user has made too many.
func (d *draftLimiter) take(userID string, now time.Time) error {
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
