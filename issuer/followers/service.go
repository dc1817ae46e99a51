package followers

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

var (
	// ErrOtherHistory says that a verifier knows a history that this store does not
	// have: one of the two was restored from a backup. 'rind restored' repairs this,
	// with RaiseEpoch.
	ErrOtherHistory = feed.ErrOtherHistory

	// ErrAhead is the ErrOtherHistory of a verifier that knows a revision or an epoch that
	// this store has not reached.
	ErrAhead = fmt.Errorf("followers: the verifier knows more than this store, which was probably restored from an older backup: %w", ErrOtherHistory)
)

// UseRecorder keeps the uses that verifiers report. It drops uses that the verifier can't have seen.
type UseRecorder interface {
	// RecordUses notes uses in the name of a verifier whose previous report came at since.
	RecordUses(ctx context.Context, verifier string, since time.Time, uses []feed.Use) error
}

// Service manages the verifiers that follow an issuer's changes. It is safe for concurrent use.
type Service struct {
	ledger *ledger.Ledger
	tokens *tokens.Service
	store  kv.Store
	exempt kv.Store // for what has to work in read-only mode
	clock  func() time.Time
	log    *slog.Logger
	uses   UseRecorder

	issuer string // identity of the store, and epoch of its history
	epoch  uint64

	connections connections
	tail        tail
}

// New makes the Service for the followers of a ledger.
func New(l *ledger.Ledger, t *tokens.Service, uses UseRecorder) *Service {
	s := &Service{ledger: l, tokens: t, store: l.Store(), exempt: l.Exempt(), clock: l.Now, log: l.Log(), uses: uses}
	s.connections.dirty = make(chan struct{}, 1)
	s.issuer, s.epoch = l.Identity()
	return s
}
