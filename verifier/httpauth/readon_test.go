package httpauth_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/httpauth"
)

// overBoth runs a test on a server over TCP and on one over TLS; dial connects to it.
func overBoth(t *testing.T, refuse http.HandlerFunc, test func(t *testing.T, dial func() net.Conn)) {
	for name, start := range map[string]func(http.Handler) *httptest.Server{"tcp": httptest.NewServer, "tls": httptest.NewTLSServer} {
		t.Run(name, func(t *testing.T) {
			s := start(refuse)
			defer s.Close()
			test(t, func() net.Conn {
				conn, err := net.Dial("tcp", s.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				if name == "tls" {
					config := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
					config.ServerName = "example.com" // httptest's
					conn = tls.Client(conn, config)
				}
				t.Cleanup(func() { conn.Close() })
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				return conn
			})
		})
	}
}

// readAnswer reads the whole answer of a refusal by denied.
func readAnswer(t *testing.T, conn net.Conn) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || !resp.Close || resp.StatusCode != 403 || !strings.HasPrefix(string(body), "Invalid API Token") {
		t.Fatalf("%v, %v, %q", err, resp, body)
	}
}

// The answer does not wait for the body, and the body may come all the same: neither
// a client that reads first nor one that sends everything first is cut off.
func TestAnswerComesFirst(t *testing.T) {
	const size = 40 << 20
	head := fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n", size)
	for name, refuse := range map[string]http.HandlerFunc{
		"taken over": func(w http.ResponseWriter, r *http.Request) { httpauth.Refuse(w, r, denied) },
		"opaque":     func(w http.ResponseWriter, r *http.Request) { httpauth.Refuse(fullDuplex{w}, r, denied) },
		"read from": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
			httpauth.Refuse(w, r, denied)
		},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, refuse, func(t *testing.T, dial func() net.Conn) {
				for _, wish := range []string{"Connection: close\r\n\r\n", "\r\n"} {
					conn := dial()
					_, _ = io.WriteString(conn, head+wish)
					if _, err := io.CopyN(conn, zeros{}, 2<<20); err != nil {
						t.Fatal(err)
					}
					readAnswer(t, conn) // 38 MiB of the body are still to come
					if _, err := io.CopyN(conn, zeros{}, size-2<<20); err != nil {
						t.Errorf("cut off behind the answer: %v", err)
					}
					conn.Close()

					conn = dial()
					_, _ = io.WriteString(conn, head+wish)
					if _, err := io.CopyN(conn, zeros{}, size); err != nil {
						t.Fatalf("cut off in the body: %v", err)
					}
					readAnswer(t, conn)
				}
			})
		})
	}
}

// fullDuplex is a ResponseWriter that can't be taken over, of a framework that knows
// the newer methods.
type fullDuplex struct{ http.ResponseWriter }

func (w fullDuplex) EnableFullDuplex() error {
	return http.NewResponseController(w.ResponseWriter).EnableFullDuplex()
}
func (w fullDuplex) Flush() { w.ResponseWriter.(http.Flusher).Flush() }
func (w fullDuplex) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(w.ResponseWriter).SetReadDeadline(t)
}

// A pause of the client is not an end: it goes on sending.
func TestPauseBehindTheAnswer(t *testing.T) {
	overBoth(t, func(w http.ResponseWriter, r *http.Request) { httpauth.Refuse(w, r, denied) }, func(t *testing.T, dial func() net.Conn) {
		conn := dial()
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 8<<20)
		_, _ = io.CopyN(conn, zeros{}, 1<<20)
		time.Sleep(time.Second)
		if _, err := io.CopyN(conn, zeros{}, 7<<20); err != nil {
			t.Error(err)
		}
		readAnswer(t, conn)
	})
}

// What is read after the answer is bounded by bytes, by silence and by speed.
func TestReadingOnEnds(t *testing.T) {
	for name, c := range map[string]struct {
		refuser httpauth.Refuser
		send    func(net.Conn, <-chan struct{})
	}{
		"bytes": {httpauth.Refuser{MaxDrain: 1 << 20}, func(conn net.Conn, _ <-chan struct{}) { _, _ = io.Copy(conn, zeros{}) }},
		"silence": {httpauth.Refuser{IdleTime: 50 * time.Millisecond, DrainTime: time.Hour},
			func(_ net.Conn, done <-chan struct{}) { <-done }},
		"speed": {httpauth.Refuser{IdleTime: time.Hour, DrainTime: 50 * time.Millisecond, DrainRate: 1 << 20},
			func(conn net.Conn, done <-chan struct{}) {
				for {
					select {
					case <-done:
						return
					case <-time.After(5 * time.Millisecond):
						_, _ = conn.Write([]byte{0})
					}
				}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{}, 1)
			refuse := func(w http.ResponseWriter, r *http.Request) {
				c.refuser.Refuse(w, r, denied)
				done <- struct{}{}
			}
			overBoth(t, refuse, func(t *testing.T, dial func() net.Conn) {
				conn := dial()
				fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 1<<40)
				readAnswer(t, conn)
				stop, sent := make(chan struct{}), make(chan struct{})
				go func() { c.send(conn, stop); close(sent) }()
				select {
				case <-done:
				case <-time.After(30 * time.Second):
					t.Error("the connection is still held")
				}
				conn.Close()
				close(stop)
				<-sent
			})
		})
	}
}

// A proxy in Go cuts its client off soon after the answer, however much the client still
// sends, and takes what is left of a small request for its own. So it gets the answer
// behind the request.
func TestProxiesReadToTheEnd(t *testing.T) {
	refuse := func(w http.ResponseWriter, r *http.Request) { httpauth.Refuse(w, r, denied) }
	overBoth(t, refuse, func(t *testing.T, dial func() net.Conn) {
		proxy := httptest.NewServer(&httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.Out.URL.Scheme, r.Out.URL.Host = "http", "issuer"
				r.SetXForwarded()
			},
			Transport:     &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return dial(), nil }},
			FlushInterval: -1,
		})
		defer proxy.Close()
		send := func(size int64, parts int, pause time.Duration) {
			t.Helper()
			conn, err := net.Dial("tcp", proxy.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size)
			for range parts {
				time.Sleep(pause)
				if _, err := io.CopyN(conn, zeros{}, size/int64(parts)); err != nil {
					t.Fatalf("cut off: %v", err)
				}
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != 403 || !strings.HasPrefix(string(body), "Invalid API Token") {
				t.Fatalf("%v, %v, %q", err, resp, body)
			}
		}
		send(40<<20, 40, 30*time.Millisecond) // for more than a second, as it closes after half of one
		for range 20 {
			send(2<<10, 2, 5*time.Millisecond) // less than it reads by itself
			send(1<<20, 2, 5*time.Millisecond)
		}
	})
}
