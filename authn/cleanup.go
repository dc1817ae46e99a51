package authn

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// Cleanup deletes what has expired.
type Cleanup struct {
	*core
	invitations *Invitations
}

// sweepPage is the number of records that one transaction of Sweep reads.
const sweepPage = 500

// Sweep deletes what has expired: sessions, links, invitations, set-ups and ceremonies that nobody
// finished, devices that were not seen for long, and counters of old attempts. Only the size of the
// store depends on it. It works in many small transactions; call it about hourly.
func (s *Cleanup) Sweep(ctx context.Context) error {
	if err := s.invitations.dropInvalidInvitations(ctx, audit.Actor{}); err != nil {
		return err
	}
	now := s.now()
	expires := func(_ kv.Reader, p kv.Pair) bool {
		var rec struct {
			Expires time.Time `json:"expires"`
		}
		return json.Unmarshal(p.Value, &rec) == nil && !now.Before(rec.Expires)
	}
	dangling := func(r kv.Reader, p kv.Pair) bool { // a slot whose link is gone
		there, err := kv.Exists(r, string(p.Value))
		return err == nil && !there
	}
	idle := func(_ kv.Reader, p kv.Pair) bool {
		var rec sessionRecord
		return json.Unmarshal(p.Value, &rec) == nil && rec.expired(now)
	}
	quiet := func(quietFor time.Duration) func(kv.Reader, kv.Pair) bool {
		return func(_ kv.Reader, p kv.Pair) bool {
			var a attempts
			return json.Unmarshal(p.Value, &a) == nil && (len(a.At) == 0 || a.At[len(a.At)-1] <= now.Add(-quietFor).UnixMilli())
		}
	}
	unconfirmed := func(r kv.Reader, p kv.Pair) bool {
		var rec struct {
			Expires time.Time `json:"expires"`
		}
		return s.getSealedJSON(r, string(p.Key), &rec) == nil && !now.Before(rec.Expires)
	}
	for _, part := range []struct {
		prefix string
		over   func(kv.Reader, kv.Pair) bool
	}{
		{"authn/link/", expires},
		{invitationPrefix, expires},
		{invitationTo, dangling},
		{"authn/link-of/", dangling},
		{pendingPrefix, unconfirmed},
		{ceremonyPrefix, unconfirmed},
		{"authn/throttle/password", quiet(passwordThrottleRetention)}, // somebody who tries many names writes many counters
		{"authn/throttle/", quiet(throttleRetention)},
		{sessionPrefix, idle},
		{sessionOfPrefix, dangling},
		{endedPrefix, expires},
		{devicePrefix, expires},
	} {
		n, err := s.sweep(ctx, part.prefix, part.over)
		if err != nil {
			return err
		}
		if n > 0 {
			s.log.DebugContext(ctx, "authn: swept", "what", strings.TrimSuffix(part.prefix, "/"), "records", n)
		}
	}
	return nil
}

// sweep deletes the expired records with the prefix.
func (s *Cleanup) sweep(ctx context.Context, prefix string, over func(kv.Reader, kv.Pair) bool) (deleted int, err error) {
	var after []byte
	for {
		var page []kv.Pair
		err := s.store.View(ctx, func(r kv.Reader) (err error) {
			page, err = r.Scan([]byte(prefix), after, sweepPage, false)
			return err
		})
		if err != nil || len(page) == 0 {
			return deleted, err
		}
		n, err := s.sweepPage(ctx, page, over)
		if err != nil {
			return deleted, err
		}
		deleted += n
		after = page[len(page)-1].Key
	}
}

// sweepPage deletes the expired records of a page. It reads them again, because one may have been
// renewed since.
func (s *Cleanup) sweepPage(ctx context.Context, page []kv.Pair, over func(kv.Reader, kv.Pair) bool) (deleted int, err error) {
	var dead [][]byte
	err = s.store.View(ctx, func(r kv.Reader) error {
		dead = nil
		for _, p := range page {
			if over(r, p) {
				dead = append(dead, p.Key)
			}
		}
		return nil
	})
	if err != nil || len(dead) == 0 {
		return 0, err
	}
	err = s.store.Update(ctx, func(tx kv.Tx) error {
		deleted = 0
		for _, key := range dead {
			v, err := tx.Get(key)
			if err != nil || !over(tx, kv.Pair{Key: key, Value: v}) {
				continue
			}
			if err := tx.Delete(key); err != nil {
				return err
			}
			deleted++
		}
		return nil
	})
	return deleted, err
}
