// Package seal keeps values at rest: AES-256-GCM under a key from a file, with
// the record's name as associated data, so that a value can't be moved to
// another record.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/rind-dev/rind/internal/durable"
	"github.com/rind-dev/rind/internal/private"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// ErrOpen says that a value was not sealed under this key and this name, or was
// changed since.
var ErrOpen = errors.New("seal: the value does not open: the key file is not the one it was sealed with, or the record is damaged")

// Sealer seals and opens values under one key. It is safe for concurrent use.
type Sealer struct {
	master []byte
	aead   cipher.AEAD
}

// New makes a Sealer from a key of KeySize bytes.
func New(key []byte) (*Sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("seal: a key has %d bytes, this one %d", KeySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return &Sealer{master: append([]byte(nil), key...), aead: aead}, nil
}

// Derive makes the key of one purpose from this one (HKDF-SHA-256, RFC 5869).
func (s *Sealer) Derive(purpose string) (*Sealer, error) {
	key, err := s.DeriveKey(purpose)
	if err != nil {
		return nil, err
	}
	return New(key)
}

// DeriveKey returns the raw key of one purpose, KeySize bytes.
func (s *Sealer) DeriveKey(purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, s.master, nil, "rind "+purpose, KeySize)
}

// Seal encrypts value for the record called name, and appends it to dst.
func (s *Sealer) Seal(dst, value []byte, name string) []byte {
	return s.SealBytes(dst, value, []byte(name))
}

// SealBytes is Seal with the name as bytes.
func (s *Sealer) SealBytes(dst, value, name []byte) []byte {
	return s.aead.Seal(dst, nil, value, name)
}

// Open decrypts what Seal made for the record called name, and appends it to dst.
func (s *Sealer) Open(dst, sealed []byte, name string) ([]byte, error) {
	return s.OpenBytes(dst, sealed, []byte(name))
}

// OpenBytes is Open with the name as bytes.
func (s *Sealer) OpenBytes(dst, sealed, name []byte) ([]byte, error) {
	out, err := s.aead.Open(dst, nil, sealed, name)
	if err != nil {
		return nil, ErrOpen
	}
	return out, nil
}

// Format implements fmt.Formatter: a Sealer that is printed shows no key.
func (s *Sealer) Format(f fmt.State, _ rune) { io.WriteString(f, "seal.Sealer") }

// LoadKey is LoadKeyFor with private.Owner.
func LoadKey(path string, create bool) ([]byte, error) {
	return LoadKeyFor(private.Owner, path, create)
}

// LoadKeyFor reads a key file: 64 hex digits and a newline, with mode 0600 or 0400, or a mode
// that access allows. If create is set and the file is missing, it makes one. The path may be a
// symbolic link, as mounted secrets are; the mode of the file that it leads to counts. In
// systemd's $CREDENTIALS_DIRECTORY the mode may be 0440.
func LoadKeyFor(access private.Access, path string, create bool) ([]byte, error) {
	b, err := access.Read(path, 4*KeySize)
	var missing *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist) && create:
		return createKey(access, path)
	case errors.As(err, &missing):
		return nil, fmt.Errorf("seal: key file: %w", err)
	case err != nil:
		return nil, fmt.Errorf("seal: the key file %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) != KeySize {
		return nil, fmt.Errorf("seal: the key file %s does not hold a key (%d hex digits): restore it from a backup", path, 2*KeySize)
	}
	return key, nil
}

// createKey writes a new key, durable before it is used. Two that start at once agree on one key.
func createKey(access private.Access, path string) ([]byte, error) {
	key := make([]byte, KeySize)
	rand.Read(key)
	if err := durable.Create(path, []byte(hex.EncodeToString(key)+"\n")); errors.Is(err, fs.ErrExist) {
		return LoadKeyFor(access, path, false)
	} else if err != nil {
		return nil, fmt.Errorf("seal: create key file: %w", err)
	}
	return key, nil
}
