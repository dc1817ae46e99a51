package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
)

// million is the trail of a busy server: rows of a year by 2,000 people, of which
// one in 100,000 is of a group that hardly anything belongs to.
func million(b *testing.B, n int) kv.Store {
	b.Helper()
	s, err := boltkv.Open(filepath.Join(b.TempDir(), "store.db"), boltkv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	kinds := []string{"account.password_accepted", "account.factor_accepted", "token.minted", "project.token_minted", "account.sign_in_failed"}
	for from := 0; from < n; from += 1000 {
		if err := s.Update(ctx, func(tx kv.Tx) error {
			for i := from; i < min(n, from+1000); i++ {
				user := i * 7919 % 2000
				e := audit.Event{
					Time: at.Add(time.Duration(i) * 30 * time.Second), Kind: kinds[i%len(kinds)], Account: fmt.Sprint("u", user),
					Actor: audit.Actor{
						UserID: fmt.Sprint("u", user), Username: fmt.Sprint("user", user), IP: fmt.Sprintf("10.0.%d.%d", user/256, user%256), Factor: "totp",
						UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", RequestID: "T3ZQ5NHC4VYKXJ2MWRLA7OBE6D",
					},
					AccountName: fmt.Sprint("user", user), Detail: map[string]string{"owner": fmt.Sprint("user", user), "label": "CI of demo"},
				}
				switch {
				case i%100_000 == 50_000:
					e.Kind = "verifier.registered"
				case i%len(kinds) == 2 || i%len(kinds) == 3:
					e.Detail["token"] = fmt.Sprint("t", i%50_000)
					e.Project, e.ProjectName = fmt.Sprint("p", i%300), fmt.Sprint("project", i%300)
				}
				if err := audit.Append(tx, e); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkFind reads a page of 50 rows of 1,000,000 (RIND_AUDIT_ROWS for another
// number), without and with a filter:
//
//	go test ./internal/audit -run '^$' -bench Find -benchtime 200x
func BenchmarkFind(b *testing.B) {
	n := 1_000_000
	if v := os.Getenv("RIND_AUDIT_ROWS"); v != "" {
		_, err := fmt.Sscan(v, &n)
		if err != nil {
			b.Fatal(err)
		}
	}
	s := million(b, n)
	end := at.Add(time.Duration(n) * 30 * time.Second)
	for _, c := range []struct {
		name string
		q    audit.Query
	}{
		{"everything", audit.Query{}},
		{"everything, in the middle", audit.Query{Before: uint64(n / 2)}},
		{"an account", audit.Query{Account: "u77"}},
		{"a project", audit.Query{Project: "p7"}},
		{"a group of two fifths", audit.Query{Group: audit.GroupToken}},
		{"a group of ten rows", audit.Query{Group: audit.GroupSystem}},
		{"a group of none", audit.Query{Group: audit.GroupFactor}},
		{"who", audit.Query{Actor: "User77"}},
		{"an address", audit.Query{Address: "10.0.0.77"}},
		{"a token", audit.Query{Token: "t777"}},
		{"a day of a year ago", audit.Query{From: at.Add(2 * day), To: at.Add(3 * day)}},
		{"the last day", audit.Query{From: end.Add(-day)}},
		{"an account and a group", audit.Query{Account: "u77", Group: audit.GroupToken}},
		{"an account and a rare group", audit.Query{Account: "u77", Group: audit.GroupSystem}},
		{"a project and who", audit.Query{Project: "p7", Actor: "user77"}},
		{"two that never meet", audit.Query{Group: audit.GroupToken, Actor: "user77", Address: "10.0.0.78"}},
		{"a group, a year ago", audit.Query{Group: audit.GroupToken, To: at.Add(2 * day)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.q.Limit = 50
			var page audit.Page
			var worst time.Duration
			for b.Loop() {
				start := time.Now()
				if err := s.View(ctx, func(r kv.Reader) (err error) { page, err = audit.Find(r, c.q); return err }); err != nil {
					b.Fatal(err)
				}
				worst = max(worst, time.Since(start))
			}
			b.ReportMetric(float64(worst.Microseconds()), "worst-µs")
			b.ReportMetric(float64(len(page.Events)), "rows")
			if !page.Reached.IsZero() {
				b.ReportMetric(1, "given-up")
			}
		})
	}
}

// BenchmarkAppend writes rows of a token, 100 in a transaction, onto a trail of
// 200,000.
func BenchmarkAppend(b *testing.B) {
	s := million(b, 200_000)
	e := audit.Event{
		Time: at, Kind: "token.minted", Account: "u1", Actor: audit.Actor{UserID: "u1", Username: "user1", IP: "10.0.0.1"},
		Detail: map[string]string{"token": "t", "label": "CI"},
	}
	for b.Loop() {
		if err := s.Update(ctx, func(tx kv.Tx) error {
			for range 100 {
				if err := audit.Append(tx, e); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}
