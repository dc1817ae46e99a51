package pgkv

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/rind-dev/rind/internal/kv"
)

// writes are changes that are not committed, by key; nil for a deleted key.
type writes struct {
	to     map[string][]byte
	size   int
	sorted []string // of the keys
	fresh  []string // keys that are not in sorted
}

func (w *writes) set(key string, value []byte) {
	if w.to == nil {
		w.to = map[string][]byte{}
	}
	was, there := w.to[key]
	if !there {
		w.fresh = append(w.fresh, key)
		w.size += len(key)
	}
	w.to[key] = value
	w.size += len(value) - len(was)
}

// merge takes over the changes of a later transaction.
func (w *writes) merge(later *writes) {
	for k, v := range later.to {
		w.set(k, v)
	}
}

// within returns the keys from lo to below hi, in order.
func (w *writes) within(sp span) []string {
	if len(w.fresh) > 0 {
		w.sorted = append(w.sorted, w.fresh...)
		w.fresh = nil
		slices.Sort(w.sorted) // almost sorted already
	}
	first := sort.SearchStrings(w.sorted, sp.lo)
	end := len(w.sorted)
	if !sp.open {
		end = max(first, sort.SearchStrings(w.sorted, sp.hi))
	}
	return w.sorted[first:end]
}

// reader is the kv.Reader of one transaction.
type reader struct {
	mu    sync.Mutex // guards what follows
	m     *moment
	below *writes // of the earlier members of the group; nil for a View
	own   writes  // none for a View
	ended bool
}

// transaction is the kv.Tx of one run of an Update's function.
type transaction struct {
	*reader
	hooks   []func()
	written kv.Quota
	refused error // why it is too large to be committed
}

func (r *reader) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

// written returns what is not committed yet under a key.
func (r *reader) uncommitted(key string) (v []byte, there bool) {
	v, there = r.own.to[key]
	if !there && r.below != nil {
		v, there = r.below.to[key]
	}
	return v, there
}

// Get implements kv.Reader.
func (r *reader) Get(key []byte) ([]byte, error) {
	values, err := r.GetMany([][]byte{key})
	if err != nil {
		return nil, err
	}
	if values[0] == nil {
		return nil, kv.ErrNotFound
	}
	return values[0], nil
}

// GetMany implements kv.Reader.
func (r *reader) GetMany(keys [][]byte) ([][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil, kv.ErrTxEnded
	}
	var stored [][]byte
	for i, key := range keys {
		if i == kv.MaxRead {
			return nil, new(tooMany).error()
		}
		if _, there := r.uncommitted(string(key)); !there && len(key) > 0 && len(key) <= kv.MaxKey {
			stored = append(stored, key)
		}
	}
	if err := r.m.get(stored); err != nil {
		return nil, err
	}
	var q kv.Quota
	out := make([][]byte, len(keys))
	for i, key := range keys {
		v, there := r.uncommitted(string(key))
		if !there && len(key) > 0 && len(key) <= kv.MaxKey {
			known, ok := r.m.known[string(key)]
			if !ok {
				return nil, new(tooMany).error()
			}
			v = known
		}
		if err := q.Read(key, v); err != nil {
			return nil, err
		}
		if v != nil {
			out[i] = own(v)
		}
	}
	return out, nil
}

// tooMany makes the error of a read that is over the bounds.
type tooMany struct{ q kv.Quota }

func (t *tooMany) error() error {
	for {
		if err := t.q.Read(nil, nil); err != nil {
			return err
		}
	}
}

// Scan implements kv.Reader.
func (r *reader) Scan(prefix, after []byte, limit int, reverse bool) ([]kv.Pair, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil, kv.ErrTxEnded
	}
	if limit <= 0 || limit > kv.MaxRead {
		limit = kv.MaxRead + 1
	}
	sp, ok := spanOf(prefix, after, reverse)
	if !ok {
		return nil, nil
	}
	g := &merger{r: r, limit: limit, reverse: reverse, changed: r.changedWithin(sp)}
	return g.all(sp)
}

