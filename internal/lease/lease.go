// Package lease gives work that one process at a time should do to one of the processes that share a store.
//
// A lease is a record with its holder, a term and a count. The holder raises the count each Beat. A process that waits
// watches the count. It takes the lease when the count has not changed for Expiry by its own clock, and begins a new
// term. No two clocks are compared, and a process that is alone takes over the lease of a dead one after Expiry.
//
// A holder that was stopped, or cut off from the store, does not know that its term is over. So the context of its
// work carries the term, and a store that went through Fence checks the term in each transaction of such a context. If
// it is over, the transaction fails with ErrLost: the old holder writes nothing, and reads nothing to act upon. What it
// was doing outside of the store at that moment (an email, a line of a log) can happen twice, as after a crash.
//
// # In the store
//
//	lease/<name>   record
package lease

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// Defaults of a Lease.
const (
	Beat   = time.Second
	Expiry = 5 * time.Second
)

// ErrLost says that another process has the lease now. Nothing was written.
var ErrLost = errors.New("lease: another process has taken over this work")

// record is a lease in the store.
type record struct {
	Holder string `json:"holder"` // random; "" where nobody has it
	Term   uint64 `json:"term"`   // raised by each holder when it takes the lease
	Count  uint64 `json:"count"`  // raised by the holder
}

// Lease is one process' part in a lease. Set its fields before Run; Store and Name are required.
type Lease struct {
	Store  kv.Store // not guarded: it has to take changes while rind is read-only, too
	Name   string   // of the work: "mail"
	Beat   time.Duration
	Expiry time.Duration // several beats
	Logger *slog.Logger  // discards where nil
}

// term is the time in which this process has a lease, or had it.
type term struct {
	store  kv.Store
	key    string
	holder string
	number uint64
}

// Run does work while this process has the lease, until ctx ends. The context of work ends when the
// lease is lost, and work has to return then; in a later term it is called again. At the
// end Run gives the lease back, so that another process takes it at once.
func (l Lease) Run(ctx context.Context, work func(context.Context)) {
	if l.Beat == 0 {
		l.Beat = Beat
	}
	if l.Expiry == 0 {
		l.Expiry = Expiry
	}
	if l.Logger == nil {
		l.Logger = slog.New(slog.DiscardHandler)
	}
	me := rand.Text()
	for ctx.Err() == nil {
		h, err := l.wait(ctx, me)
		if err != nil {
			if ctx.Err() == nil {
				l.Logger.WarnContext(ctx, "it is not known which process has the lease for some work", "work", l.Name, "error", err)
				pause(ctx, l.Beat)
			}
			continue
		}
		l.Logger.DebugContext(ctx, "this process has the lease for some work", "work", l.Name, "term", h.number)
		l.hold(ctx, h, work)
		if ctx.Err() == nil {
			l.Logger.WarnContext(ctx, "another process took over some work, because this one did not renew its lease in time", "work", l.Name)
		}
	}
}

// hold works and beats until ctx ends or the lease is lost.
func (l Lease) hold(ctx context.Context, h *term, work func(context.Context)) {
	working, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(context.WithValue(working, termKey{}, h))
	}()
	last := time.Now()
	for lost := false; !lost && ctx.Err() == nil; {
		pause(ctx, l.Beat)
		if ctx.Err() != nil {
			break
		}
		bounded, stop := context.WithTimeout(ctx, l.Expiry)
		err := h.beat(bounded)
		stop()
		switch {
		case err == nil:
			last = time.Now()
		case errors.Is(err, ErrLost):
			lost = true
		default: // the store is away: a process that can reach it takes over
			lost = time.Since(last) > l.Expiry
		}
	}
	cancel()
	<-done
	late, stop := context.WithTimeout(context.WithoutCancel(ctx), l.Expiry)
	defer stop()
	err := h.release(late)
	if err != nil && !errors.Is(err, ErrLost) {
		l.Logger.WarnContext(ctx, "the lease for some work could not be given back, so another process takes over only when it expires", "work", l.Name, "error", err)
	}
}

