package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
)

// RaiseEpoch begins a new epoch of a store's history. With it the operator declares that the
// store was restored from a backup, and that its state counts although verifiers have
// seen a later one. They forget what they know and take this store's records. Whatever
// was revoked, frozen or removed after the backup is valid again until somebody revokes,
// freezes or removes it again.
//
// The number of the epoch is the time in seconds since 1970, or the next number if that
// is greater: otherwise two restores of one backup would begin the same epoch, and
// verifiers that heard of the first would refuse the second.
//
// No Service may have the store open meanwhile, because a Service reads its epoch only once.
func RaiseEpoch(ctx context.Context, store kv.Store, by audit.Actor, now time.Time) (feed.Position, error) {
	var pos feed.Position
	err := store.Update(ctx, func(tx kv.Tx) error {
		var id identity
		err := kv.GetJSON(tx, keyIdentity, &id)
		if errors.Is(err, kv.ErrNotFound) {
			return errors.New("the store has no issuer yet: there is nothing to restore")
		}
		if err != nil {
			return err
		}
		id.Epoch = max(id.Epoch+1, uint64(max(now.Unix(), 0)))
		last, err := LastChain(tx)
		if err != nil {
			return err
		}
		pos = feed.Position{Issuer: id.Issuer, Epoch: id.Epoch, Revision: last.Revision(), Chain: last}
		if err := kv.PutJSON(tx, keyIdentity, id); err != nil {
			return err
		}
		return audit.Append(tx, audit.Event{
			Time: now, Kind: "issuer.epoch_raised", Actor: by, Detail: map[string]string{"epoch": fmt.Sprint(id.Epoch)},
		})
	})
	if err != nil {
		return feed.Position{}, fmt.Errorf("ledger: raise the epoch: %w", err)
	}
	return pos, nil
}
