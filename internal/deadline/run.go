package deadline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// UploadShutdown is how long uploads under way may take to end, less than the five minutes that a service manager is
// asked to wait.
const UploadShutdown = 4*time.Minute + 30*time.Second

// shutdownTime is how long other requests under way may take to end; cutTime is how
// long cutting them off may then take.
const (
	shutdownTime = 20 * time.Second // of pages and commands
	cutTime      = 5 * time.Second
)

// counted is a handler that knows whether a request is under way, also on connections
// that were taken over from the server.
type counted struct {
	http.Handler
	under sync.RWMutex // held for reading by each request
}

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.under.RLock()
	defer c.under.RUnlock()
	c.Handler.ServeHTTP(w, r)
}

// wait returns when no request is under way, or ctx ends. It holds up requests that
// come meanwhile.
func (c *counted) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		c.under.Lock()
		defer c.under.Unlock()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run answers requests on l until ctx ends. Requests under way then have 20 seconds to end, and are cut off after that. A
// handler with a method EndStreams is asked to end streams that would never end by themselves. When Run returns, no request
// is under way, not even on a connection that was taken over, and l is closed. The error says why it stopped before ctx ended.
func Run(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger) error {
	return RunFor(ctx, l, handler, log, shutdownTime)
}

// RunFor is Run with another time for requests under way to end: [UploadShutdown], for example.
func RunFor(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger, drain time.Duration) error {
	requests := &counted{Handler: handler}
	server := Server(requests, log)
	if streams, ok := handler.(interface{ EndStreams() }); ok {
		server.RegisterOnShutdown(streams.EndStreams) // they would never end by themselves
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	log.Info("listening", "address", l.Addr().String())
	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("stopped listening: %w", err)
	case <-ctx.Done():
		log.Info("shutting down")
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if errors.Join(server.Shutdown(late), requests.wait(late)) == nil {
		return err
	}
	log.Warn("cutting off open requests", "after", drain)
	server.Close() // ends their contexts
	last, cancelLast := context.WithTimeout(context.WithoutCancel(ctx), cutTime)
	defer cancelLast()
	if requests.wait(last) != nil {
		log.Warn("waiting for open requests")
	}
	return err
}
