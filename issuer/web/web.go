// Package web is rind in a browser and on the wire: it turns requests into calls
// of authn and issuer, and their answers into pages. It alone knows Echo.
//
// A handler gets a visit, which says who asks as the session has it, and returns
// an error where something is wrong; one place turns errors into statuses and
// pages. What needs whom is said once, where the routes are.
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
	"github.com/rind-dev/rind/ui"
)

// Config is what a Server serves. All fields are required but those that say
// otherwise.
type Config struct {
	Auth   *authn.Service
	Issuer *issuer.Service
	Pages  *ui.Renderer

	// CatchUp waits until the store that the gateway verifies with has applied a
	// revision, so that a token works, and a revoked one does not, when its
	// page is shown.
	CatchUp func(ctx context.Context, revision uint64) error

	// CanVerify is an error where the store that the gateway verifies with can decide
	// nothing now; nil: it always can. /healthz asks it.
	CanVerify func(ctx context.Context) error

	// Gateway takes uploads at /legacy/, Index serves /simple/ and /packages/.
	// They answer for themselves, errors included.
	Gateway, Index http.Handler

	// Feed answers verifiers, below feedhttp.Prefix and for itself too; nil: there
	// are none.
	Feed http.Handler

	// Leaks are the keys of a secret scanner that may report leaked tokens; nil: none
	// may.
	Leaks *leaks.Keys

	PublicURL      *url.URL       // scheme, host and port that people use
	MaxTokenLife   time.Duration  // 0: no limit; the pages offer what the issuer allows
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; may be empty
	Clock          func() time.Time
	Logger         *slog.Logger

	// HSTSSubdomains extends Strict-Transport-Security, which is sent where PublicURL is
	// https, to all hosts below that of PublicURL: browsers then refuse each that has no
	// HTTPS, for a year.
	HSTSSubdomains bool

	// Outbox is the folder of mails, where they are files and everybody who sees a page is
	// at this machine, at whose terminal their links stand. "" where that is not so.
	Outbox string
}

// Server is the handler of everything that rind serves. Its areas are in areas.go, its routes in routes.go.
type Server struct {
	*core
	router
	plainCookies bool         // see loopback_cookies.go
	feed         http.Handler // nil where there are no verifiers

	entry    *entryServer
	account  *accountServer
	tokens   *tokenServer
	projects *projectServer
	admin    *adminServer
	activity *activityServer
	api      *apiServer
}

// New makes a Server.
func New(cfg Config) (*Server, error) {
	if cfg.Auth == nil || cfg.Issuer == nil || cfg.Pages == nil || cfg.CatchUp == nil ||
		cfg.Gateway == nil || cfg.Index == nil || cfg.PublicURL == nil || cfg.Clock == nil || cfg.Logger == nil {
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
		entry:    &entryServer{core: c, auth: cfg.Auth},
		account:  &accountServer{core: c, auth: cfg.Auth},
		tokens:   &tokenServer{core: c, tokens: from.Tokens, projects: from.Projects, maxTokenLife: cfg.MaxTokenLife},
		projects: &projectServer{core: c, projects: from.Projects, tokens: from.Tokens, canRegister: cfg.Auth.Accounts.CanRegister},
		admin:    &adminServer{core: c, auth: cfg.Auth, projects: from.Projects, tokens: from.Tokens, followers: from.Followers},
		activity: &activityServer{core: c, auth: cfg.Auth, projects: from.Projects},
		api:      &apiServer{core: c, tokens: from.Tokens, followers: from.Followers, leaks: cfg.Leaks, canVerify: cfg.CanVerify},
	}
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = func(r *http.Request) string { return addressText(c.clients.Of(r)) }
	e.HTTPErrorHandler = c.answerError
	s.routes(cfg.Gateway, cfg.Index)
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.plainCookies && onPlainLoopback(r) {
		w, r = &plainCookies{ResponseWriter: w}, withFullNames(r)
	}
	deadline.Page.Serve(w, r, s.echo.ServeHTTP)
}

// EndStreams ends the answers of Feed that never end by themselves: give it to
// http.Server.RegisterOnShutdown.
func (s *Server) EndStreams() {
	if f, ok := s.feed.(interface{ EndStreams() }); ok {
		f.EndStreams()
	}
}

// ClientIP is the address of who made a request, as far as it can be believed.
// The zero Addr means unknown.
func ClientIP(trusted []netip.Prefix) func(*http.Request) netip.Addr {
	return clientip.Trusting(trusted).Of
}

// Routes lists method and pattern of everything that is served, for tests that
// want to miss none.
func (s *Server) Routes() []string {
	var out []string
	for _, r := range s.echo.Routes() {
		out = append(out, r.Method+" "+r.Path)
	}
	return out
}

// Confirm is what pages say after a change: which verifiers have it.
func (s *Server) Confirm(ctx context.Context, revision uint64) ui.Reach {
	return s.confirm(ctx, revision).Short()
}
