package authn

import (
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
)

// BenchmarkHash compares the costs that DefaultPasswordParams was chosen from.
func BenchmarkHash(b *testing.B) {
	for _, p := range []argon2id.Params{
		{Memory: 19 << 10, Iterations: 2, Parallelism: 1}, // OWASP
		{Memory: 46 << 10, Iterations: 1, Parallelism: 1}, // OWASP
		{Memory: 64 << 10, Iterations: 1, Parallelism: 1},
		DefaultPasswordParams,
		{Memory: 64 << 10, Iterations: 3, Parallelism: 4}, // RFC 9106 §4, second choice
	} {
		p.SaltLength, p.KeyLength = 16, 32
		b.Run(fmt.Sprintf("m=%dMiB,t=%d,p=%d", p.Memory>>10, p.Iterations, p.Parallelism), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (argon2{p}).Hash(goodPassword); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSignIn is a whole password check, with its transactions, at the
// default cost; run it with -cpu 1,2,8 to see the bound on parallel hashes.
func BenchmarkSignIn(b *testing.B) {
	e := newEnv(b, func(c *Config) { c.PasswordParams = nil })
	root := e.admin()
	var i atomic.Uint32
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := i.Add(1)
			o := Origin{IP: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})}
			if _, err := e.SignIn(b.Context(), o, "root", root.password); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkVerifyTOTP is a second factor with its transactions.
func BenchmarkVerifyTOTP(b *testing.B) {
	e := newEnv(b)
	root := e.admin()
	for b.Loop() {
		e.pass(31 * time.Second)
		root.Begun = e.now()
		code := e.code(root, 0)
		e.must(e.VerifyTOTP(b.Context(), root.Session, home, code))
	}
}

// BenchmarkPasswordScore is the longest that zxcvbn gets to see.
func BenchmarkPasswordScore(b *testing.B) {
	for name, text := range map[string]string{
		"few": strings.Repeat("@$1!04", 12), "all": strings.Repeat(symbols, 4), "keys": strings.Repeat("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/", 2),
	} {
		for _, n := range []int{12, 24, 72} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				for b.Loop() {
					passwordScore(text[:n], "alice", "alice@example.org")
				}
			})
		}
	}
}
