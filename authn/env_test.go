package authn

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/pquerna/otp/totp"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/kvtest"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/seal"
)

const goodPassword = "plum orbit 7 canyon"

// cheap is argon2id at the least cost, for tests that are not about it.
var cheap = argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

var home = Origin{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "test browser", RequestID: "req-1"}

// from is an origin at another address.
func from(ip string) Origin { return Origin{IP: netip.MustParseAddr(ip)} }

// env is a Service on a real store, with a clock that stands still.
type env struct {
	*Service
	t     testing.TB
	cfg   Config
	path  string
	once  kv.Store // below kvtest.Again, for test doubles that count or fail calls
	mails *mailbox
	users *usersInTx
	hash  *countingHasher

	mu    sync.Mutex
	clock time.Time
}

func newEnv(t testing.TB, change ...func(*Config)) *env {
	t.Helper()
	sealer, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	e := &env{
		t: t, path: filepath.Join(t.TempDir(), "rind.db"), mails: &mailbox{}, users: &usersInTx{},
		clock: time.Date(2026, 11, 22, 9, 0, 5, 0, time.UTC),
	}
	e.cfg = Config{
		Sealer: sealer, Users: e.users, Notifier: e.mails, Notices: e.mails, IssuerName: "rind test",
		PasswordParams: &cheap, Clock: e.now,
	}
	for _, c := range change {
		c(&e.cfg)
	}
	e.open()
	t.Cleanup(func() { e.core.store.Close() })
	rows.Watch(t, func() kv.Store { return e.core.store })
	return e
}

// open opens the store and starts a Service on it.
func (e *env) open() {
	e.t.Helper()
	store, err := teststore.Open(e.t, e.path)
	if err != nil {
		e.t.Fatal(err)
	}
	cfg := e.cfg
	e.once, cfg.Store = instance.Guard(store), kvtest.Again(store)
	e.mails.outbox = notices.New(store, e.now, nil)
	e.Service, err = New(cfg)
	if err != nil {
		e.t.Fatal(err)
	}
	function, err := password.Argon2(cfg.PasswordParams)
	if err != nil {
		e.t.Fatal(err)
	}
	e.hash = &countingHasher{Function: function}
	e.Passwords.hashing = password.NewHasher(e.hash, cfg.MaxHashing)
}

// useStore has the Service work on another store, which is mostly a wrapper of its own.
func (e *env) useStore(s kv.Store) { e.Service.core.store, e.Service.core.exempt = s, s }

// restart closes the store and opens it again, as after a restart of the process.
func (e *env) restart() {
	e.t.Helper()
	if err := e.core.store.Close(); err != nil {
		e.t.Fatal(err)
	}
	e.open()
}

func (e *env) now() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.clock
}

func (e *env) pass(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clock = e.clock.Add(d)
}

// usersInTx is a UserRecorder that writes into the transaction it is given.
type usersInTx struct{ fail error }

func (u *usersInTx) RecordUser(tx kv.Tx, id, name string, frozen bool) error {
	if u.fail != nil {
		return u.fail
	}
	return tx.Put([]byte("test/user/"+id), fmt.Appendf(nil, "%s %v", name, frozen))
}

func (u *usersInTx) RevokeTokens(tx kv.Tx, id string, _ audit.Actor, why string) error {
	if u.fail != nil {
		return u.fail
	}
	return tx.Put([]byte("test/revoked/"+id), []byte(why))
}

// countingHasher counts how often the hash function runs.
type countingHasher struct {
	password.Function
	calls atomic.Int64
}

func (c *countingHasher) Hash(p string) (string, error) {
	c.calls.Add(1)
	return c.Function.Hash(p)
}

func (c *countingHasher) Check(p, h string) (bool, bool, error) {
	c.calls.Add(1)
	return c.Function.Check(p, h)
}

// person is an account with all that its owner knows.
type person struct {
	Session
	name, email, password string
	secret                string // of the authenticator
	codes                 []string
}

