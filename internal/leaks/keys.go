package leaks

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Errors of Check, for errors.Is. Any other error, which wraps ErrUnavailable, says
// that it could not be checked.
var (
	// ErrSignature says that the body is not what the holder of the key signed.
	ErrSignature = errors.New("leaks: the signature is wrong")
	// ErrKey says that the key is none of the scanner's, or none that it still uses.
	ErrKey = errors.New("leaks: the signature is of a key that the scanner does not use")
	// ErrUnavailable says that the keys of the scanner can't be had.
	ErrUnavailable = errors.New("leaks: the public keys of the scanner can't be had")
)

// How long keys are believed.
const (
	fresh    = time.Hour        // after that they are read again before they are used
	stale    = 24 * time.Hour   // after that they are used no more, whatever comes of reading them
	pause    = time.Minute      // between two attempts to read them
	loadTime = 10 * time.Second // for one attempt
)

// Limits of a list of keys.
const (
	maxList = 256 << 10 // bytes
	maxKeys = 100
)

// Keys are the public keys of a scanner, read when they are needed and kept for a
// while. They may be used by several goroutines at once.
type Keys struct {
	load Load
	now  func() time.Time

	mu    sync.Mutex
	keys  map[string]*ecdsa.PublicKey // those that the scanner uses, by identifier
	read  time.Time                   // when they were; zero: never
	tried time.Time                   // the last attempt
	fault error                       // of the last attempt
}

// Load reads a list of keys, in the form of
// https://api.github.com/meta/public_keys/secret_scanning.
type Load func(ctx context.Context) ([]byte, error)

// NewKeys makes Keys that come from load; now is time.Now where it is nil.
func NewKeys(load Load, now func() time.Time) *Keys {
	if now == nil {
		now = time.Now
	}
	return &Keys{load: load, now: now}
}

// Check checks a body's signature: base64 of an ECDSA signature (ASN.1) on P-256
// over the SHA-256 of the body, by the key with the identifier. The error is nil,
// ErrKey, ErrSignature, or wraps ErrUnavailable.
func (k *Keys) Check(ctx context.Context, identifier, signature string, body []byte) error {
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || len(raw) > 128 {
		return ErrSignature
	}
	key, err := k.key(ctx, identifier)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if !ecdsa.VerifyASN1(key, sum[:], raw) {
		return ErrSignature
	}
	return nil
}

// key is the key with an identifier. One that is not known may be new, so the list
// is read again then, as often as pause allows.
func (k *Keys) key(ctx context.Context, identifier string) (*ecdsa.PublicKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.keys[identifier]
	if age := k.age(); key == nil || age > fresh {
		k.refresh(ctx)
		key = k.keys[identifier]
	}
	switch {
	case k.age() > stale:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, k.fault)
	case key == nil:
		return nil, ErrKey
	}
	return key, nil
}

// age is how long ago the keys were read.
func (k *Keys) age() time.Duration {
	if k.read.IsZero() {
		return stale + 1
	}
	return k.now().Sub(k.read)
}

// refresh reads the keys, unless that was tried a moment ago. Those that are known
// stay where it fails.
func (k *Keys) refresh(ctx context.Context) {
	now := k.now()
	if !k.tried.IsZero() && now.Sub(k.tried) < pause {
		return
	}
	k.tried = now
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTime)
	defer cancel()
	list, err := k.load(ctx)
	if err == nil {
		var keys map[string]*ecdsa.PublicKey
		if keys, err = parseKeys(list); err == nil {
			k.keys, k.read = keys, now
		}
	}
	k.fault = err
}

// parseKeys reads a list of keys and returns those that are in use.
func parseKeys(list []byte) (map[string]*ecdsa.PublicKey, error) {
	var doc struct {
		Keys []struct {
			Identifier string `json:"key_identifier"`
			Key        string `json:"key"`
			Current    bool   `json:"is_current"`
		} `json:"public_keys"`
	}
	if len(list) > maxList {
		return nil, fmt.Errorf("leaks: a list of keys has %d bytes at most", maxList)
	}
	if err := json.Unmarshal(list, &doc); err != nil {
		return nil, fmt.Errorf("leaks: the list of keys: %w", err)
	}
	if len(doc.Keys) == 0 || len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("leaks: a list of keys has 1 to %d in public_keys, not %d", maxKeys, len(doc.Keys))
	}
	out := make(map[string]*ecdsa.PublicKey)
	for _, e := range doc.Keys {
		if !e.Current {
			continue
		}
		key, err := parseKey(e.Key)
		if err != nil || e.Identifier == "" || out[e.Identifier] != nil {
			return nil, fmt.Errorf("leaks: the key %.64q can't be used: it needs an identifier of its own and a public key on P-256, PEM", e.Identifier)
		}
		out[e.Identifier] = key
	}
	return out, nil
}

func parseKey(text string) (*ecdsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("leaks: no PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("leaks: not on P-256")
	}
	return key, nil
}
