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

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/jobs"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// run serves on l until ctx ends. When it returns, no request is under way and
// nothing runs in the background, so that the instance can be closed.
//
// The background work goes on after ctx ends until the requests under way are finished: a request that
// mints or revokes waits until the root-key store has the change.
func (h *instance) run(ctx context.Context, l net.Listener, out io.Writer) error {
	began := time.Now()
	h.terminal = out
	if err := h.join(ctx); err != nil {
		return err
	}
	defer h.leave(ctx)
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
	defer h.writeLastRows(ctx)
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		if err := h.storeIsOver(background); err != nil {
			lost(err)
		}
	})
	running.Go(func() { h.follow(background) })
	running.Go(func() { h.keyJobs().Run(background) })
	running.Go(func() { h.notices.Run(background, h.mailer.Carry(h.auth.Accounts)) })
	h.workForAll(background, &running)
	h.hearOthers(background, &running, lost)
	if operator != nil {
		running.Go(func() { h.serveAdmin(background, operator) })
	}
	running.Go(func() { h.reload(background) })
	if h.certificate != nil {
		running.Go(func() { h.certificate.Run(background) })
	}
	err = h.serveMetrics(background, &running)
	if err != nil {
		return err
	}
	err = deadline.RunFor(ctx, l, h.metrics.Requests(h.handler), h.log, deadline.UploadShutdown)
	return errors.Join(err, overOf(context.Cause(ctx)))
}

// writeLastRows writes the audit rows of the last requests to the log, also once ctx has ended.
func (h *instance) writeLastRows(ctx context.Context) {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), trailTime)
	defer cancel()
	if err := h.writeTrail(late); err != nil {
		h.log.Error("some rows of the audit trail are not in the log yet; they follow at the next start", "error", err)
	}
}

// storeIsOver waits until the store can't be used by this process any more, and returns why; nil where ctx ends first.
func (h *instance) storeIsOver(ctx context.Context) error {
	var version uint64
	for {
		next, err := h.store.Watch(ctx, version)
		if err != nil {
			return overOf(err)
		}
		version = next
	}
}

// overOf returns an error that ends the use of the store by this process, nil for any other.
func overOf(err error) error {
	if errors.Is(err, kv.ErrSuperseded) || errors.Is(err, kv.ErrRewound) || errors.Is(err, ledger.ErrIdentity) {
		return err
	}
	return nil
}

// reload rereads what can change while rind runs, at each SIGHUP, until
// ctx ends.
func (h *instance) reload(ctx context.Context) {
	var all []reloadable
	if c := h.certificate; c != nil {
		all = append(all, func(ctx context.Context) { c.Look(ctx, true) })
	}
	if h.rootKeysKey != nil {
		load := func() ([]byte, error) { return groupAccess{h.cfg.GroupAccess}.loadKey(h.cfg.RootKeysKeyFile) }
		all = append(all, rekey(h.keys, load, h.rootKeysKey, h.log))
	}
	all = append(all, h.reloadSettings)
	reload(ctx, h.hangups, h.log, all...)
}

// catchUp brings the root-key store to the position of the issuer's store. Its error says what to do if the two don't
// belong together.
func (h *instance) catchUp(ctx context.Context) error {
	err := replication.Align(ctx, h.issuer.Followers, h.keys, h.log)
	if err == nil {
		return nil
	}
	head, unknown := h.issuer.Followers.Position(ctx)
	if unknown != nil {
		return errors.Join(err, unknown)
	}
	return h.notFollowed(head, err)
}

