package web

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier/httpauth"
)

// pathToken stands for the token that the request uses as its credential. Whoever holds a token may revoke
// it.
const pathToken = "/api/token"

// revokeOwnToken revokes the token in the Authorization header and answers 204, even if the token was
// already revoked. It refuses a credential that this server did not issue in the same way as an upload.
func (s *apiServer) revokeOwnToken(c echo.Context) error {
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
		return refuse(c, notRevoked(err))
	}
	s.confirm(ctx, burned.Revision)
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.NoContent(http.StatusNoContent)
}

// notRevoked says what became of a token that its holder wanted to revoke.
func notRevoked(err error) httpauth.Answer {
	a := httpauth.Explain(err)
	switch {
	case errors.Is(err, kv.ErrUnknown):
		a.Sentence = "It is not known whether the token was revoked: it may have worked. Try again; revoking it twice does no harm."
	case errors.Is(err, kv.ErrUnavailable):
		a.Sentence = "The token was not revoked, because the server can't reach its database right now. Try again later."
	}
	return a
}

// maxRefused is how many bytes of a body are read and discarded before a request is refused.
const maxRefused = 64 << 10

// refuse answers with a text that upload clients show. It may take over the connection, so it records the
// status for the log.
func refuse(c echo.Context, a httpauth.Answer) error {
	httpauth.Refuser{MaxDrain: maxRefused, DrainTime: deadline.Body}.Answer(c.Response(), c.Request(), a)
	c.Response().Status = a.Status
	return nil
}
