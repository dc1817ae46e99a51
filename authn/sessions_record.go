package authn

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// Keys of the index of sessions by account, each with the key of a session, and of
// the sign-ins that were ended from elsewhere.
const (
	sessionOfPrefix = "session-of/"
	endedPrefix     = "session-ended/"
)

func sessionsOf(userID string) string { return sessionOfPrefix + userID + "/" }

// sessionRecord is a session in the store, under session/<hash of its id>.
type sessionRecord struct {
	Begun  time.Time       `json:"begun"`
	Seen   time.Time       `json:"seen"` // last request, up to touchAfter earlier
	Values json.RawMessage `json:"values"`

	IP        string `json:"ip,omitempty"` // of the last request
	UserAgent string `json:"user_agent,omitempty"`
}

// expired reports whether the session has ended by itself.
func (rec sessionRecord) expired(now time.Time) bool {
	return !now.Before(rec.Begun.Add(SessionLifetime)) || !now.Before(rec.Seen.Add(SessionIdle))
}

// locate notes where the last request came from.
func (rec *sessionRecord) locate(f *requestSession) {
	if f != nil && f.from != nil {
		rec.IP, rec.UserAgent = f.from.address(), f.from.agent()
	}
}

const sessionPrefix = "session/"

func loadSessionRecord(r kv.Reader, token string) (rec sessionRecord, err error) {
	err = kv.GetJSON(r, sessionPrefix+token, &rec)
	return rec, err
}

// endedRecord is under session-ended/<Session.ID>, for as long as that Session would be valid.
type endedRecord struct {
	Expires time.Time `json:"expires"`
}

// storedSession reads the Session from a session's values; its UserID is "" if there is none.
func storedSession(values []byte) (x Session, err error) {
	var stored struct {
		Session string `json:"session"` // valueSession
	}
	err = json.Unmarshal(values, &stored)
	if err != nil {
		return x, fmt.Errorf("authn: a session is damaged: %w", err)
	}
	if stored.Session == "" {
		return x, nil
	}
	err = json.Unmarshal([]byte(stored.Session), &x)
	if err != nil {
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

// dropSession deletes a session and its place in the index, and reports whether it was there.
func dropSession(tx kv.Tx, token string) (there bool, err error) {
	rec, err := loadSessionRecord(tx, token)
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if x, err := storedSession(rec.Values); err == nil && x.UserID != "" { // also deletes a damaged one
		if err := tx.Delete([]byte(sessionsOf(x.UserID) + token)); err != nil {
			return false, err
		}
	}
	return true, tx.Delete([]byte(sessionPrefix + token))
}

// endSession makes a sign-in invalid, in whatever request it is used.
func endSession(tx kv.Tx, x Session) error {
	return kv.PutJSON(tx, endedPrefix+x.ID, endedRecord{x.Begun.Add(SessionLifetime)})
}

// listedSession is a session of an account with its token's hash.
type listedSession struct {
	token string
	rec   sessionRecord
	x     Session
}

// loadSessions reads the valid sessions of an account. There are at most maxSessions of them
// (makeRoomForSession), and as many that a new generation left.
func (s *core) loadSessions(r kv.Reader, userID string) (out []listedSession, err error) {
	prefix := sessionsOf(userID)
	found, err := r.Scan([]byte(prefix), nil, 2*maxSessions, false)
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		l := listedSession{token: string(p.Key[len(prefix):])}
		l.rec, err = loadSessionRecord(r, l.token)
		if errors.Is(err, kv.ErrNotFound) {
			continue // swept
		}
		if err == nil {
			l.x, err = storedSession(l.rec.Values)
		}
		if err != nil {
			return nil, err
		}
		_, err = s.sessionAccount(r, l.x)
		switch {
		case errors.Is(err, ErrSignedOut) || err == nil && l.rec.expired(s.now()):
			continue
		case err != nil:
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}
