package publishers_test

import (
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rind-dev/rind/internal/idtoken/idtest"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/publishers"
)

// Exchanges with keys that are kept: the signature is checked, the ID token is marked as used, and the token is minted, in one durable transaction.
func BenchmarkExchange(b *testing.B) {
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256} {
		b.Run(string(alg), func(b *testing.B) {
			h := newHouse(b)
			h.Project(alice, "demo")
			h.generic.Rotate(b, alg)
			h.add(publishers.Rules{Issuer: h.generic.URL, Claims: []publishers.ClaimRule{{Claim: "sub", Values: []string{"job"}}}})
			texts := make([]string, b.N)
			for i := range texts {
				claims := changed(idtest.Times(h.Clock.Now(), issuertest.Location), map[string]any{"sub": "job", "exp": h.Clock.Now().Add(24 * time.Hour).Unix()})
				texts[i] = h.generic.Sign(b, claims)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i, text := range texts {
				if i%20 == 0 { // a publisher has so many working tokens, and a repository so many exchanges in a minute
					h.Clock.Add(16 * time.Minute)
					h.Check(h.Publishers.RefreshKeys(h.Context()))
				}
				_, err := h.exchange(text)
				h.Check(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "exchanges/s")
		})
	}
}
