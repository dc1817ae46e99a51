package authn

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
)

// SessionInfo is a sign-in of an account that holds, as its owner sees it.
type SessionInfo struct {
	ID        string // Session.ID
	UserAgent string
	IP        string // of the last request; "" unknown
	Begun     time.Time
	Seen      time.Time // last request, up to a minute earlier
	Pending   bool      // the second factor is missing
	Current   bool      // the one that asks
}

// Keys of the index of sessions by account, each with the key of a session, and of
// the sign-ins that were ended from elsewhere.
const (
	sessionOfPrefix = "session-of/"
	endedPrefix     = "session-ended/"
)

func sessionsOf(userID string) string { return sessionOfPrefix + userID + "/" }

// endedRecord is under session-ended/<Session.ID>, as long as that Session
// would hold.
type endedRecord struct {
	Expires time.Time `json:"expires"`
}

// storedSession reads the Session out of a session's values; its UserID is "" where
// there is none in it.
func storedSession(values []byte) (x Session, err error) {
	var held struct {
		Session string `json:"session"` // valueSession
	}
	if err := json.Unmarshal(values, &held); err != nil {
		return x, fmt.Errorf("authn: a session is damaged: %w", err)
	}
	if held.Session == "" {
		return x, nil
	}
	if err := json.Unmarshal([]byte(held.Session), &x); err != nil {
		return x, fmt.Errorf("authn: a session is damaged: %w", err)
	}
	return x, nil
}

// putSession writes a session and its place in the index.
func putSession(tx kv.Tx, token string, rec sessionRecord) error {
	x, err := storedSession(rec.Values)
	if err != nil {
		return err
	}
	if x.UserID != "" {
		if err := tx.Put([]byte(sessionsOf(x.UserID)+token), []byte(sessionPrefix+token)); err != nil {
			return err
		}
	}
	return kv.PutJSON(tx, sessionPrefix+token, rec)
}

// dropSession deletes a session and its place in the index, and tells whether it was there.
func dropSession(tx kv.Tx, token string) (there bool, err error) {
	rec, err := load(tx, token)
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if x, err := storedSession(rec.Values); err == nil && x.UserID != "" { // a damaged one goes, too
		if err := tx.Delete([]byte(sessionsOf(x.UserID) + token)); err != nil {
			return false, err
		}
	}
	return true, tx.Delete([]byte(sessionPrefix + token))
}

// endSession makes a sign-in one that no longer holds, in whatever request it is.
func endSession(tx kv.Tx, x Session) error {
	return kv.PutJSON(tx, endedPrefix+x.ID, endedRecord{x.Begun.Add(SessionLifetime)})
}

// Limits of the sessions of one account. Whoever has the password begins as many sign-ins as they like, so
// those that lack the second factor are few, fewest from one network; the oldest gives way.
const (
	maxHalfSessions  = 40  // without a second factor
	maxHalfOfNetwork = 10  // of those, from one network
	maxSessions      = 300 // of all
)

// makeRoomForSession ends the oldest sessions of an account where there are too many for one more.
func (s *sessionStore) makeRoomForSession(tx kv.Tx, next Session, rec sessionRecord) error {
	if next.UserID == "" {
		return nil
	}
	all, err := s.loadSessions(tx, next.UserID)
	if err != nil {
		return err
	}
	if err := dropDead(tx, next.UserID, all); err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b listedSession) int { return a.rec.Begun.Compare(b.rec.Begun) })
	place := placeOf(rec)
	var half, near []listedSession
	for _, l := range all {
		if l.x.half() {
			half = append(half, l)
			if placeOf(l.rec) == place {
				near = append(near, l)
			}
		}
	}
	if next.half() {
		if err := dropFirst(tx, near, len(near)+1-maxHalfOfNetwork); err != nil {
			return err
		}
		if len(near) < maxHalfOfNetwork {
			if err := dropFirst(tx, half, len(half)+1-maxHalfSessions); err != nil {
				return err
			}
		}
	}
	return dropFirst(tx, all, len(all)+1-maxSessions)
}

