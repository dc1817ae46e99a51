package kvtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/rind-dev/rind/internal/kv"
)

// errAgain is the error of calls in a run that is thrown away.
var errAgain = errors.New("kvtest: the connection was lost in the middle of a transaction; it runs again")

// Again returns a store on top of s that runs the function of each transaction twice, like a
// store that meets a conflict or loses its connection. The first run, which an error at some call
// may cut short, is undone. Test suites of other packages run on it, to find functions that
// change something outside the transaction. The random places of the cuts have a fixed seed.
func Again(s kv.Store) kv.Store {
	return &again{Store: s, random: rand.New(rand.NewPCG(1, 2))}
}

type again struct {
	kv.Store
	mu     sync.Mutex
	random *rand.Rand
}

// calls returns how many calls the first run makes before it is cut short.
func (a *again) calls() *int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 1 << 30 // never cut short
	if a.random.IntN(2) == 0 {
		n = 1 + a.random.IntN(30)
	}
	return &n
}

// View implements kv.Store.
func (a *again) View(ctx context.Context, fn func(kv.Reader) error) error {
	left := a.calls()
	err := a.Store.View(ctx, func(r kv.Reader) error {
		fn(cutReader{r, left})
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return a.Store.View(ctx, fn)
}

// Update implements kv.Store.
func (a *again) Update(ctx context.Context, fn func(kv.Tx) error) error {
	left := a.calls()
	err := a.Store.Update(ctx, func(tx kv.Tx) error {
		fn(cutTx{cutReader{tx, left}, tx})
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return a.Store.Update(ctx, fn)
}

type cutReader struct {
	kv.Reader
	left *int
}

func (r cutReader) cut() error {
	*r.left--
	if *r.left <= 0 {
		return errAgain
	}
	return nil
}

func (r cutReader) Get(key []byte) ([]byte, error) {
	if err := r.cut(); err != nil {
		return nil, err
	}
	return r.Reader.Get(key)
}

func (r cutReader) GetMany(keys [][]byte) ([][]byte, error) {
	if err := r.cut(); err != nil {
		return nil, err
	}
	return r.Reader.GetMany(keys)
}

func (r cutReader) Scan(prefix, after []byte, limit int, reverse bool) ([]kv.Pair, error) {
	if err := r.cut(); err != nil {
		return nil, err
	}
	return r.Reader.Scan(prefix, after, limit, reverse)
}

type cutTx struct {
	cutReader
	tx kv.Tx
}

func (t cutTx) Put(key, value []byte) error {
	if err := t.cut(); err != nil {
		return err
	}
	return t.tx.Put(key, value)
}

func (t cutTx) Delete(key []byte) error {
	if err := t.cut(); err != nil {
		return err
	}
	return t.tx.Delete(key)
}

func (t cutTx) OnCommit(fn func()) { t.tx.OnCommit(fn) }
