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

// Limits of invitations, so that nobody can use them to send mail to people who do not want it.
const (
	MaxInvitations  = 50             // invitations to one project that can be accepted
	MaxInvitesDaily = 50             // invitations that a user makes or resends in a day, UTC, for all projects
	maxMailsDaily   = 10             // mails about invitations to one recipient in a day, UTC
	maxMailsOfOne   = 6              // of those, mails from one user, so that no user alone uses them all up
	keepInvitations = 7 * ledger.Day // how long a record is kept after the invitation expired
)

// People looks up users. The package that manages accounts implements it, and reads from
// a transaction of the same store.
type People interface {
	// UserNamed returns the id of the user with a name, in any case of letters, or ""
	// if nobody has that name.
	UserNamed(r kv.Reader, name string) (userID string, err error)

	// VerifiedAddress returns the e-mail address that a user has verified, or "" if
	// the user has none.
	VerifiedAddress(r kv.Reader, userID string) (address string, err error)

	// Generation returns a number that grows whenever anybody else is locked out of the user's
	// account: by a new password or factor, by signing out everywhere, or by freezing it.
	Generation(r kv.Reader, userID string) (uint64, error)
}

// nobody is the People of a Config that has none.
type nobody struct{}

func (nobody) UserNamed(kv.Reader, string) (string, error)       { return "", nil }
func (nobody) VerifiedAddress(kv.Reader, string) (string, error) { return "", nil }
func (nobody) Generation(kv.Reader, string) (uint64, error)      { return 0, nil }

// checkPending returns a problem if the same person already has an invitation that can be
// accepted, or if the project has MaxInvitations of those. It deletes an invitation to the same
// person that has expired or no longer holds. Of the others that have, it keeps the MaxInvitations
// newest, so that letting many expire makes no work for later calls.
func (s *Service) checkPending(c *ledger.Change, rec Record, inv *inviteRecord) error {
	pending := 0
	var past []func() error // each drops one that is over; oldest first
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

// withLeft adds a user to those who stopped being members of a project. It forgets those who
// stopped InvitationLife ago or longer, since all invitations sent before then have expired.
func withLeft(c *ledger.Change, rec Record, userID string) map[string]time.Time {
	out := map[string]time.Time{userID: c.Now}
	for id, at := range rec.Left {
		if id != userID && c.Now.Sub(at) < InvitationLife {
			out[id] = at
		}
	}
	return out
}

// outlived reports whether an invitation was sent before the user stopped being a member. Such
// an invitation must not let a removed member back in, nor let a member get round ExcludeTokens
// by leaving. It is not deleted: if it disappeared, owners would learn whose address it was
// sent to.
func (inv inviteRecord) outlived(rec Record, userID string) bool {
	at, ok := rec.Left[userID]
	return ok && inv.Sent.Before(at)
}

// inviteTally counts invitations, mails or new projects of one day.
type inviteTally struct {
	Day   int64 `json:"day"` // days since 1970, UTC
	Count int   `json:"count"`
}

// countInvite counts an invitation for its inviter and for its recipient. It returns a problem
// if the inviter made too many today; quiet reports that the recipient was sent too many.
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
		to = recipientOf("mailbox " + text.Mailbox(inv.Address)) // one person reads ada+1@ and ada+2@
	}
	n, err = countDaily(c, "to/"+to+"/"+inv.By)
	if err != nil || n > maxMailsOfOne {
		return true, err
	}
	n, err = countDaily(c, "to/"+to)
	return n > maxMailsDaily, err
}

// countDaily adds one to the count of today, and returns the count.
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

// SweepInvitations deletes the invitations that expired a week ago or earlier, and the counts
// of earlier days. It writes no audit row, since only time ended these invitations.
func (s *Service) SweepInvitations(ctx context.Context) error {
	err := s.ledger.Sweep(ctx, keyInvite, func(c *ledger.Change, p kv.Pair) (more bool, err error) { return true, sweepInvitation(c, p) })
	if err == nil {
		err = s.ledger.Sweep(ctx, keyInviteTally, func(c *ledger.Change, p kv.Pair) (more bool, err error) { return true, sweepTally(c, p) })
	}
	if err != nil {
		return fmt.Errorf("projects: sweep invitations: %w", err)
	}
	return nil
}

func sweepInvitation(c *ledger.Change, p kv.Pair) error {
	var inv inviteRecord
	err := json.Unmarshal(p.Value, &inv)
	switch {
	case err != nil:
		return fmt.Errorf("the record %q is damaged: %w", p.Key, err)
	case c.Now.Before(inv.Expires.Add(keepInvitations)):
		return nil
	}
	return dropInvite(c, string(p.Key[len(keyInvite):]), inv)
}

func sweepTally(c *ledger.Change, p kv.Pair) error {
	var t inviteTally
	err := json.Unmarshal(p.Value, &t)
	switch {
	case err != nil:
		return fmt.Errorf("the record %q is damaged: %w", p.Key, err)
	case t.Day >= c.Now.Unix()/int64(ledger.Day/time.Second):
		return nil
	}
	return c.Delete(p.Key)
}
