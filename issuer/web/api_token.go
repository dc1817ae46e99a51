package web

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier/httpauth"
)

// pathToken is the token that a request carries: who has one may end it.
const pathToken = "/api/token"

// burnToken revokes the token that is the request's credential, and answers 204,
// also where it is revoked already. What is no token of this server is refused as an
// upload with it would be.
func (s *apiServer) burnToken(c echo.Context) error {
	ctx := c.Request().Context()
	text, err := httpauth.Token(c.Request())
	if err != nil {
		return refuse(c, httpauth.Explain(err))
	}
	burned, err := s.tokens.Burn(ctx, text, actorOf(s.originOf(c)))
	if errors.Is(err, tokens.ErrNotGenuine) {
		return refuse(c, httpauth.Answer{Status: http.StatusForbidden, Sentence: "Invalid API Token: this server issued no such token"})
	}
	if err != nil {
		s.log.Log(ctx, severity(ctx, err), "web: a token was not revoked", "request_id", idOf(c), "error", err)
		return refuse(c, httpauth.Explain(err))
	}
	s.confirm(ctx, burned.Revision)
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.NoContent(http.StatusNoContent)
}

// maxRefused is how many bytes of a body are read, and dropped, before a request is
// refused that needs none.
const maxRefused = 64 << 10

// refuse answers in words that upload clients show. The connection may be taken
// over for it, so the status is noted for the log.
func refuse(c echo.Context, a httpauth.Answer) error {
	httpauth.Refuser{MaxDrain: maxRefused, DrainTime: deadline.Body}.Answer(c.Response(), c.Request(), a)
	c.Response().Status = a.Status
	return nil
}
