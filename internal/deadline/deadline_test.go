package deadline

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// short are classes whose limits pass within a test.
var (
	short      = 200 * time.Millisecond
	longLasts  = 5 * short
	shortPage  = Class{name: "page", body: short, think: time.Minute, answer: time.Minute, stall: time.Minute}
	shortThink = Class{name: "page", body: time.Minute, think: short, answer: time.Minute, stall: time.Minute}
	shortLast  = Class{name: "stream", body: short, stall: short, last: true}
	shortLoad  = Class{name: "download", body: short, stall: short}
	shortTake  = Class{name: "upload", answer: short, stall: short}
)

// house is a server, and one connection to it.
type house struct {
	*testing.T
	mux  *Mux
	conn net.Conn
	r    *bufio.Reader
}

func newHouse(t *testing.T) *house {
	h := &house{T: t, mux: NewMux()}
	h.mux.HandleFunc("GET /well", Page, func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Err() == nil {
			fmt.Fprint(w, "well")
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := Server(h.mux, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	h.conn, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.conn.Close() })
	if err := h.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	h.r = bufio.NewReader(h.conn)
	return h
}

func (h *house) send(text string) {
	h.Helper()
	if _, err := io.WriteString(h.conn, text); err != nil {
		h.Fatal(err)
	}
}

func (h *house) get(path string) { h.Helper(); h.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n") }

// answer reads an answer and its body.
func (h *house) answer() (*http.Response, string) {
	h.Helper()
	res, err := http.ReadResponse(h.r, nil)
	if err != nil {
		h.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.Fatal(err)
	}
	return res, string(b)
}

// checkNextRequest tells that the connection carries another request, and whether it does well.
func (h *house) checkNextRequest() {
	h.Helper()
	h.get("/well")
	if res, body := h.answer(); res.StatusCode != 200 || body != "well" {
		h.Errorf("the next request on the connection: %d %q", res.StatusCode, body)
	}
}

func (h *house) closed() {
	h.Helper()
	if _, err := h.r.ReadByte(); !errors.Is(err, io.EOF) {
		h.Errorf("the connection is not closed: %v", err)
	}
}

// A handler that takes longer than the body may take to arrive keeps its context, and
// leaves the connection as good as it was, with a body and without.
func TestBodyLimitEndsWithTheBody(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	slow := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
			t.Errorf("%s: %v", r.Method, context.Cause(r.Context()))
		case <-time.After(longLasts):
		}
		fmt.Fprint(w, "done")
	}
	for _, c := range []Class{shortPage, shortTake} {
		h.mux.HandleFunc("/slow/"+c.name, c, slow)
		for _, request := range []string{
			"GET /slow/%s HTTP/1.1\r\nHost: x\r\n\r\n",
			"POST /slow/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
			"POST /slow/%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		} {
			h.send(fmt.Sprintf(request, c.name))
			if res, body := h.answer(); res.StatusCode != 200 || body != "done" {
				t.Errorf("%s: %d %q", request, res.StatusCode, body)
			}
			h.checkNextRequest()
		}
	}
}

// A body that does not come in time is an error to its handler, and the connection
// carries nothing else.
func TestBodyThatStalls(t *testing.T) {
	t.Parallel()
	for _, c := range []Class{shortPage, shortTake} {
		h := newHouse(t)
		h.mux.HandleFunc("POST /", c, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err == nil {
				t.Error("the body has come")
			}
			w.WriteHeader(http.StatusRequestTimeout)
		})
		h.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")
		if res, _ := h.answer(); res.StatusCode != 408 || !res.Close {
			t.Errorf("%s: %d, close %t", c, res.StatusCode, res.Close)
		}
		h.closed()
	}
}

// A body that is never read does not hold the answer for longer than the limit, also
// where the class counts progress.
func TestBodyThatNobodyReads(t *testing.T) {
	t.Parallel()
	for _, c := range []Class{shortPage, shortTake} {
		h := newHouse(t)
		h.mux.HandleFunc("POST /", c, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "no") })
		h.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")
		if _, body := h.answer(); body != "no" {
			t.Errorf("%s: %q", c, body)
		}
		h.closed()
	}
}

// An upload takes as long as it likes while something arrives.
func TestUploadBySteps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.mux.HandleFunc("POST /", shortTake.WithStall(2*time.Second), func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	})
	const steps = 9
	stall := 2 * time.Second
	h.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", steps*1000))
	for range steps {
		h.send(strings.Repeat("x", 1000))
		time.Sleep(stall / 6)
	}
	if _, body := h.answer(); body != fmt.Sprint(steps*1000, nil) {
		t.Errorf("%q", body)
	}
	h.checkNextRequest()
}

// A stream goes on past every limit, and is the last on its connection.
func TestStreamIsTheLast(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.mux.HandleFunc("GET /stream", shortLast, func(w http.ResponseWriter, r *http.Request) {
		for end := time.After(longLasts); ; {
			select {
			case <-r.Context().Done():
				t.Error(context.Cause(r.Context()))
				return
			case <-end:
				return
			case <-time.After(short / 10):
				fmt.Fprintln(w, "beat")
				_ = http.NewResponseController(w).Flush()
			}
		}
	})
	h.get("/stream")
	if res, body := h.answer(); !res.Close || strings.Count(body, "beat") < 5 {
		t.Errorf("close %t, %q", res.Close, body)
	}
	h.closed()
}

