package web

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// withSession loads the session that a request comes with, and keeps it before the
// first byte of the answer. Where either fails, the answer is the page of that
// error, and what the handler says is dropped: it may tell of something that is
// not kept, or hold a secret of somebody who has no session.
func (s *Server) withSession(next echo.HandlerFunc) echo.HandlerFunc {
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
func (s *Server) sessionFailed(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Del("Location")
	s.answer(&visit{Context: s.echo.NewContext(r, w), server: s}, err)
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
