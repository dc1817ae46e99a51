package password

import (
	"fmt"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"
)

// BenchmarkHash compares the costs that DefaultParams was chosen from.
func BenchmarkHash(b *testing.B) {
	for _, p := range []argon2id.Params{
		{Memory: 19 << 10, Iterations: 2, Parallelism: 1}, // OWASP
		{Memory: 46 << 10, Iterations: 1, Parallelism: 1}, // OWASP
		{Memory: 64 << 10, Iterations: 1, Parallelism: 1},
		DefaultParams,
		{Memory: 64 << 10, Iterations: 3, Parallelism: 4}, // RFC 9106 §4, second choice
	} {
		p.SaltLength, p.KeyLength = 16, 32
		b.Run(fmt.Sprintf("m=%dMiB,t=%d,p=%d", p.Memory>>10, p.Iterations, p.Parallelism), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (argon2{p}).Hash("plum orbit 7 canyon"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScore is the longest that zxcvbn gets to see.
func BenchmarkScore(b *testing.B) {
	for name, text := range map[string]string{
		"few": strings.Repeat("@$1!04", 12), "all": strings.Repeat(symbols, 4), "keys": strings.Repeat("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/", 2),
	} {
		for _, n := range []int{12, 24, 72} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				for b.Loop() {
					Score(text[:n], "alice", "alice@example.org")
				}
			})
		}
	}
}
