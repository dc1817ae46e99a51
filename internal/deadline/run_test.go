package deadline

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// blocking is a handler whose request goes on until release is closed.
type blocking struct {
	hijack           bool
	entered, release chan struct{}
	finished         chan struct{}
}

func newBlocking(hijack bool) *blocking {
	return &blocking{hijack, make(chan struct{}), make(chan struct{}), make(chan struct{})}
}

func (b *blocking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer close(b.finished)
	if b.hijack {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
	}
	close(b.entered)
	<-b.release
	if !b.hijack {
		io.WriteString(w, "done")
	}
}

// TestShutdownWaitsForRequests asks Run to end while a request is under way,
// on a connection that is the server's and on one that was taken over.
func TestShutdownWaitsForRequests(t *testing.T) {
	for name, hijack := range map[string]bool{"plain": false, "taken over": true} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			handler := newBlocking(hijack)
			served, answered := make(chan error, 1), make(chan error, 1)
			go func() { served <- Run(ctx, l, handler, slog.New(slog.DiscardHandler)) }()
			go func() { answered <- ask("http://" + l.Addr().String()) }()
			<-handler.entered
			cancel()
			for { // until it listens no more
				conn, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					break
				}
				conn.Close()
			}
			select {
			case err := <-served:
				t.Fatalf("Run returned (%v) while a request was under way", err)
			case <-time.After(100 * time.Millisecond):
			}
			close(handler.release)
			if err := <-served; err != nil {
				t.Errorf("Run: %v", err)
			}
			select {
			case <-handler.finished:
			default:
				t.Error("Run returned before the request ended")
			}
			if err := <-answered; (err != nil) != hijack {
				t.Errorf("the answer: %v", err)
			}
		})
	}
}

func ask(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && string(b) != "done" {
		err = errors.New("answered " + string(b))
	}
	return err
}

// TestShutdownOfUploads: who asks for a longer time gets it, and who asks for a shorter one is cut off.
func TestShutdownOfUploads(t *testing.T) {
	for _, drain := range []time.Duration{10 * time.Millisecond, UploadShutdown} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		entered, release, cut := make(chan struct{}), make(chan struct{}), make(chan struct{})
		served := make(chan error, 1)
		go func() {
			served <- RunFor(ctx, l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(entered)
				select {
				case <-r.Context().Done():
					close(cut)
				case <-release:
				}
			}), slog.New(slog.DiscardHandler), drain)
		}()
		go func() { _ = ask("http://" + l.Addr().String()) }()
		<-entered
		cancel()
		if drain < time.Second {
			<-cut
		} else {
			close(release)
		}
		if err := <-served; err != nil {
			t.Error(drain, err)
		}
		select {
		case <-cut:
			if drain > time.Second {
				t.Error("an upload was cut off")
			}
		default:
		}
	}
}

func TestListenerThatFailsIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = Run(t.Context(), l, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "stopped listening") {
		t.Errorf("error: %v", err)
	}
}
