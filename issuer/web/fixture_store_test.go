package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/mail"
)

// mailbox is a Queue that keeps what it is given.
type mailbox struct {
	mu    sync.Mutex
	all   []mail.Message
	fail  error
	carry func()
}

// Put is Queue: a mail counts when its change is made.
func (m *mailbox) Put(tx kv.Tx, msg mail.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil || msg.To == "" {
		return m.fail
	}
	tx.OnCommit(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.all = append(m.all, msg)
	})
	return nil
}

// Nobody is Queue.
func (m *mailbox) Nobody(kv.Tx, mail.Message) error { return nil }

func (m *mailbox) breaks(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

func (m *mailbox) messages() []mail.Message {
	if m.carry != nil {
		m.carry()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]mail.Message(nil), m.all...)
}

// errBroken is what a store fails with.
var errBroken = errors.New("the disk is on fire, and the secret is 4711")

// brittleStore fails when a test says so.
type brittleStore struct {
	kv.Store
	mu    sync.Mutex
	write func() bool // an Update fails; nil: none
	read  bool        // each View fails
	lost  bool        // each Update that changes anything is kept, and its answer is lost

	changes atomic.Int64 // of anything but what a session notes about itself
}

func (b *brittleStore) breaks(write func() bool, read bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.write, b.read = write, read
}

// loses makes the answer to each commit one that is lost.
func (b *brittleStore) loses(all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost = all
}

func (b *brittleStore) Update(ctx context.Context, fn func(kv.Tx) error) error {
	b.mu.Lock()
	broken, lost := b.write != nil && b.write(), b.lost
	b.mu.Unlock()
	if broken {
		return errBroken
	}
	before := b.changes.Load()
	err := b.Store.Update(ctx, func(tx kv.Tx) error { return fn(&countedTx{tx, &b.changes}) })
	if err == nil && lost && b.changes.Load() > before {
		return kv.ErrUnknown
	}
	return err
}

// countedTx counts changes, also of a transaction that fails in the end.
type countedTx struct {
	kv.Tx
	changes *atomic.Int64
}

// Put counts what is stored, but not sessions: they note when they were used last.
func (c *countedTx) Put(key, value []byte) error {
	if !bytes.HasPrefix(key, []byte("session/")) {
		c.changes.Add(1)
	}
	return c.Tx.Put(key, value)
}

// Delete counts everything: a session that is deleted has ended.
func (c *countedTx) Delete(key []byte) error {
	c.changes.Add(1)
	return c.Tx.Delete(key)
}

func (b *brittleStore) View(ctx context.Context, fn func(kv.Reader) error) error {
	b.mu.Lock()
	broken := b.read
	b.mu.Unlock()
	if broken {
		return errBroken
	}
	return b.Store.View(ctx, fn)
}

// always is for brittleStore.breaks.
func always() bool { return true }

var _ http.Handler = (*Server)(nil)