// dropDead deletes the sessions of an account that do not hold any more: a new generation leaves up to maxSessions of them,
// and the next sign-in must not have more of them to look at each time.
func dropDead(tx kv.Tx, userID string, live []listedSession) error {
	prefix := sessionsOf(userID)
	found, err := tx.Scan([]byte(prefix), nil, 2*maxSessions, false)
	if err != nil {
		return err
	}
	for _, p := range found {
		token := string(p.Key[len(prefix):])
		if slices.ContainsFunc(live, func(l listedSession) bool { return l.token == token }) {
			continue
		}
		if _, err := dropSession(tx, token); err != nil {
			return err
		}
		if err := tx.Delete(p.Key); err != nil { // also where the session was swept
			return err
		}
	}
	return nil
}

// placeOf is the network that a session was last seen in.
func placeOf(rec sessionRecord) string {
	ip, err := netip.ParseAddr(rec.IP)
	if err != nil {
		return ""
	}
	return network(ip)
}

// dropFirst deletes the first n sessions, if n is above 0.
func dropFirst(tx kv.Tx, all []listedSession, n int) error {
	for _, l := range all[:max(0, min(n, len(all)))] {
		if _, err := dropSession(tx, l.token); err != nil {
			return err
		}
	}
	return nil
}

// listedSession is a session of an account with its token's hash.
type listedSession struct {
	token string
	rec   sessionRecord
	x     Session
}

// loadSessions reads the sessions of an account that hold. There are maxSessions of them at most (makeRoomForSession), and
// as many that a new generation left.
func (s *core) loadSessions(r kv.Reader, userID string) (out []listedSession, err error) {
	prefix := sessionsOf(userID)
	found, err := r.Scan([]byte(prefix), nil, 2*maxSessions, false)
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		l := listedSession{token: string(p.Key[len(prefix):])}
		if l.rec, err = load(r, l.token); errors.Is(err, kv.ErrNotFound) {
			continue // swept
		}
		if err == nil {
			l.x, err = storedSession(l.rec.Values)
		}
		if err != nil {
			return nil, err
		}
		_, err = s.member(r, l.x)
		switch {
		case errors.Is(err, ErrSignedOut) || err == nil && l.rec.over(s.now()):
			continue
		case err != nil:
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// Sessions lists where somebody is signed in, the last one seen first.
func (s *Sessions) Sessions(ctx context.Context, x Session) (out []SessionInfo, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		out = nil
		u, err := s.signedIn(r, x)
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

// EndSession ends another session of the account, wherever a request of it is
// under way. ErrNotFound says that there is none with this id that holds; x itself
// ends by SessionManager.End.
func (s *Sessions) EndSession(ctx context.Context, x Session, o Origin, id string) error {
	return s.store.Update(instance.Safe(ctx), func(tx kv.Tx) error {
		u, err := s.signedIn(tx, x)
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
		return s.record(tx, u.ID, endedRow(u, x, o, 1))
	})
}

// EndOtherSessions ends whatever gives anybody else a part of the account: all sessions but x, sign-ins that are under way, known
// browsers but the one of the request, and links (endOthers). It returns x as it goes on, for SessionManager.Start, and how
// many sessions ended. What it writes does not grow with what it ends.
func (s *Sessions) EndOtherSessions(ctx context.Context, x Session, o Origin) (next Session, n int, err error) {
	var u userRecord
	err = s.store.Update(instance.Safe(ctx), func(tx kv.Tx) error {
		if u, err = s.signedIn(tx, x); err != nil {
			return err
		}
		all, err := s.loadSessions(tx, u.ID)
		if err != nil {
			return err
		}
		n = len(slices.DeleteFunc(all, func(l listedSession) bool { return l.x.ID == x.ID }))
		if err := s.endOthers(tx, &u, o); err != nil {
			return err
		}
		return s.saveUser(tx, u, endedRow(u, x, o, n))
	})
	if err != nil {
		return Session{}, 0, err
	}
	x.Generation = u.Generation
	return x, n, nil
}

func endedRow(u userRecord, x Session, o Origin, n int) audit.Event {
	return audit.Event{Kind: rowSessionsEnded, Actor: o.actor(u, x.Factor), Detail: map[string]string{"n": strconv.Itoa(n)}}
}
