package deadline

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// piece is how many bytes are written under one deadline.
const piece = 16 << 10

// ErrThink is the cause of a context that ended because the answer was too long in
// coming.
var ErrThink = errors.New("deadline: the answer took too long to begin")

// HungUp reports whether the client of a request has disconnected: the request's context has ended, and not because
// the answer was too long in coming (ErrThink), for which the client still waits.
func HungUp(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), ErrThink)
}

type key struct{}

// exchange is a request and its answer. The handler's goroutine uses it.
type exchange struct {
	w      http.ResponseWriter
	rc     *http.ResponseController
	class  Class
	began  time.Time
	conn   context.Context // as the server made it: ends when the client is gone
	ctx    context.Context
	cancel context.CancelCauseFunc
	think  *time.Timer
	reads  bool  // the request changes nothing
	old    bool  // HTTP/1: the connection carries one request after the other
	body   *body // nil if the request has none
	out    pace  // of the answer

	cut      atomic.Bool // see Cut
	header   bool        // is written
	closing  bool        // and says that the connection ends
	hijacked bool
}

// begin makes an exchange, and the request that its handler sees.
func begin(w http.ResponseWriter, r *http.Request, c Class) (*exchange, *http.Request) {
	x := &exchange{w: w, rc: http.NewResponseController(w), began: time.Now(), conn: r.Context(), old: r.ProtoMajor == 1, reads: r.Method == http.MethodGet || r.Method == http.MethodHead}
	x.ctx, x.cancel = context.WithCancelCause(context.WithValue(r.Context(), key{}, x))
	r = r.WithContext(x.ctx)
	if r.Body != nil && r.Body != http.NoBody {
		x.body = &body{src: r.Body, x: x}
		r.Body = x.body
	}
	x.think = time.AfterFunc(time.Hour, func() { x.cancel(ErrThink) })
	x.set(c)
	return x, r
}

// set gives the request a class, and the rest of its body a deadline.
func (x *exchange) set(c Class) {
	x.class = c
	x.think.Stop()
	if c.think > 0 {
		wait := c.think
		if x.body != nil {
			wait += c.body
		}
		x.think.Reset(wait - time.Since(x.began))
	}
	if x.body != nil {
		x.body.expect()
	}
}

// release ends the context.
func (x *exchange) release() {
	x.think.Stop()
	x.cancel(nil)
}

// Header implements http.ResponseWriter.
func (x *exchange) Header() http.Header { return x.w.Header() }

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if status >= 200 {
		x.start()
	}
	x.w.WriteHeader(status)
}

// start is called before the header is written.
func (x *exchange) start() {
	if x.header {
		return
	}
	if x.body != nil {
		x.body.abandon()
	}
	x.header = true
	x.think.Stop()
	if x.old && (x.class.last || x.conn.Err() != nil) {
		x.w.Header().Set("Connection", "close")
	}
	x.closing = x.w.Header().Get("Connection") == "close"
	if x.class.answer > 0 {
		x.writeUntil(x.class.answer)
	}
}

// writeUntil sets a deadline. If the writer supports none, as in tests, it does nothing.
func (x *exchange) writeUntil(d time.Duration) {
	_ = x.rc.SetWriteDeadline(time.Now().Add(d))
	if x.cut.Load() {
		_ = x.rc.SetWriteDeadline(past)
	}
}

var past = time.Unix(1, 0)

// Cut interrupts the writing of the answer to a request, and lets no more of it be
// written; ctx is the request's. Any goroutine may call it while the request is under
// way. The handler gets an error, and should not end the answer in good form.
func Cut(ctx context.Context) {
	if x, ok := ctx.Value(key{}).(*exchange); ok {
		x.cut.Store(true)
		_ = x.rc.SetWriteDeadline(past)
	}
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(p []byte) (n int, err error) {
	x.start()
	if x.class.answer > 0 {
		return x.w.Write(p)
	}
	for {
		part := p[n:min(len(p), n+piece)]
		m, err := x.move(func() (int, error) { return x.w.Write(part) })
		n += m
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// move writes something under a deadline of its own.
func (x *exchange) move(write func() (int, error)) (int, error) {
	before := time.Now()
	x.writeUntil(x.out.left(x.class.stall))
	n, err := write()
	x.out.moved(n, time.Since(before))
	return n, err
}

// FlushError is for http.ResponseController.
func (x *exchange) FlushError() error {
	x.start()
	if x.class.answer > 0 {
		return x.rc.Flush()
	}
	_, err := x.move(func() (int, error) { return 0, x.rc.Flush() })
	return err
}

// Flush implements http.Flusher.
func (x *exchange) Flush() { _ = x.FlushError() }

// Hijack implements http.Hijacker. The connection has no deadline then: see Within.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := x.rc.Hijack()
	x.hijacked = x.hijacked || err == nil
	return conn, rw, err
}

// EnableFullDuplex is for http.ResponseController.
func (x *exchange) EnableFullDuplex() error { return x.rc.EnableFullDuplex() }

// finish is called when the handler has returned. If the context of the request ended without
// an answer, it sends one, which is not an empty 200. If an answer had begun when the context
// of the connection ended, it sends what there is and closes the connection.
func (x *exchange) finish() {
	switch {
	case x.hijacked:
		return
	case !x.header && x.ctx.Err() != nil:
		h := x.w.Header()
		clear(h)
		h.Set("Retry-After", "10")
		if x.old {
			h.Set("Connection", "close")
		}
		x.writeUntil(Answer)
		again := "Try again."
		if !x.reads {
			again = "What you asked for may have been done: look before you try again."
		}
		http.Error(x.w, "The server could not answer in time, or the connection was broken. "+again, http.StatusServiceUnavailable)
		return
	case x.old && !x.closing && x.conn.Err() != nil:
		x.writeUntil(Answer)
		_ = x.rc.Flush()
		panic(http.ErrAbortHandler)
	}
	x.start()
	if x.class.answer == 0 {
		x.writeUntil(x.class.stall) // net/http still writes what it has in memory
	}
}

// pace measures how fast the other side is. Sending quickly earns no credit for waiting later:
// otherwise, a client that sends much at once could drip for hours afterwards.
type pace struct {
	owed time.Duration // how long it kept us waiting, beyond what MinRate allows
}

// left is how long the next step may take.
func (p *pace) left(stall time.Duration) time.Duration { return max(0, stall-p.owed) }

func (p *pace) moved(n int, took time.Duration) {
	p.owed = max(0, p.owed+took-time.Duration(n)*time.Second/MinRate)
}
