// Package move copies one store into another, empty one, and keeps anybody from using the two as if they were
// two stores: the source is marked before the first pair is copied, and the target until the last is compared.
//
// A copy that was cut short continues where it stopped. The marks are in the stores themselves, below "store/", and
// are not copied.
package move

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

var (
	// ErrMoved says that a store was copied to another, which is used now.
	ErrMoved = errors.New("move: the store was moved")

	// ErrUnfinished says that a store is the source or the target of a copy that is not complete.
	ErrUnfinished = errors.New("move: a copy of the store is not complete")

	// ErrNotEmpty says that the target of a copy has something in it.
	ErrNotEmpty = errors.New("move: the target is not empty")
)

// Keys of the marks.
const (
	prefix  = "store/"
	keyFrom = prefix + "source" // of the mark in a source
	keyTo   = prefix + "target" // of the mark in a target
)

// source is the mark of a source.
type source struct {
	Copy string    `json:"copy"` // id, which the target has too
	To   string    `json:"to"`   // name of the target
	At   time.Time `json:"at"`
	Done bool      `json:"done,omitempty"` // all was copied and compared
}

// target is the mark of a target whose copy is not complete.
type target struct {
	Copy  string `json:"copy"`
	From  string `json:"from"`            // name of the source
	After []byte `json:"after,omitempty"` // the last key that was copied
	Pairs int64  `json:"pairs"`
	Bytes int64  `json:"bytes"`
}

// Side is one of the two stores of a copy.
type Side struct {
	Store kv.Store
	Name  string // for messages and marks; it contains no secret
}

// Count is an amount of data: Bytes is of keys and values.
type Count struct{ Pairs, Bytes int64 }

func (c *Count) add(pairs []kv.Pair) {
	for _, p := range pairs {
		c.Pairs++
		c.Bytes += int64(len(p.Key) + len(p.Value))
	}
}

// Result says what was copied.
type Result struct {
	Count
	SHA256 string // of all pairs in order, the same at both ends; lower-case hex
}

// Check returns ErrMoved for a store that was moved, and ErrUnfinished for the source or target of a copy that is not complete. The text
// says what to do.
func Check(ctx context.Context, store kv.Store) error {
	return store.View(ctx, func(r kv.Reader) error {
		var s source
		var t target
		errFrom, errTo := kv.GetJSON(r, keyFrom, &s), kv.GetJSON(r, keyTo, &t)
		switch {
		case errFrom == nil && s.Done:
			return fmt.Errorf("%w to %s on %s: use that one, which has what happened since", ErrMoved, s.To, s.At.UTC().Format("2 January 2006"))
		case errFrom == nil:
			return fmt.Errorf("%w: this store is being copied to %s: run the same 'rind store copy' again, which goes on where it stopped, or 'rind store copy --undo' to keep this one", ErrUnfinished, s.To)
		case errTo == nil:
			return fmt.Errorf("%w: %d pairs of %s are in this store: run the same 'rind store copy' again, which goes on where it stopped", ErrUnfinished, t.Pairs, t.From)
		case !errors.Is(errFrom, kv.ErrNotFound):
			return errFrom
		case !errors.Is(errTo, kv.ErrNotFound):
			return errTo
		}
		return nil
	})
}

// Copy copies all of one store to another, which is empty or holds an unfinished copy of the same state of the
// same source, and compares the two. From the beginning nobody else can use the source: its mark is there, and its
// generation is raised, which ends the use by all who have it open. progress, which may be nil, is called after each
// step: what is "read", "copied" or "compared", and total is what the source has, zero while it is "read". If Copy fails, running it
// again goes on where it stopped.
//
// The error is ErrMoved if the source was moved before, ErrUnfinished if it is the target of another copy, and ErrNotEmpty if the target
// holds anything but a part of this copy.
func Copy(ctx context.Context, from, to Side, now time.Time, progress func(what string, done, total Count)) (Result, error) {
	if progress == nil {
		progress = func(string, Count, Count) {}
	}
	c := copying{from: from, to: to, progress: progress}
	if err := c.begin(ctx, now); err != nil {
		return Result{}, err
	}
	sum, total, err := digest(ctx, from.Store, func(done Count) { progress("read", done, Count{}) })
	if err != nil {
		return Result{}, fmt.Errorf("move: read %s: %w", from.Name, err)
	}
	for done := false; !done; {
		done, err = c.page(ctx)
		if err != nil {
			return Result{}, err
		}
		progress("copied", Count{c.mark.Pairs, c.mark.Bytes}, total)
	}
	sumTo, totalTo, err := digest(ctx, to.Store, func(done Count) { progress("compared", done, total) })
	if err != nil {
		return Result{}, fmt.Errorf("move: read %s: %w", to.Name, err)
	}
	if sum != sumTo || total != totalTo {
		return Result{}, fmt.Errorf("move: %s has %d pairs (SHA-256 %s) and %s has %d (%s): %[1]s keeps all that it had: empty %[4]s and copy again", from.Name, total.Pairs, sum, to.Name, totalTo.Pairs, sumTo, to.Name)
	}
	return Result{total, sum}, c.end(ctx)
}

