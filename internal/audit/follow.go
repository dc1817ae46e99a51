package audit

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// followBatch is how many rows one transaction of a Follower reads at most.
const followBatch = 200

// Sink writes rows to a log, in their order, and returns how many of them it wrote. An error
// says why it did not write all.
type Sink func(ctx context.Context, rows []Event) (written int, err error)

// Follower gives each row to a Sink, in order, after the row is durable: a transaction that
// was run again is one row here. Rows that a Sink does not take are given to it again, so none
// is lost. The store remembers the position: after a crash, the last rows can be repeated,
// which their numbers show.
type Follower struct {
	store kv.Store
	sink  Sink
	log   *slog.Logger
	next  uint64 // the number that is written next; 0: not read yet
}

// NewFollower makes a Follower. It begins after the last row that an earlier Follower
// of the same store wrote. The first Follower begins after the rows that exist when
// Follow is first called; if none exist, it begins with the first row.
func NewFollower(store kv.Store, sink Sink, log *slog.Logger) *Follower {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Follower{store: store, sink: sink, log: log}
}

// Run follows until ctx ends, looking for rows each second. If rows can't be
// written, it logs that and goes on trying. It begins where the store says that the last Follower got to, on whichever
// process.
func (f *Follower) Run(ctx context.Context) {
	f.next = 0
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	failed := false
	for {
		err := f.Follow(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failed:
			f.log.ErrorContext(ctx, "rows of the audit trail can't be written to the log; they wait until they can", "error", err)
		case err == nil && failed:
			f.log.InfoContext(ctx, "rows of the audit trail are written to the log again", "next", f.next)
		}
		failed = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Follow writes the rows that were not written yet. Only one goroutine at a time may
// call it.
func (f *Follower) Follow(ctx context.Context) error {
	if f.next == 0 {
		if err := f.begin(ctx); err != nil {
			return fmt.Errorf("audit: follow the trail: %w", err)
		}
	}
	for {
		rows, err := f.read(ctx)
		if err != nil {
			return fmt.Errorf("audit: follow the trail: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		n, err := f.sink(ctx, rows)
		if n > 0 {
			if err := f.keep(ctx, rows[n-1].Seq); err != nil {
				return fmt.Errorf("audit: follow the trail: %w", err)
			}
		}
		if err != nil {
			return fmt.Errorf("audit: write rows to the log: %w", err)
		}
	}
}

// begin reads where an earlier Follower got to.
func (f *Follower) begin(ctx context.Context) error {
	var at uint64
	known := false
	err := f.store.View(ctx, func(r kv.Reader) (err error) {
		known, err = kv.Exists(r, keyLogged)
		if err != nil {
			return err
		}
		if known {
			at, err = readNumber(r, keyLogged)
			return err
		}
		l, err := readLast(r)
		at = l.seq
		return err
	})
	if err == nil && !known {
		return f.keep(ctx, at)
	}
	f.next = at + 1
	return err
}

func (f *Follower) read(ctx context.Context) ([]Event, error) {
	var rows []Event
	err := f.store.View(ctx, func(r kv.Reader) error {
		rows = nil
		pairs, err := r.Scan([]byte(rowPrefix), []byte(rowKey(f.next-1)), followBatch, false)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			e, err := decode(p.Value, string(p.Key[len(rowPrefix):]))
			if err != nil {
				return err
			}
			rows = append(rows, e)
		}
		return nil
	})
	return rows, err
}

// keep notes that the rows up to a number were written. Even if the store does not take
// the note, this Follower does not write them again.
func (f *Follower) keep(ctx context.Context, n uint64) error {
	f.next = n + 1
	return f.store.Update(ctx, func(tx kv.Tx) error { return tx.Put([]byte(keyLogged), []byte(number(n))) })
}

// Record is a row as a line of a structured log: the message "audit" at the time of
// the row, and attributes that, except for the group "detail", do not depend on its kind.
func (e Event) Record() slog.Record {
	rec := slog.NewRecord(e.Time, slog.LevelInfo, "audit", 0)
	rec.AddAttrs(slog.Uint64("seq", e.Seq), slog.String("kind", e.Kind), slog.String("group", string(GroupOf(e.Kind))))
	for _, a := range []struct{ name, value string }{
		{"actor", e.Actor.Username}, {"actor_id", e.Actor.UserID}, {"ip", e.Actor.IP}, {"user_agent", e.Actor.UserAgent},
		{"factor", e.Actor.Factor}, {"request_id", e.Actor.RequestID},
		{"account", e.AccountName}, {"account_id", e.Account}, {"project", e.ProjectName}, {"project_id", e.Project},
	} {
		rec.AddAttrs(slog.String(a.name, a.value))
	}
	var detail []any
	for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
		detail = append(detail, slog.String(name, e.Detail[name]))
	}
	rec.AddAttrs(slog.Group("detail", detail...))
	return rec
}
