package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/publishers"
	"github.com/rind-dev/rind/issuer/refusal"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// The addresses of trusted publishing. The paths are PyPI's, which clients know, and PEP 807's.
const (
	pathOIDC       = "/_/oidc/"
	pathAudience   = pathOIDC + "audience"
	pathMint       = pathOIDC + "mint-token"
	pathMintGitHub = pathOIDC + "github/mint-token" // older clients
	pathBurn       = pathOIDC + "burn-token"
	pathDiscovery  = "/.well-known/pytp"
)

// maxExchange is how many bytes the body of an exchange may have: an ID token, and the digests of the files.
const maxExchange = 64 << 10

// Codes of errors, which PyPI's clients know, beside those of the exchange.
const (
	codeServer = "server-error"
	codeBusy   = "too-many-requests"
)

// exchangeServer serves jobs of CI systems, which have no session.
type exchangeServer struct {
	*core
	publishers *publishers.Service
	tokens     *tokens.Service
}

func (s *exchangeServer) routes(r router) {
	r.route(reads, pathAudience, deadline.Page, s.audience)
	r.route(posts, pathMint, deadline.Page, s.mint)
	r.route(posts, pathMintGitHub, deadline.Page, s.mint)
	r.route(posts, pathBurn, deadline.Page, s.burn)
	r.route(reads, pathDiscovery, deadline.Page, s.discover)
}

// exchangeError is an answer that is no success. Clients read message and errors, and index errors without a look at its length.
type exchangeError struct {
	Type    string              `json:"type"` // RFC 9457
	Title   string              `json:"title"`
	Status  int                 `json:"status"`
	Detail  string              `json:"detail"`
	Message string              `json:"message"`
	Errors  []exchangeErrorItem `json:"errors"`
}

type exchangeErrorItem struct {
	Code        string `json:"code"`
	Description string `json:"description"`
}

// refuse answers a request that did not succeed.
func (s *exchangeServer) refuse(c echo.Context, status int, code, detail string) error {
	e := exchangeError{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Message: "Token request failed",
		Errors: []exchangeErrorItem{{Code: code, Description: detail}},
	}
	return answerJSON(c, status, "application/problem+json", e)
}

func answerJSON(c echo.Context, status int, kind string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.Blob(status, kind, append(b, '\n'))
}

// audience says which audience ID tokens need.
func (s *exchangeServer) audience(c echo.Context) error {
	return answerJSON(c, http.StatusOK, echo.MIMEApplicationJSON, map[string]string{"audience": s.publishers.Audience()})
}

// discover answers PEP 807's question where tokens for an upload address are minted.
func (s *exchangeServer) discover(c echo.Context) error {
	if p := c.QueryParam("discover"); p != pathLegacy && p != pathLegacy+"/" {
		return s.refuse(c, http.StatusNotFound, "unknown-path", fmt.Sprintf("discover names no path that takes uploads here: that is %s/", pathLegacy))
	}
	return answerJSON(c, http.StatusOK, "application/vnd.pypi.pytp.v1+json", map[string]any{
		"audience-endpoint": s.address(pathAudience), "token-mint-endpoint": s.address(pathMint),
		"features": []string{"multi-use-token"}, "default-features": []string{"multi-use-token"},
	})
}

// readObject reads the body, a JSON object, whatever its Content-Type says.
func readObject(r *http.Request) (map[string]any, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxExchange+1))
	if err != nil {
		return nil, fmt.Errorf("the body did not arrive: %w", err)
	}
	if len(b) > maxExchange {
		return nil, fmt.Errorf("the body has more than %d bytes", maxExchange)
	}
	o, err := idtoken.ParseObject(bytes.TrimSpace(b))
	if err != nil {
		return nil, fmt.Errorf("the body has to be a JSON object: %w", err)
	}
	return o, nil
}

