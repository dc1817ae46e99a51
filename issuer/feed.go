package issuer

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
)

// MaxChanges is the greatest number of change sets that Changes returns at once.
const MaxChanges = 500

// maxBatch is the size, in bytes as stored, at which Changes ends a batch.
const maxBatch = 4 << 20

// Position says which store this is and at which revision it stands.
func (s *Service) Position(ctx context.Context) (feed.Position, error) {
	var last feed.Chain
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		last, err = lastChain(r)
		return err
	})
	return s.position(last), err
}

// head is Position as far as this process has heard.
func (s *Service) head() feed.Position {
	return s.position(s.news.last())
}

// Wait returns as soon as the store stands at a revision above after, or with
// the context's error.
func (s *Service) Wait(ctx context.Context, after uint64) error {
	for {
		more := s.news.beyond(after)
		if more == nil {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Changes returns the change sets after a position, in order and without gaps:
// at most limit of them, MaxChanges where limit is 0 or more than that, and fewer
// where they are large. At the last revision there are none.
//
// All records are read at one moment and are whole and current, which may be
// newer than the set that they stand in; the chain value of every set is that of this moment.
// A record that changed several times within a batch stands in the first of its sets only,
// so a set may be empty.
//
// After a position that is not of this history the error is ErrOtherHistory, ErrAhead
// or ErrOtherIssuer, and behind the changes that are no longer kept it is
// feed.ErrCompacted. A record that the sealer can't open is an error too; it is never
// left out.
func (s *Service) Changes(ctx context.Context, after feed.Position, limit int) ([]feed.ChangeSet, error) {
	if limit <= 0 || limit > MaxChanges {
		limit = MaxChanges
	}
	var out []feed.ChangeSet
	err := s.store.View(ctx, func(r kv.Reader) error {
		if err := s.checkHistory(r, after); err != nil {
			return err
		}
		last, err := lastChain(r)
		if err != nil {
			return err
		}
		b := batch{s: s, r: r, last: last, seen: make(map[ref]bool)}
		out, err = b.read(after.Revision, limit)
		return err
	})
	return out, err
}

// batch resolves the references of change sets within one read transaction.
type batch struct {
	s    *Service
	r    kv.Reader
	last feed.Chain // of the moment
	seen map[ref]bool
	size int
}

func (b *batch) read(after uint64, limit int) ([]feed.ChangeSet, error) {
	pairs, err := b.r.Scan([]byte(keyLog), logKey(after), limit, false)
	if err != nil {
		return nil, err
	}
	if len(pairs) == 0 && after < b.last.Revision() {
		return nil, fmt.Errorf("issuer: the change log lacks revision %d: restore the store from a backup", after+1)
	}
	out := make([]feed.ChangeSet, 0, len(pairs))
	for i, p := range pairs {
		rev, err := logRevision(p.Key)
		if err != nil {
			return nil, err
		}
		if want := after + uint64(i) + 1; rev != want {
			return nil, b.gap(want, rev)
		}
		set, err := b.set(rev, p)
		if err != nil {
			return nil, err
		}
		out = append(out, set)
		if b.size >= maxBatch {
			break
		}
	}
	return out, nil
}

// gap is the error where the log goes on at found in place of want.
func (b *batch) gap(want, found uint64) error {
	oldest, err := b.r.Scan([]byte(keyLog), nil, 1, false)
	if err != nil {
		return err
	}
	if string(oldest[0].Key) == string(logKey(found)) {
		return fmt.Errorf("issuer: revision %d, the log begins at %d: %w", want, found, feed.ErrCompacted)
	}
	return fmt.Errorf("issuer: the change log lacks revision %d: restore the store from a backup", want)
}

// logRevision is the revision of an entry of the log.
func logRevision(key []byte) (uint64, error) {
	if len(key) != len(keyLog)+8 {
		return 0, fmt.Errorf("issuer: the change log has a damaged key %q", key)
	}
	return binary.BigEndian.Uint64(key[len(keyLog):]), nil
}

// decodeEntry reads an entry of the log.
func decodeEntry(p kv.Pair) (e logEntry, err error) {
	if err := json.Unmarshal(p.Value, &e); err != nil {
		return e, fmt.Errorf("issuer: the entry %q of the change log is damaged: %w", p.Key, err)
	}
	return e, nil
}

func (b *batch) set(rev uint64, p kv.Pair) (feed.ChangeSet, error) {
	e, err := decodeEntry(p)
	if err != nil {
		return feed.ChangeSet{}, err
	}
	set := feed.ChangeSet{Revision: rev, Chain: b.last, Time: e.Time}
	for _, f := range e.Refs {
		if b.seen[f] {
			continue
		}
		b.seen[f] = true
		c, err := b.resolve(f)
		if err != nil {
			return feed.ChangeSet{}, err
		}
		set.Changes = append(set.Changes, c)
	}
	return set, nil
}

// resolve reads the current state of a record that the log names.
func (b *batch) resolve(f ref) (c feed.Change, err error) {
	switch f.Kind {
	case kindToken:
		c.Token, err = b.token(f.ID)
	case kindUser:
		c.User, err = b.user(f.ID)
	case kindProject:
		c.Project, err = b.project(f.ID)
	default:
		err = fmt.Errorf("issuer: the change log names a record of the unknown kind %q: it was written by a newer rind", f.Kind)
	}
	if errors.Is(err, kv.ErrNotFound) {
		err = fmt.Errorf("issuer: the change log names %s %s, which the store does not have: restore the store from a backup", f.Kind, f.ID)
	}
	return c, err
}

func (b *batch) token(id string) (*feed.Token, error) {
	rec, err := readToken(b.r, id)
	if err != nil {
		return nil, err
	}
	var chain chainRecord
	if err := kv.GetJSON(b.r, chainKey(id), &chain); err != nil {
		return nil, err
	}
	return b.joined(id, rec, chain)
}

// joined makes what a verifier keeps of a token from what the store has.
func (b *batch) joined(id string, rec tokenRecord, chain chainRecord) (*feed.Token, error) {
	sig, err := b.s.sealer.Open(nil, chain.Signature, chainKey(id))
	if err != nil {
		return nil, fmt.Errorf("issuer: the signature of token %s: %w", id, err)
	}
	t := &feed.Token{
		ID: id, UserID: rec.User, Location: chain.Location, Signature: sig,
		ExpiresAt: rec.Expires, RevokedAt: rec.Revoked.At, RevokedWhy: rec.Revoked.Why,
	}
	for _, c := range chain.Caveats {
		t.Caveats = append(t.Caveats, []byte(c))
		b.size += len(c)
	}
	if !rec.Narrowed.IsZero() {
		for _, c := range reachCaveats(rec) {
			t.Restrictions = append(t.Restrictions, c)
			b.size += len(c)
		}
	}
	b.size += 200
	return t, nil
}

func (b *batch) user(id string) (*feed.User, error) {
	rec, err := readUser(b.r, id)
	if err != nil {
		return nil, err
	}
	b.size += 100
	return &feed.User{ID: id, Name: rec.Name, Frozen: rec.Frozen || rec.Revoking}, nil
}

func (b *batch) project(id string) (*feed.Project, error) {
	rec, err := readProject(b.r, id)
	if err != nil {
		return nil, err
	}
	p := &feed.Project{ID: id, Name: rec.Normalized, Members: make(map[string]string, len(rec.Members)), Deleted: !rec.Deleted.IsZero()}
	for user, m := range rec.Members {
		if m.works() {
			p.Members[user] = rec.feedRole(m)
		}
	}
	b.size += 100 + 60*len(rec.Members)
	return p, nil
}

// feedRole is the role of a member as verifiers are told of it.
func (rec projectRecord) feedRole(m memberRecord) string {
	if !rec.Archived.IsZero() {
		return feed.RoleArchived
	}
	return string(m.Role)
}
