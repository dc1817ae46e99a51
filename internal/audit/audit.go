// Package audit keeps the trail of who changed what. A row is written in the
// transaction that makes the change, so there is no change without its row and no
// row without its change; rows are never altered.
package audit

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// Actor says who did it and from where. It holds nothing secret.
type Actor struct {
	UserID    string `json:"user_id,omitempty"` // "" where nobody was signed in
	Username  string `json:"username,omitempty"`
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"` // at most 256 bytes are kept
	Factor    string `json:"factor,omitempty"`     // second factor of the session: "totp", "recovery_code", ""
	RequestID string `json:"request_id,omitempty"`
}

// Event is one row.
type Event struct {
	Seq     uint64            `json:"seq"`  // set by Append, from 1, without gaps
	Time    time.Time         `json:"time"` // UTC
	Kind    string            `json:"kind"` // "token.minted", "account.totp_added", …
	Actor   Actor             `json:"actor"`
	Account string            `json:"account,omitempty"` // id of the account that it concerns
	Project string            `json:"project,omitempty"` // id of the project that it concerns
	Detail  map[string]string `json:"detail,omitempty"`  // what changed; never a secret
}

// Append writes a row and gives it the next number.
func Append(tx kv.Tx, e Event) error {
	last, err := lastSeq(tx)
	if err != nil {
		return err
	}
	e.Seq = last + 1
	e.Time = e.Time.UTC()
	if len(e.Actor.UserAgent) > 256 {
		e.Actor.UserAgent = e.Actor.UserAgent[:256]
	}
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("audit: encode: %w", err)
	}
	n := binary.BigEndian.AppendUint64(nil, e.Seq)
	if err := tx.Put([]byte("audit/last"), n); err != nil {
		return err
	}
	if err := tx.Put(append([]byte("audit/row/"), n...), b); err != nil {
		return err
	}
	if e.Account != "" {
		if err := tx.Put(append([]byte("audit/account/"+e.Account+"/"), n...), nil); err != nil {
			return err
		}
	}
	if e.Project != "" {
		return tx.Put(append([]byte("audit/project/"+e.Project+"/"), n...), nil)
	}
	return nil
}

func lastSeq(r kv.Reader) (uint64, error) {
	b, err := r.Get([]byte("audit/last"))
	if errors.Is(err, kv.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, errors.New("audit: the counter of rows is damaged")
	}
	return binary.BigEndian.Uint64(b), nil
}

// Account lists rows that concern an account, newest first: at most limit of
// them, numbered below before where before is not 0.
func Account(r kv.Reader, id string, before uint64, limit int) ([]Event, error) {
	return byIndex(r, "audit/account/"+id+"/", before, limit)
}

// Project lists rows that concern a project, like Account.
func Project(r kv.Reader, id string, before uint64, limit int) ([]Event, error) {
	return byIndex(r, "audit/project/"+id+"/", before, limit)
}

// All lists all rows, like Account.
func All(r kv.Reader, before uint64, limit int) ([]Event, error) {
	prefix := "audit/row/"
	pairs, err := r.Scan([]byte(prefix), position(prefix, before), limit, true)
	if err != nil {
		return nil, err
	}
	out := make([]Event, len(pairs))
	for i, p := range pairs {
		if err := json.Unmarshal(p.Value, &out[i]); err != nil {
			return nil, fmt.Errorf("audit: a row is damaged: %w", err)
		}
	}
	return out, nil
}

func byIndex(r kv.Reader, prefix string, before uint64, limit int) ([]Event, error) {
	pairs, err := r.Scan([]byte(prefix), position(prefix, before), limit, true)
	if err != nil {
		return nil, err
	}
	out := make([]Event, len(pairs))
	for i, p := range pairs {
		seq := p.Key[len(prefix):]
		if err := kv.GetJSON(r, "audit/row/"+string(seq), &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// position is the key behind which a reverse scan starts.
func position(prefix string, before uint64) []byte {
	if before == 0 {
		return nil
	}
	return binary.BigEndian.AppendUint64([]byte(prefix), before)
}
