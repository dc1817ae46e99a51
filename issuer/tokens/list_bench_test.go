package tokens_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// fillWith is a house that do fills in one transaction, so that a benchmark does not
// wait for a disk ten thousand times.
func fillWith(b *testing.B, do func(h *house, s *issuer.Service) error) *house {
	b.Helper()
	h := newHouse(b)
	h.Project(alice, "demo")
	h.Check(h.Store.Update(b.Context(), func(tx kv.Tx) error {
		s, err := issuer.New(issuer.Config{Store: issuertest.In(tx), Sealer: sealer(b), Location: location, Clock: h.Clock.Now})
		if err != nil {
			return err
		}
		h.tx = tx
		return do(h, s)
	}))
	h.Check(h.Store.Close())
	h.Open()
	return h
}

// timed runs fn over and over, and prints the time that the process had of the
// processors for each, in milliseconds: other programs do not count.
func timed(b *testing.B, fn func()) {
	var before, after syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		fn()
	}
	err = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	if err != nil {
		b.Fatal(err)
	}
	spent := func(u syscall.Rusage) int64 { return u.Utime.Nano() + u.Stime.Nano() }
	b.ReportMetric(float64(spent(after)-spent(before))/1e6/float64(b.N), "cpu-ms/op")
}

// mintMany makes n tokens of p's for a project, every other one of them used.
func mintMany(b *testing.B, s *issuer.Service, p ledger.Principal, n int) error {
	for i := range n {
		m, err := s.Tokens.Mint(b.Context(), p, forSome(fmt.Sprintf("CI of the engine %d", i), "demo"))
		if err == nil && i%2 == 0 {
			err = s.Tokens.RecordUse(b.Context(), m.Token.ID, "demo", anyone, start.Add(time.Duration(-i)*time.Minute))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkTokensFound lists a page of 100 of one user's 10,000 tokens: the server's
// part of the page of tokens. The aim is 50 ms.
func BenchmarkTokensFound(b *testing.B) {
	h := fillWith(b, func(_ *house, s *issuer.Service) error { return mintMany(b, s, alice, many) })
	all, err := h.Tokens.Find(b.Context(), aliceID, tokens.Query{Sort: tokens.SortLabel, Limit: 100})
	h.Check(err)
	for _, q := range []struct {
		name  string
		query tokens.Query
	}{
		{"newest", tokens.Query{}},
		{"by label", tokens.Query{Sort: tokens.SortLabel}},
		{"by label, second page", tokens.Query{Sort: tokens.SortLabel, After: all.Next}},
		{"by use", tokens.Query{Sort: tokens.SortUsed}},
		{"by end", tokens.Query{Sort: tokens.SortExpires}},
		{"with a text", tokens.Query{Text: "Engine 99"}},
		{"of a project", tokens.Query{Project: "demo", State: tokens.StateActive}},
	} {
		b.Run(q.name, func(b *testing.B) {
			q.query.Limit = 100
			timed(b, func() {
				if p, err := h.Tokens.Find(b.Context(), aliceID, q.query); err != nil || len(p.Tokens) != 100 {
					b.Fatal(len(p.Tokens), err)
				}
			})
		})
	}
}

// BenchmarkTokensOfProject lists a page of 100 of the tokens that can upload to a
// project: 10,000 of one member, a thousand of each of ten, and where most have
// expired. The aim is 50 ms.
func BenchmarkTokensOfProject(b *testing.B) {
	for _, members := range []int{1, 10} {
		h := fillWith(b, func(h *house, s *issuer.Service) error {
			for i := range members {
				p := alice
				if i > 0 {
					p = who(fmt.Sprintf("00000000-0000-4000-8000-0000000001%02d", i), fmt.Sprintf("user%d", i))
					if err := s.Ledger.RecordUser(h.tx, p.UserID, p.Username, false); err != nil {
						return err
					}
					if _, err := addMember(b.Context(), s, alice, "demo", p.UserID, projects.RoleMaintainer); err != nil {
						return err
					}
				}
				if err := mintMany(b, s, p, many/members); err != nil {
					return err
				}
			}
			return nil
		})
		list := func(b *testing.B, want int) {
			timed(b, func() {
				if got, _, err := h.Tokens.ProjectTokens(b.Context(), alice, "demo", tokens.ProjectTokensQuery{Limit: 100}); err != nil || len(got) != want {
					b.Fatal(len(got), err)
				}
			})
		}
		b.Run(fmt.Sprintf("%d members", members), func(b *testing.B) { list(b, 100) })
		h.Clock.Add(31 * day)
		b.Run(fmt.Sprintf("%d members, all expired", members), func(b *testing.B) { list(b, 0) })
	}
}

// BenchmarkTokensUploads counts the uploads of 90 days, on each of which 60 tokens
// were used, for a project's chart.
func BenchmarkTokensUploads(b *testing.B) {
	h := fillWith(b, func(h *house, s *issuer.Service) error {
		if err := mintMany(b, s, alice, 60); err != nil {
			return err
		}
		page, err := s.Tokens.List(b.Context(), aliceID, tokens.Page{Limit: 60})
		if err != nil {
			return err
		}
		for range tokens.UploadDays {
			for _, tok := range page.Tokens {
				if err := s.Tokens.RecordUse(b.Context(), tok.ID, "demo", anyone, h.Clock.Now()); err != nil {
					return err
				}
			}
			h.Clock.Add(day)
		}
		return nil
	})
	timed(b, func() {
		if u, err := h.Tokens.ProjectUploads(b.Context(), alice, "demo", 5); err != nil || len(u.Tokens) != 5 || u.Total < 5000 {
			b.Fatal(u.Total, err)
		}
	})
}

// BenchmarkTokensUse notes an upload: what the gateway of the same process pays behind
// each.
func BenchmarkTokensUse(b *testing.B) {
	h := newHouse(b)
	h.Project(alice, "demo")
	m := h.Mint(alice, forSome("ci", "demo"))
	timed(b, func() {
		h.Check(h.Tokens.RecordUse(b.Context(), m.Token.ID, "demo", anyone, h.Clock.Now()))
	})
}
