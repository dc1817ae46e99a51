package notices_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// Another process hands over what this one is about to, and more is put meanwhile: each notice is in one mail, and none
// is lost.
func TestTwoProcessesHandOver(t *testing.T) {
	p := newPost(t)
	other := &post{T: t, store: p.store, now: start, Outbox: notices.New(p.store, func() time.Time { return start }, nil)}
	p.put("ada", notices.TokenLeaked, "1")
	p.put("bob", notices.TokenLeaked, "b")
	between := 0
	_, err := p.Pass(t.Context(), func(ctx context.Context, b notices.Batch) (func(kv.Tx) error, error) {
		put, err := p.deliver(ctx, b) // written, and not in the store yet
		between++
		if between == 1 {
			other.want("ada token_leaked: 1; bob token_leaked: b", 10*time.Minute)
			p.put("ada", notices.TokenLeaked, "2")
		}
		return put, err
	})
	p.must(err)
	if len(p.sent) != 1 || p.sent[0].Notices[0].Details.Label != "2" {
		t.Errorf("this process sends %+v", p.sent)
	}
	p.want("", 10*time.Minute)
}

// Many passes of two processes at once hand each notice over once.
func TestProcessesTogether(t *testing.T) {
	p := newPost(t)
	var mu sync.Mutex
	told := map[string]int{}
	deliver := func(_ context.Context, b notices.Batch) (func(kv.Tx) error, error) {
		return func(tx kv.Tx) error {
			tx.OnCommit(func() {
				mu.Lock()
				defer mu.Unlock()
				for _, n := range b.Notices {
					told[n.User+n.Details.Label]++
				}
			})
			return nil
		}, nil
	}
	const users, each = 6, 3
	var running sync.WaitGroup
	for range 3 {
		o := notices.New(p.store, func() time.Time { return start }, nil)
		running.Go(func() {
			for range 12 {
				if _, err := o.Pass(context.Background(), deliver); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range each {
		for u := range users {
			p.put(strings.Repeat("u", u+1), notices.TokenMinted, string(rune('a'+i)))
		}
	}
	running.Wait()
	_, err := p.Pass(t.Context(), deliver)
	p.must(err)
	for who, n := range told {
		if n != 1 {
			t.Errorf("%s was told %d times", who, n)
		}
	}
	if len(told) != users*each {
		t.Errorf("%d notices of %d were told", len(told), users*each)
	}
}
