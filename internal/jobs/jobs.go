// Package jobs runs the work of each hour: deleting what has expired, sending what is due, and finishing what a
// crash interrupted. The rooms define what each job does.
package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/rind-dev/rind/internal/instance"
)

// Job is work that is done each hour.
type Job struct {
	Failed string // what the log says if it fails
	Do     func(context.Context) error
}

// List is what is done, and when.
type List struct {
	Every  []Job           // at once, and then each Hour, in this order
	Wake   <-chan struct{} // each receive does Woken, before the hour is over
	Woken  []Job
	Hour   time.Duration // zero: an hour
	Logger *slog.Logger
}

// Run does the jobs until ctx ends. One that fails is tried again an hour later and does not stop the others; one
// that must wait while rind is read-only is not a failure.
func (l List) Run(ctx context.Context) {
	hour := l.Hour
	if hour == 0 {
		hour = time.Hour
	}
	tick := time.NewTicker(hour)
	defer tick.Stop()
	for now := l.Every; ; {
		l.do(ctx, now)
		select {
		case <-tick.C:
			now = l.Every
		case <-l.Wake:
			now = l.Woken
		case <-ctx.Done():
			return
		}
	}
}

func (l List) do(ctx context.Context, now []Job) {
	for _, j := range now {
		err := j.Do(ctx)
		if err != nil && !errors.Is(err, instance.ErrReadOnly) && ctx.Err() == nil {
			l.Logger.WarnContext(ctx, j.Failed, "error", err)
		}
	}
}
