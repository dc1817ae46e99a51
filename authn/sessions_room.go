package authn

import (
	"net/netip"
	"slices"

	"github.com/rind-dev/rind/internal/kv"
)

// Limits of the sessions of one account. Somebody with the password can begin any number of sign-ins,
// so few may lack the second factor, and fewest of those from one network; the oldest gives way.
const (
	maxHalfSessions  = 40  // without a second factor
	maxHalfOfNetwork = 10  // of those, from one network
	maxSessions      = 300 // of all
)

// makeRoomForSession ends the oldest sessions of an account if there is no room for one more.
func (s *sessionStore) makeRoomForSession(tx kv.Tx, next Session, rec sessionRecord) error {
	if next.UserID == "" {
		return nil
	}
	all, err := s.loadSessions(tx, next.UserID)
	if err != nil {
		return err
	}
	if err := dropInvalidSessions(tx, next.UserID, all); err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b listedSession) int { return a.rec.Begun.Compare(b.rec.Begun) })
	place := networkOfSession(rec)
	var half, near []listedSession
	for _, l := range all {
		if l.x.partial() {
			half = append(half, l)
			if networkOfSession(l.rec) == place {
				near = append(near, l)
			}
		}
	}
	if next.partial() {
		if err := dropOldest(tx, near, len(near)+1-maxHalfOfNetwork); err != nil {
			return err
		}
		if len(near) < maxHalfOfNetwork {
			if err := dropOldest(tx, half, len(half)+1-maxHalfSessions); err != nil {
				return err
			}
		}
	}
	return dropOldest(tx, all, len(all)+1-maxSessions)
}

// dropInvalidSessions deletes the invalid sessions of an account: a new generation leaves up to
// maxSessions of them, and later sign-ins must not look at more and more of them.
func dropInvalidSessions(tx kv.Tx, userID string, valid []listedSession) error {
	prefix := sessionsOf(userID)
	found, err := tx.Scan([]byte(prefix), nil, 2*maxSessions, false)
	if err != nil {
		return err
	}
	for _, p := range found {
		token := string(p.Key[len(prefix):])
		if slices.ContainsFunc(valid, func(l listedSession) bool { return l.token == token }) {
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

// networkOfSession returns the network of the session's last request.
func networkOfSession(rec sessionRecord) string {
	ip, err := netip.ParseAddr(rec.IP)
	if err != nil {
		return ""
	}
	return network(ip)
}

// dropOldest deletes the first n sessions, if n is above 0.
func dropOldest(tx kv.Tx, all []listedSession, n int) error {
	for _, l := range all[:max(0, min(n, len(all)))] {
		if _, err := dropSession(tx, l.token); err != nil {
			return err
		}
	}
	return nil
}
