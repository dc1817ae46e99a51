package authn

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// browser sends requests through SessionManager.Middleware and keeps the cookie.
type browser struct {
	e      *env
	m      *SessionManager
	cookie string
	set    []*http.Cookie // of the last answer
}

func (e *env) browser() *browser { return &browser{e: e, m: NewSessionManager(e.Service, nil)} }

// do runs fn in a handler and returns the status of the answer.
func (b *browser) do(fn func(ctx context.Context)) int {
	b.e.t.Helper()
	h := b.m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fn(r.Context())
		w.WriteHeader(http.StatusNoContent)
	}))
	r := httptest.NewRequest("GET", "https://rind.example.org/", nil)
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: SessionCookie, Value: b.cookie})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	b.set = w.Result().Cookies()
	for _, c := range b.set {
		b.cookie = c.Value
	}
	return w.Code
}

func (b *browser) start(x Session) {
	b.e.t.Helper()
	b.do(func(ctx context.Context) {
		if err := b.m.Start(ctx, x); err != nil {
			b.e.t.Error(err)
		}
	})
}

func (b *browser) current() (x Session, u User) {
	b.e.t.Helper()
	b.do(func(ctx context.Context) {
		var err error
		x, u, err = b.m.Current(ctx)
		if err != nil {
			b.e.t.Error(err)
		}
	})
	return x, u
}

func TestSessionCookie(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	b := e.browser()
	if x, _ := b.current(); x != (Session{}) || b.cookie != "" || e.keys(sessionPrefix) != nil {
		t.Errorf("a visitor got a session: %+v", x)
	}
	b.start(root.Session)
	if len(b.set) != 1 {
		t.Fatalf("%d cookies", len(b.set))
	}
	c := b.set[0]
	if c.Name != "__Host-rind_session" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 0 || len(c.Value) != 43 {
		t.Errorf("%+v", c)
	}
	hash := sha256.Sum256([]byte(c.Value))
	if keys := e.keys(sessionPrefix); len(keys) != 1 || keys[0] != sessionPrefix+base64.RawURLEncoding.EncodeToString(hash[:]) {
		t.Errorf("%q", keys)
	}
	x, u := b.current()
	if x != root.Session || u.Username != "root" || len(b.set) != 0 {
		t.Errorf("%+v %+v %v", x, u, b.set)
	}
	e.restart()
	b.m = NewSessionManager(e.Service, nil)
	if x, _ := b.current(); !x.SignedIn() {
		t.Error("the session did not survive a restart")
	}
	for _, cookie := range []string{"", "x", strings.Repeat("x", 4000), c.Value + "x", c.Value[:42], keysOf(e)[0]} {
		other := e.browser()
		other.cookie = cookie
		if x, _ := other.current(); x != (Session{}) {
			t.Errorf("%.50q signs in", cookie)
		}
	}
}

// keysOf are the names under which sessions are stored, as somebody has them who
// read the store.
func keysOf(e *env) (out []string) {
	for _, k := range e.keys(sessionPrefix) {
		out = append(out, strings.TrimPrefix(k, sessionPrefix))
	}
	return out
}

// The id is another one after each step, and the ones before it are worth
// nothing: nobody can fix it beforehand.
func TestSessionIsRotatedAtEachFactor(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	b := e.browser()
	b.do(func(ctx context.Context) { b.m.Flash(ctx, "notice") })
	ids := []string{b.cookie}
	x := e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	b.start(x)
	ids = append(ids, b.cookie)
	x = e.must(e.Authenticators.Verify(t.Context(), x, home, e.code(root, 0)))
	b.start(x)
	ids = append(ids, b.cookie)
	e.pass(time.Minute)
	b.start(e.must(e.Authenticators.Verify(t.Context(), x, home, e.code(root, 0))))
	ids = append(ids, b.cookie)
	for i, id := range ids {
		for _, later := range ids[i+1:] {
			if id == later {
				t.Error("an id was used again")
			}
		}
		old := e.browser()
		old.cookie = id
		if x, _ := old.current(); x.SignedIn() != (i == len(ids)-1) {
			t.Errorf("id %d: %+v", i, x)
		}
	}
	if keys := e.keys(sessionPrefix); len(keys) != 1 {
		t.Errorf("%d sessions stored", len(keys))
	}
}

