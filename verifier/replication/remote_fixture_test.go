package replication_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/feedhttp"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

var (
	bob   = ledger.Principal{UserID: "00000000-0000-4000-8000-0000000000ab", Username: "bob"}
	admin = ledger.Principal{Username: "admin", Admin: true}
	key   = make([]byte, seal.KeySize)
)

// origin is a real issuer that serves its feed on loopback, can be stopped, and
// comes back at the same address.
type origin struct {
	testing.TB
	*issuer.Service
	path  string // of its store
	addr  string
	clock func() time.Time
	keep  int

	store    *boltkv.Store
	handler  *feedhttp.Handler
	server   *http.Server
	served   chan struct{}
	requests map[string]int // by path
	mu       sync.Mutex     // over requests
	under    sync.RWMutex   // held by each request
}

// newOrigin starts an issuer that knows alice and bob, and alice's project demo.
func newOrigin(t testing.TB, change ...func(*origin)) *origin {
	t.Helper()
	o := &origin{TB: t, path: filepath.Join(t.TempDir(), "issuer.db"), addr: realtest.FreeAddress(t), requests: map[string]int{}}
	for _, c := range change {
		c(o)
	}
	o.start()
	t.Cleanup(o.stop)
	o.user(alice, false)
	o.user(bob, false)
	_, _, err := o.Projects.Create(t.Context(), alice, "demo")
	o.check(err)
	return o
}

func (o *origin) check(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// start opens the store and serves.
func (o *origin) start() {
	o.Helper()
	var err error
	o.store, err = boltkv.Open(o.path, boltkv.Options{})
	o.check(err)
	sealer, err := seal.New(key)
	o.check(err)
	o.Service, err = issuer.New(issuer.Config{
		ProjectsDaily: 1 << 20,
		Store:         o.store, Sealer: sealer, Location: "packages.example.org", Clock: o.clock, KeepChanges: o.keep,
		People: accounts{},
	})
	o.check(err)
	o.listen()
}

// listen serves the feed at the address of before: one that no outgoing connection takes meanwhile.
func (o *origin) listen() {
	o.Helper()
	o.handler = feedhttp.New(feedhttp.Config{Issuer: o.Service, Clock: o.clock})
	listener, err := net.Listen("tcp", o.addr)
	o.check(err)
	o.addr = listener.Addr().String()
	handler := o.handler
	o.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.under.RLock()
		defer o.under.RUnlock()
		o.mu.Lock()
		o.requests[r.URL.Path]++
		o.mu.Unlock()
		handler.ServeHTTP(w, r)
	})}
	o.served = make(chan struct{})
	go func(server *http.Server, served chan struct{}) {
		defer close(served)
		_ = server.Serve(listener)
	}(o.server, o.served)
}

// stop ends the issuer as a crash does: connections are cut.
func (o *origin) stop() {
	if o.server == nil {
		return
	}
	o.handler.EndStreams()
	o.server.Close()
	<-o.served
	o.server = nil
	o.under.Lock() // who was cut off may still read the store
	defer o.under.Unlock()
	if err := o.store.Close(); err != nil {
		o.Error(err)
	}
}

// cut breaks every connection; the issuer goes on.
func (o *origin) cut() {
	o.Helper()
	o.server.Close()
	<-o.served
	o.listen()
}

func (o *origin) count(path string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.requests[path]
}

func (o *origin) url() string { return "http://" + o.addr }

func (o *origin) user(p ledger.Principal, frozen bool) {
	o.Helper()
	o.check(o.store.Update(o.Context(), func(tx kv.Tx) error { return o.Ledger.RecordUser(tx, p.UserID, p.Username, frozen) }))
}

// mint makes a token of alice's for her projects.
func (o *origin) mint(label string) tokens.Minted {
	o.Helper()
	m, err := o.Tokens.Mint(o.Context(), alice, tokens.MintRequest{Label: label, Scope: tokens.ScopeAll, Life: tokens.LifeNever})
	o.check(err)
	return m
}

func (o *origin) revoke(m tokens.Minted) uint64 {
	o.Helper()
	rev, _, err := o.Tokens.Revoke(o.Context(), alice, m.Token.ID)
	o.check(err)
	return rev
}

func (o *origin) at() rootkeys.Position {
	o.Helper()
	p, err := o.Followers.Position(o.Context())
	o.check(err)
	return p
}

