package mail

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// ErrFull says that a Queue holds as many mails as it may.
var ErrFull = errors.New("mail: too many mails are waiting for the mail server")

// queued is how many mails a Queue holds, and retries the pauses between its
// attempts at one mail.
const queued = 256

var retries = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute}

// Queue is a Sender that answers at once and sends in the background, one mail
// after the other, so that a request takes the same time whether there is
// somebody to write to or not. It keeps mails in memory only: one that waits when
// the process is killed is lost, as is one that the server refuses four times. Both
// can be asked for again by whoever waits for them.
type Queue struct {
	sender Sender
	log    *slog.Logger
	mails  chan Message
	pause  func(context.Context, time.Duration) error

	mu     sync.Mutex // over closed, and over sends to mails
	closed bool
	done   chan struct{} // closed when the last mail was tried
	cancel context.CancelFunc
}

// NewQueue makes a Queue in front of sender. Close ends it.
func NewQueue(sender Sender, log *slog.Logger) *Queue {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	q := &Queue{
		sender: sender, log: log, mails: make(chan Message, queued), pause: pause,
		done: make(chan struct{}), cancel: cancel,
	}
	go q.run(ctx)
	return q
}

// Send implements Sender. It returns ErrFull where the mail can't wait.
func (q *Queue) Send(_ context.Context, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errors.New("mail: the queue is closed")
	}
	select {
	case q.mails <- m:
		return nil
	default:
		return ErrFull
	}
}

// Close lets mails that wait be sent until ctx ends. It takes no further ones.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.mails)
	}
	q.mu.Unlock()
	defer q.cancel()
	select {
	case <-q.done:
		return nil
	case <-ctx.Done():
		q.cancel()
		<-q.done
		return ctx.Err()
	}
}

func (q *Queue) run(ctx context.Context) {
	defer close(q.done)
	for m := range q.mails {
		q.deliver(ctx, m)
	}
}

// deliver tries one mail until it is sent, or was tried often enough.
func (q *Queue) deliver(ctx context.Context, m Message) {
	for attempt := 0; ; attempt++ {
		err := q.sender.Send(ctx, m)
		if err == nil {
			return
		}
		if attempt == len(retries) || ctx.Err() != nil || q.pause(ctx, retries[attempt]) != nil {
			q.log.ErrorContext(ctx, "a mail was not sent", "to", m.To, "subject", m.Subject, "error", err)
			return
		}
		q.log.WarnContext(ctx, "a mail was not sent yet", "to", m.To, "subject", m.Subject, "error", err)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
