package main

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/lease"
	"github.com/rind-dev/rind/issuer/followers"
)

// finishEvery is how often a process looks for what one that was killed has left unfinished.
const finishEvery = time.Minute

// leaveTime is how long a process takes at most to say that it ends.
const leaveTime = 2 * time.Second

// shared tells whether other processes may have the same store open.
func (h *instance) shared() bool { return h.cfg.Store.Remote() }

// place names this process: its machine and address.
func place(cfg config.Config) string {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	return name + " (" + cfg.Listen + ")"
}

// join makes this process known to others on the store: they wait for its gateway before they say that a revocation has
// taken effect.
func (h *instance) join(ctx context.Context) (err error) {
	if h.shared() {
		h.process, err = h.issuer.Followers.Join(ctx, followers.Process{Name: place(h.cfg), CatchUp: h.follower.CatchUp, Settings: h.cfg.Shared()})
	}
	return err
}

// leave says that this process serves nobody any more.
func (h *instance) leave(ctx context.Context) {
	if h.process == nil {
		return
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	if err := h.process.Leave(late); err != nil {
		h.log.WarnContext(late, "other processes wait for this one some seconds longer", "error", err)
	}
}

// hearOthers hears what other processes change; lost is called where that can't go on.
func (h *instance) hearOthers(ctx context.Context, running *sync.WaitGroup, lost context.CancelCauseFunc) {
	if h.process == nil {
		return
	}
	if database, ok := h.unfenced.(interface {
		ClockAhead(context.Context) (time.Duration, error)
	}); ok {
		running.Go(func() { watchClock(ctx, database.ClockAhead, lookAtClock, h.log) })
	}
	for _, follow := range []func(context.Context) error{h.issuer.Ledger.Follow, h.process.Run} {
		running.Go(func() {
			if err := overOf(follow(ctx)); err != nil {
				lost(err)
			}
		})
	}
}

// workForAll does what one process at a time does: the hourly jobs, sending mails, and writing the audit trail to a log.
// Each process finishes by itself what its own changes leave over.
func (h *instance) workForAll(ctx context.Context, running *sync.WaitGroup) {
	running.Go(func() { h.ownJobs().Run(ctx) })
	if !h.shared() {
		running.Go(func() { h.jobs().Run(ctx) })
		running.Go(func() { h.queue.Run(ctx) })
		if h.trail != nil {
			running.Go(func() { h.trail.Run(ctx) })
		}
		return
	}
	h.inTurn(ctx, running, "jobs", h.jobs().Run)
	h.inTurn(ctx, running, "mail", h.queue.Run)
	if h.trail != nil { // other processes may be set to write none
		h.inTurn(ctx, running, "audit-log", h.trail.Run)
	}
}

// inTurn runs work on one process at a time.
func (h *instance) inTurn(ctx context.Context, running *sync.WaitGroup, name string, work func(context.Context)) {
	l := lease.Lease{Store: h.unfenced, Name: name, Logger: h.log}
	running.Go(func() { l.Run(ctx, work) })
}
