package gatewayhttp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"sync/atomic"

	"github.com/rind-dev/rind/internal/private"
)

// Secret is the secret of the programs that may ask at /v1/verify. The zero value lets nobody ask.
type Secret struct {
	file   string
	access private.Access
	sum    atomic.Pointer[[sha256.Size]byte] // nil: nobody may ask
}

// OpenSecret reads a secret from a file; for "" it returns the zero value.
func OpenSecret(file string, access private.Access) (*Secret, error) {
	s := &Secret{file: file, access: access}
	return s, s.Reload(context.Background())
}

// Reload reads the file again. If that fails, the secret stays as it was.
func (s *Secret) Reload(context.Context) error {
	if s.file == "" {
		return nil
	}
	secret, err := s.access.ReadSecret(s.file)
	if err != nil {
		return fmt.Errorf("verify-secret-file: %w", err)
	}
	sum := sha256.Sum256([]byte(secret))
	s.sum.Store(&sum)
	return nil
}

// used reports whether anybody may ask.
func (s *Secret) used() bool { return s.sum.Load() != nil }

// is reports whether a text is the secret, in constant time.
func (s *Secret) is(given string) bool {
	want, got := s.sum.Load(), sha256.Sum256([]byte(given))
	return want != nil && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}
