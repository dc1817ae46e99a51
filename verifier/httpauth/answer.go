package httpauth

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The defaults of a Refuser, and the limits of what it writes.
const (
	defaultMaxDrain  = 64 << 20
	defaultDrainTime = 30 * time.Second
	defaultIdleTime  = 5 * time.Second

	maxReason = 400     // bytes of the reason phrase; http.client of Python reads 64 KiB
	maxBody   = 4 << 10 // bytes of the sentence in the body

	writeTime  = 10 * time.Second // for writing an answer
	lingerTime = 2 * time.Second  // for a client to read it while it still sends
)

// Answer is a refusal that a person is to read.
type Answer struct {
	Status   int
	Sentence string // goes into the reason phrase and the body; "" is the status's own text
	// RetryAfter, where it is not zero, is sent as Retry-After in whole seconds.
	RetryAfter time.Duration
	// Allow, where it is not empty, is sent as Allow, for 405.
	Allow string
}

// Answer writes a to the client, with the sentence as the reason phrase of the
// status line where the connection can be taken over, after it has read the
// rest of the request within the Refuser's limits. Header fields that w already
// has are sent along.
//
// The caller returns after it; nothing may be written any more.
func (f Refuser) Answer(w http.ResponseWriter, r *http.Request, a Answer) {
	if strings.TrimSpace(a.Sentence) == "" {
		a.Sentence = http.StatusText(a.Status)
	}
	rc := http.NewResponseController(w)
	drained := f.drain(rc, r)
	_ = rc.SetWriteDeadline(time.Now().Add(writeTime))

	body := a.body()
	header := w.Header()
	a.fill(header, len(body))
	if r.ProtoMajor == 1 {
		if conn, _, err := rc.Hijack(); err == nil {
			f.writeByHand(conn, r, a, header, body, drained)
			return
		}
		header.Set("Connection", "close")
	}
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, body)
	}
}

// fill sets the header fields of the answer and removes those that a handler
// may have set for another one.
func (a Answer) fill(h http.Header, length int) {
	for _, name := range []string{"Content-Encoding", "Transfer-Encoding", "Trailer", "Etag", "Last-Modified"} {
		h.Del(name)
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(length))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if a.RetryAfter > 0 {
		seconds := (a.RetryAfter + time.Second - 1) / time.Second
		h.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	if a.Allow != "" {
		h.Set("Allow", a.Allow)
	}
}

// body is the sentence as a line of text without control characters.
func (a Answer) body() string {
	clean := strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, a.Sentence)
	if len(clean) > maxBody {
		clean = strings.ToValidUTF8(clean[:maxBody], "") + "..."
	}
	return clean + "\n"
}

// reason is the sentence as RFC 9112 §4 lets a reason phrase be, in printable
// ASCII alone, so that no line end can add a header field.
func (a Answer) reason() string {
	var b strings.Builder
	for _, c := range a.Sentence {
		switch {
		case c >= 0x20 && c < 0x7f:
			b.WriteRune(c)
		case unicode.IsSpace(c) || unicode.IsControl(c):
			b.WriteByte(' ')
		default:
			b.WriteByte('?')
		}
		if b.Len() >= maxReason {
			b.WriteString("...")
			break
		}
	}
	return strings.TrimSpace(b.String())
}

// drain reads what is left of the request's body and tells whether it reached
// the end. A body that is too long to be read anyway, or whose client waits for
// "100 Continue", is left alone.
func (f Refuser) drain(rc *http.ResponseController, r *http.Request) bool {
	limit := defaultTo(f.MaxDrain, defaultMaxDrain)
	switch {
	case r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0:
		return true
	case r.ProtoMajor != 1 || r.ContentLength > limit:
		return false
	case strings.EqualFold(r.Header.Get("Expect"), "100-continue"):
		return false
	}
	end := time.Now().Add(defaultTo(f.DrainTime, defaultDrainTime))
	idle := defaultTo(f.IdleTime, defaultIdleTime)
	buf := make([]byte, 32<<10)
	for limit > 0 {
		now := time.Now()
		if !now.Before(end) {
			return false
		}
		deadline := now.Add(idle)
		if deadline.After(end) {
			deadline = end
		}
		_ = rc.SetReadDeadline(deadline) // not supported: the server's own deadlines hold
		n, err := r.Body.Read(buf)
		limit -= int64(n)
		if err != nil {
			return err == io.EOF
		}
	}
	return false
}

// writeByHand writes the whole answer to a hijacked connection and closes it.
func (f Refuser) writeByHand(conn net.Conn, r *http.Request, a Answer, header http.Header, body string, drained bool) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(writeTime))

	var out bytes.Buffer
	fmt.Fprintf(&out, "HTTP/1.1 %03d %s\r\n", a.Status, a.reason())
	header.Set("Connection", "close")
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	_ = header.Write(&out)
	out.WriteString("\r\n")
	if r.Method != http.MethodHead {
		out.WriteString(body)
	}
	if _, err := conn.Write(out.Bytes()); err != nil || drained {
		return
	}
	linger(conn, defaultTo(f.MaxDrain, defaultMaxDrain))
}

// linger ends the sending half of conn and reads on for a moment: to close a
// connection with bytes unread would reset it, and the client would lose the
// answer that is on its way.
func linger(conn net.Conn, limit int64) {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, conn, max(limit, 1<<20))
}

// defaultTo is value, or def where value is zero.
func defaultTo[T int64 | time.Duration](value, def T) T {
	if value == 0 {
		return def
	}
	return value
}
