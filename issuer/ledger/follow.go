package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
)

// ErrIdentity says that the store got another identity or epoch since this process opened it, as by 'rind restored'.
// What the process knows of positions no longer counts: it has to be started again.
var ErrIdentity = errors.New("ledger: a new epoch of this store began while the process ran, as after 'rind restored': start it again")

// Follow hears of what other processes commit to the store until ctx ends. It returns ErrIdentity where the store got
// another identity or epoch, and the errors of kv.Follow. Several processes may change a store only if
// each of them runs Follow.
func (l *Ledger) Follow(ctx context.Context) error {
	return kv.Follow(ctx, l.store, l.hear, func(err error) {
		if err != nil {
			l.log.WarnContext(ctx, "what other processes change is not heard at present", "error", err)
		}
	})
}

// hear announces the store's last change set.
func (l *Ledger) hear(ctx context.Context) error {
	var last feed.Chain
	err := l.store.View(ctx, func(r kv.Reader) (err error) {
		last, err = l.Head(r)
		return err
	})
	if errors.Is(err, ErrIdentity) {
		return kv.Stop{Err: err}
	}
	if err == nil {
		l.commits.announce(last)
	}
	return err
}

// Head reads the value of the last change set, as LastChain, and returns ErrIdentity where it belongs to another
// epoch or store than this ledger has opened.
func (l *Ledger) Head(r kv.Reader) (feed.Chain, error) {
	found, err := r.GetMany([][]byte{[]byte(keyIdentity), []byte(keyRevision)})
	if err != nil {
		return feed.Chain{}, err
	}
	var now identity
	err = json.Unmarshal(found[0], &now)
	if err != nil || now.Issuer != l.id.Issuer || now.Epoch != l.id.Epoch {
		return feed.Chain{}, fmt.Errorf("%w (epoch %d, it was %d)", ErrIdentity, now.Epoch, l.id.Epoch)
	}
	return chainOf(found[1])
}
