package tokens

import (
	"log/slog"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Config is what tokens need besides the ledger and its projects. Sealer and Location are required.
type Config struct {
	Sealer   *seal.Sealer  // seals signatures at rest
	Location string        // public host name, written into every token: "packages.example.org"
	MaxLife  time.Duration // longest life of a token, at least 24 h; 0: tokens may live for ever
	PerHour  int           // how many tokens a user may make in an hour; 0: no limit
}

// Service manages the tokens of an issuer. It is safe for concurrent use.
type Service struct {
	Runs         *Runs // tokens of jobs
	FirstUploads *FirstUploads

	personalUse func(tx kv.Tx, use PersonalUse) error // see OnPersonalUse; may be nil

	ledger   *ledger.Ledger
	projects *projects.Service
	store    kv.Store
	exempt   kv.Store // for changes that have to work in read-only mode
	clock    func() time.Time
	log      *slog.Logger
	sealer   *seal.Sealer
	location string
	maxLife  time.Duration
	perHour  int

	unfinished chan struct{} // holds a value if steps are left for FinishRevocations; capacity 1
	drafts     draftLimiter
}

// New returns the Service for the tokens of a ledger.
func New(l *ledger.Ledger, p *projects.Service, cfg Config) *Service {
	s := &Service{
		ledger: l, projects: p, store: l.Store(), exempt: l.Exempt(), clock: l.Now, log: l.Log(), sealer: cfg.Sealer, location: cfg.Location,
		maxLife: cfg.MaxLife, perHour: cfg.PerHour, unfinished: make(chan struct{}, 1),
	}
	s.Runs, s.FirstUploads = &Runs{s: s}, &FirstUploads{s}
	return s
}
