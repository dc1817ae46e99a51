// Package web serves rind to browsers and to programs: it turns requests into calls of authn and issuer,
// and their answers into pages. Only this package knows Echo.
//
// Begin with routes.go: it lists every address, who may go there, and which page follows a form. The
// handlers are in files named for their area: entry, account, token, project and admin. What all pages
// share is in core.go, what a handler gets in visit.go. A handler returns an error if something is
// wrong; errors.go turns errors into statuses and pages.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/clientip"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/leaks"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/ui"
)

// Config is what a Server needs. Fields are required unless they say otherwise.
type Config struct {
	Auth   *authn.Service
	Issuer *issuer.Service
	Pages  *ui.Renderer

	// CatchUp waits until the gateway's root-key store has applied a revision, so that a new
	// token works, and a revoked one does not, when its page is shown.
	CatchUp func(ctx context.Context, revision uint64) error

	// CanVerify returns an error if the gateway can't check uploads now; nil: it always can.
	// /healthz asks it.
	CanVerify func(ctx context.Context) error

	// Gateway takes uploads at /legacy/. Index serves /simple/ and /packages/. Both answer errors
	// themselves. If both are nil, Behind does.
	Gateway, Index http.Handler

	// Indexes are the package indexes, at least one. Pages name the first one first. Behind serves those that
	// Gateway and Index don't serve, each at its path; it may be nil where there is only their own, at "/".
	Indexes []Index
	Behind  http.Handler

	// Files is what owners may do with the files of the index; nil: another program keeps it, and pages don't offer anything.
	Files *files.Service

	// Feed answers verifiers below feedhttp.Prefix, errors included; nil: there are none.
	Feed http.Handler

	// Leaks are the keys of a secret scanner that may report leaked tokens; nil: no reports.
	Leaks *leaks.Keys

	PublicURL      *url.URL       // scheme, host and port that people use
	MaxTokenLife   time.Duration  // 0: no limit
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; may be empty
	Clock          func() time.Time
	Logger         *slog.Logger

	// HSTSSubdomains extends Strict-Transport-Security to all subdomains of PublicURL's host:
	// browsers then refuse those without HTTPS, for a year.
	HSTSSubdomains bool

	// Outbox is the folder with the emails, if they are files and only this machine can reach the
	// server; "" otherwise. Pages then say where the emails are.
	Outbox string
}

// Server serves everything: its areas are in areas.go, its routes in routes.go.
type Server struct {
	*core
	router
	plainCookies bool         // see loopback_cookies.go
	feed         http.Handler // nil where there are no verifiers

	entry      *entryServer
	account    *accountServer
	tokens     *tokenServer
	projects   *projectServer
	admin      *adminServer
	activity   *activityServer
	api        *apiServer
	exchange   *exchangeServer
	publishing *publisherServer
}

// New makes a Server.
func New(cfg Config) (*Server, error) {
	if cfg.Auth == nil || cfg.Issuer == nil || cfg.Pages == nil || cfg.CatchUp == nil ||
		(cfg.Gateway == nil || cfg.Index == nil) && cfg.Behind == nil || len(cfg.Indexes) == 0 || cfg.PublicURL == nil || cfg.Clock == nil || cfg.Logger == nil {
		return nil, errors.New("web: the Config is not complete")
	}
	e := echo.New()
	c, err := newCore(cfg, e)
	if err != nil {
		return nil, err
	}
	from := cfg.Issuer
	s := &Server{
		core: c, router: newRouter(e), plainCookies: plainLoopback(cfg.PublicURL), feed: cfg.Feed,
		entry:      &entryServer{core: c, auth: entryParts(cfg.Auth)},
		account:    &accountServer{core: c, auth: accountParts(cfg.Auth)},
		tokens:     &tokenServer{core: c, tokens: from.Tokens, projects: from.Projects, maxTokenLife: cfg.MaxTokenLife},
		projects:   &projectServer{core: c, projects: from.Projects, tokens: from.Tokens, publishers: from.Publishers, files: cfg.Files, canRegister: cfg.Auth.Accounts.CanRegister},
		admin:      &adminServer{core: c, auth: adminParts(cfg.Auth), projects: from.Projects, tokens: from.Tokens, followers: from.Followers, keepsFiles: cfg.Files != nil},
		activity:   &activityServer{core: c, auth: activityParts(cfg.Auth), projects: from.Projects},
		api:        &apiServer{core: c, tokens: from.Tokens, followers: from.Followers, leaks: cfg.Leaks, canVerify: cfg.CanVerify},
		publishing: &publisherServer{core: c, publishers: from.Publishers, projects: from.Projects},
		exchange:   &exchangeServer{core: c, publishers: from.Publishers, tokens: from.Tokens},
	}
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = func(r *http.Request) string { return addressText(c.clients.Of(r)) }
	e.HTTPErrorHandler = c.answerError
	s.routes(cfg.Gateway, cfg.Index, cfg.Behind)
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.plainCookies && onPlainLoopback(r) {
		w, r = &plainCookies{ResponseWriter: w}, withCookiePrefix(r)
	}
	deadline.Page.Serve(w, r, s.echo.ServeHTTP)
}

// EndStreams ends the feed's streams, which never end by themselves. Give it to
// http.Server.RegisterOnShutdown.
func (s *Server) EndStreams() {
	if f, ok := s.feed.(interface{ EndStreams() }); ok {
		f.EndStreams()
	}
}

// ClientIP finds the address of the client, as far as it can be trusted. The zero Addr means unknown.
func ClientIP(trusted []netip.Prefix) func(*http.Request) netip.Addr {
	return clientip.Trusting(trusted).Of
}

// Routes lists the method and pattern of every route, for tests.
func (s *Server) Routes() []string {
	var out []string
	for _, r := range s.echo.Routes() {
		out = append(out, r.Method+" "+r.Path)
	}
	return out
}

// Confirm waits until verifiers have a change, and says which of them do.
func (s *Server) Confirm(ctx context.Context, revision uint64) ui.Propagation {
	return s.confirm(ctx, revision).Short()
}