// Undo gives up a copy that is not complete; store is its source, which can be used again. The target can't be used, nor copied to until it
// is emptied. The error is ErrMoved if the copy is complete.
func Undo(ctx context.Context, store kv.Store) error {
	return store.Update(ctx, func(tx kv.Tx) error {
		var s source
		err := kv.GetJSON(tx, keyFrom, &s)
		switch {
		case errors.Is(err, kv.ErrNotFound):
			return errors.New("move: no copy of this store was begun: there is nothing to undo")
		case err != nil:
			return err
		case s.Done:
			return fmt.Errorf("%w to %s, and the copy is complete: what happens there would be lost; copy it back instead", ErrMoved, s.To)
		}
		return tx.Delete([]byte(keyFrom))
	})
}

// copying is a copy under way.
type copying struct {
	from, to Side
	mark     target // as it is in the target
	limit    int    // pairs of the next page
	progress func(string, Count, Count)
}

// begin marks both stores, source first.
func (c *copying) begin(ctx context.Context, now time.Time) error {
	c.limit = pageSize
	if err := c.checkLayouts(ctx); err != nil {
		return err
	}
	t, there, err := c.unfinished(ctx)
	if err != nil {
		if moved := Check(ctx, c.from.Store); errors.Is(moved, ErrMoved) {
			return moved
		}
		return err
	}
	id, err := c.markSource(ctx, t.Copy, now)
	if err != nil {
		return fmt.Errorf("move: mark %s: %w", c.from.Name, err)
	}
	if err := endUse(ctx, c.from.Store); err != nil {
		return fmt.Errorf("move: end the use of %s: %w", c.from.Name, err)
	}
	if there {
		c.mark = t
		return nil
	}
	c.mark = target{Copy: id, From: c.from.Name}
	return c.to.Store.Update(ctx, func(tx kv.Tx) error {
		if err := empty(tx, c.to.Name); err != nil {
			return err
		}
		return kv.PutJSON(tx, keyTo, c.mark)
	})
}

// markSource marks the source, unless it has the mark of the copy that the target has a part of ("": none), and returns
// the id of the copy. Each target gets an id of its own, so that only one of them can ever be complete.
func (c *copying) markSource(ctx context.Context, unfinished string, now time.Time) (id string, err error) {
	random := make([]byte, 16)
	rand.Read(random)
	err = c.from.Store.Update(ctx, func(tx kv.Tx) error {
		var mark source
		err := kv.GetJSON(tx, keyFrom, &mark)
		marked := err == nil
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		isTarget, err := kv.Exists(tx, keyTo)
		switch {
		case err != nil:
			return err
		case isTarget:
			return fmt.Errorf("%w: it is the target of one: finish that first", ErrUnfinished)
		case marked && unfinished != "" && mark.Copy == unfinished:
			id = mark.Copy
			return nil
		case marked && mark.Done:
			return fmt.Errorf("%w to %s on %s: copy that one", ErrMoved, mark.To, mark.At.UTC().Format("2 January 2006"))
		case unfinished != "":
			return fmt.Errorf("%w: %s holds an unfinished copy of another store, or of an older state of this one: empty it, or give another", ErrNotEmpty, c.to.Name)
		}
		id = hex.EncodeToString(random)
		return kv.PutJSON(tx, keyFrom, source{Copy: id, To: c.to.Name, At: now})
	})
	return id, err
}

// checkLayouts refuses stores whose data this program does not write.
func (c *copying) checkLayouts(ctx context.Context) error {
	for _, side := range []Side{c.from, c.to} {
		stamp, err := side.Store.Stamp(ctx)
		if err != nil {
			return fmt.Errorf("move: %s: %w", side.Name, err)
		}
		if stamp.Layout != kv.Layout {
			return fmt.Errorf("move: %s has layout %d, and this rind writes %d: start 'rind serve' of this version on it once, then copy", side.Name, stamp.Layout, kv.Layout)
		}
	}
	return nil
}

// unfinished reads the mark of the target, and refuses one that is neither empty nor marked.
func (c *copying) unfinished(ctx context.Context) (t target, there bool, err error) {
	err = c.to.Store.View(ctx, func(r kv.Reader) error {
		t = target{}
		err := kv.GetJSON(r, keyTo, &t)
		there = err == nil
		if errors.Is(err, kv.ErrNotFound) {
			return empty(r, c.to.Name)
		}
		return err
	})
	return t, there, err
}

func empty(r kv.Reader, name string) error {
	pairs, err := r.Scan(nil, nil, 1, false)
	if err == nil && len(pairs) > 0 {
		err = fmt.Errorf("%w: %s holds a store: give an empty one (another database or schema, another data folder), or move this one away", ErrNotEmpty, name)
	}
	return err
}

// endUse ends the use of a store by all other handles.
func endUse(ctx context.Context, store kv.Store) error {
	stamp, err := store.Stamp(ctx)
	if err != nil {
		return err
	}
	stamp.Generation++
	return store.Restamp(ctx, stamp)
}

// end gives the use over from one store to the other.
func (c *copying) end(ctx context.Context) error {
	err := c.from.Store.Update(ctx, func(tx kv.Tx) error {
		var mark source
		err := kv.GetJSON(tx, keyFrom, &mark)
		if err != nil {
			return err
		}
		if mark.Copy != c.mark.Copy {
			return errors.New("another copy was begun")
		}
		mark.Done = true
		return kv.PutJSON(tx, keyFrom, mark)
	})
	if err != nil {
		return fmt.Errorf("move: mark %s as moved: %w", c.from.Name, err)
	}
	if err := c.to.Store.Update(ctx, func(tx kv.Tx) error { return tx.Delete([]byte(keyTo)) }); err != nil {
		return fmt.Errorf("move: mark %s as complete: %w", c.to.Name, err)
	}
	return nil
}
