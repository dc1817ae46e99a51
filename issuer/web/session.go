package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
)

// withSession loads the session that a request comes with, and keeps it before the
// first byte of the answer. Where either fails, the answer is the page of that
// error, and what the handler says is dropped: it may tell of something that is
// not kept, or hold a secret of somebody who has no session.
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

// sessionFailed answers a request whose session could not be read or kept.
func (s *core) sessionFailed(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Del("Location")
	s.answer(&visit{Context: s.echo.NewContext(r, w), core: s}, err)
	if o, ok := w.(*oneAnswer); ok {
		o.over = true
	}
}

// oneAnswer drops what is written once it is over.
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

// keep keeps a session that came a step further, and the visit with it.
func (s *core) keep(v *visit, session authn.Session) (err error) {
	ctx := v.Request().Context()
	if err := s.sessions.Start(ctx, session); err != nil {
		return err
	}
	v.session = session
	v.user, err = s.visitors.Accounts.User(ctx, session.UserID)
	return err
}
