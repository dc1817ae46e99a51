package authn

import (
	"context"
	"slices"
	"strings"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// Notifications are the kinds of mails that the owner of an account chooses to get.
type Notifications struct{ *core }

// Off lists the kinds of mails that the owner of a SignedIn Session has switched off. Kinds with
// notices.Info.Always are sent whatever the list says.
func (s *Notifications) Off(ctx context.Context, x Session) (off []notices.Kind, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		u, err := s.signedInAccount(r, x)
		if err != nil {
			return err
		}
		off, err = notices.Off(r, u.ID)
		return err
	})
	return off, err
}

// SetOff switches these kinds of mails off, and all others on. It drops unknown kinds from off, and
// kinds that are always on. It writes no row if nothing changes.
func (s *Notifications) SetOff(ctx context.Context, x Session, o Origin, off []notices.Kind) error {
	return s.store.Update(ctx, func(tx kv.Tx) error {
		u, err := s.signedInAccount(tx, x)
		if err != nil {
			return err
		}
		before, err := notices.Off(tx, u.ID)
		if err != nil {
			return err
		}
		changed, err := notices.SetOff(tx, u.ID, off)
		if err != nil || !changed {
			return err
		}
		after, err := notices.Off(tx, u.ID)
		if err != nil {
			return err
		}
		return s.record(tx, u.ID, audit.Event{Kind: rowNotifications, Actor: o.actor(u, x.Factor), Detail: map[string]string{
			"off": without(after, before), "on": without(before, after),
		}})
	})
}

// without returns the kinds that are not in others.
func without(kinds, others []notices.Kind) string {
	var out []string
	for _, k := range kinds {
		if !slices.Contains(others, k) {
			out = append(out, string(k))
		}
	}
	return strings.Join(out, ", ")
}
