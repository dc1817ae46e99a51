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
	"strings"
	"sync"
	"time"
)

// Errors of Check, for errors.Is. Any error other than the first two wraps ErrUnavailable
// and says that the signature could not be checked.
var (
	// ErrSignature says that the body is not what the holder of the key signed.
	ErrSignature = errors.New("leaks: the signature is wrong")
	// ErrKey says that the key does not belong to the scanner, or that the scanner no longer uses
	// it.
	ErrKey = errors.New("leaks: the signature is of a key that the scanner does not use")
	// ErrUnavailable says that the keys of the scanner can't be had.
	ErrUnavailable = errors.New("leaks: the public keys of the scanner can't be had")
)

// How long keys are trusted.
const (
	fresh    = time.Hour        // after that they are read again before they are used
	stale    = 24 * time.Hour   // after that they are not used, even if reading them again fails
	pause    = time.Minute      // between two attempts to read them
	loadTime = 10 * time.Second // for one attempt
)

// Limits of a list of keys.
const (
	maxList = 256 << 10 // bytes
	maxKeys = 100
)

// Keys holds the public keys of a scanner. It loads them when they are needed and keeps them
// for a while. Several goroutines may use it at once.
type Keys struct {
	load Load
	now  func() time.Time

	mu      sync.Mutex                  // never held while keys are read
	keys    map[string]*ecdsa.PublicKey // those that the scanner uses, by identifier
	read    time.Time                   // when they were; zero: never
	tried   time.Time                   // the last attempt
	fault   error                       // of the last attempt
	reading chan struct{}               // closed at the end of the attempt under way; nil: none is
}

// Load reads a list of keys, in the form of
// https://api.github.com/meta/public_keys/secret_scanning.
type Load func(ctx context.Context) ([]byte, error)

// NewKeys makes Keys that read their list with load; if now is nil, time.Now is used.
func NewKeys(load Load, now func() time.Time) *Keys {
	if now == nil {
		now = time.Now
	}
	return &Keys{load: load, now: now}
}

// Precheck makes the checks that cost nothing, before a body is read: whether an identifier and a signature have a
// valid form. The error is nil, ErrKey or ErrSignature.
func Precheck(identifier, signature string) error {
	if identifier == "" || len(identifier) > maxIdentifier || strings.ContainsFunc(identifier, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ErrKey
	}
	_, err := decodeSignature(signature)
	return err
}

// Limits of the identifier and the signature of a request.
const (
	maxIdentifier = 256 // bytes
	maxSignature  = 72  // of a signature on P-256: two integers of 33 bytes at most, each with two before it, and two for both
	minSignature  = 8
)

// decodeSignature decodes base64 and checks that the result has the shape of an ECDSA signature (ASN.1).
func decodeSignature(text string) ([]byte, error) {
	if len(text) > base64.StdEncoding.EncodedLen(maxSignature) {
		return nil, ErrSignature
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < minSignature || len(raw) > maxSignature || raw[0] != 0x30 || int(raw[1]) != len(raw)-2 {
		return nil, ErrSignature
	}
	return raw, nil
}

// Key returns the key with an identifier, and loads the keys if necessary. ErrKey says that
// the scanner has no such key, or no longer uses it; any other error wraps ErrUnavailable.
// Call it before reading the body.
func (k *Keys) Key(ctx context.Context, identifier string) error {
	_, err := k.key(ctx, identifier)
	return err
}

// Check checks a body's signature: base64 of an ECDSA signature (ASN.1) on P-256
// over the SHA-256 of the body, by the key with the identifier. The error is nil,
// ErrKey, ErrSignature, or wraps ErrUnavailable.
func (k *Keys) Check(ctx context.Context, identifier, signature string, body []byte) error {
	raw, err := decodeSignature(signature)
	if err != nil {
		return err
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

// key returns the key with an identifier. An unknown key may be new, so the list is
// read again for it, as often as pause allows. A caller that asks for a fresh key does
// not wait; the others wait for one attempt together.
func (k *Keys) key(ctx context.Context, identifier string) (*ecdsa.PublicKey, error) {
	if wait := k.refresh(ctx, identifier); wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.keys[identifier]
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
	age := k.now().Sub(k.read)
	if age < 0 { // the clock was ahead: they are read again, and good meanwhile
		return fresh + 1
	}
	return age
}

// refresh begins to read the keys if necessary, unless that was tried a moment ago. It returns a channel that is
// closed when the attempt is over, or nil if there is nothing to wait for. If the attempt fails, the known keys stay.
func (k *Keys) refresh(ctx context.Context, identifier string) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys[identifier] != nil && k.age() <= fresh {
		return nil
	}
	if k.reading != nil {
		return k.reading
	}
	now := k.now()
	if since := now.Sub(k.tried); !k.tried.IsZero() && since >= 0 && since < pause {
		return nil
	}
	k.tried = now
	done := make(chan struct{})
	k.reading = done
	go func() {
		defer close(done)
		k.readKeys(context.WithoutCancel(ctx), now)
	}()
	return done
}

// readKeys is one attempt.
func (k *Keys) readKeys(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	list, err := k.load(ctx)
	var keys map[string]*ecdsa.PublicKey
	if err == nil {
		keys, err = parseKeys(list)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reading = nil
	if err == nil {
		k.keys, k.read = keys, now
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
	err := json.Unmarshal(list, &doc)
	if err != nil {
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
