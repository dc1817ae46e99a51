package deadline

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// body is the body of a request.
type body struct {
	src  io.ReadCloser
	x    *exchange
	in   pace
	over bool // its end was read, or it broke off
}

// settled tells that no deadline may be set any more. Before an answer, net/http reads
// what the handler left of the body, so once the header is written the body may be over.
func (b *body) settled() bool { return b.over || b.x.header }

// expect sets a deadline for the rest of the body, whether the handler reads it or
// net/http throws it away.
func (b *body) expect() {
	switch c := b.x.class; {
	case b.settled():
	case c.body > 0:
		_ = b.x.rc.SetReadDeadline(b.x.began.Add(c.body))
	default:
		_ = b.x.rc.SetReadDeadline(time.Now().Add(b.in.left(c.stall)))
	}
}

// abandon bounds how long the unread rest of the body holds up the answer: net/http
// reads a part of it first.
func (b *body) abandon() {
	if b.settled() {
		return
	}
	wait := Discard
	if a := b.x.class.answer; a > 0 {
		wait = min(wait, a/2)
	}
	_ = b.x.rc.SetReadDeadline(time.Now().Add(wait))
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.x.class.body == 0 {
		b.expect()
	}
	return b.read(p)
}

func (b *body) read(p []byte) (int, error) {
	before := time.Now()
	n, err := b.src.Read(p)
	b.in.moved(n, time.Since(before))
	if err != nil && !b.over {
		b.over = true
		if errors.Is(err, io.EOF) {
			_ = b.x.rc.SetReadDeadline(time.Time{})
		}
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error { return b.src.Close() }

// Rest bounds how much is read of a body that no handler reads.
type Rest struct {
	Bytes int64         // at most
	Total time.Duration // at most, for all of it
	Idle  time.Duration // for each read
}

// Drain reads the rest of the body of a request and throws it away, and reports whether
// it reached the end. If it did not, the connection must carry no other request.
func Drain(w http.ResponseWriter, r *http.Request, rest Rest) bool {
	if r.Body == nil || r.Body == http.NoBody {
		return true
	}
	x, ok := r.Context().Value(key{}).(*exchange)
	if !ok || x.body == nil {
		x = &exchange{rc: http.NewResponseController(w)}
		x.body = &body{src: r.Body, x: x}
	}
	b := x.body
	end := time.Now().Add(rest.Total)
	buf := make([]byte, 32<<10)
	for rest.Bytes > 0 {
		now := time.Now()
		if !now.Before(end) {
			return false
		}
		until := now.Add(rest.Idle)
		if until.After(end) {
			until = end
		}
		if !b.settled() {
			_ = x.rc.SetReadDeadline(until)
		}
		n, err := b.read(buf)
		rest.Bytes -= int64(n)
		if err != nil {
			return errors.Is(err, io.EOF) && rest.Bytes >= 0
		}
	}
	return false
}

// BodyUntil sets when the next read of a request's body gives up, if the handler reads on
// after the answer (http.ResponseController.EnableFullDuplex).
func BodyUntil(w http.ResponseWriter, r *http.Request, t time.Time) {
	x, ok := r.Context().Value(key{}).(*exchange)
	switch {
	case !ok:
		_ = http.NewResponseController(w).SetReadDeadline(t)
	case x.body != nil && !x.body.over:
		_ = x.rc.SetReadDeadline(t)
	}
}

// ReadUntil sets when the next read of a connection that was taken over gives up.
func ReadUntil(conn net.Conn, t time.Time) { _ = conn.SetReadDeadline(t) }

// Within bounds how long the next reads and writes may take on a connection that was taken over from the server, or
// on a client's connection.
func Within(conn net.Conn, d time.Duration) { _ = conn.SetDeadline(time.Now().Add(d)) }

// Without removes the deadline of a client's connection: a context bounds the waits on it.
func Without(conn net.Conn) { _ = conn.SetDeadline(time.Time{}) }
