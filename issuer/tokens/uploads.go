package tokens

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Limits of the counters of uses.
const (
	UploadDays  = 90      // days for which uploads are counted, including today
	maxReported = 100_000 // most uses that one line of a verifier's report can stand for
	dayTokens   = 50      // tokens that have their own counters for a project on one day
)

// Uploads counts the uploads to a project by token and day.
type Uploads struct {
	First  time.Time      // midnight, UTC, at which the first of UploadDays days begins
	Tokens []TokenUploads // the busiest first
	Others []int          // by day: the uploads with all other tokens; nil if there are none
	Total  int
}

// TokenUploads counts the uploads with one token.
type TokenUploads struct {
	ID, Label, Owner string
	Days             []int // uploads by day
	Total            int
}

// dayOf returns the number of a day, in UTC, counted from 1970.
func dayOf(t time.Time) uint32 { return uint32(t.Unix() / int64(ledger.Day/time.Second)) }

// countUses adds to the counter of a day. For a project on one day, dayTokens tokens have
// counters of their own, and the others share one. It ignores uses on days whose counters
// are no longer kept.
func (s *Service) countUses(tx kv.Tx, project, token string, at time.Time, n int) error {
	if oldest := dayOf(s.clock()) - UploadDays + 1; dayOf(at) < oldest {
		return nil
	}
	prefix := countPrefix(dayOf(at), project)
	key := append(slices.Clone(prefix), token...)
	b, err := tx.Get(key)
	if errors.Is(err, kv.ErrNotFound) {
		there, err := tx.Scan(prefix, nil, dayTokens, false)
		if err != nil {
			return err
		}
		if len(there) < dayTokens {
			return tx.Put(key, binary.AppendUvarint(nil, uint64(n)))
		}
		key = prefix
		b, err = tx.Get(key)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
	} else if err != nil {
		return err
	}
	before := uint64(0)
	if b != nil {
		before, err = readCount(key, b)
		if err != nil {
			return err
		}
	}
	return tx.Put(key, binary.AppendUvarint(nil, before+uint64(n)))
}

func readCount(key, b []byte) (uint64, error) {
	n, size := binary.Uvarint(b)
	if size != len(b) || size <= 0 {
		return 0, fmt.Errorf("tokens: the counter %q is damaged: restore the store from a backup", key)
	}
	return n, nil
}

// ProjectUploads counts the uploads to a project in the last UploadDays days, separately
// for its busiest tokens, at most shown of them. Owners and administrators see any token
// by name; maintainers see only their own by name, and of the rest only how much they
// uploaded together. Users who are not members get ErrNotFound.
func (s *Service) ProjectUploads(ctx context.Context, p ledger.Principal, project string, shown int) (Uploads, error) {
	today := dayOf(s.clock())
	out := Uploads{First: time.Unix(int64(today-UploadDays+1)*int64(ledger.Day/time.Second), 0).UTC()}
	err := s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		rec, err := projects.VisibleTo(r, p, project)
		if err != nil {
			return err
		}
		byToken, err := readCounts(r, rec.ID, today)
		if err != nil {
			return err
		}
		seesAll := p.Admin || rec.Members[p.UserID].Role == projects.RoleOwner
		out.Total, out.Tokens, out.Others = 0, nil, nil
		for _, t := range byToken {
			out.Total += t.Total
			named := t.ID != "" && len(out.Tokens) < shown
			if named {
				named, err = t.name(r, p, seesAll)
				if err != nil {
					return err
				}
			}
			if named {
				out.Tokens = append(out.Tokens, *t)
				continue
			}
			if out.Others == nil {
				out.Others = make([]int, UploadDays)
			}
			for i, n := range t.Days {
				out.Others[i] += n
			}
		}
		return nil
	})
	return out, err
}

// name fills in the label and owner of a token, and reports whether p may know them.
func (t *TokenUploads) name(r kv.Reader, p ledger.Principal, seesAll bool) (bool, error) {
	rec, err := readToken(r, t.ID)
	if err != nil || rec.User != p.UserID && !seesAll {
		return false, err
	}
	user, err := ledger.ReadUser(r, rec.User)
	t.Label, t.Owner = rec.Label, user.Name
	return true, err
}

// readCounts reads the counters of a project, the busiest token first.
func readCounts(r kv.Reader, project string, today uint32) ([]*TokenUploads, error) {
	byToken := make(map[string]*TokenUploads)
	var out []*TokenUploads
	for i := range UploadDays {
		prefix := countPrefix(today-UploadDays+1+uint32(i), project)
		pairs, err := kv.All(r, prefix)
		if err != nil {
			return nil, err
		}
		for _, p := range pairs {
			n, err := readCount(p.Key, p.Value)
			if err != nil {
				return nil, err
			}
			id := string(p.Key[len(prefix):])
			t := byToken[id]
			if t == nil {
				t = &TokenUploads{ID: id, Days: make([]int, UploadDays)}
				byToken[id] = t
				out = append(out, t)
			}
			t.Days[i] += int(n)
			t.Total += int(n)
		}
	}
	slices.SortFunc(out, func(a, b *TokenUploads) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// forgetUploads deletes the counters of days before the last UploadDays.
func (s *Service) forgetUploads(ctx context.Context) error {
	end := string(binary.BigEndian.AppendUint32([]byte(keyCount), dayOf(s.clock())-UploadDays+1))
	return kv.Sweep(ctx, s.store.Update, keyCount, func(tx kv.Tx, p kv.Pair) (more bool, err error) {
		if string(p.Key) >= end {
			return false, nil
		}
		return true, tx.Delete(p.Key)
	})
}
