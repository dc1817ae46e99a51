package mail

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// flaky fails as often as it is told to, and keeps what it sent.
type flaky struct {
	mu    sync.Mutex
	fail  int
	tried int
	sent  []Message
	to    string        // it fails with mails to this address only, "" for all
	hang  chan struct{} // Send waits for it, or for its context
}

func (f *flaky) Send(ctx context.Context, m Message) error {
	if f.hang != nil {
		select {
		case <-f.hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried++
	if f.fail > 0 && (f.to == "" || f.to == m.To) {
		f.fail--
		return errors.New("refused")
	}
	f.sent = append(f.sent, m)
	return nil
}

func message(subject string) Message {
	return Message{To: "ada@example.org", Subject: subject, Text: "text\n"}
}

func TestQueueSendsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{}
		q := NewQueue(f, nil)
		for _, s := range []string{"one", "two", "three"} {
			if err := q.Send(t.Context(), message(s)); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if len(f.sent) != 3 || f.sent[0].Subject != "one" || f.sent[1].Subject != "two" || f.tried != 3 {
			t.Errorf("sent %v in %d attempts", f.sent, f.tried)
		}
	})
}

// Anybody can have a mail sent to an address that the server refuses. Nobody
// else's mail waits for it.
func TestQueueGoesOnWhileAMailWaits(t *testing.T) {
	for _, c := range []struct{ fail, tried, sent int }{
		{fail: len(retries), tried: 2 + len(retries), sent: 2},
		{fail: len(retries) + 1, tried: 2 + len(retries), sent: 1}, // given up
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &flaky{fail: c.fail, to: "nobody@example.org"}
			q := NewQueue(f, nil)
			refused := message("refused")
			refused.To = f.to
			for _, m := range []Message{refused, message("kept")} {
				if err := q.Send(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait() // no time passes
			f.mu.Lock()
			if len(f.sent) != 1 || f.sent[0].Subject != "kept" {
				t.Errorf("at once: sent %v", f.sent)
			}
			f.mu.Unlock()
			if err := q.Close(t.Context()); err != nil { // waits for the attempts
				t.Error(err)
			}
			if len(f.sent) != c.sent || f.tried != c.tried {
				t.Errorf("sent %v in %d attempts", f.sent, f.tried)
			}
		})
	}
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{hang: make(chan struct{})}
		q := NewQueue(f, nil)
		var err error
		n := 0
		for ; err == nil && n < 10*queued; n++ {
			err = q.Send(t.Context(), message("many"))
			synctest.Wait()
		}
		if !errors.Is(err, ErrFull) || n != queued+2 { // one is being sent
			t.Errorf("after %d mails: %v", n, err)
		}
		close(f.hang)
		if err := q.Close(t.Context()); err != nil || len(f.sent) != queued+1 {
			t.Errorf("closed with %v, sent %d", err, len(f.sent))
		}
		if err := q.Send(t.Context(), message("late")); err == nil {
			t.Error("a closed queue took a mail")
		}
	})
}

func TestQueueCloseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(&flaky{hang: make(chan struct{})}, nil)
		if err := q.Send(t.Context(), message("stuck")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestQueueRefusesABadMailAtOnce(t *testing.T) {
	f := &flaky{}
	q := NewQueue(f, nil)
	if err := q.Send(t.Context(), Message{To: "a@example.org\nBcc: b@example.org", Subject: "s", Text: "t"}); err == nil {
		t.Error("accepted a line break in an address")
	}
	if err := q.Close(t.Context()); err != nil || f.tried != 0 {
		t.Error(err, f.tried)
	}
}