func TestSessionLifetimes(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	b := e.browser()
	b.start(e.signIn(root))
	e.pass(SessionIdle - time.Second)
	if x, _ := b.current(); !x.SignedIn() {
		t.Fatal("ended before it was idle for that long")
	}
	e.pass(SessionIdle)
	if x, _ := b.current(); x != (Session{}) {
		t.Fatal("idle, and still there")
	}

	b.start(e.signIn(root))
	begun, _ := b.current()
	var last Session
	for range 100 {
		e.pass(9 * time.Minute)
		x, _ := b.current()
		if x == (Session{}) {
			break
		}
		last = x
		if e.now().Sub(x.Begun)%(3*time.Hour) < 9*time.Minute { // a factor now and then does not make it longer
			b.start(e.must(e.Authenticators.Verify(t.Context(), x, home, e.code(root, 0))))
		}
	}
	if age := e.now().Sub(begun.Begun); age < SessionLifetime || age > SessionLifetime+9*time.Minute {
		t.Errorf("ended after %s", age)
	}
	if !last.Begun.Equal(begun.Begun) || !last.FactorAt.After(begun.FactorAt) {
		t.Errorf("%+v, began as %+v", last, begun)
	}
}

// Requests write the store once a minute at most.
func TestSessionWritesSeldom(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	store := &countingStore{Store: e.once}
	e.useStore(store)
	b := e.browser()
	b.start(root.Session)
	started := store.updates.Load()
	if started != 1 {
		t.Errorf("%d transactions to start", started)
	}
	for range 50 {
		b.current()
	}
	if n := store.updates.Load() - started; n != 0 {
		t.Errorf("%d transactions in the first minute", n)
	}
	e.pass(time.Minute)
	for range 50 {
		b.current()
	}
	if n := store.updates.Load() - started; n != 1 {
		t.Errorf("%d transactions in two minutes", n)
	}
}

// Freezing and a changed password end sessions at the next request, and their
// records go.
func TestSessionEndsWithItsAccount(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	b := e.browser()
	b.start(bob.Session)
	e.refresh(root)
	if err := e.Administration.SetFrozen(t.Context(), root.Session, home, bob.UserID, true); err != nil {
		t.Fatal(err)
	}
	if x, u := b.current(); x != (Session{}) || u != (User{}) {
		t.Errorf("%+v %+v", x, u)
	}
	if keys := e.keys(sessionPrefix); keys != nil {
		t.Errorf("%q", keys)
	}
	if len(b.set) != 1 || b.set[0].MaxAge >= 0 {
		t.Errorf("the cookie stays: %v", b.set)
	}
}

func TestSignOut(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	b := e.browser()
	b.start(root.Session)
	id := b.cookie
	end := func(b *browser) {
		b.do(func(ctx context.Context) {
			if err := b.m.End(ctx, home); err != nil {
				t.Error(err)
			}
		})
	}
	end(b)
	row := e.wantRow(rowSignedOut, root.UserID)
	if row.Actor.UserID != root.UserID {
		t.Errorf("%+v", row)
	}
	old := e.browser()
	old.cookie = id
	if x, _ := old.current(); x != (Session{}) {
		t.Error("still signed in")
	}
	e.unchanged(func() { end(old) })
}

