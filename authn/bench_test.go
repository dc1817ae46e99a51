package authn

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

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
			if _, err := e.Sessions.SignIn(b.Context(), o, "root", root.password); err != nil {
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
		e.must(e.Authenticators.Verify(b.Context(), root.Session, home, code))
	}
}
