// Package deadline is the one place that decides how long a request may take to arrive
// and to be answered. Nothing else sets a deadline on a connection of a server, makes
// an http.Server, or registers a route: a Mux takes no route without a Class.
//
//	mux := deadline.NewMux()
//	mux.Handle("GET /status", deadline.Page, status)
//	mux.Handle("GET /export", deadline.Download, export)
//	server := deadline.Server(mux, log)
//
// Long requests are declared as such and bounded by progress: each piece of an answer,
// and each read of a body, may take Stall, and all of them together must keep to MinRate.
// A handler sets no deadlines.
//
// # What net/http leaves to others
//
// After the end of a request's body, net/http reads on to notice a client that goes
// away. If a read deadline that was set for the body passes then, it ends that read and
// with it the context of the connection: the context of this request and of every later
// one on the connection. A handler that sees its context ended gives up, and net/http
// answers with an empty 200. So a read deadline is set only while a body is still to come.
// A request whose context has ended without an answer gets 503, and its connection carries
// no other request; nor does a connection on which a stream ended.
//
// Over HTTP/2 the deadlines apply to the request's stream, and the connection goes on for
// other requests.
package deadline

import (
	"net/http"
	"time"
)

// How long things take at most.
const (
	Header = 10 * time.Second // for the header of a request to arrive, and for a TLS handshake
	Idle   = 2 * time.Minute  // between two requests on a connection
	Body   = 20 * time.Second // for a body whose size is bounded to arrive
	Think  = 30 * time.Second // after the body, until the answer has begun: then the context ends
	Work   = time.Minute      // the same for a command of the operator
	Answer = 20 * time.Second // for an answer whose size is bounded to leave, from its first byte on

	Discard = 5 * time.Second // for part of an unwanted body to arrive, before the answer leaves

	// Stall is how long the other side may take or send nothing if the request is bounded by progress.
	// MinRate is how many bytes make up for a second of waiting. Whoever falls behind by Stall in
	// total is cut off.
	Stall   = time.Minute
	MinRate = 1 << 10
)

// Limit is a limit of time, and what it is for.
type Limit struct {
	Name string
	Time time.Duration
}

// Limits returns all limits of this package. Whatever has to outlive them must outlive the longest.
func Limits() []Limit {
	return []Limit{
		{"header", Header}, {"idle", Idle}, {"body", Body}, {"think", Think}, {"work", Work}, {"answer", Answer}, {"discard", Discard}, {"stall", Stall},
	}
}

// Class says how long a kind of request may take. The zero value is not a class.
type Class struct {
	name   string
	body   time.Duration // for the whole body; 0: by progress
	think  time.Duration // until the context ends, unless the answer has begun; 0: never
	answer time.Duration // for the whole answer; 0: by progress
	stall  time.Duration // of progress
	last   bool          // the connection carries no other request
}

// The classes.
var (
	// Page is a request and an answer whose sizes are bounded.
	Page = Class{name: "page", body: Body, think: Think, answer: Answer, stall: Stall}

	// Command is the same for an operator, who waits longer.
	Command = Class{name: "command", body: Body, think: Work, answer: Answer, stall: Stall}

	// Upload has a body of any length that arrives by progress, and may take its time to be
	// stored. The answer is bounded.
	Upload = Class{name: "upload", answer: Answer, stall: Stall}

	// Download has an answer of any length that ends by itself, by progress.
	Download = Class{name: "download", body: Body, stall: Stall}

	// Stream has an answer that lasts as long as both sides like, by progress. It is the last
	// answer on its connection.
	Stream = Class{name: "stream", body: Body, stall: Stall, last: true}

	// Mounted is for a handler that declares its own routes: until it has, the request is a Page.
	Mounted = Class{name: "mounted", body: Body, think: Think, answer: Answer, stall: Stall}
)

// String returns the name.
func (c Class) String() string { return c.name }

// Declared reports whether c is a class.
func (c Class) Declared() bool { return c.name != "" }

// Long reports whether c is bounded by progress, not by time.
func (c Class) Long() bool { return c.body == 0 || c.answer == 0 }

// WithStall returns c with another limit of time without progress.
func (c Class) WithStall(d time.Duration) Class {
	c.stall = d
	return c
}

// Handler returns h for requests of class c.
func (c Class) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.Serve(w, r, h.ServeHTTP) })
}

// Serve calls h for a request of class c. If the request already has another class, it
// has c from now on. h gets the ResponseWriter to answer with.
func (c Class) Serve(w http.ResponseWriter, r *http.Request, h http.HandlerFunc) {
	if !c.Declared() {
		panic("deadline: a request without a class")
	}
	if x, ok := r.Context().Value(key{}).(*exchange); ok {
		x.set(c)
		h(w, r)
		return
	}
	x, r := begin(w, r, c)
	defer x.release()
	h(x, r)
	x.finish() // not where h panics: then net/http closes the connection
}