// secretFile registers a verifier and writes its secret to a file.
func (o *origin) secretFile(name string) string {
	o.Helper()
	_, secret, err := o.Followers.RegisterVerifier(o.Context(), admin, name)
	o.check(err)
	path := filepath.Join(o.TempDir(), "verifier.secret")
	o.check(os.WriteFile(path, []byte(secret+"\n"), 0o600))
	return path
}

// replica is a verifier that follows over HTTP.
type replica struct {
	testing.TB
	*replication.Follower
	cfg    replication.Config
	remote replication.RemoteConfig
	path   string // of its store
	keys   *rootkeys.Store
	verify *verifier.Verifier
	before func(*replication.Follower)
	halt   func()
}

// newReplica starts a verifier of the issuer at url; change comes before it is opened.
func newReplica(t testing.TB, url, secret string, change ...func(*replica)) *replica {
	t.Helper()
	r := &replica{
		TB: t, path: filepath.Join(t.TempDir(), "rootkeys.db"),
		remote: replication.RemoteConfig{URL: url, SecretFile: secret},
		before: replication.Hasten,
	}
	for _, c := range change {
		c(r)
	}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *replica) check(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// open opens the store and makes a follower that does not run.
func (r *replica) open() {
	r.Helper()
	var err error
	r.keys, err = rootkeys.Open(r.path, rootkeys.Options{Key: key})
	r.check(err)
	r.cfg.Remote, err = replication.NewRemote(r.remote)
	r.check(err)
	r.cfg.Store = r.keys
	r.Follower = replication.New(r.cfg)
	r.before(r.Follower)
	r.verify = verifier.New(r.Follower)
	r.halt = func() {}
}

func (r *replica) start() {
	r.Helper()
	r.open()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	follower := r.Follower
	go func() { done <- follower.Run(ctx) }()
	r.halt = func() {
		cancel()
		if err := <-done; err != nil {
			r.Error(err)
		}
	}
}

// stop ends the verifier.
func (r *replica) stop() {
	if r.keys == nil {
		return
	}
	r.halt()
	if err := r.keys.Close(); err != nil {
		r.Error(err)
	}
	r.keys = nil
}

const unavailable = "unavailable"

// answer is "allow", the first reason of a denial, or unavailable.
func (r *replica) answer(text, project string) string {
	r.Helper()
	got, _ := r.answerErr(text, project)
	return got
}

func (r *replica) answerErr(text, project string) (string, error) {
	r.Helper()
	_, err := r.verify.Verify(r.Context(), text, verifier.Request{Action: caveats.ActionUpload, Project: project})
	var denial *verifier.Denial
	switch {
	case err == nil:
		return "allow", nil
	case errors.As(err, &denial):
		return string(denial.Reason()), err
	case errors.Is(err, verifier.ErrUnavailable):
		return unavailable, err
	}
	r.Fatal(err)
	return "", nil
}

func (r *replica) expect(text, project, want string) {
	r.Helper()
	if got, err := r.answerErr(text, project); got != want {
		r.Errorf("upload to %s: %s, want %s: %v", project, got, want, err)
	}
}

// catchUp waits until the store has all that the issuer has, and it is known.
func (r *replica) catchUp(o *origin) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	r.check(r.CatchUp(ctx, o.at().Revision))
	r.eventually("the store is known to be current", func() bool { return r.Status().Usable })
}

// eventually waits for something that takes milliseconds.
func (r *replica) eventually(what string, fn func() bool) {
	r.Helper()
	for end := time.Now().Add(5 * time.Minute); !fn(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("not within five minutes: %s; %+v", what, r.Status())
		}
	}
}

// fails waits for an error of the follower.
func (r *replica) fails(is error) error {
	r.Helper()
	r.eventually(fmt.Sprint(is), func() bool { return errors.Is(r.Err(), is) })
	return r.Err()
}

// expectSoon waits for an answer.
func (r *replica) expectSoon(text, project, want string) {
	r.Helper()
	r.eventually(want, func() bool { return r.answer(text, project) == want })
}

// stopTalking stops the issuer, if that was not done.
func (r *replica) stopTalking(o *origin) {
	if o.server != nil {
		o.stop()
	}
}

func (o *origin) openStore() *boltkv.Store {
	o.Helper()
	store, err := boltkv.Open(o.path, boltkv.Options{})
	o.check(err)
	return store
}

func serveHTTP(t testing.TB, h http.Handler) (url string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}
