package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
)

// withSession loads the session of a request, and stores it before the first byte of the answer. If
// either fails, the answer is an error page, and the handler's own answer is discarded.
func (s *core) withSession(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		outer := c.Response()
		defer func() {
			if !outer.Committed {
				outer.Status = c.Response().Status // for the log: of a connection that was taken over
			}
			c.SetResponse(outer)
		}()
		s.sessions.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.SetRequest(r)
			c.SetResponse(echo.NewResponse(w, s.echo))
			err = next(c)
		})).ServeHTTP(outer, c.Request())
		return err
	}
}

// sessionFailed answers a request whose session could not be loaded or stored.
func (s *core) sessionFailed(w http.ResponseWriter, r *http.Request, err error) {
	s.answer(&visit{Context: s.echo.NewContext(r, w), core: s}, err)
}

// keepSession stores a session that has completed a step, and updates the visit.
func (s *core) keepSession(v *visit, session authn.Session) (err error) {
	ctx := v.Request().Context()
	if err := s.sessions.Start(ctx, session); err != nil {
		return err
	}
	v.session = session
	v.user, err = s.users.User(ctx, session.UserID)
	return err
}
