package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
)

// withSession loads the session of a request, and stores it before the first byte of the answer. If
// either fails, the answer is an error page and the handler's own answer is discarded: it may describe
// a change that was not stored, or contain a secret.
func (s *core) withSession(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		outer, w := c.Response(), &oneAnswer{ResponseWriter: c.Response()}
		defer c.SetResponse(outer)
		s.sessions.Middleware(http.HandlerFunc(func(inner http.ResponseWriter, r *http.Request) {
			c.SetRequest(r)
			c.SetResponse(echo.NewResponse(inner, s.echo))
			err = next(c)
		})).ServeHTTP(w, c.Request())
		return err
	}
}

// sessionFailed answers a request whose session could not be loaded or stored.
func (s *core) sessionFailed(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Del("Location")
	s.answer(&visit{Context: s.echo.NewContext(r, w), core: s}, err)
	if o, ok := w.(*oneAnswer); ok {
		o.over = true
	}
}

// oneAnswer discards what is written after over is set.
type oneAnswer struct {
	http.ResponseWriter
	over bool
}

func (o *oneAnswer) WriteHeader(status int) {
	if !o.over {
		o.ResponseWriter.WriteHeader(status)
	}
}

func (o *oneAnswer) Write(b []byte) (int, error) {
	if o.over {
		return len(b), nil
	}
	return o.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (o *oneAnswer) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// keepSession stores a session that has taken a step, and updates the visit.
func (s *core) keepSession(v *visit, session authn.Session) (err error) {
	ctx := v.Request().Context()
	if err := s.sessions.Start(ctx, session); err != nil {
		return err
	}
	v.session = session
	v.user, err = s.users.User(ctx, session.UserID)
	return err
}
