package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/certificate/certtest"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/kvtest"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/leaks"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/files"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/mails"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/folder"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// ownCI is a CI system from which nothing is fetched.
var ownCI = idtoken.Issuer{Name: "own", URL: "https://ci.example.org/api/actions", Kind: idtoken.KindGitHub, JWKSFile: os.DevNull}

// public is where the houses of these tests say that they are.
const public = "https://rind.example.org"

// password is everybody's.
const password = "ochre lantern drifts past seven wharves"

// cheap is argon2id at the least cost.
var cheap = argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// sharedPages are the pages of all houses: parsing them takes longer than all else of a house.
var sharedPages = sync.OnceValues(ui.New)

// sharedCertificate is that of all houses. Its key signs a handshake in a small part of what httptest's takes, and
// some hundred answers of a house end their connection.
var sharedCertificate = sync.OnceValues(func() (tls.Certificate, error) {
	cert, key, err := certtest.Make("a house", time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour))
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
})

// house is everything that 'rind serve' runs, on real stores, behind TLS.
type house struct {
	*testing.T
	dir     string
	server  *httptest.Server
	web     *Server
	store   *brittleStore
	keys    *rootkeys.Store
	auth    *authn.Service
	issuer  *issuer.Service
	quick   func() *issuer.Service // another one, whose transactions run once, to make many things with
	pages   *ui.Renderer
	mailer  *mails.Mailer
	mails   *mailbox
	notices *notices.Outbox
	clock   *clock
	log     *buffer
	catchUp func(context.Context, uint64) error

	params       *argon2id.Params // of password hashes, one at a time; nil: cheap
	plain        bool             // at http://localhost
	registration instance.Registration
	confirm      bool // unknown devices
	maxLife      time.Duration
	perHour      int // tokens that somebody makes in an hour
	trusted      []netip.Prefix
	leaks        *leaks.Keys
	issuers      []idtoken.Issuer // of ID tokens, beside those built in
	othersIndex  bool             // another program keeps the index

	files *files.Service

	secrets secrets
}

// public is where the house says that it is.
func (h *house) public() string {
	if h.plain {
		return "http://localhost"
	}
	return public
}

// newHouse opens a house; change comes before it is wired.
func newHouse(t *testing.T, change ...func(*house)) *house {
	t.Helper()
	h := &house{T: t, dir: t.TempDir(), mails: &mailbox{}, log: &buffer{}, clock: &clock{now: time.Now().UTC()}}
	for _, c := range change {
		c(h)
	}
	sealer, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	h.must(err)
	bolt, err := teststore.Open(t, filepath.Join(h.dir, "rind.db"))
	h.must(err)
	t.Cleanup(func() { _ = bolt.Close() }) // a test may have closed it
	t.Cleanup(func() { h.secrets.check(h, bolt) })
	h.store = &brittleStore{Store: kvtest.Again(bolt)}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.notices = notices.New(h.store, h.clock.Now, log)
	at, err := url.Parse(h.public())
	h.must(err)
	h.pages, err = sharedPages()
	h.must(err)
	h.mailer = mails.New(h.pages, h.mails, at)
	config := issuer.Config{
		Notices: h.notices, Store: h.store, Sealer: sealer, Location: "rind.example.org", MaxLife: h.maxLife, PerHour: h.perHour, Clock: h.clock.Now, Logger: log,
		Administrators: authn.IsAdministrator,
		People:         authn.People{},
		InvitationMail: h.mailer.ProjectInvitation,
		IDTokens:       idtoken.New(idtoken.Config{Issuers: append(append(idtoken.BuiltIn(), ownCI), h.issuers...), Clock: h.clock.Now, Logger: log}),
	}
	h.issuer, err = issuer.New(config)
	h.must(err)
	h.quick = func() *issuer.Service {
		config.Store = bolt
		s, err := issuer.New(config)
		h.must(err)
		return s
	}
	h.follow(log)
	h.wire(sealer, log)
	h.server = httptest.NewUnstartedServer(h.web)
	h.server.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	h.server.Config.MaxHeaderBytes = 32 << 10
	if h.plain {
		h.server.Start()
	} else {
		certificate, err := sharedCertificate()
		h.must(err)
		h.server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
		h.server.StartTLS()
	}
	t.Cleanup(h.server.Close)
	return h
}

