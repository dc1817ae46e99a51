// Package instance holds what administrators set for the whole of rind while it
// runs: whether it is read-only, who may open an account, and what is announced on
// every page.
//
// It does not decide who may change these settings: the room of accounts does, in
// the transaction of the change, with its audit row.
//
// # Read-only
//
// While rind is read-only, a store that went through Guard refuses transactions that
// write, with ErrReadOnly, whatever they would write. Each room guards its store
// itself, so writes of new code are refused even if nobody thought of them. A room also
// has a second handle to the store, from Exempt, for what has to
// work while rind is read-only: signing in and out, counting attempts, noting that
// somebody was there or a token was used, and everything that only takes power away
// (revoking, freezing, ending sessions).
//
// These transactions don't depend on the request either: a client that hangs up can't undo a
// count, a row of the audit trail or a revocation. So Exempt runs them to their end, for
// ExemptTime at most, even if the context of the request is done.
package instance

import (
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// ErrReadOnly is the error of every change while rind is read-only.
var ErrReadOnly = errors.New("instance: rind is in read-only mode, so nothing was changed")

// Settings are what administrators set. The zero value is what a new store has.
type Settings struct {
	ReadOnly     ReadOnly     `json:"read_only,omitzero"`
	Registration Registration `json:"registration,omitempty"`
	Banner       Banner       `json:"banner,omitzero"`
}

// ReadOnly says since when rind refuses changes; the zero value means that it accepts them.
type ReadOnly struct {
	Since  time.Time `json:"since,omitzero"`
	By     string    `json:"by,omitempty"` // username, as it was then
	Reason string    `json:"reason,omitempty"`
}

// On reports whether rind is read-only.
func (r ReadOnly) On() bool { return !r.Since.IsZero() }

// Registration says who may open an account.
type Registration string

// Who may open an account.
const (
	AsConfigured Registration = ""       // as the configuration says
	Open         Registration = "open"   // anybody who verifies an e-mail address
	ByInvitation Registration = "invite" // anybody with a link from an administrator
)

// settingsKey is where the settings are in the store.
const settingsKey = "instance/settings"

// Load reads the settings.
func Load(r kv.Reader) (s Settings, err error) {
	err = kv.GetJSON(r, settingsKey, &s)
	if errors.Is(err, kv.ErrNotFound) {
		return Settings{}, nil
	}
	return s, err
}

// Save writes the settings. The caller writes the audit row.
func Save(tx kv.Tx, s Settings) error { return kv.PutJSON(tx, settingsKey, s) }

// ExemptTime bounds a transaction of a store from Exempt, including the wait for its turn. The
// deadline of its own context does not apply.
const ExemptTime = 30 * time.Second

// Guard wraps the store: Update returns ErrReadOnly while rind is read-only. The transaction itself
// reads that setting, so nothing commits after the change that makes rind read-only.
func Guard(store kv.Store) kv.Store { return guarded{store} }

type guarded struct{ kv.Store }

// Update implements kv.Store.
func (g guarded) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return g.Store.Update(ctx, func(tx kv.Tx) error {
		s, err := Load(tx)
		if err != nil {
			return err
		}
		if s.ReadOnly.On() {
			return ErrReadOnly
		}
		return fn(tx)
	})
}

// Exempt wraps the store, without Guard, for transactions that have to work while rind is read-only. Update
// lets a transaction finish even if its context is cancelled.
func Exempt(store kv.Store) kv.Store { return exempt{store} }

type exempt struct{ kv.Store }

// Update implements kv.Store.
func (e exempt) Update(ctx context.Context, fn func(kv.Tx) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ExemptTime)
	defer cancel()
	return e.Store.Update(ctx, fn)
}
