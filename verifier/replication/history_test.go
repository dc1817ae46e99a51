package replication

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rind-dev/rind/verifier"
)

// TestForkedSource gives an issuer in this process another history, with numbers from
// before the store's to past them. The store decides nothing from then on, whoever follows
// it, until there is a new epoch.
func TestForkedSource(t *testing.T) {
	for name, commits := range map[string]int{"before": 1, "at": 2, "past": 6} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, store := newHistory(t, 5), openStore(t)
				f, stop := run(t, Config{Source: source, Store: store})
				synctest.Wait()
				at := store.Position()
				source.set(func() {
					source.sets, source.position.Revision, source.position.Chain = source.sets[:3], 3, source.sets[2].Chain
				})
				for n := range commits {
					source.commit(tokenChange(t, 20+n))
				}
				parted := func(f *Follower) {
					t.Helper()
					time.Sleep(lastPause)
					synctest.Wait()
					_, err := f.Lookup(t.Context(), tokenID(5), "")
					if !errors.Is(err, ErrOtherHistory) || !errors.Is(err, verifier.ErrUnavailable) {
						t.Errorf("a lookup: %v", err)
					}
					if s := f.Status(); s.Usable || !s.Parted || !errors.Is(s.Err, ErrOtherHistory) || s.Position != at {
						t.Errorf("%+v", s)
					}
					if err := f.CatchUp(t.Context(), 1); !errors.Is(err, ErrOtherHistory) {
						t.Errorf("caught up: %v", err)
					}
				}
				parted(f)
				stop()
				for n := range 4 {
					source.commit(tokenChange(t, 30+n))
				}
				f, stop = run(t, Config{Source: source, Store: store})
				parted(f)
				source.set(func() { source.position.Epoch++ })
				time.Sleep(lastPause)
				synctest.Wait()
				if s := f.Status(); !s.Usable || s.Parted || s.Err != nil || s.Position != source.position || has(t, store, 5) || !has(t, store, 30) {
					t.Errorf("in a new epoch: %+v", s)
				}
				stop()
			})
		})
	}
}
