package folder

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener of connections in memory, whose deadlines keep the time of
// the test.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error   { close(p); return nil } // http.Server does it once
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// exchange sends a request to a server of the index that has no time-outs of its
// own, and returns everything that comes back until the server closes.
func exchange(t *testing.T, request string) (answer string, took time.Duration) {
	t.Helper()
	folder, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	listener := make(pipes)
	server := &http.Server{Handler: folder.Index("", nil)}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	conn, far := net.Pipe()
	defer conn.Close()
	listener <- far
	began := time.Now()
	_ = conn.SetDeadline(began.Add(10 * time.Minute))
	go func() { _, _ = io.WriteString(conn, request) }()
	raw, err := io.ReadAll(conn)
	if err != nil {
		t.Errorf("%.60q: the server still waits: %v", request, err)
	}
	return string(raw), time.Since(began)
}

// Whoever announces a body and never sends it holds no connection forever.
func TestIndexWaitsForNoBody(t *testing.T) {
	for _, header := range []string{"Content-Length: 9", "Transfer-Encoding: chunked"} {
		synctest.Test(t, func(t *testing.T) {
			answer, took := exchange(t, "GET /simple/ HTTP/1.1\r\nHost: x\r\n"+header+"\r\n\r\n")
			if !strings.HasPrefix(answer, "HTTP/1.1 400 ") || took > time.Minute {
				t.Errorf("%s: after %v %.80q", header, took, answer)
			}
		})
	}
}

func TestIndexSkipsABody(t *testing.T) {
	for size, want := range map[int]string{1: "HTTP/1.1 200 ", maxIndexBody: "HTTP/1.1 200 ", maxIndexBody + 1: "HTTP/1.1 400 "} {
		synctest.Test(t, func(t *testing.T) {
			request, err := http.NewRequest("GET", "http://x/simple/", strings.NewReader(strings.Repeat("x", size)))
			if err != nil {
				t.Fatal(err)
			}
			var wire strings.Builder
			request.Close = true
			err = request.Write(&wire)
			if err != nil {
				t.Fatal(err)
			}
			if answer, took := exchange(t, wire.String()); !strings.HasPrefix(answer, want) || took > 0 {
				t.Errorf("%d bytes: after %v %.80q", size, took, answer)
			}
		})
	}
}