// wait returns once this process has the lease.
func (l Lease) wait(ctx context.Context, me string) (*term, error) {
	key := "lease/" + l.Name
	var seen record
	var since time.Time // when seen last changed
	for first := true; ; first = false {
		version, err := l.Store.Watch(ctx, 0)
		if err != nil {
			return nil, err
		}
		now, err := read(ctx, l.Store, key)
		if err != nil {
			return nil, err
		}
		if first || now != seen {
			seen, since = now, time.Now()
		}
		if seen.Holder == "" || time.Since(since) >= l.Expiry {
			h, err := l.take(ctx, key, me, seen)
			if err != nil || h != nil {
				return h, err
			}
			continue
		}
		if err := l.look(ctx, version, l.Expiry-time.Since(since)); err != nil {
			return nil, err
		}
	}
}

// look waits for a commit after version, or until left is over, and then for a moment, because it need not see each
// beat of the holder.
func (l Lease) look(ctx context.Context, version uint64, left time.Duration) error {
	bounded, stop := context.WithTimeout(ctx, left)
	defer stop()
	_, err := l.Store.Watch(bounded, version)
	if bounded.Err() != nil {
		return ctx.Err()
	}
	pause(bounded, l.Beat/4)
	return err
}

// take takes the lease if it has not changed since it was seen; otherwise it returns nil.
func (l Lease) take(ctx context.Context, key, me string, seen record) (h *term, err error) {
	err = l.Store.Update(ctx, func(tx kv.Tx) error {
		h = nil
		now, err := get(tx, key)
		if err != nil || now != seen {
			return err
		}
		h = &term{store: l.Store, key: key, holder: me, number: seen.Term + 1}
		return kv.PutJSON(tx, key, record{Holder: me, Term: h.number})
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

// check returns ErrLost if this process no longer has the lease.
func (h *term) check(r kv.Reader) error {
	now, err := get(r, h.key)
	if err == nil && (now.Holder != h.holder || now.Term != h.number) {
		err = ErrLost
	}
	return err
}

type termKey struct{}

// Fence wraps a store. A transaction with the context of a Lease's work, or one made from it, fails with ErrLost when
// this process no longer has that lease. Everything that the work calls must use the fenced store.
func Fence(s kv.Store) kv.Store { return fenced{s} }

type fenced struct{ kv.Store }

// View implements kv.Store.
func (f fenced) View(ctx context.Context, fn func(kv.Reader) error) error {
	h, _ := ctx.Value(termKey{}).(*term)
	if h == nil {
		return f.Store.View(ctx, fn)
	}
	return f.Store.View(ctx, func(r kv.Reader) error {
		if err := h.check(r); err != nil {
			return err
		}
		return fn(r)
	})
}

// Update implements kv.Store.
func (f fenced) Update(ctx context.Context, fn func(kv.Tx) error) error {
	h, _ := ctx.Value(termKey{}).(*term)
	if h == nil {
		return f.Store.Update(ctx, fn)
	}
	return f.Store.Update(ctx, func(tx kv.Tx) error {
		if err := h.check(tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

// beat shows that the holder is alive.
func (h *term) beat(ctx context.Context) error {
	return h.change(ctx, func(r *record) { r.Count++ })
}

// release gives the lease back.
func (h *term) release(ctx context.Context) error {
	return h.change(ctx, func(r *record) { r.Holder = "" })
}

func (h *term) change(ctx context.Context, change func(*record)) error {
	return h.store.Update(ctx, func(tx kv.Tx) error {
		if err := h.check(tx); err != nil {
			return err
		}
		rec, err := get(tx, h.key)
		if err != nil {
			return err
		}
		change(&rec)
		return kv.PutJSON(tx, h.key, rec)
	})
}

func read(ctx context.Context, s kv.Store, key string) (rec record, err error) {
	err = s.View(ctx, func(r kv.Reader) (err error) {
		rec, err = get(r, key)
		return err
	})
	return rec, err
}

func get(r kv.Reader, key string) (rec record, err error) {
	err = kv.GetJSON(r, key, &rec)
	if errors.Is(err, kv.ErrNotFound) {
		return record{}, nil
	}
	if err != nil {
		err = fmt.Errorf("lease: %w", err)
	}
	return rec, err
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
