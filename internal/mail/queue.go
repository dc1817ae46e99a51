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
// somebody to write to or not. A mail that the server refuses waits for its next
// attempt beside the others, for addresses that it refuses are easily made up. It
// keeps mails in memory only: one that waits when the process is killed is lost, as is one
// that the server refuses four times. So it is for mails with a link, which can be asked for
// again by whoever waits for them; what tells of something waits in the store (package
// notices).
type Queue struct {
	sender Sender
	log    *slog.Logger
	mails  chan Message
	pause  func(context.Context, time.Duration) error

	sending sync.Mutex     // held while one mail is sent
	again   sync.WaitGroup // mails that wait for another attempt
	waiting chan struct{}  // one place for each of them

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
		waiting: make(chan struct{}, queued), done: make(chan struct{}), cancel: cancel,
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

// Waiting is how many mails wait to be sent, or to be tried again.
func (q *Queue) Waiting() int { return len(q.mails) + len(q.waiting) }

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

// run gives each mail its first attempt, in their order.
func (q *Queue) run(ctx context.Context) {
	defer close(q.done)
	defer q.again.Wait()
	for m := range q.mails {
		err := q.try(ctx, m)
		if err == nil {
			continue
		}
		select {
		case q.waiting <- struct{}{}:
		case <-ctx.Done(): // what follows gives up at once
			q.retry(ctx, m, err)
			continue
		}
		q.again.Go(func() {
			defer func() { <-q.waiting }()
			q.retry(ctx, m, err)
		})
	}
}

func (q *Queue) try(ctx context.Context, m Message) error {
	q.sending.Lock()
	defer q.sending.Unlock()
	return q.sender.Send(ctx, m)
}

// retry tries a mail that failed with err until it is sent, or was tried often
// enough.
func (q *Queue) retry(ctx context.Context, m Message, err error) {
	for _, wait := range retries {
		if ctx.Err() != nil {
			break
		}
		q.log.WarnContext(ctx, "a mail was not sent yet", "to", m.To, "subject", m.Subject, "error", err)
		if q.pause(ctx, wait) != nil {
			break
		}
		if err = q.try(ctx, m); err == nil {
			return
		}
	}
	q.log.ErrorContext(ctx, "a mail was not sent", "to", m.To, "subject", m.Subject, "error", err)
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
