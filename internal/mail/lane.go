package mail

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/rind-dev/rind/internal/kv"
)

// retries are the pauses after refused attempts at one mail; the last one repeats.
// pauses are the pauses of a lane whose server can't be reached, during which one mail at a
// time finds out whether it is back; each mail is tried again after unreached at the latest.
var (
	retries = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}
	pauses  = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second}
)

const unreached = 2 * time.Minute

// maxRefused is how many permanent refusals a mail gets before it is given up.
const maxRefused = 5

// lookEach is how often a lane looks for expired mails, and pageSize how many mails it
// reads at once.
const (
	lookEach = time.Minute
	pageSize = 16
)

// Run sends mails until ctx ends. After that, mails that were never tried may still leave
// for as long as Grace; the others stay in the store.
func (q *Queue) Run(ctx context.Context) {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var lanes, end sync.WaitGroup
	over := make(chan struct{})
	end.Go(func() {
		select {
		case <-ctx.Done():
		case <-over:
			return
		}
		t := time.NewTimer(q.grace)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-over:
		}
	})
	for class := range rooms {
		if class != nobody {
			lanes.Go(func() { q.lane(class).run(ctx, sending) })
		}
	}
	end.Go(func() { q.wakeForOthers(ctx) })
	lanes.Wait()
	close(over)
	end.Wait()
}

// lane sends the mails of one class. Its fields belong to its goroutine.
type lane struct {
	*Queue
	class   Class
	tried   map[string]attempts // by waiting.ID
	down    int                 // times in a row that the server could not be reached
	resumes time.Time           // when the server is tried again
}

// attempts records the failures of a mail. A restart forgets them, and tries again.
type attempts struct {
	n, refused int
	next       time.Time
}

func (q *Queue) lane(c Class) *lane { return &lane{Queue: q, class: c, tried: map[string]attempts{}} }

// run sends until ctx ends; then it sends mails that were never tried, until sending ends.
func (l *lane) run(ctx, sending context.Context) {
	for {
		wait, err := l.pass(ctx, sending, false)
		if err != nil && sending.Err() == nil {
			l.log.WarnContext(ctx, "mails that wait were not looked at", "error", err)
		}
		t := time.NewTimer(min(max(wait, 10*time.Millisecond), lookEach))
		select {
		case <-l.wake[l.class]:
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			if l.down == 0 {
				_, _ = l.pass(sending, sending, true)
			}
			return
		}
	}
}

// pass sends the mails that are due, one after the other in the current order of their turns,
// and returns how long to wait for the next. With untried it sends only mails that never failed.
func (l *lane) pass(ctx, sending context.Context, untried bool) (wait time.Duration, err error) {
	for ctx.Err() == nil {
		wait = l.resumes.Sub(l.now())
		if wait > 0 {
			return wait, nil
		}
		key, w, next, err := l.first(ctx, untried)
		if err != nil {
			return lookEach, err
		}
		if key == "" {
			return next, nil
		}
		if err := l.try(sending, key, w); err != nil {
			return lookEach, err
		}
	}
	return 0, nil
}

// first returns the first mail that is due, or an empty key if none is: then wait says how long
// until one is. It drops expired mails.
func (l *lane) first(ctx context.Context, untried bool) (key string, _ waiting, wait time.Duration, err error) {
	wait = lookEach
	prefix := []byte(outPrefix + string(l.class) + "/")
	var after []byte
	for {
		var page []kv.Pair
		err := l.store.View(ctx, func(r kv.Reader) (err error) {
			page, err = r.Scan(prefix, after, pageSize, false)
			return err
		})
		if err != nil || len(page) == 0 {
			return "", waiting{}, wait, err
		}
		for _, p := range page {
			var w waiting
			err := json.Unmarshal(p.Value, &w)
			if err != nil {
				l.log.ErrorContext(ctx, "a mail is not sent: its record is damaged", "record", string(p.Key), "error", err)
				continue
			}
			a, failed := l.tried[w.ID]
			switch left := a.next.Sub(l.now()); {
			case !l.now().Before(w.Expires):
				l.log.ErrorContext(ctx, "a mail was not sent: its link is over", "class", string(l.class), "attempts", a.n)
				if err := l.drop(ctx, string(p.Key), w); err != nil {
					return "", waiting{}, 0, err
				}
			case failed && untried:
			case left > 0:
				wait = min(wait, left)
			default:
				return string(p.Key), w, 0, nil
			}
		}
		after = page[len(page)-1].Key
	}
}

// try makes one attempt at a mail. It returns an error of the store only.
func (l *lane) try(ctx context.Context, key string, w waiting) error {
	m, err := l.open(key, w)
	if err == nil && m.To == "" {
		return l.drop(context.WithoutCancel(ctx), key, w) // a blank
	}
	if err == nil {
		err = l.sender.Send(ctx, m)
	}
	if err == nil {
		l.down, l.resumes = 0, time.Time{}
		return l.drop(context.WithoutCancel(ctx), key, w)
	}
	if ctx.Err() != nil {
		return nil // cut off: it stays
	}
	a := l.tried[w.ID]
	a.n++
	pause := retries[min(a.n, len(retries))-1]
	switch refusalOf(err) {
	case refusedForGood:
		a.refused++
		l.down, l.resumes = 0, time.Time{}
	case refusedForNow:
		l.down, l.resumes = 0, time.Time{}
	case notReached:
		l.down++
		l.resumes = l.now().Add(pauses[min(l.down, len(pauses))-1])
		pause = min(pause, unreached)
	}
	a.next = l.now().Add(pause)
	l.tried[w.ID] = a
	attrs := []any{"to", m.To, "subject", m.Subject, "attempts", a.n, "error", err}
	if a.refused >= maxRefused || errors.Is(err, ErrMessage) {
		l.log.ErrorContext(ctx, "a mail was not sent", attrs...)
		return l.drop(ctx, key, w)
	}
	l.log.WarnContext(ctx, "a mail was not sent yet", attrs...)
	return nil
}

// open reads a mail. One that is sealed with another key waits for that.
func (l *lane) open(key string, w waiting) (m Message, err error) {
	text, err := l.sealer.Open(nil, w.Sealed, w.sealedAs(key))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

// drop removes a mail that was sent or has expired.
func (l *lane) drop(ctx context.Context, key string, w waiting) error {
	err := l.store.Update(ctx, func(tx kv.Tx) error { return l.remove(tx, key, w.ID) })
	if err == nil {
		delete(l.tried, w.ID)
	}
	return err
}

// refusal is what a failure says about the mail.
type refusal int

const (
	notReached     refusal = iota // nothing: the server did not look at it
	refusedForNow                 // it is not taken at present (4xx, RFC 5321 §4.2.1)
	refusedForGood                // it is not taken as it is (5xx)
)

// refusalOf classifies a failure of a Sender.
func refusalOf(err error) refusal {
	var s *gomail.SendError
	switch {
	case errors.Is(err, ErrMessage):
		return refusedForGood
	case !errors.As(err, &s) || s.ErrorCode() == 0:
		return notReached
	case s.ErrorCode() >= 500:
		return refusedForGood
	}
	return refusedForNow
}