// spanOf returns the part of the keys that a Scan asks for, or false if it is empty.
func spanOf(prefix, after []byte, reverse bool) (sp span, ok bool) {
	lo, hi := prefix, kv.PrefixEnd(prefix)
	if after != nil && reverse && (hi == nil || bytes.Compare(after, hi) < 0) {
		hi = after
	}
	if after != nil && !reverse && bytes.Compare(after, lo) >= 0 {
		lo = append(bytes.Clone(after), 0) // the least key above it
	}
	sp = span{lo: string(lo), hi: string(hi), open: hi == nil, reverse: reverse}
	return sp, sp.open || sp.lo < sp.hi
}

// changedWithin returns the changed keys of a span in the order of a scan.
func (r *reader) changedWithin(sp span) []string {
	out := slices.Clone(r.own.within(sp))
	if r.below != nil {
		for _, k := range r.below.within(sp) {
			if _, again := r.own.to[k]; !again {
				out = append(out, k)
			}
		}
		slices.Sort(out)
	}
	if sp.reverse {
		slices.Reverse(out)
	}
	return out
}

// merger merges stored pairs and uncommitted changes in one order.
type merger struct {
	r       *reader
	limit   int
	reverse bool
	changed []string // changed keys that were not passed yet
	q       kv.Quota
	out     []kv.Pair
}

func (g *merger) all(sp span) ([]kv.Pair, error) {
	for {
		sp.most = min(g.limit-len(g.out)+len(g.changed), kv.MaxRead+1)
		page, more, err := g.r.m.scan(sp)
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			key := string(p.Key)
			if full, err := g.pass(key, false); full || err != nil {
				return g.result(err)
			}
			if len(g.changed) > 0 && g.changed[0] == key {
				continue // what it is now comes with the next
			}
			if full, err := g.take(p.Key, p.Value); full || err != nil {
				return g.result(err)
			}
		}
		if !more {
			_, err := g.pass("", true)
			return g.result(err)
		}
		last := string(page[len(page)-1].Key)
		if g.reverse {
			sp.hi, sp.open = last, false
		} else {
			sp.lo = last + "\x00"
		}
	}
}

func (g *merger) result(err error) ([]kv.Pair, error) {
	if err != nil {
		return nil, err
	}
	return g.out, nil
}

// pass takes the changed keys that come before key, or all.
func (g *merger) pass(key string, all bool) (full bool, err error) {
	for len(g.changed) > 0 && (all || !g.reverse && g.changed[0] < key || g.reverse && g.changed[0] > key) {
		k := g.changed[0]
		g.changed = g.changed[1:]
		if v, _ := g.r.uncommitted(k); v != nil {
			if full, err := g.take([]byte(k), v); full || err != nil {
				return full, err
			}
		}
	}
	return false, nil
}

func (g *merger) take(key, value []byte) (full bool, err error) {
	if err := g.q.Read(key, value); err != nil {
		return false, err
	}
	g.out = append(g.out, kv.Pair{Key: own(key), Value: own(value)})
	return len(g.out) == g.limit, nil
}

// Put implements kv.Tx.
func (t *transaction) Put(key, value []byte) error {
	if err := kv.CheckPair(key, value); err != nil {
		return err
	}
	return t.write(key, own(value))
}

// Delete implements kv.Tx.
func (t *transaction) Delete(key []byte) error { return t.write(key, nil) }

func (t *transaction) write(key, value []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ended:
		return kv.ErrTxEnded
	case t.m.fault != nil:
		return t.m.fault
	case t.refused != nil:
		return t.refused
	}
	t.refused = t.written.Write(key, value)
	if t.refused != nil {
		return t.refused
	}
	if len(key) > 0 && len(key) <= kv.MaxKey { // else it is a Delete of a key that no store could hold
		t.own.set(string(key), value)
	}
	return nil
}

// OnCommit implements kv.Tx.
func (t *transaction) OnCommit(fn func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		panic(fmt.Errorf("OnCommit: %w", kv.ErrTxEnded))
	}
	t.hooks = append(t.hooks, fn)
}

// own copies bytes and keeps an empty value apart from none.
func own(b []byte) []byte { return append([]byte{}, b...) }