// notFollowed says why the root-key store does not follow the issuer's, and what
// to do.
func (h *instance) notFollowed(head rootkeys.Position, err error) error {
	store, keys := storeName(h.cfg), filepath.Join(h.cfg.DataDir, rootKeysFile)
	switch {
	case errors.Is(err, rootkeys.ErrOtherHistory) && !errors.Is(err, followers.ErrAhead):
		return fmt.Errorf("%s has a different history than %s knows (both have changes the other lacks, the second is at revision %d), so one of them was probably restored from a backup, and tokens that were revoked since work again in it: "+
			"restore the newer one; or continue with this one: run '%s', start rind, and revoke those tokens again",
			store, keys, h.keys.Position().Revision, restoredCommand(h.cfg))
	case errors.Is(err, rootkeys.ErrWentBack), errors.Is(err, followers.ErrAhead):
		return fmt.Errorf("%s is older than %s (revision %d against %d), so it was probably restored from a backup, and tokens that were revoked since work again in it: "+
			"restore a newer one; or continue with this one: run '%s', start rind, and revoke those tokens again",
			store, keys, head.Revision, h.keys.Position().Revision, restoredCommand(h.cfg))
	case errors.Is(err, rootkeys.ErrOtherIssuer):
		return fmt.Errorf("%s does not belong to %s: restore the one that does; or move %s away, and it is created again from %s",
			keys, store, keys, store)
	case errors.Is(err, replication.ErrGap):
		return fmt.Errorf("%s: %w: restore it from a backup", store, err)
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

// revocationsLeft is the log message if not all tokens of an account were revoked.
const revocationsLeft = "some tokens of a recovered account were not revoked yet; none of them works"

// jobs returns the hourly jobs, and those that finish what a change of this process left over, which run right after the change.
func (h *instance) jobs() jobs.List {
	return jobs.List{
		Every: []jobs.Job{
			{Failed: "recoveries of accounts could not continue", Do: h.auth.Recoveries.Run},
			{Failed: "accounts that never confirmed an address were not deleted", Do: h.auth.Cleanup.DropUnconfirmed},
			{Failed: "expired records were not deleted", Do: h.auth.Cleanup.Sweep},
			{Failed: "old counters of uploads were not deleted", Do: h.issuer.Tokens.ForgetOld},
			{Failed: "reminders about expiring and unused tokens were not sent", Do: h.issuer.Tokens.SendReminders},
			{Failed: "what publishers no longer need was not deleted", Do: h.issuer.Publishers.Tend},
			{Failed: "old rows of the audit trail were not deleted", Do: h.retain},
			{Failed: "expired invitations were not deleted", Do: h.issuer.Projects.SweepInvitations},
		},
		Logger: h.log,
	}
}

// ownJobs returns what each process finishes: what it left over at its end itself, and what another left over that was killed
// and is not back. They only read if nothing is left over.
func (h *instance) ownJobs() jobs.List {
	return jobs.List{
		Every: []jobs.Job{
			{Failed: "an interrupted deletion was not finished", Do: h.finishDeletions},
			{Failed: "what was decided about files is not done yet", Do: h.finishFiles},
			{Failed: revocationsLeft, Do: h.issuer.Tokens.FinishRevocations},
		},
		Hour:   finishEvery,
		Wake:   h.issuer.Tokens.Unfinished(),
		Woken:  []jobs.Job{{Failed: revocationsLeft, Do: h.issuer.Tokens.FinishRevocations}},
		Logger: h.log,
	}
}

// keyJobs returns what fetches the keys of CI systems before they are needed.
func (h *instance) keyJobs() jobs.List {
	return jobs.List{
		Every: []jobs.Job{{Failed: "the issuers of ID tokens were not read", Do: h.issuer.Publishers.RefreshKeys}},
		Hour:  5 * time.Minute, Logger: h.log,
	}
}

// finishDeletions revokes what is left of the tokens of deleted projects.
func (h *instance) finishDeletions(ctx context.Context) error {
	_, err := h.issuer.Tokens.FinishDeletions(ctx)
	return err
}

// welcome prints which address to open. It is the only place that shows the link of the
// first start.
func (h *instance) welcome(ctx context.Context, w io.Writer) error {
	link, expires, first, err := h.auth.Accounts.SetupLink(ctx)
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
