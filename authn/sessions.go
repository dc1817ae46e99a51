package authn

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// Sessions are sign-ins: beginning one by a password, listing and ending them.
type Sessions struct {
	*core
	passwords  *Passwords
	devices    *Devices
	recoveries *Recoveries
}

// SessionInfo is a valid sign-in of an account, as its owner sees it.
type SessionInfo struct {
	ID        string // Session.ID
	UserAgent string
	IP        string // of the last request; "" unknown
	Begun     time.Time
	Seen      time.Time // last request, up to a minute earlier
	Pending   bool      // the second factor is missing
	Current   bool      // the Session of this request
}

// List lists where somebody is signed in, the most recently seen first.
func (s *Sessions) List(ctx context.Context, x Session) (out []SessionInfo, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		out = nil
		u, err := s.signedInAccount(r, x)
		if err != nil {
			return err
		}
		all, err := s.loadSessions(r, u.ID)
		for _, l := range all {
			out = append(out, SessionInfo{
				ID: l.x.ID, UserAgent: l.rec.UserAgent, IP: l.rec.IP, Begun: l.x.Begun, Seen: l.rec.Seen,
				Pending: l.x.Stage != StageSignedIn, Current: l.x.ID == x.ID,
			})
		}
		return err
	})
	slices.SortFunc(out, func(a, b SessionInfo) int { return cmp.Or(b.Seen.Compare(a.Seen), cmp.Compare(b.ID, a.ID)) })
	return out, err
}

// Check returns ErrSignedOut if a Session that was signed in is no longer valid. It is for work that
// lasts longer than one check should count for, such as an export.
func (s *Sessions) Check(ctx context.Context, x Session) error {
	return s.store.View(ctx, func(r kv.Reader) error {
		_, err := s.signedInAccount(r, x)
		return err
	})
}

// End ends another session of the account, in whatever request it is used. ErrNotFound says that no
// valid session has this id; SessionManager.End ends x itself.
func (s *Sessions) End(ctx context.Context, x Session, o Origin, id string) error {
	return s.exempt.Update(ctx, func(tx kv.Tx) error {
		u, err := s.signedInAccount(tx, x)
		if err != nil {
			return err
		}
		all, err := s.loadSessions(tx, u.ID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(l listedSession) bool { return l.x.ID == id && id != x.ID })
		if i < 0 {
			return ErrNotFound
		}
		if err := endSession(tx, all[i].x); err != nil {
			return err
		}
		if _, err := dropSession(tx, all[i].token); err != nil {
			return err
		}
		return s.record(tx, u.ID, sessionsEndedRow(u, x, o, 1))
	})
}

// EndOthers ends everything that gives somebody else access to the account: all sessions but x,
// sign-ins that are under way, known browsers except the one of the request, and links (endOthers). It
// returns x as it goes on, for SessionManager.Start, and how many sessions ended. What it writes does
// not grow with what it ends.
func (s *Sessions) EndOthers(ctx context.Context, x Session, o Origin) (next Session, n int, err error) {
	var u userRecord
	err = s.exempt.Update(ctx, func(tx kv.Tx) error {
		u, err = s.signedInAccount(tx, x)
		if err != nil {
			return err
		}
		all, err := s.loadSessions(tx, u.ID)
		if err != nil {
			return err
		}
		n = len(slices.DeleteFunc(all, func(l listedSession) bool { return l.x.ID == x.ID }))
		err = s.endOthers(tx, &u, o)
		if err != nil {
			return err
		}
		return s.saveUser(tx, u, sessionsEndedRow(u, x, o, n))
	})
	if err != nil {
		return Session{}, 0, err
	}
	x.Generation = u.Generation
	return x, n, nil
}

func sessionsEndedRow(u userRecord, x Session, o Origin, n int) audit.Event {
	return audit.Event{Kind: rowSessionsEnded, Actor: o.actor(u, x.Factor), Detail: map[string]string{"n": strconv.Itoa(n)}}
}
