package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rind-dev/rind/internal/instance"
)

// A job that fails stops no other, and is tried again an hour later; what is woken is done at once and alone.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var log bytes.Buffer
		var did []string
		began := time.Now()
		job := func(name string, err error) Job {
			return Job{name + " failed", func(context.Context) error {
				did = append(did, fmt.Sprintf("%s at %s", name, time.Since(began)))
				return err
			}}
		}
		wake := make(chan struct{}, 1)
		list := List{
			Every:  []Job{job("first", errors.New("broken")), job("second", fmt.Errorf("no: %w", instance.ErrReadOnly)), job("third", nil)},
			Wake:   wake,
			Woken:  []Job{job("woken", nil)},
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		}
		ended := make(chan struct{})
		go func() { defer close(ended); list.Run(ctx) }()
		time.Sleep(time.Minute)
		wake <- struct{}{}
		time.Sleep(time.Hour)
		stop()
		<-ended
		want := "first at 0s, second at 0s, third at 0s, woken at 1m0s, first at 1h0m0s, second at 1h0m0s, third at 1h0m0s"
		if got := strings.Join(did, ", "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if strings.Count(log.String(), "level=WARN") != 2 || strings.Count(log.String(), "first failed") != 2 {
			t.Errorf("the log: %s", &log)
		}
	})
}

// What fails because the end has come is no failure.
func TestEndIsNoFailure(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var log bytes.Buffer
	List{Every: []Job{{"it failed", func(ctx context.Context) error { stop(); return ctx.Err() }}}, Logger: slog.New(slog.NewTextHandler(&log, nil))}.Run(ctx)
	if log.Len() != 0 {
		t.Errorf("the log: %s", &log)
	}
}
