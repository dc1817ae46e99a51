package idtoken

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// How long keys are used.
const (
	RefreshAfter = 30 * time.Minute // then they are fetched again, by Refresh
	KeepKeys     = 24 * time.Hour   // for which they stay while fetching fails
	tryAgain     = time.Minute      // least time between two fetches for one issuer
	maxKeys      = 100              // keys of an issuer
)

// key is a public key of an issuer.
type key struct {
	kid    string
	alg    jose.SignatureAlgorithm
	public any
}

// keySet keeps the keys of one issuer.
type keySet struct {
	issuer Issuer
	clock  func() time.Time
	log    *slog.Logger

	mu      sync.Mutex
	keys    []key
	fetched time.Time     // when keys were last fetched
	tried   time.Time     // when the last fetch began
	failed  error         // of the last fetch
	running chan struct{} // closed when the fetch under way ends; nil: none is
}

// find returns the keys with a name. If there are none, it fetches the keys once, unless that was
// tried within the last minute.
func (k *keySet) find(ctx context.Context, kid string) ([]key, error) {
	found, wait := k.look(kid, true)
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
		}
		found, _ = k.look(kid, false)
	}
	if len(found) > 0 {
		return found, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.usable(k.clock()) {
		return nil, refuse(CodeToken, "the issuer %s has no key %q", k.issuer.URL, excerpt(kid))
	}
	return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, k.issuer.URL, errors.Join(k.failed))
}

// usable reports whether the keys still count. k.mu is held.
func (k *keySet) usable(now time.Time) bool {
	return len(k.keys) > 0 && now.Sub(k.fetched) < KeepKeys
}

// look returns the keys with a name, or begins a fetch if it may, and what to wait for.
func (k *keySet) look(kid string, fetch bool) (found []key, wait <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.clock()
	if k.usable(now) {
		for _, one := range k.keys {
			if one.kid == kid {
				found = append(found, one)
			}
		}
	}
	if len(found) > 0 || !fetch {
		return found, nil
	}
	return nil, k.begin(now)
}

// begin begins a fetch unless one is under way or began within tryAgain. It returns what to wait for; nil: nothing. k.mu is held.
func (k *keySet) begin(now time.Time) <-chan struct{} {
	if k.running != nil {
		return k.running
	}
	if since := now.Sub(k.tried); !k.tried.IsZero() && since >= 0 && since < tryAgain {
		return nil
	}
	done := make(chan struct{})
	k.tried, k.running = now, done
	go k.fetch(done)
	return done
}

// fetch fetches the keys. It ends by itself, and not with the request that caused it: others wait for it too.
func (k *keySet) fetch(done chan struct{}) {
	keys, err := load(context.Background(), k.issuer)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failed, k.running = err, nil
	if err == nil {
		k.keys, k.fetched = keys, k.clock()
	} else {
		k.log.Warn("the keys of an issuer of ID tokens were not fetched", "issuer", k.issuer.URL, "kept", len(k.keys), "error", err)
	}
	close(done)
}

// refreshOld fetches the keys if they are older than RefreshAfter, and waits for it.
func (k *keySet) refreshOld(ctx context.Context) {
	k.mu.Lock()
	var wait <-chan struct{}
	if now := k.clock(); now.Sub(k.fetched) >= RefreshAfter {
		wait = k.begin(now)
	}
	k.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
		}
	}
}

// parseKeys reads a JWKS (RFC 7517, §5). It leaves out keys that can't sign ID tokens, and refuses
// a set in which none is left.
func parseKeys(b []byte, allowed []jose.SignatureAlgorithm) ([]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	err := json.Unmarshal(b, &set)
	if err != nil {
		return nil, fmt.Errorf("the keys are not a JWKS: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("there are %d keys: at most %d are read", len(set.Keys), maxKeys)
	}
	var out []key
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) != nil {
			continue // of a kind that is not known here
		}
		if alg, ok := algorithmOf(k); ok && slices.Contains(allowed, alg) {
			out = append(out, key{kid: k.KeyID, alg: alg, public: k.Key})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("none of the %d keys is a public key for RS256, ES256 or EdDSA that has a name (\"kid\")", len(set.Keys))
	}
	return out, nil
}

// algorithmOf returns the one algorithm that a key is for.
func algorithmOf(k jose.JSONWebKey) (alg jose.SignatureAlgorithm, ok bool) {
	switch p := k.Key.(type) {
	case *rsa.PublicKey:
		alg, ok = jose.RS256, p.N.BitLen() >= 2048 && p.N.BitLen() <= 8192 && p.E >= 3
	case *ecdsa.PublicKey:
		alg, ok = jose.ES256, p.Curve == elliptic.P256()
	case ed25519.PublicKey:
		alg, ok = jose.EdDSA, len(p) == ed25519.PublicKeySize
	}
	ok = ok && k.KeyID != "" && len(k.KeyID) <= maxKid && (k.Use == "" || k.Use == "sig") && (k.Algorithm == "" || k.Algorithm == string(alg))
	return alg, ok
}
