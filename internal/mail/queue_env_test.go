package mail

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/kv/kvtest"
	"github.com/rind-dev/rind/internal/seal"
)

// relay is a Sender that fails as a test says, and keeps what it sent.
type relay struct {
	mu    sync.Mutex
	fail  func(Message) error
	tried []string // subjects, in the order of the attempts
	sent  []string
	hold  chan struct{} // each mail to a stranger waits for one of it, or for its context
}

func (r *relay) Send(ctx context.Context, m Message) error {
	if r.hold != nil && m.To != "ada@example.org" {
		select {
		case <-r.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried = append(r.tried, m.Subject)
	if r.fail != nil {
		if err := r.fail(m); err != nil {
			return err
		}
	}
	r.sent = append(r.sent, m.Subject)
	return nil
}

func (r *relay) all() (tried, sent []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.tried), slices.Clone(r.sent)
}

// post is a Queue with its store, its relay and its clock.
type post struct {
	t *testing.T
	*Queue
	path  string
	store kv.Store
	relay *relay
	mu    sync.Mutex
	at    time.Time
}

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{t: t, path: filepath.Join(t.TempDir(), "rind.db"), relay: &relay{}, at: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	p.open()
	t.Cleanup(func() { p.store.Close() })
	return p
}

// open opens the store, as a start does.
func (p *post) open() {
	p.t.Helper()
	store, err := boltkv.Open(p.path, boltkv.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	sealer, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	if err != nil {
		p.t.Fatal(err)
	}
	p.store = kvtest.Again(store)
	p.Queue, err = NewQueue(QueueConfig{Store: p.store, Sealer: sealer, Sender: p.relay, Clock: p.clock, Grace: time.Minute})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *post) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func (p *post) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = p.at.Add(d)
}

// send puts a mail whose subject is its name.
func (p *post) send(class Class, target, source, name string) error {
	p.t.Helper()
	m := Message{To: target, Subject: name, Text: "https://rind.example/secret-of-" + name + "\n"}
	m.Terms = Terms{Class: class, Target: target, Source: source, Expires: p.clock().Add(24 * time.Hour)}
	return p.put(m)
}

// put puts a mail in a transaction of its own.
func (p *post) put(m Message) error {
	return p.store.Update(p.t.Context(), func(tx kv.Tx) error { return p.Put(tx, m) })
}

func (p *post) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *post) waits(want int) {
	p.t.Helper()
	if n, err := p.Waiting(p.t.Context()); err != nil || n != want {
		p.t.Errorf("%d mails wait, %v; want %d", n, err, want)
	}
}

// passOf is one pass of one lane.
func (p *post) passOf(l *lane) time.Duration {
	p.t.Helper()
	wait, err := l.pass(p.t.Context(), p.t.Context(), false)
	p.must(err)
	return wait
}

// run runs the queue until look is satisfied.
func (p *post) run(look func() bool) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	for limit := time.Now().Add(time.Minute); !look(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			p.t.Error("not within a minute")
			break
		}
	}
	cancel()
	<-done
}

var errDown = errors.New("connection refused")

// dump is all that a queue has in the store.
func (p *post) dump() (out []kv.Pair) {
	p.t.Helper()
	p.must(p.store.View(p.t.Context(), func(r kv.Reader) (err error) {
		out, err = r.Scan([]byte("mail/"), nil, 0, false)
		return err
	}))
	return out
}
