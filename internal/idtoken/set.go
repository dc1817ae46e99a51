package idtoken

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config is what a Set needs.
type Config struct {
	Issuers []Issuer         // BuiltIn and those of the configuration; names and URLs differ
	Clock   func() time.Time // time.Now where nil
	Logger  *slog.Logger     // discards where nil
}

// Set checks the tokens of issuers. It is safe for concurrent use.
type Set struct {
	clock func() time.Time
	log   *slog.Logger

	mu      sync.Mutex
	issuers []Issuer
	more    []Issuer           // see SetMore
	keys    map[string]*keySet // by URL; only of issuers that a publisher named
}

// New returns a Set. It fetches nothing.
func New(cfg Config) *Set {
	s := &Set{clock: cfg.Clock, log: cfg.Logger, issuers: slices.Clone(cfg.Issuers), keys: make(map[string]*keySet)}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Issuers lists the issuers, in the order of the Config, and behind them those of SetMore.
func (s *Set) Issuers() []Issuer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(slices.Clone(s.issuers), s.more...)
}

// Configured lists the issuers of the Config.
func (s *Set) Configured() []Issuer { return slices.Clone(s.issuers) }

// SetMore replaces the issuers that were added while the program runs. Those with the name or the URL of one of the Config are left out. The
// keys of issuers that changed are forgotten.
func (s *Set) SetMore(more []Issuer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(s.more, more) {
		return
	}
	for _, was := range s.more {
		if !slices.Contains(more, was) {
			delete(s.keys, was.URL)
		}
	}
	s.more = nil
	for _, i := range more {
		if !slices.ContainsFunc(s.issuers, func(has Issuer) bool { return has.Signs(i.URL) || has.Name == i.Name }) {
			s.more = append(s.more, i)
		}
	}
}

// Issuer returns the issuer that has a URL, to the byte.
func (s *Set) Issuer(url string) (Issuer, bool) {
	for _, i := range s.Issuers() {
		if i.perOrganization && len(url) > len(i.URL) && url[:len(i.URL)] == i.URL {
			if one, ok := i.OfOrganization(url[len(i.URL):]); ok {
				return one, true
			}
			continue
		}
		if i.URL == url && !i.perOrganization {
			return i, true
		}
	}
	return Issuer{}, false
}

// signer returns the issuer whose publishers a token is for, and the one whose keys it is signed with. They differ where a CI system with an issuer for
// each organization signs for all of them with one key: clients in jobs of CircleCI ask for such tokens. Its signature covers the organization's id,
// which makes the token one of that organization's issuer.
func (s *Set) signer(claims Claims) (issuer, signer Issuer, ok bool) {
	url, _ := claims["iss"].(string)
	for _, i := range s.Issuers() {
		if i.root == "" || i.root != url {
			continue
		}
		id, _ := claims[organizationClaim].(string)
		issuer, ok = i.OfOrganization(id)
		return issuer, i.ofRoot(), ok
	}
	issuer, ok = s.Issuer(url)
	return issuer, issuer, ok
}

// keysOf returns the keys of an issuer that a publisher names.
func (s *Set) keysOf(i Issuer) *keySet {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[i.URL]
	if k == nil {
		k = &keySet{issuer: i, clock: s.clock, log: s.log}
		s.keys[i.URL] = k
	}
	return k
}

// Refresh fetches the keys of the issuers with these URLs where they are older than RefreshAfter, one after the other,
// and forgets those of all other issuers. A failure is logged. Call it every few minutes with the issuers that publishers name.
func (s *Set) Refresh(ctx context.Context, named []string) {
	named = s.withRoots(named)
	s.mu.Lock()
	for url := range s.keys {
		if !slices.Contains(named, url) {
			delete(s.keys, url)
		}
	}
	s.mu.Unlock()
	for _, url := range named {
		if i, ok := s.withKeys(url); ok && ctx.Err() == nil {
			s.keysOf(i).refreshOld(ctx)
		}
	}
}

// withRoots adds the issuers that sign for the organizations' issuers in a list.
func (s *Set) withRoots(named []string) []string {
	out := slices.Clone(named)
	for _, i := range s.Issuers() {
		if i.root != "" && slices.ContainsFunc(named, func(url string) bool { return strings.HasPrefix(url, i.URL) }) {
			out = append(out, i.root)
		}
	}
	return out
}

// withKeys is Issuer, and knows the issuers that sign for those of organizations too.
func (s *Set) withKeys(url string) (Issuer, bool) {
	for _, i := range s.Issuers() {
		if i.root != "" && i.root == url {
			return i.ofRoot(), true
		}
	}
	return s.Issuer(url)
}

// State is what is known of the keys of an issuer.
type State struct {
	Keys    int
	Fetched time.Time // zero: never
	Failed  error     // of the last attempt; nil: it succeeded, or there was none
}

// State returns what is known of the keys of the issuer with a URL.
func (s *Set) State(url string) State {
	s.mu.Lock()
	k := s.keys[url]
	s.mu.Unlock()
	if k == nil {
		return State{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return State{Keys: len(k.keys), Fetched: k.fetched, Failed: k.failed}
}
