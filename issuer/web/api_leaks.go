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

// pathLeaks is where secret scanners report leaked tokens. PyPI uses the same path.
const pathLeaks = "/_/secrets/disclose-token"

// The headers of a report, from GitHub's secret scanning partner program.
const (
	headerLeakKey       = "GITHUB-PUBLIC-KEY-IDENTIFIER"
	headerLeakSignature = "GITHUB-PUBLIC-KEY-SIGNATURE"
)

// How many reports are read at the same time, in total and from one network, so that slow clients can't
// keep scanners out.
const (
	maxReports           = 16
	maxReportsPerNetwork = 2
)

// reportSlots counts the reports that are being read.
type reportSlots struct {
	mu    sync.Mutex
	taken int
	from  map[netip.Prefix]int
}

// enter takes a slot for a client unless its network has too many. A network is an IPv4 address or
// an IPv6 /56.
func (p *reportSlots) enter(ip netip.Addr) (leave func(), ok bool) {
	ip, bits := ip.Unmap().WithZone(""), 56
	if !ip.Is6() {
		bits = ip.BitLen()
	}
	network, _ := ip.Prefix(bits) // fails for an unknown address; all unknown addresses count as one network
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= maxReports || p.from[network] >= maxReportsPerNetwork {
		return nil, false
	}
	if p.from == nil {
		p.from = make(map[netip.Prefix]int)
	}
	p.taken++
	p.from[network]++
	return func() { p.leave(network) }, true
}

func (p *reportSlots) leave(network netip.Prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	p.from[network]--
	if p.from[network] == 0 {
		delete(p.from, network)
	}
}

// receiveLeakReport revokes the tokens that a scanner reports, if their signatures are right. It answers
// 204 however many there were, because a report may contain anything that looks like a token; 404 if this
// server accepts no reports or the report has no signature; 400 if the signature is wrong or the body is
// not a list; and 503 if the scanner should try again.
func (s *apiServer) receiveLeakReport(c echo.Context) error {
	ctx, r := c.Request().Context(), c.Request()
	c.Response().Header().Set("Cache-Control", "no-store")
	key, signature := r.Header.Get(headerLeakKey), r.Header.Get(headerLeakSignature)
	if s.leaks == nil || key == "" || signature == "" {
		return c.NoContent(http.StatusNotFound)
	}
	if r.ContentLength > leaks.MaxBody {
		return c.NoContent(http.StatusRequestEntityTooLarge)
	}
	// Anybody can send a megabyte, so the cheap checks come before the body is read.
	err := leaks.Precheck(key, signature)
	if err == nil {
		err = s.leaks.Key(ctx, key)
	}
	if err != nil {
		return s.refuseLeakReport(c, err)
	}
	leave, ok := s.reportSlots.enter(s.clients.Of(r))
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
		return s.refuseLeakReport(c, err)
	}
	reports, err := leaks.Parse(body)
	if err != nil {
		return s.refuseLeakReport(c, err)
	}
	if err := s.revokeLeaked(ctx, reports, actorOf(s.originOf(c))); err != nil {
		return s.refuseLeakReport(c, err)
	}
	return c.NoContent(http.StatusNoContent)
}

// refuseLeakReport answers a report that was not processed, or not completely.
func (s *apiServer) refuseLeakReport(c echo.Context, err error) error {
	ctx := c.Request().Context()
	if errors.Is(err, leaks.ErrSignature) || errors.Is(err, leaks.ErrKey) || errors.Is(err, leaks.ErrMalformed) {
		s.log.WarnContext(ctx, "web: a report of leaked tokens was refused", "request_id", idOf(c), "error", err)
		return c.NoContent(http.StatusBadRequest)
	}
	s.log.Log(ctx, severity(ctx, err), "web: a report of leaked tokens failed", "request_id", idOf(c), "error", err)
	c.Response().Header().Set("Retry-After", "60")
	return c.NoContent(http.StatusServiceUnavailable)
}

// revokeLeaked revokes the genuine tokens in a report. If it fails half-way the report can be sent again,
// because tokens that are already revoked stay revoked.
func (s *apiServer) revokeLeaked(ctx context.Context, reports []leaks.Report, by audit.Actor) error {
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
