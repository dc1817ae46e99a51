package authn

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/seal"
)

// core is what all parts of the state machine share: the store, the clock, and what each part needs of
// them. core_access.go finds out who a Session is; sealed records, links, limits, audit rows and
// notices each have a file of their own.
type core struct {
	store    kv.Store     // refuses changes in read-only mode
	exempt   kv.Store     // the same store, for what has to work in read-only mode, too
	sealer   *seal.Sealer // seals this package's records
	users    UserRecorder
	notifier Notifier
	notices  Outbox
	now      func() time.Time
	log      *slog.Logger

	linkKey     []byte // signs links
	throttleKey []byte // hides whom an attempt was about
}

func newCore(cfg Config) (*core, error) {
	if cfg.Store == nil || cfg.Sealer == nil || cfg.Users == nil || cfg.Notifier == nil || cfg.Notices == nil {
		return nil, errors.New("authn: a Config needs Store, Sealer, Users, Notifier and Notices")
	}
	s := &core{
		store: instance.Guard(cfg.Store), exempt: instance.Exempt(cfg.Store), users: cfg.Users, notifier: cfg.Notifier, notices: cfg.Notices, now: cfg.Clock, log: cfg.Logger,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, s.deriveKeys(cfg.Sealer)
}

// deriveKeys makes one key for each purpose.
func (s *core) deriveKeys(from *seal.Sealer) (err error) {
	s.sealer, err = from.Derive("authn records")
	if err != nil {
		return fmt.Errorf("authn: derive keys: %w", err)
	}
	for purpose, key := range map[string]*[]byte{
		"authn links":    &s.linkKey,
		"authn throttle": &s.throttleKey,
	} {
		*key, err = from.DeriveKey(purpose)
		if err != nil {
			return fmt.Errorf("authn: derive keys: %w", err)
		}
	}
	return nil
}

// mac returns HMAC-SHA-256 over the parts, each preceded by its length.
func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write([]byte{byte(len(p) >> 8), byte(len(p))})
		h.Write(p)
	}
	return h.Sum(nil)
}