// mint exchanges an ID token for an upload token. Members that are not known are ignored.
func (s *exchangeServer) mint(c echo.Context) error {
	o, err := readObject(c.Request())
	if err != nil {
		return s.refuse(c, http.StatusUnprocessableEntity, idtoken.CodePayload, err.Error())
	}
	text, ok := o["token"].(string)
	if !ok {
		return s.refuse(c, http.StatusUnprocessableEntity, idtoken.CodePayload, `the member "token" has to be the ID token of the job, a text`)
	}
	digests, ok := listOf(o["digests"])
	if !ok {
		return s.refuse(c, http.StatusUnprocessableEntity, idtoken.CodePayload, `the member "digests" has to be a list of SHA-256 digests in hex, at least one; leave it out for a token that is for any file`)
	}
	origin := s.originOf(c)
	a, err := s.publishers.Exchange(c.Request().Context(), publishers.Request{IDToken: text, Digests: digests, From: origin.IP, Actor: actorOf(origin)})
	if err != nil {
		return s.refuseExchange(c, err)
	}
	s.wait(c.Request().Context(), a.Revision)
	names := make([]string, len(a.Token.Projects))
	for i, p := range a.Token.Projects {
		names[i] = p.Name
	}
	return answerJSON(c, http.StatusOK, echo.MIMEApplicationJSON, map[string]any{
		"success": true, "token": a.Text, "expires": a.Token.Expires.Unix(), "projects": names, "versions": a.Token.Limits.Versions,
	})
}

// listOf reads a list of texts, which may be missing. An empty one is an error: a job whose files were not found gets no token for any file.
func listOf(v any) (out []string, ok bool) {
	if v == nil {
		return nil, true
	}
	list, _ := v.([]any)
	for _, e := range list {
		s, is := e.(string)
		if !is {
			return nil, false
		}
		out = append(out, s)
	}
	return out, len(out) > 0
}

// refuseExchange answers an exchange that failed.
func (s *exchangeServer) refuseExchange(c echo.Context, err error) error {
	var bad *idtoken.Refusal
	var no *publishers.Refused
	var busy *publishers.TooBusyError
	var ps problem.Problems
	switch {
	case errors.As(err, &bad):
		return s.refuse(c, http.StatusUnprocessableEntity, bad.Code, bad.Detail)
	case errors.As(err, &no):
		return s.refuse(c, http.StatusUnprocessableEntity, no.Code, no.Detail)
	case errors.As(err, &busy):
		return s.refuseFor(c, http.StatusTooManyRequests, codeBusy, busy.RetryAfter, busy.Error())
	case errors.As(err, &ps):
		return s.refuse(c, http.StatusUnprocessableEntity, idtoken.CodePayload, s.pages.Problem("en", ui.Problem{Code: ps[0].Code, Args: ps[0].Args}))
	case errors.Is(err, idtoken.ErrUnavailable):
		return s.refuseFor(c, http.StatusServiceUnavailable, codeServer, time.Minute, "the keys of the CI system's issuer could not be fetched, so its ID token can't be checked: try again in a minute")
	}
	return s.failed(c, err)
}

func (s *exchangeServer) refuseFor(c echo.Context, status int, code string, wait time.Duration, detail string) error {
	c.Response().Header().Set("Retry-After", strconv.Itoa(wholeSeconds(wait)))
	return s.refuse(c, status, code, detail)
}

// failed answers where the server is to blame, or stopped all changes.
func (s *exchangeServer) failed(c echo.Context, err error) error {
	r := refusal.Of(err)
	if r.Status < 500 {
		r.Status = http.StatusInternalServerError
	}
	detail := "the server failed; its log says why, under the request " + idOf(c)
	if len(r.Problems) > 0 {
		detail = s.pages.Problem("en", ui.Problem{Code: r.Problems[0].Code, Args: r.Problems[0].Args})
	} else {
		s.log.Log(c.Request().Context(), severity(c.Request().Context(), err), "web: an exchange failed", "request_id", idOf(c), "error", err)
	}
	return s.refuseFor(c, r.Status, codeServer, max(r.Wait, time.Second), detail)
}

// burn ends the token that a job was given, before its time is over. A token that is over already stays so.
func (s *exchangeServer) burn(c echo.Context) error {
	o, err := readObject(c.Request())
	if err != nil {
		return s.refuse(c, http.StatusUnprocessableEntity, idtoken.CodePayload, err.Error())
	}
	text, _ := o["token"].(string)
	burned, err := s.tokens.Burn(c.Request().Context(), text, actorOf(s.originOf(c)))
	if errors.Is(err, tokens.ErrNotGenuine) {
		return s.refuse(c, http.StatusUnprocessableEntity, idtoken.CodeToken, `the member "token" is no upload token of this server`)
	}
	if err != nil {
		return s.failed(c, err)
	}
	s.confirm(c.Request().Context(), burned.Revision)
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.NoContent(http.StatusNoContent)
}
