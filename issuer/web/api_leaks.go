package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/leaks"
	"github.com/rind-dev/rind/issuer/tokens"
)

// pathLeaks takes the reports of secret scanners, where PyPI takes them.
const pathLeaks = "/_/secrets/disclose-token"

// The headers of a report.
const (
	headerLeakKey       = "GITHUB-PUBLIC-KEY-IDENTIFIER"
	headerLeakSignature = "GITHUB-PUBLIC-KEY-SIGNATURE"
)

// How many reports are taken at once, of all and of one network: whoever holds bodies back keeps no scanner out.
const (
	maxLeakBodies     = 16
	maxLeakBodiesFrom = 2
)

// leakPlaces are the places in which reports are read.
type leakPlaces struct {
	mu    sync.Mutex
	taken int
	from  map[netip.Prefix]int
}

// enter takes a place for a client, if there is one for its network: an IPv4 address, or an IPv6 /56.
func (p *leakPlaces) enter(ip netip.Addr) (leave func(), ok bool) {
	ip, bits := ip.Unmap().WithZone(""), 56
	if !ip.Is6() {
		bits = ip.BitLen()
	}
	network, _ := ip.Prefix(bits) // fails for no address, which is one network, too
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= maxLeakBodies || p.from[network] >= maxLeakBodiesFrom {
		return nil, false
	}
	if p.from == nil {
		p.from = make(map[netip.Prefix]int)
	}
	p.taken++
	p.from[network]++
	return func() { p.leave(network) }, true
}

func (p *leakPlaces) leave(network netip.Prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	p.from[network]--
	if p.from[network] == 0 {
		delete(p.from, network)
	}
}

// takeLeaks revokes the tokens that a scanner reports, each if its chain of
// signatures holds, and answers 204 however many those are: what is in a report is
// the scanner's guess. 404 says that this server takes no reports, or that there is
// no signature; 400 that it is wrong, or the body no list; 503 asks to come again.
func (s *apiServer) takeLeaks(c echo.Context) error {
	ctx, r := c.Request().Context(), c.Request()
	c.Response().Header().Set("Cache-Control", "no-store")
	key, signature := r.Header.Get(headerLeakKey), r.Header.Get(headerLeakSignature)
	if s.leaks == nil || key == "" || signature == "" {
		return c.NoContent(http.StatusNotFound)
	}
	if r.ContentLength > leaks.MaxBody {
		return c.NoContent(http.StatusRequestEntityTooLarge)
	}
	// Anybody can send a megabyte; what costs nothing is looked at before it is taken, and few are taken at once.
	err := leaks.Precheck(key, signature)
	if err == nil {
		err = s.leaks.Key(ctx, key)
	}
	if err != nil {
		return s.refuseLeaks(c, err)
	}
	leave, ok := s.leakBodies.enter(s.clients.Of(r))
	if !ok {
		c.Response().Header().Set("Retry-After", "5")
		return c.NoContent(http.StatusServiceUnavailable)
	}
	defer leave()
	body, err := io.ReadAll(io.LimitReader(r.Body, leaks.MaxBody+1))
	if err != nil {
		return c.NoContent(http.StatusBadRequest)
	}
	if len(body) > leaks.MaxBody {
		return c.NoContent(http.StatusRequestEntityTooLarge)
	}
	if err := s.leaks.Check(ctx, key, signature, body); err != nil {
		return s.refuseLeaks(c, err)
	}
	reports, err := leaks.Parse(body)
	if err != nil {
		return s.refuseLeaks(c, err)
	}
	if err := s.burnLeaked(ctx, reports, actorOf(s.originOf(c))); err != nil {
		return s.refuseLeaks(c, err)
	}
	return c.NoContent(http.StatusNoContent)
}

// refuseLeaks answers a report of which nothing, or not all, was done.
func (s *apiServer) refuseLeaks(c echo.Context, err error) error {
	ctx := c.Request().Context()
	if errors.Is(err, leaks.ErrSignature) || errors.Is(err, leaks.ErrKey) || errors.Is(err, leaks.ErrMalformed) {
		s.log.WarnContext(ctx, "web: a report of leaked tokens was refused", "request_id", idOf(c), "error", err)
		return c.NoContent(http.StatusBadRequest)
	}
	s.log.Log(ctx, severity(ctx, err), "web: a report of leaked tokens failed", "request_id", idOf(c), "error", err)
	c.Response().Header().Set("Retry-After", "60")
	return c.NoContent(http.StatusServiceUnavailable)
}

// burnLeaked revokes what is genuine in a report. Where it fails, what it did stays,
// and costs nothing when the report comes again.
func (s *apiServer) burnLeaked(ctx context.Context, reports []leaks.Report, by audit.Actor) error {
	var revision uint64
	ended := 0
	for _, r := range reports {
		burned, err := s.tokens.Leaked(ctx, r.Token, by, tokens.Found{URL: r.URL, Source: r.Source})
		if errors.Is(err, tokens.ErrNotGenuine) {
			continue
		}
		if err != nil {
			return err
		}
		revision = max(revision, burned.Revision)
		if burned.Done {
			ended++
		}
	}
	if revision > 0 {
		s.confirm(ctx, revision)
	}
	s.log.InfoContext(ctx, "leaked tokens were reported", "reports", len(reports), "revoked", ended)
	return nil
}
