// Package keymutex locks keys, such as the names of files, one by one.
package keymutex

import (
	"context"
	"sync"
)

// Mutex has a lock for each key. It remembers only keys that are locked or waited for.
type Mutex struct {
	mu    sync.Mutex
	byKey map[string]*lock
}

type lock struct {
	held  chan struct{} // full while the key is locked
	users int           // who holds it, and who waits
}

// New returns a Mutex of which no key is locked.
func New() *Mutex { return &Mutex{byKey: map[string]*lock{}} }

// Lock waits until the key is free, or ctx ends. The caller calls unlock once.
func (m *Mutex) Lock(ctx context.Context, key string) (unlock func(), err error) {
	m.mu.Lock()
	k := m.byKey[key]
	if k == nil {
		k = &lock{held: make(chan struct{}, 1)}
		m.byKey[key] = k
	}
	k.users++
	m.mu.Unlock()
	select {
	case k.held <- struct{}{}:
		return func() { <-k.held; m.leave(key, k) }, nil
	case <-ctx.Done():
		m.leave(key, k)
		return nil, ctx.Err()
	}
}

func (m *Mutex) leave(key string, k *lock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k.users--
	if k.users == 0 {
		delete(m.byKey, key)
	}
}

// Len returns how many keys are locked or waited for.
func (m *Mutex) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.byKey)
}
