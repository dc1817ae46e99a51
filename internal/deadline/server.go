package deadline

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"slices"
)

// Server makes a server for h. Requests are of the class Page until h says otherwise.
// Messages of net/http go to log at its lowest level, because strangers control how
// many there are. The caller may set fields of the server, but no durations; if it sets
// ConnContext, it calls Smooth there.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           Page.Handler(h),
		ReadHeaderTimeout: Header,
		IdleTimeout:       Idle,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			Smooth(conn)
			return ctx
		},
	}
}

// Smooth makes writes to a connection proceed as the other side takes them: without
// it, the system accepts megabytes at once, then nothing until a third of them has left,
// and a slow line looks like a dead one. It does nothing if the system can't do that.
func Smooth(conn net.Conn) {
	for {
		inner, ok := conn.(interface{ NetConn() net.Conn }) // like *tls.Conn
		if !ok {
			break
		}
		conn = inner.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		smooth(tcp)
	}
}

// Route is a route of a Mux.
type Route struct {
	Pattern string
	Class   Class
}

// Mux is an http.ServeMux whose routes have classes.
type Mux struct {
	mux    *http.ServeMux
	routes []Route
}

// NewMux makes a Mux without routes.
func NewMux() *Mux { return &Mux{mux: http.NewServeMux()} }

// Handle registers a handler as http.ServeMux does, for requests of class c. It panics
// if c is not a class.
func (m *Mux) Handle(pattern string, c Class, h http.Handler) {
	if !c.Declared() {
		panic("deadline: " + pattern + " has no class")
	}
	m.routes = append(m.routes, Route{pattern, c})
	m.mux.Handle(pattern, c.Handler(h))
}

// HandleFunc is Handle for a function.
func (m *Mux) HandleFunc(pattern string, c Class, h http.HandlerFunc) { m.Handle(pattern, c, h) }

// ServeHTTP implements http.Handler.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Routes lists what was registered.
func (m *Mux) Routes() []Route { return slices.Clone(m.routes) }
