package tokens_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// crowded is a house where Alice has n tokens.
func crowded(b *testing.B, n int) *house {
	b.Helper()
	h := newHouse(b)
	h.Project(alice, "demo")
	h.Check(h.Store.Update(b.Context(), func(tx kv.Tx) error {
		s, err := issuer.New(issuer.Config{Store: issuertest.In(tx), Sealer: sealer(b), Location: location})
		if err != nil {
			return err
		}
		for i := range n {
			m, err := s.Tokens.Mint(b.Context(), alice, forSome(fmt.Sprintf("token %d", i), "demo"))
			if err != nil {
				return err
			}
			if i%2 == 0 {
				use := map[string]any{"at": start, "project": "demo", "network": "203.0.113.0/24"}
				if err := kv.PutJSON(tx, "issuer/use/"+m.Token.ID, use); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	h.Check(h.Store.Close())
	h.Open()
	return h
}

const many = tokens.MaxTokens - 1

func BenchmarkMint(b *testing.B) {
	h := crowded(b, many)
	for b.Loop() {
		m := h.Mint(alice, forSome("one more", "demo"))
		b.StopTimer()
		if _, _, err := h.Tokens.Revoke(b.Context(), alice, m.Token.ID); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkRevoke(b *testing.B) {
	h := crowded(b, many)
	for b.Loop() {
		b.StopTimer()
		m := h.Mint(alice, forSome("one more", "demo"))
		b.StartTimer()
		if _, _, err := h.Tokens.Revoke(b.Context(), alice, m.Token.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTokens lists a page of the usual size, the largest page, and all.
func BenchmarkTokens(b *testing.B) {
	h := crowded(b, many)
	for _, limit := range []int{50, ledger.MaxPage} {
		b.Run(fmt.Sprintf("page of %d", limit), func(b *testing.B) {
			for b.Loop() {
				if p, err := h.Tokens.List(b.Context(), aliceID, tokens.Page{Limit: limit}); err != nil || len(p.Tokens) != limit {
					b.Fatal(len(p.Tokens), err)
				}
			}
		})
	}
	b.Run("all 9999", func(b *testing.B) {
		for b.Loop() {
			n := 0
			for page := (tokens.Page{Limit: ledger.MaxPage}); ; {
				p, err := h.Tokens.List(b.Context(), aliceID, page)
				if err != nil {
					b.Fatal(err)
				}
				n += len(p.Tokens)
				page.After = p.Next
				if p.Next == "" {
					break
				}
			}
			if n != many {
				b.Fatal(n)
			}
		}
	})
}

// BenchmarkChanges reads the whole feed, as a new verifier does.
func BenchmarkChanges(b *testing.B) {
	h := crowded(b, many)
	for b.Loop() {
		sets := 0
		for {
			more, err := h.Changes(b.Context(), uint64(sets), 0)
			if err != nil {
				b.Fatal(err)
			}
			if len(more) == 0 {
				break
			}
			sets += len(more)
		}
		b.ReportMetric(float64(sets), "sets")
	}
}

// BenchmarkProjects lists 1,000 projects of one user, alone in them and with others.
func BenchmarkProjects(b *testing.B) {
	for _, members := range []int{1, 200} {
		b.Run(fmt.Sprintf("1000 of %d members", members), func(b *testing.B) {
			h := newHouse(b)
			h.Check(h.Store.Update(b.Context(), func(tx kv.Tx) error {
				s, err := issuer.New(issuer.Config{Store: issuertest.In(tx), Sealer: sealer(b), Location: location})
				for i := 0; i < 1000 && err == nil; i++ {
					var p projects.Project
					p, _, err = s.Projects.Create(b.Context(), alice, fmt.Sprintf("project-%d", i))
					if err == nil {
						err = crowd(tx, p.ID, members)
					}
				}
				return err
			}))
			for b.Loop() {
				if ps, err := h.Projects.List(b.Context(), aliceID); err != nil || len(ps) != 1000 {
					b.Fatal(len(ps), err)
				}
			}
		})
	}
}

// crowd makes a project one of so many members.
func crowd(tx kv.Tx, id string, members int) error {
	var rec map[string]any
	err := kv.GetJSON(tx, "issuer/project/"+id, &rec)
	if err != nil {
		return err
	}
	all := rec["members"].(map[string]any)
	for i := range members - 1 {
		all[fmt.Sprintf("00000000-0000-4000-9000-%012d", i)] = map[string]any{"role": "maintainer", "since": start}
	}
	return kv.PutJSON(tx, "issuer/project/"+id, rec)
}

func BenchmarkReminders(b *testing.B) {
	h := postOf(crowded(b, tokens.MaxTokens))
	h.Clock.Set(time.Now()) // the tokens are of now
	h.Restart()
	h.Check(h.Tokens.SendReminders(b.Context()))
	b.Run("nothing", func(b *testing.B) {
		for b.Loop() {
			h.Check(h.Tokens.SendReminders(b.Context()))
		}
	})
	b.Run("all", func(b *testing.B) {
		h.Clock.Add(24 * day)
		begin := time.Now()
		h.Check(h.Tokens.SendReminders(b.Context()))
		took := time.Since(begin)
		for b.Loop() { // what is due is due once
		}
		b.ReportMetric(took.Seconds(), "s/look")
	})
}
