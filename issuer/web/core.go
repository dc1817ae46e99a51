package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/clientip"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

// core is what all pages share: who asks, how a page is drawn, how an error is answered, and which verifiers
// have a change.
type core struct {
	pages       *ui.Renderer
	sessions    *authn.SessionManager
	visitors    *authn.Service // whose sessions and devices those are, and the settings that hold for all
	echo        *echo.Echo
	public      *url.URL
	outbox      string // Config.Outbox
	clients     clientip.Finder
	crossOrigin *http.CrossOriginProtection

	hstsSubdomains bool
	proxySeen      sync.Once // a proxy that is not trusted was warned of
	proxyUnclear   sync.Once // one that is, and writes no address, was warned of

	catchUp     func(context.Context, uint64) error
	confirmAway func(ctx context.Context, revision uint64, wait time.Duration) followers.Confirmation // by other verifiers
	invitations func(context.Context, ledger.Principal) ([]projects.Invitation, error)                // that wait for somebody

	now func() time.Time
	log *slog.Logger
}

func newCore(cfg Config, e *echo.Echo) (*core, error) {
	s := &core{
		pages: cfg.Pages, visitors: cfg.Auth, echo: e, public: cfg.PublicURL, outbox: cfg.Outbox,
		clients: clientip.Trusting(cfg.TrustedProxies), crossOrigin: http.NewCrossOriginProtection(), hstsSubdomains: cfg.HSTSSubdomains,
		catchUp: cfg.CatchUp, confirmAway: cfg.Issuer.Followers.Confirm, invitations: cfg.Issuer.Projects.InvitationsFor,
		now: cfg.Clock, log: cfg.Logger,
	}
	// Behind a proxy that puts its own Host into requests, browsers still name this.
	if err := s.crossOrigin.AddTrustedOrigin(cfg.PublicURL.Scheme + "://" + cfg.PublicURL.Host); err != nil {
		return nil, fmt.Errorf("web: the public address: %w", err)
	}
	s.sessions = authn.NewSessionManager(cfg.Auth, s.sessionFailed)
	s.sessions.Locate(s.visitorOf)
	return s, nil
}

// address is an absolute address on this server.
func (s *core) address(path string) string { return s.public.String() + path }

// visitorOf says where a request comes from, and with which device.
func (s *core) visitorOf(r *http.Request) authn.Origin {
	o := authn.Origin{IP: s.clients.Of(r), UserAgent: r.UserAgent()}
	if c, err := r.Cookie(authn.DeviceCookie); err == nil {
		o.Device = authn.Secret(c.Value)
	}
	return o
}

// originOf says where a request comes from.
func (s *core) originOf(c echo.Context) authn.Origin {
	return authn.Origin{IP: s.clients.Of(c.Request()), UserAgent: c.Request().UserAgent(), RequestID: idOf(c)}
}

// actorOf is an origin as the audit trail has it, with nobody signed in.
func actorOf(o authn.Origin) audit.Actor {
	a := audit.Actor{UserAgent: o.UserAgent, RequestID: o.RequestID}
	if o.IP.IsValid() {
		a.IP = o.IP.String()
	}
	return a
}

// wait lets the verifier's store catch up with a change, for at most five
// seconds, and tells whether it did. The change is made whatever happens here, and
// the store follows.
func (s *core) wait(ctx context.Context, revision uint64) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := s.catchUp(ctx, revision)
	if err != nil {
		s.log.WarnContext(ctx, "web: the root-key store is behind", "revision", revision, "error", err)
	}
	return err == nil
}

// confirmTime is how long a page waits for verifiers to say that they have a change.
const confirmTime = 2 * time.Second

// confirm waits until all verifiers that are connected have a change, this server's
// own store included, for confirmTime at most. The change is made whatever happens
// here, and they follow.
func (s *core) confirm(ctx context.Context, revision uint64) ui.Reach {
	begun := time.Now()
	waiting, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	here := make(chan error, 1)
	var took time.Duration
	go func() {
		err := s.catchUp(waiting, revision)
		took = time.Since(begun)
		here <- err
	}()
	c := s.confirmAway(ctx, revision, confirmTime)
	r := ui.Reach{Connected: c.Connected + 1, Applied: c.Applied, Took: c.Slowest, Behind: c.Behind, Away: c.Away}
	if err := <-here; err != nil {
		r.Here = true
		s.log.WarnContext(ctx, "web: the root-key store is behind", "revision", revision, "error", err)
	} else {
		r.Applied++
		r.Took = max(r.Took, took)
	}
	return r
}
