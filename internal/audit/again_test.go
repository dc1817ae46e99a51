package audit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// conflicted is a store whose transactions run twice, as those that meet a conflict do.
type conflicted struct{ kv.Store }

func (c conflicted) Update(ctx context.Context, fn func(kv.Tx) error) error {
	conflict := errors.New("conflict")
	err := c.Store.Update(ctx, func(tx kv.Tx) error { return errors.Join(fn(tx), conflict) })
	if !errors.Is(err, conflict) {
		return err
	}
	return c.Store.Update(ctx, fn)
}

// What is old is deleted, and counted, once, also where transactions run again.
func TestRetainRunsAgain(t *testing.T) {
	s := open(t)
	var rows []audit.Event
	for i := range 450 {
		rows = append(rows, audit.Event{Kind: "token.minted", Time: at.Add(time.Duration(i) * time.Second), Account: "u"})
	}
	mustAdd(t, s, rows...)
	n, err := audit.Retain(ctx, conflicted{s}, audit.MinRetention, at.Add(90*day))
	if err != nil || n != len(rows) {
		t.Errorf("%d rows deleted (%v), want %d", n, err, len(rows))
	}
	if got := find(t, s, audit.Query{}).Events; len(got) != 1 || got[0].Detail["n"] != "450" {
		t.Errorf("%d rows are left, the newest %+v", len(got), got[0])
	}
}
