package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	settings "github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// run serves on l until ctx ends. When it returns, no request is under way and
// nothing runs in the background, so that the instance can be closed.
//
// The background outlives ctx by the requests that are under way then: one that
// mints or revokes waits until the root-key store has it.
func (h *instance) run(ctx context.Context, l net.Listener, out io.Writer) error {
	began := time.Now()
	h.terminal = out
	if err := h.catchUp(ctx); err != nil {
		return err
	}
	if err := h.keys.Heard(began); err != nil { // the first upload is decided, too
		return err
	}
	if err := h.writeTrail(ctx); err != nil { // what can't be written to is better known now
		return err
	}
	operator, err := h.listenAdmin()
	if err != nil {
		return err
	}
	defer func() {
		if operator != nil {
			operator.Close() // once more, where it was served
		}
	}()
	if err := h.welcome(ctx, out); err != nil {
		return err
	}
	defer func() { // what the last requests did
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), trailTime)
		defer cancel()
		if err := h.writeTrail(late); err != nil {
			h.log.Error("some rows of the audit trail are not in the log yet; they follow at the next start", "error", err)
		}
	}()
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { h.follow(background) })
	running.Go(func() { h.work(background) })
	running.Go(func() { h.notices.Run(background, h.mailer.Carry(h.accounts)) })
	running.Go(func() { h.queue.Run(background) })
	if operator != nil {
		running.Go(func() { h.serveAdmin(background, operator) })
	}
	running.Go(func() { h.reload(background) })
	if h.certificate != nil {
		running.Go(func() { h.certificate.run(background) })
	}
	if err := h.serveMetrics(background, &running); err != nil {
		return err
	}
	if h.trail != nil {
		running.Go(func() { h.trail.Run(background) })
	}
	return serve(ctx, l, h.metrics.requests(h.handler), h.log)
}

// reload reads again what can change while rind runs, each time that SIGHUP comes, until
// ctx ends.
func (h *instance) reload(ctx context.Context) {
	var all []reloadable
	if c := h.certificate; c != nil {
		all = append(all, func(ctx context.Context) { c.look(ctx, true) })
	}
	if h.rootKeysKey != nil {
		load := func() ([]byte, error) { return groupAccess{h.cfg.GroupAccess}.loadKey(h.cfg.RootKeysKeyFile) }
		all = append(all, rekey(h.keys, load, h.rootKeysKey, h.log))
	}
	reload(ctx, h.hangups, h.log, all...)
}

// catchUp brings the root-key store to where the issuer's store is, before
// anything is answered: an old one would let in what was revoked. It makes sure
// that the two belong together, and fails where following would fail for ever.
func (h *instance) catchUp(ctx context.Context) error {
	if err := h.rejoin(ctx); err != nil {
		return err
	}
	for {
		head, err := h.issuer.Followers.Position(ctx)
		if err != nil {
			return err
		}
		if err := h.keys.Apply(ctx, head, nil); err != nil {
			return h.notFollowed(head, err)
		}
		at := h.keys.Position()
		if at.Revision >= head.Revision {
			return nil
		}
		sets, err := h.issuer.Followers.Changes(ctx, at, 0)
		switch {
		case errors.Is(err, feed.ErrCompacted):
			err = h.refill(ctx)
		case err == nil:
			err = h.keys.Apply(ctx, head, sets)
		}
		if errors.Is(err, rootkeys.ErrOtherHistory) {
			err = errors.Join(err, h.keys.MarkDiverged(ctx)) // for whoever else reads the file
		}
		if err != nil {
			return h.notFollowed(head, err)
		}
		if h.keys.Position().Revision == at.Revision {
			return fmt.Errorf("the store %s is at revision %d and has no change behind %d: restore it from a backup",
				filepath.Join(h.cfg.DataDir, storeFile), head.Revision, at.Revision)
		}
	}
}

// rejoin makes a root-key store anew that once had another history than the issuer's
// store, where that store is the one again that it knew: the newer one was brought back.
func (h *instance) rejoin(ctx context.Context) error {
	if !h.keys.Diverged() {
		return nil
	}
	if _, err := h.issuer.Followers.Changes(ctx, h.keys.Position(), 1); err != nil && !errors.Is(err, feed.ErrCompacted) {
		return nil // catchUp says what there is to say
	}
	h.log.InfoContext(ctx, "the root-key store is created again: the store it knew is back")
	return h.keys.Reset(ctx)
}

// refill fills the root-key store from all records, where the changes that it
// lacks are no longer kept.
func (h *instance) refill(ctx context.Context) error {
	var fill *rootkeys.Fill
	return h.issuer.Followers.Snapshot(ctx, func(f feed.Frame) (err error) {
		switch {
		case f.End:
			return fill.Commit(ctx)
		case f.Position != nil:
			fill, err = h.keys.BeginFill(ctx, *f.Position)
			return err
		}
		return fill.Add(ctx, f.Records)
	})
}

