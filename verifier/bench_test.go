package verifier_test

import (
	"context"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

const benchTokens = 10_000

// benchHouse has 10,000 tokens for demo, and returns the texts of some.
func benchHouse(b *testing.B) (*house, []string) {
	h := newHouse(b)
	life := caveats.Life{ExpiresAt: now.Unix() + 3600, NotBefore: now.Unix() - 60}
	var texts []string
	var changes []rootkeys.Change
	for n := range benchTokens {
		tok, rec := mint(b, n, caveats.ProjectNames{"demo"}, life)
		changes = append(changes, rootkeys.Change{Token: rec})
		if n%97 == 0 {
			texts = append(texts, text(b, tok))
		}
	}
	h.apply(changes...)
	b.ReportAllocs()
	return h, texts
}

func BenchmarkLookup(b *testing.B) {
	h, _ := benchHouse(b)
	n := 0
	for b.Loop() {
		if _, err := h.store.Lookup(context.Background(), tokenIDs[n%len(tokenIDs)], "demo"); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

var tokenIDs = func() []string {
	var ids []string
	for n := 0; n < benchTokens; n += 97 {
		ids = append(ids, tokenID(n))
	}
	return ids
}()

func BenchmarkVerify(b *testing.B) {
	h, issued := benchHouse(b)
	narrowed := make([]string, len(issued))
	for i, s := range issued {
		narrowed[i] = narrow(b, s, caveats.Versions{"1.0"})
	}
	unknown, _ := mint(b, benchTokens+1)
	for _, c := range []struct {
		name  string
		texts []string
		allow bool
	}{
		{"as issued", issued, true},
		{"narrowed by its holder", narrowed, true},
		{"unknown", []string{text(b, unknown)}, false},
		{"malformed", []string{issued[0] + "="}, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			req, n := upload(), 0
			for b.Loop() {
				_, err := h.verifier.Verify(context.Background(), c.texts[n%len(c.texts)], req)
				if (err == nil) != c.allow {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}

func BenchmarkVerifyParallel(b *testing.B) {
	h, issued := benchHouse(b)
	req := upload()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			if _, err := h.verifier.Verify(context.Background(), issued[n%len(issued)], req); err != nil {
				b.Fatal(err)
			}
		}
	})
}
