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

// core has what all pages share: sessions, rendering, errors, and the wait for verifiers to confirm a
// change.
type core struct {
	pages       *ui.Renderer
	sessions    *authn.SessionManager
	users       *authn.Accounts
	devices     *authn.Devices
	keys        *authn.SecurityKeys
	settings    *authn.Settings // of the instance
	echo        *echo.Echo
	public      *url.URL
	outbox      string // Config.Outbox
	indexes     []Index
	unclaimed   http.Handler // the index at "/" behind this server, for addresses that are not rind's; nil: there is none
	clients     clientip.Finder
	crossOrigin *http.CrossOriginProtection

	hstsSubdomains bool
	proxySeen      sync.Once // the warning about an untrusted proxy was logged
	proxyUnclear   sync.Once // the warning about a trusted proxy without a usable address was logged

	catchUp         func(context.Context, uint64) error
	confirmByOthers func(ctx context.Context, revision uint64, wait time.Duration) followers.Confirmation // asks the connected verifiers
	invitations     func(context.Context, ledger.Principal) ([]projects.Invitation, error)                // pending ones of a user

	now func() time.Time
	log *slog.Logger
}

func newCore(cfg Config, e *echo.Echo) (*core, error) {
	s := &core{
		pages: cfg.Pages, users: cfg.Auth.Accounts, devices: cfg.Auth.Devices, keys: cfg.Auth.SecurityKeys, settings: cfg.Auth.Settings,
		echo: e, public: cfg.PublicURL, outbox: cfg.Outbox, indexes: cfg.Indexes,
		clients: clientip.Trusting(cfg.TrustedProxies), crossOrigin: http.NewCrossOriginProtection(), hstsSubdomains: cfg.HSTSSubdomains,
		catchUp: cfg.CatchUp, confirmByOthers: cfg.Issuer.Followers.Confirm, invitations: cfg.Issuer.Projects.InvitationsFor,
		now: cfg.Clock, log: cfg.Logger,
	}
	// A proxy may replace the Host header; browsers still send this origin.
	if err := s.crossOrigin.AddTrustedOrigin(cfg.PublicURL.Scheme + "://" + cfg.PublicURL.Host); err != nil {
		return nil, fmt.Errorf("web: the public address: %w", err)
	}
	s.sessions = authn.NewSessionManager(cfg.Auth, s.sessionFailed)
	s.sessions.Locate(s.visitorOf)
	return s, nil
}

// address makes a path an absolute address on this server.
func (s *core) address(path string) string { return s.public.String() + path }

// visitorOf returns where a request comes from, and from which device.
func (s *core) visitorOf(r *http.Request) authn.Origin {
	o := authn.Origin{IP: s.clients.Of(r), UserAgent: r.UserAgent()}
	if c, err := r.Cookie(authn.DeviceCookie); err == nil {
		o.Device = authn.Secret(c.Value)
	}
	return o
}

// originOf returns where a request comes from.
func (s *core) originOf(c echo.Context) authn.Origin {
	return authn.Origin{IP: s.clients.Of(c.Request()), UserAgent: c.Request().UserAgent(), RequestID: idOf(c)}
}

// actorOf returns where a request without a session comes from, as the audit trail records it.
func actorOf(o authn.Origin) audit.Actor {
	a := audit.Actor{UserAgent: o.UserAgent, RequestID: o.RequestID}
	if o.IP.IsValid() {
		a.IP = o.IP.String()
	}
	return a
}

// wait waits up to five seconds for this server's own verifier to apply a change, and reports whether it
// did. The change is committed in any case.
func (s *core) wait(ctx context.Context, revision uint64) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := s.catchUp(ctx, revision)
	if err != nil {
		s.log.WarnContext(ctx, "web: the root-key store is behind", "revision", revision, "error", err)
	}
	return err == nil
}

// confirmTime is how long a page waits for verifiers to confirm a change.
const confirmTime = 2 * time.Second

// confirm waits up to confirmTime for all connected verifiers, including this server's own, to apply a
// change. The change is committed in any case.
func (s *core) confirm(ctx context.Context, revision uint64) ui.Propagation {
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
	c := s.confirmByOthers(ctx, revision, confirmTime)
	r := ui.Propagation{Connected: c.Connected + 1, Applied: c.Applied, Took: c.Slowest, Behind: c.Behind, Away: c.Away}
	if err := <-here; err != nil {
		r.Here = true
		s.log.WarnContext(ctx, "web: the root-key store is behind", "revision", revision, "error", err)
	} else {
		r.Applied++
		r.Took = max(r.Took, took)
	}
	return r
}
