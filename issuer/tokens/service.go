package tokens

import (
	"log/slog"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Config is what tokens need beside the ledger and its projects. Sealer and Location are required.
type Config struct {
	Sealer   *seal.Sealer  // seals signatures at rest
	Location string        // public host name, written into every token: "packages.example.org"
	MaxLife  time.Duration // longest life of a token, at least 24 h; 0: tokens may live for ever
	PerHour  int           // how many tokens a user makes in an hour at most; 0 sets no bound
}

// Service are the tokens of an issuer. It is safe for concurrent use.
type Service struct {
	ledger   *ledger.Ledger
	projects *projects.Service
	store    kv.Store
	exempt   kv.Store // for what has to work in read-only mode
	clock    func() time.Time
	log      *slog.Logger
	sealer   *seal.Sealer
	location string
	maxLife  time.Duration
	perHour  int

	unfinished chan struct{} // has room for one: steps are left over
	drafts     draftLimiter
}

// New makes the tokens of a ledger.
func New(l *ledger.Ledger, p *projects.Service, cfg Config) *Service {
	return &Service{
		ledger: l, projects: p, store: l.Store(), exempt: l.Exempt(), clock: l.Now, log: l.Log(), sealer: cfg.Sealer, location: cfg.Location,
		maxLife: cfg.MaxLife, perHour: cfg.PerHour, unfinished: make(chan struct{}, 1),
	}
}
