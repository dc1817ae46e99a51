package notices

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// Batch is the content of one mail: notices of one kind to one person.
type Batch struct {
	Kind    Kind
	User    string
	Notices []Notice // oldest first; empty if More is above 0 and all were told before
	More    int      // how many happened after them and are not listed
}

// Deliver writes the mail of a batch. It returns put, which hands the mail over to a queue in the transaction that
// removes the batch from the store; put is nil if there is nobody to write to. Both return ErrRefused if the mail
// would never be sent, and ErrLater if it may be handed over later, and have then written nothing; any other error
// is the store's.
type Deliver func(context.Context, Batch) (put func(kv.Tx) error, err error)

var (
	// ErrRefused says that a mail would never be sent, however often it is tried.
	ErrRefused = errors.New("notices: the mail can't be sent")

	// ErrLater says that the queue has no place for a mail at present.
	ErrLater = errors.New("notices: the mail is not taken at present")
)

// retries are the pauses between attempts; the last one repeats. A mail that has
// failed for giveUp without a success is given up.
var retries = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

const giveUp = 72 * time.Hour

// page is how many bundles are read at once.
const page = 100

// Pass hands over what is due with deliver, and returns when the next mail will be due, or zero
// if nothing waits. A mail that is not taken holds up no mail to others.
func (o *Outbox) Pass(ctx context.Context, deliver Deliver) (next time.Time, err error) {
	o.pass.Lock()
	defer o.pass.Unlock()
	var after []byte
	for {
		var pairs []kv.Pair
		err := o.store.View(ctx, func(r kv.Reader) (err error) {
			pairs, err = r.Scan([]byte(outPrefix), after, page, false)
			return err
		})
		if err != nil || len(pairs) == 0 {
			return next, err
		}
		for _, p := range pairs {
			due, err := o.carry(ctx, p, deliver)
			if err != nil {
				return next, err
			}
			if !due.IsZero() && (next.IsZero() || due.Before(next)) {
				next = due
			}
		}
		after = pairs[len(pairs)-1].Key
	}
}

// carry sends what is due of one bundle, and returns when more of it will be.
func (o *Outbox) carry(ctx context.Context, p kv.Pair, deliver Deliver) (time.Time, error) {
	key := string(p.Key)
	user, kind, _ := strings.Cut(strings.TrimPrefix(key, outPrefix), "/")
	var b bundle
	err := json.Unmarshal(p.Value, &b)
	if err != nil {
		o.log.ErrorContext(ctx, "mails are not sent: their record is damaged", "record", key, "error", err)
		return time.Time{}, nil
	}
	for b.waits() {
		now := o.now()
		at, n := b.due(now)
		if at.After(now) {
			return at, nil
		}
		batch := Batch{Kind: Kind(kind), User: user, Notices: b.Waiting[:n]}
		if n == len(b.Waiting) {
			batch.More = b.More
		}
		put, refused := deliver(ctx, batch)
		if refused != nil && ctx.Err() != nil {
			return time.Time{}, ctx.Err()
		}
		var err error
		b, err = o.handOver(ctx, key, batch, b, now, put, refused)
		if err != nil {
			return time.Time{}, err
		}
	}
	if recent := b.recent(o.now()); len(recent) > 0 {
		return recent[len(recent)-1].Add(window), nil
	}
	_, err = o.change(ctx, key, func(kv.Tx, *bundle) error { return nil })
	return time.Time{}, err
}

// handOver takes a batch out of a bundle and puts its mail, in one transaction, or notes that the mail is refused.
func (o *Outbox) handOver(ctx context.Context, key string, x Batch, b bundle, now time.Time, put func(kv.Tx) error, refused error) (bundle, error) {
	result, serial, others := refused, b.Serial, false // others: another process has handed the batch over, or given it up
	b, err := o.change(context.WithoutCancel(ctx), key, func(tx kv.Tx, b *bundle) error {
		result, others = refused, b.Serial != serial
		if others {
			result = nil
			return nil
		}
		if refused == nil && put != nil {
			result = put(tx)
		}
		if result != nil && !errors.Is(result, ErrRefused) && !errors.Is(result, ErrLater) {
			return result
		}
		b.settle(now, x, b.gone(now, result), result == nil)
		return nil
	})
	if err == nil && result != nil && !others {
		level, what := slog.LevelWarn, "a mail was not handed over yet"
		if b.Failing.IsZero() { // settle gave it up
			level, what = slog.LevelError, "a mail was not sent"
		}
		o.log.Log(ctx, level, what, "mail", x.Kind, "user", x.User, "notices", len(x.Notices)+x.More, "error", result)
	}
	return b, err
}

func (b bundle) waits() bool { return len(b.Waiting) > 0 || b.More > 0 }

// due says when the next mail is to be sent (a time in the past means now), and how
// many of the notices it tells: one, or all.
func (b bundle) due(now time.Time) (at time.Time, n int) {
	recent := b.recent(now)
	switch {
	case now.Before(b.Next):
		return b.Next, 0
	case len(recent) >= burst:
		return recent[0].Add(window), 0
	case b.More == 0 && len(b.Waiting) <= burst-len(recent):
		return now, 1
	}
	return now, len(b.Waiting)
}

// recent returns the sent mails that count at a moment. After a clock was set back, none count.
func (b bundle) recent(now time.Time) (out []time.Time) {
	for _, t := range b.Sent {
		if age := now.Sub(t); age >= 0 && age < window {
			out = append(out, t)
		}
	}
	return out
}

// gone tells whether the notices of a batch are done with, sent or not.
func (b bundle) gone(now time.Time, err error) bool {
	return err == nil || errors.Is(err, ErrRefused) || !b.Failing.IsZero() && now.Sub(b.Failing) >= giveUp
}

// settle notes the outcome of a batch; notices that were put since then follow it.
func (b *bundle) settle(now time.Time, x Batch, gone, sent bool) {
	if !gone {
		b.Next = now.Add(retries[min(b.Tries, len(retries)-1)])
		b.Tries++
		if b.Failing.IsZero() {
			b.Failing = now
		}
		return
	}
	b.Serial++
	b.Waiting, b.More = b.Waiting[min(len(x.Notices), len(b.Waiting)):], max(b.More-x.More, 0)
	b.Tries, b.Failing, b.Next = 0, time.Time{}, time.Time{}
	if sent {
		b.Sent = append(b.recent(now), now)
	}
}

// change changes a bundle in the store, and returns it. An empty bundle is deleted.
func (o *Outbox) change(ctx context.Context, key string, change func(kv.Tx, *bundle) error) (b bundle, err error) {
	err = o.store.Update(ctx, func(tx kv.Tx) error {
		b = bundle{}
		err := kv.GetJSON(tx, key, &b)
		if err != nil {
			if errors.Is(err, kv.ErrNotFound) {
				return nil
			}
			return err
		}
		err = change(tx, &b)
		if err != nil {
			return err
		}
		if !b.waits() && len(b.recent(o.now())) == 0 {
			return tx.Delete([]byte(key))
		}
		return kv.PutJSON(tx, key, b)
	})
	return b, err
}
