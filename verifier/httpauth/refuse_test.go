package httpauth_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/httpauth"
)

// serve answers every request with refuse and returns the server's address.
func serve(t *testing.T, refuse http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(refuse)
	t.Cleanup(s.Close)
	return s
}

// exchange writes a request by hand and reads the whole answer, as clients do
// that read nothing before they have sent everything.
func exchange(t *testing.T, s *httptest.Server, request string, body io.Reader) (status string, header textproto.MIMEHeader, content string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if body != nil {
		if _, err := io.Copy(conn, body); err != nil {
			t.Fatalf("the server hung up on a client that was sending: %v", err)
		}
	}
	r := textproto.NewReader(bufio.NewReader(conn))
	status, err = r.ReadLine()
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	header, err = r.ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r.R)
	if err != nil {
		t.Fatal(err)
	}
	return status, header, string(rest)
}

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

var denied = &verifier.Denial{TokenID: "019…", Failures: []caveats.Failure{
	{Reason: caveats.Expired, Text: "token is expired"},
	{Reason: caveats.WrongProject, Text: "token is valid for project 'demo', not for 'other'"},
}}

func TestRefuse(t *testing.T) {
	for _, c := range []struct {
		err        error
		status     string
		retryAfter string
	}{
		{denied, "HTTP/1.1 403 Invalid API Token: token is expired; token is valid for project 'demo', not for 'other'", ""},
		{fmt.Errorf("wrapped: %w", denied), "HTTP/1.1 403 Invalid API Token: token is expired; token is valid for project 'demo', not for 'other'", ""},
		{httpauth.ErrPassword, "HTTP/1.1 403 " + httpauth.ErrPassword.Sentence(), ""},
		{fmt.Errorf("%w: disk on fire", verifier.ErrUnavailable), "HTTP/1.1 503 API tokens can't be checked right now. Try again later.", "10"},
		{errors.New("a bug"), "HTTP/1.1 503 API tokens can't be checked right now. Try again later.", "10"},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", "r1")
			w.Header().Set("Content-Encoding", "gzip")
			httpauth.Refuse(w, r, c.err)
		})
		status, h, body := exchange(t, s, get, nil)
		if status != c.status {
			t.Errorf("%v: status line %q", c.err, status)
		}
		if _, words, _ := strings.Cut(status, " "); body != words[4:]+"\n" {
			t.Errorf("%v: body %q", c.err, body)
		}
		want := map[string]string{"Connection": "close", "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store",
			"Content-Length": fmt.Sprint(len(body)), "Retry-After": c.retryAfter, "X-Request-Id": "r1", "Content-Encoding": "",
			"X-Content-Type-Options": "nosniff"}
		for name, value := range want {
			if h.Get(name) != value {
				t.Errorf("%v: %s is %q, want %q", c.err, name, h.Get(name), value)
			}
		}
		if _, err := http.ParseTime(h.Get("Date")); err != nil {
			t.Error(err)
		}
	}
}

func TestAnswerIsOneLineOfASCII(t *testing.T) {
	for sentence, want := range map[string]string{
		"a\r\nSet-Cookie: x=1\r\n\r\nbody": "HTTP/1.1 400 a  Set-Cookie: x=1    body",
		"naïve ☃":                          "HTTP/1.1 400 na?ve ?",
		"\x00\x7f":                         "HTTP/1.1 400 ",
		"":                                 "HTTP/1.1 400 Bad Request",
		strings.Repeat("x", 70_000):        "HTTP/1.1 400 " + strings.Repeat("x", 400) + "...",
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			httpauth.Refuser{}.Answer(w, r, httpauth.Answer{Status: 400, Sentence: sentence})
		})
		status, h, body := exchange(t, s, get, nil)
		if strings.TrimRight(status, " ") != strings.TrimRight(want, " ") || h.Get("Set-Cookie") != "" {
			t.Errorf("%.40q: %q", sentence, status)
		}
		if len(body) > 5000 || strings.Count(body, "\n") != 1 {
			t.Errorf("%.40q: body %.80q", sentence, body)
		}
	}
}

// wrapper is a ResponseWriter as frameworks have it: Hijack is reached by Unwrap.
type wrapper struct{ http.ResponseWriter }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// opaque hides everything but the three methods.
type opaque struct{ http.ResponseWriter }

func TestRefuseThroughWrappers(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { httpauth.Refuse(wrapper{wrapper{w}}, r, denied) })
	if status, _, _ := exchange(t, s, get, nil); !strings.Contains(status, "token is expired") {
		t.Errorf("wrapped: %s", status)
	}
	s = serve(t, func(w http.ResponseWriter, r *http.Request) { httpauth.Refuse(opaque{w}, r, denied) })
	status, h, body := exchange(t, s, get, nil)
	if status != "HTTP/1.1 403 Forbidden" || !strings.Contains(body, "token is expired") || h.Get("Connection") != "close" {
		t.Errorf("opaque: %s, %v, %s", status, h, body)
	}
}

func TestRefuseHTTP2(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { httpauth.Refuse(w, r, denied) }))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	resp, err := s.Client().Post(s.URL, "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.ProtoMajor != 2 || resp.StatusCode != 403 || !strings.HasPrefix(string(body), "Invalid API Token: token is expired") {
		t.Errorf("%s %s: %s", resp.Proto, resp.Status, body)
	}
}

// A client over TLS that still sends gets the answer too.
func TestRefuseTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpauth.Refuser{MaxDrain: -1}.Refuse(w, r, denied)
	}))
	defer s.Close()
	resp, err := s.Client().Post(s.URL, "text/plain", strings.NewReader(strings.Repeat("x", 1<<10)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if want := "403 Invalid API Token: token is expired"; !strings.HasPrefix(resp.Status, want) {
		t.Error(resp.Status)
	}
}

func TestRefuseHead(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { httpauth.Refuse(w, r, denied) })
	status, h, body := exchange(t, s, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", nil)
	if !strings.HasPrefix(status, "HTTP/1.1 403 Invalid API Token") || body != "" || h.Get("Content-Length") == "0" {
		t.Errorf("%s, %v, %q", status, h, body)
	}
}

// Clients read nothing before they have sent everything.
func TestRefuseDrains(t *testing.T) {
	const size = 20 << 20
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { httpauth.Refuse(w, r, denied) })
	status, _, _ := exchange(t, s, fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size),
		io.LimitReader(zeros{}, size))
	if !strings.HasPrefix(status, "HTTP/1.1 403 Invalid API Token") {
		t.Error(status)
	}
}

// A client that promises a body and sends none holds the connection no longer
// than the idle time.
func TestRefuseSlowClient(t *testing.T) {
	done := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		httpauth.Refuser{IdleTime: 20 * time.Millisecond, DrainTime: time.Hour}.Refuse(w, r, denied)
	})
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 403 Invalid API Token") {
		t.Fatalf("%q, %v", line, err)
	}
	<-done // lingering ends by itself, while the client keeps its end open
}

// A client that asks before it sends is told no without sending.
func TestRefuseExpectContinue(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { httpauth.Refuse(w, r, denied) })
	status, _, _ := exchange(t, s, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n", nil)
	if !strings.HasPrefix(status, "HTTP/1.1 403 Invalid API Token") {
		t.Error(status)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestGrantFromNothing(t *testing.T) {
	if g, ok := httpauth.GrantFrom(context.Background()); ok {
		t.Errorf("a grant out of nothing: %v", g)
	}
}