// register makes an account that is half set up: no address verified.
func (e *env) register(name string, p Purpose, link Secret) *person {
	e.t.Helper()
	who := &person{name: name, email: name + "@example.org", password: goodPassword + " " + name + "!"}
	x, err := e.Accounts.Register(e.t.Context(), home, Registration{
		Username: name, Email: who.email, Password: who.password, Purpose: p, Link: link,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	who.Session = x
	return who
}

// enrol takes an account that was just registered through to SignedIn.
func (e *env) enrol(who *person) *person {
	e.t.Helper()
	ctx := e.t.Context()
	if _, err := e.Addresses.Verify(ctx, home, e.mails.last(e.t, string(PurposeVerifyEmail)).link); err != nil {
		e.t.Fatal(err)
	}
	p, err := e.Authenticators.Begin(ctx, who.Session)
	if err != nil {
		e.t.Fatal(err)
	}
	who.secret = p.Secret
	who.Session = e.must(e.Authenticators.Confirm(ctx, who.Session, home, e.code(who, 0)))
	codes, x, err := e.RecoveryCodes.Create(ctx, who.Session, home)
	if err != nil {
		e.t.Fatal(err)
	}
	who.codes = codes
	who.Session = e.must(e.RecoveryCodes.Confirm(ctx, x, home, codes[0]))
	if !who.SignedIn() {
		e.t.Fatalf("%s is not signed in: %+v", who.name, who.Session)
	}
	e.pass(time.Minute) // the code that was used is over
	return who
}

// admin is the first administrator, signed in.
func (e *env) admin() *person {
	e.t.Helper()
	link, _, ok, err := e.Accounts.SetupLink(e.t.Context())
	if err != nil || !ok {
		e.t.Fatalf("no set-up link: %v %v", ok, err)
	}
	return e.enrol(e.register("root", PurposeSetup, link))
}

// member is somebody whom the administrator invited, signed in.
func (e *env) member(admin *person, name string) *person {
	e.t.Helper()
	return e.enrol(e.invited(admin, name))
}

// invited is somebody whom the administrator invited, half set up.
func (e *env) invited(admin *person, name string) *person {
	e.t.Helper()
	e.refresh(admin)
	_, link, err := e.Invitations.Invite(e.t.Context(), admin.Session, home, name+"@example.org")
	if err != nil {
		e.t.Fatal(err)
	}
	return e.register(name, PurposeInvitation, link)
}

// refresh gives a factor again.
func (e *env) refresh(who *person) {
	e.t.Helper()
	who.Session = e.must(e.Authenticators.Verify(e.t.Context(), who.Session, home, e.code(who, 0)))
	e.pass(time.Minute)
}

// signIn signs somebody in anew, with both factors.
func (e *env) signIn(who *person) Session {
	e.t.Helper()
	x := e.must(e.Sessions.SignIn(e.t.Context(), home, who.name, who.password))
	x = e.must(e.Authenticators.Verify(e.t.Context(), x, home, e.code(who, 0)))
	e.pass(time.Minute)
	return x
}

// code is the authenticator's code, so many steps from now.
func (e *env) code(who *person, steps int) string {
	e.t.Helper()
	c, err := totp.GenerateCode(who.secret, e.now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

func (e *env) must(x Session, err error) Session {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
	return x
}

func (e *env) user(id string) User {
	e.t.Helper()
	u, err := e.Accounts.User(e.t.Context(), id)
	if err != nil {
		e.t.Fatal(err)
	}
	return u
}

// rows are all rows of the trail, newest first.
func (e *env) rows() (out []audit.Event) {
	e.t.Helper()
	err := e.core.store.View(e.t.Context(), func(r kv.Reader) (err error) {
		out, err = audit.All(r, 0, 0)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return out
}

// wantRow checks that the newest row is of this kind and about this account.
func (e *env) wantRow(kind, account string) audit.Event {
	e.t.Helper()
	row := e.rows()[0]
	if row.Kind != kind || row.Account != account || !row.Time.Equal(e.now()) {
		e.t.Fatalf("newest row %+v, want kind %q about account %q", row, kind, account)
	}
	return row
}

// unchanged runs fn and checks that it left no row.
func (e *env) unchanged(fn func()) {
	e.t.Helper()
	before := len(e.rows())
	fn()
	if after := len(e.rows()); after != before {
		e.t.Fatalf("%d rows were written: %+v", after-before, e.rows()[:after-before])
	}
}

// wantProblem checks that err is this one problem.
func wantProblem(t testing.TB, err error, field, code string) problem.Problem {
	t.Helper()
	var ps problem.Problems
	if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Code != code || ps[0].Field != field {
		t.Fatalf("error %v, want the problem %q of field %q", err, code, field)
	}
	return ps[0]
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// race runs fn n times at the same moment and returns how many had no error, and
// the errors of the others.
func race(n int, fn func(i int) error) (won int, lost []error) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			lost = append(lost, err)
		}
	}
	return won, lost
}

// spaced puts a space into a code, as authenticators show it.
func spaced(code string) string { return code[:3] + " " + strings.Clone(code[3:]) }
