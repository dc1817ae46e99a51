package ledger

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
)

// The kinds of records that the change log names.
const (
	KindToken   = "token"
	KindUser    = "user"
	KindProject = "project"
)

// Entry is one change set in the log. It names the records that changed but does not
// hold them, so that the log holds no secret and no deleted state.
type Entry struct {
	Revision uint64     `json:"-"` // it is in the key
	Time     time.Time  `json:"time"`
	Refs     []Ref      `json:"refs"`
	Chain    feed.Chain `json:"chain,omitzero"` // made from the rest
}

// Ref names a record that changed.
type Ref struct {
	Kind string `json:"kind"` // KindToken, KindUser or KindProject
	ID   string `json:"id"`
}

// Entries reads at most limit entries of the log that follow a revision, in order and without
// gaps. If the log no longer has the first of them, the error is feed.ErrCompacted.
func Entries(r kv.Reader, after uint64, limit int) ([]Entry, error) {
	pairs, err := r.Scan([]byte(keyLog), logKey(after), limit, false)
	if err != nil {
		return nil, err
	}
	if len(pairs) == 0 {
		last, err := LastRevision(r)
		if err == nil && after < last {
			err = fmt.Errorf("ledger: the change log lacks revision %d: restore the store from a backup", after+1)
		}
		return nil, err
	}
	out := make([]Entry, len(pairs))
	for i, p := range pairs {
		out[i], err = decodeEntry(p)
		if err != nil {
			return nil, err
		}
		if want := after + uint64(i) + 1; out[i].Revision != want {
			return nil, gap(r, want, out[i].Revision)
		}
	}
	return out, nil
}

// gap returns the error for a log that continues at found instead of want.
func gap(r kv.Reader, want, found uint64) error {
	oldest, err := r.Scan([]byte(keyLog), nil, 1, false)
	if err != nil {
		return err
	}
	if string(oldest[0].Key) == string(logKey(found)) {
		return fmt.Errorf("ledger: revision %d, the log begins at %d: %w", want, found, feed.ErrCompacted)
	}
	return fmt.Errorf("ledger: the change log lacks revision %d: restore the store from a backup", want)
}

func decodeEntry(p kv.Pair) (e Entry, err error) {
	if len(p.Key) != len(keyLog)+8 {
		return e, fmt.Errorf("ledger: the change log has a damaged key %q", p.Key)
	}
	err = json.Unmarshal(p.Value, &e)
	if err != nil {
		return e, fmt.Errorf("ledger: the entry %q of the change log is damaged: %w", p.Key, err)
	}
	e.Revision = binary.BigEndian.Uint64(p.Key[len(keyLog):])
	return e, nil
}

// CommitTime returns when a revision was committed. If the log no longer has it, it
// returns the time of the oldest entry, or zero if the log is empty.
func CommitTime(r kv.Reader, revision uint64) (time.Time, error) {
	pairs, err := r.Scan([]byte(keyLog), logKey(revision-1), 1, false)
	if err != nil || len(pairs) == 0 {
		return time.Time{}, err
	}
	e, err := decodeEntry(pairs[0])
	return e.Time, err
}