// A request that was under way while the person signed out elsewhere does not
// bring the session back.
func TestEndedSessionStaysEnded(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	b := e.browser()
	b.start(root.Session)
	elsewhere := e.browser()
	elsewhere.cookie = b.cookie
	id := b.cookie
	b.do(func(ctx context.Context) {
		elsewhere.do(func(ctx context.Context) { _ = elsewhere.m.End(ctx, home) })
		b.m.Flash(ctx, "something to store")
	})
	if keys := e.keys(sessionPrefix); keys != nil {
		t.Errorf("%q", keys)
	}
	b.cookie = id
	if x, _ := b.current(); x != (Session{}) {
		t.Error("signed in again")
	}
}

func TestFlash(t *testing.T) {
	e := newEnv(t)
	b := e.browser()
	b.do(func(ctx context.Context) { b.m.Flash(ctx, "signed_out <b>&") })
	for i, want := range []string{"signed_out <b>&", ""} {
		b.do(func(ctx context.Context) {
			if got := b.m.TakeFlash(ctx); got != want {
				t.Errorf("%d: %q, want %q", i, got, want)
			}
		})
	}
}

// brokenStore fails at every transaction, or at those that write.
type brokenStore struct {
	kv.Store
	reads, writes bool
}

var errBroken = errors.New("the disk is gone")

func (s *brokenStore) View(ctx context.Context, fn func(kv.Reader) error) error {
	if s.reads {
		return errBroken
	}
	return s.Store.View(ctx, fn)
}

func (s *brokenStore) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if s.writes {
		return errBroken
	}
	return s.Store.Update(ctx, fn)
}

// A store that fails is an error, never nobody and never somebody.
func TestSessionWithBrokenStore(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	broken := &brokenStore{Store: e.once}
	e.useStore(broken)
	b := e.browser()
	b.start(root.Session)
	broken.writes = true
	b.do(func(ctx context.Context) { wantErr(t, b.m.Start(ctx, root.Session), errBroken) })
	broken.reads = true
	if status := b.do(func(context.Context) { t.Error("the handler ran") }); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	asked := false
	b.m = NewSessionManager(e.Service, func(w http.ResponseWriter, _ *http.Request, err error) {
		asked = true
		wantErr(t, err, errBroken)
		w.WriteHeader(http.StatusTeapot)
	})
	if status := b.do(func(context.Context) { t.Error("the handler ran") }); status != http.StatusTeapot || !asked {
		t.Errorf("status %d", status)
	}
	broken.reads, broken.writes = false, false
	b.do(func(ctx context.Context) {
		broken.reads = true
		_, _, err := b.m.Current(ctx)
		wantErr(t, err, errBroken)
		broken.reads = false
	})
	b.do(func(ctx context.Context) {
		if err := b.m.Start(ctx, Session{}); err == nil {
			t.Error("started a session for nobody")
		}
	})
}

// If a session can't be stored, the error is the whole answer: nothing of the handler's follows it, even
// if whoever is told of the error writes nothing.
func TestASessionThatIsNotStoredHasNoAnswer(t *testing.T) {
	e := newEnv(t)
	broken := &brokenStore{Store: e.once, writes: true}
	e.useStore(broken)
	for name, c := range map[string]struct {
		onError func(http.ResponseWriter, *http.Request, error)
		status  int
		body    string
	}{
		"plain":    {nil, http.StatusServiceUnavailable, "Service Unavailable\n"},
		"answered": {func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusTeapot) }, http.StatusTeapot, ""},
		"silent":   {func(http.ResponseWriter, *http.Request, error) {}, http.StatusOK, ""}, // net/http's own
	} {
		m := NewSessionManager(e.Service, c.onError)
		w := httptest.NewRecorder()
		m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.Flash(r.Context(), "word")
			w.Header().Set("Location", "/next")
			w.WriteHeader(http.StatusSeeOther)
			fmt.Fprint(w, "what the handler says")
		})).ServeHTTP(w, httptest.NewRequest("GET", "https://rind.example.org/", nil))
		if w.Code != c.status || w.Body.String() != c.body || w.Header().Get("Location") != "" || len(w.Result().Cookies()) != 0 {
			t.Errorf("%s: %d %q %v", name, w.Code, w.Body, w.Header())
		}
	}
}
