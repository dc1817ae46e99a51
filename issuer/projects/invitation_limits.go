package projects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Limits of invitations, so that nobody sends mail to people who want none of it.
const (
	MaxInvitations   = 50             // of a project that can be accepted
	MaxInvitesDaily  = 50             // that a user makes or sends again in a day, UTC, for all projects
	maxMailsDaily    = 10             // about invitations that are sent to one recipient in a day, UTC
	maxMailsOfOne    = 6              // of those, made by one user: nobody alone uses up what others may send
	keepInvitations  = 7 * ledger.Day // after an invitation expired
	invitationsSwept = 500            // in one transaction
)

// People is what the room of accounts knows of people. It reads from a transaction of
// the same store.
type People interface {
	// UserNamed returns the id of the user who has a name, in any case of letters;
	// "" where nobody has it.
	UserNamed(r kv.Reader, name string) (userID string, err error)

	// VerifiedAddress returns the e-mail address that a user has shown to be its own;
	// "" where there is none.
	VerifiedAddress(r kv.Reader, userID string) (address string, err error)

	// Generation returns a number of a user that grows whenever its account is cleared of whoever
	// else may have been in it: by a new password or factor, by signing out everywhere, by freezing it.
	Generation(r kv.Reader, userID string) (uint64, error)
}

// nobody is People where none are configured.
type nobody struct{}

func (nobody) UserNamed(kv.Reader, string) (string, error)       { return "", nil }
func (nobody) VerifiedAddress(kv.Reader, string) (string, error) { return "", nil }
func (nobody) Generation(kv.Reader, string) (uint64, error)      { return 0, nil }

// checkPending refuses an invitation where there is one to the same person, and one too
// many. One to the same person that has expired, or holds no more, gives way, and so do the oldest such ones
// where there are more than MaxInvitations: whoever lets many expire makes no work for later.
func (s *Service) checkPending(c *ledger.Change, rec Record, inv *inviteRecord) error {
	pending := 0
	var past []func() error // what drops those that are over, oldest first
	err := eachInviteOf(c, rec.ID, func(id string, old inviteRecord) error {
		same := strings.EqualFold(old.To, inv.To)
		holds, err := s.holds(c, old, rec)
		over := !holds || !c.Now.Before(old.Expires)
		switch {
		case err != nil:
			return err
		case over && same:
			return dropInvite(c, id, old)
		case over:
			past = append(past, func() error { return dropInvite(c, id, old) })
		case same:
			return problem.New("user", "already_invited", "user", inv.To)
		default:
			pending++
		}
		return nil
	})
	if err == nil && pending >= MaxInvitations {
		err = problem.New("", "too_many_invitations", "max", MaxInvitations)
	}
	for len(past) > MaxInvitations && err == nil {
		err, past = past[0](), past[1:]
	}
	return err
}

// withLeft adds a user to those who stopped being members of a project, and forgets those of
// whom no invitation is left that was sent before.
func withLeft(c *ledger.Change, rec Record, userID string) map[string]time.Time {
	out := map[string]time.Time{userID: c.Now}
	for id, at := range rec.Left {
		if id != userID && c.Now.Sub(at) < InvitationLife {
			out[id] = at
		}
	}
	return out
}

// outlived tells whether an invitation was sent before a user stopped being a member. It
// is no way back in for who was removed, nor round ExcludeTokens for who leaves. It stays where
// it is: that it went would tell owners whose an address is.
func (inv inviteRecord) outlived(rec Record, userID string) bool {
	at, ok := rec.Left[userID]
	return ok && inv.Sent.Before(at)
}

// inviteTally counts invitations in a day.
type inviteTally struct {
	Day   int64 `json:"day"` // since 1970, UTC
	Count int   `json:"count"`
}

// countInvite counts an invitation for its inviter, who may have made too many, and for
// its recipient, who may have been sent too many.
func countInvite(c *ledger.Change, inv inviteRecord) (quiet bool, err error) {
	n, err := countDaily(c, inv.By)
	if err != nil {
		return false, err
	}
	if n > MaxInvitesDaily {
		return false, problem.New("", "too_many_invitations_today", "max", MaxInvitesDaily)
	}
	to := inv.recipient()
	if inv.User == "" && inv.Address != "" {
		to = recipientOf("mailbox " + text.Mailbox(inv.Address)) // ada+1@ and ada+2@ are read by one person
	}
	n, err = countDaily(c, "to/"+to+"/"+inv.By)
	if err != nil || n > maxMailsOfOne {
		return true, err
	}
	n, err = countDaily(c, "to/"+to)
	return n > maxMailsDaily, err
}

// countDaily counts one more of today's and returns how many there are.
func countDaily(c *ledger.Change, whose string) (int, error) {
	var t inviteTally
	err := kv.GetJSON(c, inviteTallyKey(whose), &t)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return 0, err
	}
	if today := c.Now.Unix() / int64(ledger.Day/time.Second); t.Day != today {
		t = inviteTally{Day: today}
	}
	t.Count++
	return t.Count, kv.PutJSON(c, inviteTallyKey(whose), t)
}

// SweepInvitations forgets the invitations that expired a week ago, and what was counted
// on days before. Time ended them: there is no audit row.
func (s *Service) SweepInvitations(ctx context.Context) error {
	for _, sweep := range []func(*ledger.Change, []byte) ([]byte, error){sweepInvites, sweepTallies} {
		var after []byte
		for more := true; more; {
			var next []byte
			_, err := s.ledger.Update(ctx, func(c *ledger.Change) (err error) {
				next, err = sweep(c, after)
				return err
			})
			if err != nil {
				return fmt.Errorf("projects: sweep invitations: %w", err)
			}
			after, more = next, next != nil
		}
	}
	return nil
}

func sweepInvites(c *ledger.Change, after []byte) (next []byte, err error) {
	pairs, err := c.Scan([]byte(keyInvite), after, invitationsSwept, false)
	for _, p := range pairs {
		var inv inviteRecord
		err := json.Unmarshal(p.Value, &inv)
		if err != nil {
			return nil, fmt.Errorf("the record %q is damaged: %w", p.Key, err)
		}
		next = p.Key
		if c.Now.Before(inv.Expires.Add(keepInvitations)) {
			continue
		}
		if err := dropInvite(c, string(p.Key[len(keyInvite):]), inv); err != nil {
			return nil, err
		}
	}
	return next, err
}

func sweepTallies(c *ledger.Change, after []byte) (next []byte, err error) {
	pairs, err := c.Scan([]byte(keyInviteTally), after, invitationsSwept, false)
	for _, p := range pairs {
		var t inviteTally
		err := json.Unmarshal(p.Value, &t)
		if err != nil {
			return nil, fmt.Errorf("the record %q is damaged: %w", p.Key, err)
		}
		next = p.Key
		if t.Day >= c.Now.Unix()/int64(ledger.Day/time.Second) {
			continue
		}
		if err := c.Delete(p.Key); err != nil {
			return nil, err
		}
	}
	return next, err
}
