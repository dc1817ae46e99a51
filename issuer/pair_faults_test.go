package issuer_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/pgkv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/pgtest"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

var pairFaults = flag.Duration("pair-faults", 3*time.Second, "how long two issuers on one database work while their connections are ended at random")

// history is what two issuers said that they had done, by the label of a token.
type history struct {
	mu      sync.Mutex
	minted  map[string]bool // false: it is not known whether the token was made
	revoked map[string]bool // false: it is not known whether it was revoked
	handed  int             // answers of passes over the notices

	dismissed, moved int // verifiers that were revoked, and streams that one verifier opened
	problems         []error
}

func (x *history) note(of map[string]bool, label string, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case err == nil:
		of[label] = true
	case errors.Is(err, kv.ErrUnknown):
		of[label] = false
	case errors.Is(err, kv.ErrUnavailable): // nothing was changed, and compare says so if that is not true
	default:
		x.problems = append(x.problems, fmt.Errorf("%s: %w", label, err))
	}
}

// toldKey counts, in the transactions that hand them over, the notices that were told.
const toldKey = "told"

func told(r kv.Reader) (int, error) {
	b, err := r.Get([]byte(toldKey))
	if errors.Is(err, kv.ErrNotFound) {
		return 0, nil
	}
	n, _ := strconv.Atoi(string(b))
	return n, err
}

func deliverOnce(_ context.Context, b notices.Batch) (func(kv.Tx) error, error) {
	return func(tx kv.Tx) error {
		n, err := told(tx)
		if err != nil {
			return err
		}
		return tx.Put([]byte(toldKey), []byte(strconv.Itoa(n+len(b.Notices)+b.More)))
	}, nil
}

// one is one of two issuers.
type one struct {
	*issuer.Service
	store  *pgkv.Store
	outbox *notices.Outbox
}

func openOne(t *testing.T, url string) one {
	t.Helper()
	store, err := pgkv.Open(t.Context(), pgkv.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	begun := time.Now()
	fast := func() time.Time { return begun.Add(10000 * time.Since(begun)) } // so that many mails of one kind may leave
	outbox := notices.New(store, fast, nil)
	s, err := issuer.New(issuer.Config{Store: store, Sealer: sealer(t), Location: location, Notices: outbox})
	if err != nil {
		t.Fatal(err)
	}
	return one{s, store, outbox}
}

// Two issuers mint, revoke and hand over notices on one database while connections are ended at random: every
// change that was acknowledged is there, none that was not begun is, and each notice was told exactly once. A verifier that is
// revoked at one issuer gets nothing more at the other, and one that moves between the two misses nothing.
func TestPairLosesNothing(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	pair := [2]one{openOne(t, url), openOne(t, url)}
	h := &history{minted: map[string]bool{}, revoked: map[string]bool{}}
	err := pair[0].store.Update(t.Context(), func(tx kv.Tx) error {
		return errors.Join(pair[0].Ledger.RecordUser(tx, aliceID, "alice", false), pair[0].Ledger.RecordUser(tx, root.UserID, root.Username, false))
	})
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithTimeout(t.Context(), *pairFaults)
	defer cancel()
	var running sync.WaitGroup
	ended := 0
	running.Go(func() { ended = endConnections(t, over, url) })
	for i := range 6 {
		running.Go(func() { h.work(over, fmt.Sprint("w", i), pair[i%2], pair[(i+1)%2]) })
	}
	running.Go(func() { h.dismiss(over, pair[0], pair[1]) })
	running.Go(func() { h.move(over, pair) })
	for _, p := range pair {
		running.Go(func() { _ = p.Ledger.Follow(over) })
		running.Go(func() {
			for over.Err() == nil {
				_, err := p.outbox.Pass(context.Background(), deliverOnce)
				if err != nil && !errors.Is(err, kv.ErrUnknown) && !errors.Is(err, kv.ErrUnavailable) {
					t.Errorf("the notices: %v", err)
				}
				h.mu.Lock()
				h.handed++
				h.mu.Unlock()
			}
		})
	}
	running.Wait()
	for _, err := range h.problems {
		t.Error(err)
	}
	h.compare(t, pair[0])
	t.Logf("%d tokens minted and %d revoked while connections were ended %d times, in %d passes over the notices; %d verifiers revoked, %d streams of one that moves",
		len(h.minted), len(h.revoked), ended, h.handed, h.dismissed, h.moved)
	if len(h.minted) == 0 || ended == 0 || h.dismissed == 0 || h.moved == 0 {
		t.Error("nothing happened")
	}
}

// work mints at one issuer and revokes at the other.
func (x *history) work(ctx context.Context, name string, a, b one) {
	for n := 0; ctx.Err() == nil; n++ {
		label := fmt.Sprint(name, "-", n)
		m, err := a.Tokens.Mint(context.Background(), alice, forAll(label))
		x.note(x.minted, label, err)
		if err == nil && n%10 != 0 { // an account may have so many that work
			_, _, err := b.Tokens.Revoke(context.Background(), alice, m.Token.ID)
			x.note(x.revoked, label, err)
		}
	}
}

// endConnections ends connections of issuers at random until ctx ends, and returns how often it did.
func endConnections(t *testing.T, ctx context.Context, url string) (n int) {
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.Close(context.Background())
	for ; ctx.Err() == nil; n++ {
		begun := time.Now()
		_, err := c.Exec(context.Background(), "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database() order by random() limit 1")
		if err != nil {
			t.Error(err)
			return n
		}
		select {
		case <-ctx.Done():
		case <-time.After(20*time.Millisecond + 4*time.Since(begun)): // more on a machine that is busy: else nobody gets anything done
		}
	}
	return n
}

// compare reads what the store has, and compares it with what the issuers said.
func (x *history) compare(t *testing.T, s one) {
	t.Helper()
	there, gone := map[string]bool{}, 0
	for after := ""; ; {
		page, err := s.Tokens.All(t.Context(), root, tokens.Page{After: after, Limit: ledger.MaxPage})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range page.Tokens {
			there[k.Label] = !k.Revoked.At.IsZero()
		}
		after = page.Next
		if after == "" {
			break
		}
	}
	for label, sure := range x.minted {
		if _, is := there[label]; sure && !is {
			t.Errorf("the token %s was acknowledged and is lost", label)
		}
	}
	for label, sure := range x.revoked {
		if sure && !there[label] {
			t.Errorf("the revocation of %s was acknowledged and is lost", label)
		}
	}
	for label, revoked := range there {
		if _, begun := x.minted[label]; !begun {
			t.Errorf("nobody minted the token %s", label)
		}
		if revoked {
			gone++
			if _, begun := x.revoked[label]; !begun {
				t.Errorf("nobody revoked the token %s", label)
			}
		}
	}
	for end := time.Now().Add(time.Minute); ; {
		_, err := s.outbox.Pass(t.Context(), deliverOnce)
		var n int
		if err == nil {
			err = s.store.View(t.Context(), func(r kv.Reader) (err error) {
				n, err = told(r)
				return err
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := len(there) + gone; n == want {
			return
		} else if n > want || time.Now().After(end) {
			t.Fatalf("%d notices were told of %d tokens and %d revocations", n, len(there), gone)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