// Whoever reads slowly gets everything, and whoever stops reading is dropped.
func TestDownloadByProgress(t *testing.T) {
	t.Parallel()
	const size = 2 << 20
	h := newHouse(t)
	dropped := make(chan error, 2)
	h.mux.HandleFunc("GET /load", shortLoad.WithStall(5*time.Second), func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.Copy(w, io.LimitReader(zero{}, size))
		dropped <- err
	})
	h.mux.HandleFunc("GET /stuck", shortLoad, func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.Copy(w, zero{})
		dropped <- err
	})
	h.get("/load")
	res, err := http.ReadResponse(h.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	buf := make([]byte, size/40)
	for {
		m, err := io.ReadFull(res.Body, buf)
		n += m
		if err != nil {
			break
		}
		time.Sleep(short / 10)
	}
	if err := <-dropped; n != size || err != nil {
		t.Errorf("%d bytes of %d: %v", n, size, err)
	}
	h.checkNextRequest()
	h.get("/stuck")
	if err := <-dropped; err == nil {
		t.Error("who stopped reading is not dropped")
	}
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What ends without an answer because its context ended is 503, never an empty 200.
func TestNoEmptyAnswer(t *testing.T) {
	h := newHouse(t)
	gives := make(chan error, 1)
	h.mux.HandleFunc("GET /wait", shortThink, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "7")
		<-r.Context().Done()
		gives <- context.Cause(r.Context())
	})
	h.get("/wait")
	res, body := h.answer()
	if err := <-gives; !errors.Is(err, ErrThink) || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !res.Close || body == "" {
		t.Errorf("%v: %d %v %q", err, res.StatusCode, res.Header, body)
	}
	h.closed()

	w := httptest.NewRecorder()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.mux.ServeHTTP(w, httptest.NewRequest("GET", "/well", nil).WithContext(ctx))
	if w.Code != 503 || w.Header().Get("Connection") != "close" {
		t.Errorf("on a dead connection: %d %v", w.Code, w.Header())
	}
}

// An answer that began is not ended in good form on a connection that is dead.
func TestAnswerOnADeadConnection(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // net/http asks for this very value
			t.Errorf("%v", v)
		}
	}()
	Page.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx), func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "half")
		cancel()
	})
	t.Error("it ended in good form")
}

// Of two classes the one that is declared nearer to the handler holds.
func TestTheInnerClassHolds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.mux.Handle("GET /", shortThink, Download.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			t.Error(context.Cause(r.Context()))
		case <-time.After(longLasts):
		}
		fmt.Fprint(w, "ok")
	})))
	h.get("/")
	if _, body := h.answer(); body != "ok" {
		t.Errorf("%q", body)
	}
}

func TestDrain(t *testing.T) {
	for _, c := range []Class{shortTake, {}} {
		h := newHouse(t)
		wrap := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			whole := Drain(w, r, Rest{Bytes: 8, Total: time.Minute, Idle: short})
			w.Header().Set("Connection", "close")
			fmt.Fprint(w, whole)
		})
		h.mux.mux.Handle("POST /", wrap)
		if c.Declared() {
			h.mux.mux.Handle("POST /in", c.Handler(wrap))
		}
		h.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")
		if _, body := h.answer(); body != "false" {
			t.Errorf("a body that stalls: %q", body)
		}
		if !Drain(httptest.NewRecorder(), httptest.NewRequest("POST", "/", bytes.NewReader([]byte("abc"))), Rest{8, time.Minute, short}) {
			t.Error("a short body is not at its end")
		}
		if Drain(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 100_000))), Rest{8, time.Minute, short}) {
			t.Error("a long body is at its end")
		}
	}
}

func TestPace(t *testing.T) {
	const stall = 30 * time.Second
	var p pace
	if got := p.left(stall); got != stall {
		t.Errorf("at the beginning: %s", got)
	}
	for range 100 { // 2 kB/s
		p.moved(32<<10, 16*time.Second)
	}
	if got := p.left(stall); got != stall {
		t.Errorf("at twice the rate: %s", got)
	}
	steps := 0
	for ; p.left(stall) > 0 && steps < 1000; steps++ { // 0.5 kB/s, and nothing is left of before
		p.moved(8<<10, 16*time.Second)
	}
	if steps != 4 {
		t.Errorf("half the rate is cut after %d steps", steps)
	}
	p = pace{}
	for p.left(stall) > 0 { // a quick piece pays for a slow one
		p.moved(1, 20*time.Second)
		p.moved(32<<10, 0)
		if p.left(stall) == stall {
			break
		}
	}
	if p.left(stall) != stall {
		t.Errorf("cut, though it caught up: %s", p.left(stall))
	}
}

func TestUndeclaredPanics(t *testing.T) {
	for _, do := range []func(){
		func() { NewMux().HandleFunc("/", Class{}, nil) },
		func() { Class{}.Serve(nil, nil, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no class is a class")
				}
			}()
			do()
		}()
	}
}
