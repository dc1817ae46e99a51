package issuertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// Kinds returns the kinds of audit rows, in their order, separated by spaces.
func Kinds(rows []audit.Event) string {
	var out []string
	for _, e := range rows {
		out = append(out, e.Kind)
	}
	return strings.Join(out, " ")
}

// Labels returns the labels of tokens, in their order, separated by spaces.
func Labels(ts []tokens.Token) string {
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = t.Label
	}
	return strings.Join(out, " ")
}

// Together runs functions at the same time and returns their errors.
func Together(fns ...func() error) []error {
	errs := make([]error, len(fns))
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			<-gate
			errs[i] = fn()
		})
	}
	close(gate)
	wg.Wait()
	return errs
}

// Texts returns caveats as strings.
func Texts(cs [][]byte) (out []string) {
	for _, c := range cs {
		out = append(out, string(c))
	}
	return out
}

// Day is the length of a day.
const Day = 24 * time.Hour

// In returns a store whose transactions all run inside tx, so that a benchmark can fill a
// store without waiting for the disk ten thousand times.
func In(tx kv.Tx) kv.Store { return within{tx: tx} }

type within struct {
	kv.Store // nil: other methods are not called
	tx       kv.Tx
}

func (w within) View(_ context.Context, fn func(kv.Reader) error) error { return fn(w.tx) }
func (w within) Update(_ context.Context, fn func(kv.Tx) error) error   { return fn(w.tx) }
func (w within) Close() error                                           { return nil }

// Report reports err to t unless it is nil. Any goroutine may call it.
func Report(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// Invitations returns invitations as text, sorted.
func Invitations(list []projects.Invitation) string {
	out := make([]string, len(list))
	for i, inv := range list {
		out[i] = fmt.Sprintf("%s %s %s by %s", inv.Project, inv.To, inv.Role, inv.By)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
