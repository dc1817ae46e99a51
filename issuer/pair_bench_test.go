package issuer_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/kv/pgkv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/pgtest"
	"github.com/rind-dev/rind/issuer"
)

// minters are issuers on one store, each with a handle of its own where the store is a database.
func minters(b *testing.B, url string, n int) (out []*issuer.Service) {
	for range n {
		store, err := kv.Store(nil), error(nil)
		if url == "" {
			store, err = boltkv.Open(filepath.Join(b.TempDir(), "rind.db"), boltkv.Options{})
		} else {
			store, err = pgkv.Open(b.Context(), pgkv.Options{URL: url})
		}
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { store.Close() })
		s, err := issuer.New(issuer.Config{Store: store, Sealer: sealer(b), Location: location, Notices: notices.New(store, nil, nil)})
		if err == nil {
			err = store.Update(b.Context(), func(tx kv.Tx) error { return s.Ledger.RecordUser(tx, aliceID, "alice", false) })
		}
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// BenchmarkMints is how many tokens are minted in a second at 1, 8 and 64 writers, durably, in a file and in PostgreSQL by one
// issuer and by two; and how much room a token takes in the database with its indexes, when it is new.
func BenchmarkMints(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		for _, kind := range []string{"bolt", "postgres", "postgres-2-issuers"} {
			b.Run(fmt.Sprintf("writers=%d/%s", writers, kind), func(b *testing.B) {
				url, n := "", 1
				if kind != "bolt" {
					url = pgtest.Shared(b).Database(b)
				}
				if kind == "postgres-2-issuers" {
					n = 2
				}
				issuers := minters(b, url, n)
				before := roomIn(b, url)
				var next atomic.Int64
				var wg sync.WaitGroup
				b.ResetTimer()
				for w := range writers {
					wg.Go(func() {
						for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
							if _, err := issuers[w%n].Tokens.Mint(b.Context(), alice, forAll(fmt.Sprint(i))); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mints/s")
				if url != "" {
					b.ReportMetric(float64(roomIn(b, url)-before)/float64(b.N), "B/token")
				}
			})
		}
	}
}

// roomIn returns how many bytes the tables and indexes of a database have.
func roomIn(b *testing.B, url string) (size int64) {
	if url == "" {
		return 0
	}
	c, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(b.Context())
	_, err = c.Exec(b.Context(), "vacuum rind.kv")
	err = errors.Join(err, c.QueryRow(b.Context(), "select pg_total_relation_size('rind.kv')").Scan(&size))
	if err != nil {
		b.Fatal(err)
	}
	return size
}