// follow opens the root-key store and keeps it current until the test ends.
func (h *house) follow(log *slog.Logger) {
	var err error
	h.keys, err = rootkeys.Open(filepath.Join(h.dir, "rootkeys.db"), rootkeys.Options{Key: bytes.Repeat([]byte{7}, 32)})
	h.must(err)
	follower := replication.New(replication.Config{Source: h.issuer.Followers, Store: h.keys, Logger: log})
	if h.catchUp == nil {
		h.catchUp = follower.CatchUp
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = follower.Run(ctx) }()
	h.Cleanup(func() { stop(); <-done; _ = h.keys.Close() })
}

// wire makes what answers requests.
func (h *house) wire(sealer *seal.Sealer, log *slog.Logger) {
	at, err := url.Parse(h.public())
	h.must(err)
	h.mails.carry = func() { // what waits is sent before somebody looks
		_, _ = h.notices.Pass(context.Background(), h.mailer.Carry(h.auth.Accounts))
	}
	h.auth, err = authn.New(authn.Config{
		Store: h.store, Sealer: sealer, Users: h.issuer, Notifier: h.mailer, Notices: h.notices, Registration: h.registration, ConfirmDevices: h.confirm,
		PublicURL: at, PasswordParams: cmp.Or(h.params, &cheap), MaxHashing: h.hashing(), Clock: h.clock.Now, Logger: log,
	})
	h.must(err)
	kept, err := folder.Open(filepath.Join(h.dir, "packages"), folder.WithClock(h.clock.Now))
	h.must(err)
	h.Cleanup(func() { _ = kept.Close() })
	if !h.othersIndex {
		h.files = files.New(h.issuer.Ledger, h.issuer.Projects, FolderFiles(kept))
	}
	upload, err := gateway.New(gateway.Config{
		Verifier: verifier.New(h.keys).WithClock(h.clock.Now), Backend: kept, ClientIP: ClientIP(h.trusted), Logger: log,
	})
	h.must(err)
	h.web, err = New(Config{
		Auth: h.auth, Issuer: h.issuer, Pages: h.pages, CatchUp: h.catchUp,
		Gateway: upload, Index: kept.Index("", log), Indexes: []Index{{Path: "/", Reads: true}}, Files: h.files, PublicURL: at, MaxTokenLife: h.maxLife,
		TrustedProxies: h.trusted, Leaks: h.leaks, Clock: h.clock.Now, Logger: log,
	})
	h.must(err)
}

// join makes somebody a member of a project, by an invitation that is accepted.
func (h *house) join(owner ledger.Principal, project string, p *person, role projects.Role) {
	h.Helper()
	ctx := context.Background()
	inv, err := h.issuer.Projects.Invite(ctx, owner, project, projects.InviteRequest{To: p.name, Role: role})
	h.must(err)
	done, err := h.issuer.Projects.AcceptInvitation(ctx, ledger.Principal{UserID: p.id, Username: p.name}, inv.ID)
	h.must(err)
	h.must(h.catchUp(ctx, done.Revision))
}

// newDay forgets how many invitations were made today.
func (h *house) newDay() {
	h.Helper()
	h.must(h.store.Store.Update(context.Background(), func(tx kv.Tx) error {
		pairs, err := tx.Scan([]byte("issuer/invitetally/"), nil, 0, false)
		for _, p := range pairs {
			err = errors.Join(err, tx.Delete(p.Key))
		}
		return err
	}))
}

// hashing is how many passwords are hashed at once; 0 leaves it to authn.
func (h *house) hashing() int {
	if h.params != nil {
		return 1
	}
	return 0
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// state is all that the store holds, but for sessions and counters of attempts.
func (h *house) state() map[string]string {
	h.Helper()
	out := make(map[string]string)
	h.must(h.store.Store.View(context.Background(), func(r kv.Reader) error {
		pairs, err := r.Scan(nil, nil, 0, false)
		for _, p := range pairs {
			if k := string(p.Key); !bytes.HasPrefix(p.Key, []byte("session")) && !bytes.HasPrefix(p.Key, []byte("authn/throttle/")) {
				out[k] = string(p.Value)
			}
		}
		return err
	}))
	return out
}

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// buffer is a log that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