// notFollowed says why the root-key store does not follow the issuer's, and what
// to do.
func (h *instance) notFollowed(head rootkeys.Position, err error) error {
	store, keys := filepath.Join(h.cfg.DataDir, storeFile), filepath.Join(h.cfg.DataDir, rootKeysFile)
	switch {
	case errors.Is(err, rootkeys.ErrOtherHistory) && !errors.Is(err, followers.ErrAhead):
		return fmt.Errorf("%s has a different history than %s knows (both have changes the other lacks, the second is at revision %d), so one of them was probably restored from a backup, and tokens that were revoked since work again in it: "+
			"restore the newer one; or continue with this one: run 'rind restored --data %s', start rind, and revoke those tokens again",
			store, keys, h.keys.Position().Revision, h.cfg.DataDir)
	case errors.Is(err, rootkeys.ErrWentBack), errors.Is(err, followers.ErrAhead):
		return fmt.Errorf("%s is older than %s (revision %d against %d), so it was probably restored from a backup, and tokens that were revoked since work again in it: "+
			"restore a newer one; or continue with this one: run 'rind restored --data %s', start rind, and revoke those tokens again",
			store, keys, head.Revision, h.keys.Position().Revision, h.cfg.DataDir)
	case errors.Is(err, rootkeys.ErrOtherIssuer):
		return fmt.Errorf("%s does not belong to %s: restore the one that does; or move %s away, and it is created again from %s",
			keys, store, keys, store)
	case errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("%s does not follow %s: %w", keys, store, err)
}

// follow keeps the root-key store current until ctx ends.
func (h *instance) follow(ctx context.Context) {
	if err := h.follower.Run(ctx); err != nil {
		h.log.ErrorContext(ctx, "the root-key store is no longer kept up to date", "error", err)
	}
}

// job is work that is done each hour.
type job struct {
	failed string // what the log says where it fails
	do     func(context.Context) error
}

// revocationsLeft is what the log says where the tokens of an account were not all revoked.
const revocationsLeft = "some tokens of a recovered account were not revoked yet; none of them works"

// jobs are what is done each hour, in this order. One that fails is tried again an
// hour later and does not stop the others.
func (h *instance) jobs() []job {
	return []job{
		{"recoveries of accounts could not continue", h.accounts.RunRecoveries},
		{"accounts that never confirmed an address were not deleted", h.accounts.DropUnconfirmed},
		{"expired records were not deleted", h.accounts.Sweep},
		{"old counters of uploads were not deleted", h.issuer.Tokens.ForgetOld},
		{"reminders about expiring and unused tokens were not sent", h.issuer.Tokens.SendReminders},
		{"old rows of the audit trail were not deleted", h.retain},
		{"expired invitations were not deleted", h.issuer.Projects.SweepInvitations},
		{"an interrupted deletion was not finished", h.finishDeletions},
		{revocationsLeft, h.issuer.Tokens.FinishRevocations},
	}
}

// finishDeletions revokes what is left of the tokens of deleted projects.
func (h *instance) finishDeletions(ctx context.Context) error {
	_, err := h.issuer.Tokens.FinishDeletions(ctx)
	return err
}

// work does the jobs at once and then each hour until ctx ends, and what a change left over as soon as it did.
func (h *instance) work(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for jobs := h.jobs(); ; {
		for _, j := range jobs {
			err := j.do(ctx)
			if errors.Is(err, settings.ErrReadOnly) {
				continue // it is for later
			}
			if err != nil && ctx.Err() == nil {
				h.log.WarnContext(ctx, j.failed, "error", err)
			}
		}
		select {
		case <-tick.C:
			jobs = h.jobs()
		case <-h.issuer.Tokens.Unfinished():
			jobs = []job{{revocationsLeft, h.issuer.Tokens.FinishRevocations}}
		case <-ctx.Done():
			return
		}
	}
}

// welcome says what to open. The link of the first start stands there and nowhere
// else.
func (h *instance) welcome(ctx context.Context, w io.Writer) error {
	link, expires, first, err := h.accounts.SetupLink(ctx)
	if err != nil {
		return err
	}
	if !first {
		_, err = fmt.Fprintf(w, "rind is running at %s\n", h.cfg.PublicURL)
		return err
	}
	_, err = fmt.Fprintf(w, `
rind is running at %s and has no accounts yet.
Open this link to become its first administrator:

  %s

It works once, until %s. Restart rind to get a new one.
`, h.cfg.PublicURL, h.cfg.PublicURL.String()+ui.PathSetup.WithLink(link.Reveal()), expires.Local().Format("2 January 2006 15:04 MST"))
	if err == nil && h.outbox != "" {
		where := ""
		if h.cfg.AtTheMachine() {
			where = "Their links are also printed here.\n"
		}
		_, err = fmt.Fprintf(w, "No mail server is configured, so emails are written to %s.\n%s\n", h.outbox, where)
	}
	return err
}
