package publishers

import (
	"context"
	"log/slog"
	"time"

	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// Limits of publishers.
const (
	MaxPublishers = 50                             // of a project
	MaxPending    = 10                             // of a user
	PendingLife   = 30 * ledger.Day                // of a pending publisher
	maxCandidates = 1000                           // publishers that one token is compared with
	maxOfOwner    = 100                            // of these, of one owner: nobody can keep others from naming a repository
	maxScanned    = 1000                           // tokens of a publisher that one transaction looks at, of which it forgets those that have ended
	maxRuns       = 30                             // tokens of a publisher that work at the same time
	markLife      = idtoken.Leeway + 5*time.Second // how long the use of an ID token is remembered after its end
)

// Config is what publishers need besides the ledger, projects and tokens.
type Config struct {
	IDTokens *idtoken.Set // required
	Audience string       // of ID tokens: the public host name
}

// Service manages publishers. It is safe for concurrent use.
type Service struct {
	ledger   *ledger.Ledger
	projects *projects.Service
	tokens   *tokens.Service
	store    kv.Store
	exempt   kv.Store // for notes about refusals and uploads, which no read-only mode stops
	clock    func() time.Time
	log      *slog.Logger
	idtokens *idtoken.Set
	audience string

	busy rates
}

// New returns the Service for the publishers of a ledger. Call it before the ledger is used: publishers follow what happens to projects.
func New(l *ledger.Ledger, p *projects.Service, t *tokens.Service, cfg Config) *Service {
	s := &Service{
		ledger: l, projects: p, tokens: t, store: l.Store(), exempt: l.Exempt(), clock: l.Now, log: l.Log(),
		idtokens: cfg.IDTokens, audience: cfg.Audience,
	}
	if s.idtokens == nil {
		s.idtokens = idtoken.New(idtoken.Config{Clock: l.Now})
	}
	t.Runs.OnUse(s.uploaded)
	t.OnPersonalUse(s.uploadedBeside)
	l.OnChanged(ledger.KindProject, s.projectChanged)
	return s
}

// Audience returns the audience that ID tokens have to have.
func (s *Service) Audience() string { return s.audience }

// Issuers lists the issuers whose tokens publishers can be made for.
func (s *Service) Issuers(ctx context.Context) ([]idtoken.Issuer, error) {
	err := s.loadIssuers(ctx)
	return s.idtokens.Issuers(), err
}

// KeysOf returns what is known of the keys of an issuer.
func (s *Service) KeysOf(url string) idtoken.State { return s.idtokens.State(url) }
