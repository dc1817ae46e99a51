package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// snapshots is the issuer's side of a feed. It generates the tokens while it sends them: one snapshot,
// and nothing after it.
type snapshots struct{ tokens int }

func (s snapshots) position() feed.Position {
	return feed.Position{Issuer: issuer, Epoch: 1, Revision: uint64(s.tokens)}
}

func (s snapshots) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := s.position()
	switch r.URL.Path {
	case feed.PathSnapshot:
		_ = s.send(func(f feed.Frame) error { return feed.WriteFrame(w, f) }) // a client that disconnects will ask again
	case feed.PathStream:
		_ = feed.WriteFrame(w, feed.Frame{Position: &at, Time: time.Now()})
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case feed.PathReport:
		w.Header().Set(feed.PositionHeader, at.String())
		w.WriteHeader(http.StatusNoContent)
	}
}

// send sends the snapshot, frame by frame.
func (s snapshots) send(send func(feed.Frame) error) error {
	at, sent := s.position(), 0
	err := send(feed.Frame{Position: &at, Time: time.Now()})
	if err != nil {
		return err
	}
	for from := 0; from < s.tokens; from += feed.Records / 2 {
		var f feed.Frame
		for n := from; n < min(from+feed.Records/2, s.tokens); n++ {
			changes, err := changesOf(n)
			if err != nil {
				return err
			}
			f.Records = append(f.Records, changes...)
		}
		sent += len(f.Records)
		if err := send(f); err != nil {
			return err
		}
	}
	return send(feed.Frame{Position: &at, End: true, Count: sent})
}

// firstCatchUp fills a new store over loopback, like that of a new verifier, and prints how long that
// takes and how much memory both sides use together.
func firstCatchUp(ctx context.Context, path string, tokens int) error {
	secret := filepath.Join(filepath.Dir(path), "secret")
	if err := os.WriteFile(secret, []byte("rindv_x"), 0o600); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: snapshots{tokens}}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	remote, err := replication.NewRemote(replication.RemoteConfig{URL: "http://" + l.Addr().String(), SecretFile: secret})
	if err != nil {
		return err
	}
	making := path + ".new"
	os.Remove(making)
	keys, err := rootkeys.Open(making, rootkeys.Options{Key: key})
	if err != nil {
		return err
	}
	follower := replication.New(replication.Config{Remote: remote, Store: keys})
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	begun := time.Now()
	go func() { ended <- follower.Run(ctx) }()
	var m peaks
	for !follower.Status().Usable {
		m.sample()
		time.Sleep(200 * time.Millisecond)
	}
	fmt.Printf("%d tokens: first catch-up of a new verifier over loopback in %v; at most %d MiB of heap with its garbage, %d MiB of memory that is no file\n",
		tokens, time.Since(begun).Round(100*time.Millisecond), m.heap>>20, m.resident>>20)
	cancel()
	if err := errors.Join(<-ended, keys.Close()); err != nil {
		return err
	}
	return os.Rename(making, path)
}

// peaks has the highest memory use that was seen, in bytes.
type peaks struct{ heap, resident uint64 }

func (p *peaks) sample() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	p.heap, p.resident = max(p.heap, m.HeapAlloc), max(p.resident, resident())
}

// resident returns how much memory of this process is resident and not backed by files, 0 if unknown.
func resident() uint64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("RssAnon:")); ok {
			n, _ := strconv.ParseUint(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
			return n << 10
		}
	}
	return 0
}
