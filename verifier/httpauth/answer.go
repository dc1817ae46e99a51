package httpauth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rind-dev/rind/internal/deadline"
)

// The defaults of a Refuser, and the limits of what it writes.
const (
	defaultMaxDrain  = 256 << 20
	defaultDrainTime = 10 * time.Second
	defaultDrainRate = 8 << 10
	defaultIdleTime  = 5 * time.Second

	maxReason = 400     // bytes of the reason phrase; http.client of Python reads 64 KiB
	maxBody   = 4 << 10 // bytes of the sentence in the body

	writeTime = 10 * time.Second       // for writing an answer
	quietTime = 250 * time.Millisecond // without a byte, and the client seems to be done
)

// Answer is a refusal for a person to read.
type Answer struct {
	Status   int
	Sentence string // goes into the reason phrase and the body; "" means the status's own text
	// RetryAfter is sent as Retry-After in whole seconds, unless it is zero.
	RetryAfter time.Duration
	// Allow is sent as Allow, for 405, unless it is empty.
	Allow string
}

// Answer writes a to the client at once, with the sentence as the reason phrase of
// the status line if the connection can be taken over. Then it reads and discards the
// rest of the request, within the Refuser's limits, and returns when the client has
// closed the connection: most clients don't read the answer before they have sent
// everything, and closing a connection with bytes unread resets it, which
// loses the answer. Answer also sends the header fields that w already has.
//
// If the request has X-Forwarded-Host, as from proxies built on Go's net/http (Caddy,
// Traefik), Answer reads and discards the request before it answers: these proxies cut
// their own client off half a second after the answer.
//
// The caller returns afterwards and writes nothing more.
func (f Refuser) Answer(w http.ResponseWriter, r *http.Request, a Answer) {
	if strings.TrimSpace(a.Sentence) == "" {
		a.Sentence = http.StatusText(a.Status)
	}
	deadline.Upload.Serve(w, r, func(w http.ResponseWriter, r *http.Request) { f.answer(w, r, a) })
}

// answer is Answer once the deadlines are handled.
func (f Refuser) answer(w http.ResponseWriter, r *http.Request, a Answer) {
	rc := http.NewResponseController(w)
	body := a.body()
	header := w.Header()
	a.fill(header, len(body))
	hasBody := r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0
	if hasBody && r.ProtoMajor == 1 && len(r.Header.Values("X-Forwarded-Host")) > 0 {
		f.readOn(requestBody{r.Body, w, r})
	}
	if r.ProtoMajor == 1 {
		if conn, _, err := rc.Hijack(); err == nil {
			defer conn.Close()
			if writeByHand(conn, r, a, header, body) == nil && hasBody {
				f.readOn(connection{conn})
			}
			return
		}
		header.Set("Connection", "close")
		hasBody = hasBody && rc.EnableFullDuplex() == nil
	}
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, body)
	}
	if r.ProtoMajor == 1 && hasBody && rc.Flush() == nil {
		f.readOn(requestBody{r.Body, w, r})
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

// reason is the sentence as RFC 9112 §4 allows a reason phrase to be: printable ASCII only, so
// that no line end can add a header field.
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

// sender is a client whose request was answered and that may still be sending.
type sender interface {
	io.Reader
	// until is when the next read gives up.
	until(time.Time)
	// closeWrite tells the client that nothing more will come.
	closeWrite()
}

// connection is a connection that was taken over. Bytes that the server had buffered from
// it are discarded just the same.
type connection struct{ net.Conn }

func (c connection) until(t time.Time) { deadline.ReadUntil(c.Conn, t) }

func (c connection) closeWrite() {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok { // TCP and TLS can
		_ = half.CloseWrite()
	}
}

// requestBody is the body of a request whose connection could not be taken over.
type requestBody struct {
	io.Reader
	w http.ResponseWriter
	r *http.Request
}

func (b requestBody) until(t time.Time) { deadline.BodyUntil(b.w, b.r, t) }

func (requestBody) closeWrite() {}

// readOn reads and discards what a client sends after its answer, until the
// client closes or reaches one of the limits: a number of bytes, a time without any,
// and a minimum speed, so that a client that only trickles can't hold a connection.
//
// readOn closes the sending half when the client pauses. Before that it leaves it open,
// since some proxies take a half-closed connection for a dead one.
func (f Refuser) readOn(from sender) {
	limit := max(defaultTo(f.MaxDrain, defaultMaxDrain), 1<<20)
	idle := defaultTo(f.IdleTime, defaultIdleTime)
	rate := float64(max(defaultTo(f.DrainRate, defaultDrainRate), 1))
	grace := defaultTo(f.DrainTime, defaultDrainTime)
	buf := make([]byte, 16<<10)
	quiet := false
	left, silent := grace, time.Duration(0)
	for total := int64(0); total < limit; {
		wait := min(left, idle-silent)
		if wait <= 0 {
			return
		}
		if !quiet {
			wait = min(wait, quietTime)
		}
		before := time.Now()
		from.until(before.Add(wait))
		n, err := from.Read(buf)
		took := time.Since(before)
		total += int64(n)
		left = min(grace, left-took+time.Duration(float64(n)/rate*float64(time.Second)))
		silent += took
		if n > 0 {
			silent = 0
		}
		var network net.Error
		timeout := errors.As(err, &network) && network.Timeout()
		if timeout && !quiet {
			quiet = true
			from.closeWrite()
		} else if err != nil && !timeout {
			return
		}
	}
}

// writeByHand writes the whole answer to a connection that was taken over.
func writeByHand(conn net.Conn, r *http.Request, a Answer, header http.Header, body string) error {
	deadline.Within(conn, writeTime)
	var out bytes.Buffer
	fmt.Fprintf(&out, "HTTP/1.1 %03d %s\r\n", a.Status, a.reason())
	header.Set("Connection", "close")
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	_ = header.Write(&out)
	out.WriteString("\r\n")
	if r.Method != http.MethodHead {
		out.WriteString(body)
	}
	_, err := conn.Write(out.Bytes())
	return err
}

// defaultTo is value, or def where value is zero.
func defaultTo[T int64 | time.Duration](value, def T) T {
	if value == 0 {
		return def
	}
	return value
}
