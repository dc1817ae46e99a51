// Package deadline is the one place that decides how long a request may take to arrive
// and to be answered. Nothing else sets a deadline on a connection of a server, makes
// an http.Server, or registers a route: a Mux takes no route without a Class.
//
//	mux := deadline.NewMux()
//	mux.Handle("GET /status", deadline.Page, status)
//	mux.Handle("GET /export", deadline.Download, export)
//	server := deadline.Server(mux, log)
//
// What takes long is declared and bounded by progress: each piece of an answer, and
// each read of a body, has Stall, and all together MinRate. A handler sets nothing.
//
// # What net/http leaves to others
//
// Behind the end of a request's body net/http reads on, to notice a client that goes
// away. A read deadline that is set for the body, and passes then, ends that read, and
// with it the context of the connection: of this request and of every one that comes
// on it later, which are answered with an empty 200 where their handlers see that
// nobody is there. So a read deadline is set only while a body is to come. A request
// whose context has ended without an answer gets 503, and the connection carries no
// other; nor does one that a stream ended on.
//
// Over HTTP/2 the deadlines are those of the request's stream, and a connection goes on
// for others.
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
	Think  = 30 * time.Second // behind the body, until the answer has begun: then the context ends
	Work   = time.Minute      // the same for a command of the operator
	Answer = 20 * time.Second // for an answer whose size is bounded to leave, from its first byte on

	Discard = 5 * time.Second // for a part of a body that nobody wants to arrive, before the answer leaves

	// Stall is how long the other side may take or send nothing while progress is what counts.
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

// Limits are all limits of this package: what is to outlive them outlives the longest.
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

	// Mounted is for what declares its routes itself: until it has, it is a Page.
	Mounted = Class{name: "mounted", body: Body, think: Think, answer: Answer, stall: Stall}
)

// String is the name.
func (c Class) String() string { return c.name }

// Declared reports whether c is a class.
func (c Class) Declared() bool { return c.name != "" }

// Long reports whether c is bounded by progress, not by time.
func (c Class) Long() bool { return c.body == 0 || c.answer == 0 }

// WithStall is c with another time without progress.
func (c Class) WithStall(d time.Duration) Class {
	c.stall = d
	return c
}

// Handler is h for requests of class c.
func (c Class) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.Serve(w, r, h.ServeHTTP) })
}

// Serve calls h for a request of class c. Where the request has another already, it
// has c from now on; h gets what it answers with.
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
