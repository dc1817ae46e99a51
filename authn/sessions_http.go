package authn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/alexedwards/scs/v2"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// Names of the cookies. Their prefix makes browsers take them over HTTPS (or from localhost) only, for
// this host only, and for every path (RFC 6265bis §4.1.3.2).
const (
	SessionCookie = "__Host-rind_session"
	DeviceCookie  = "__Host-rind_device" // identifies a known browser
)

// Keys of the values in a session.
const (
	valueSession = "session"
	valueFlash   = "flash"
)

// SessionManager keeps a Session between requests. It stores it on the server,
// under the hash of a random id that only the browser's cookie contains. The id
// changes at each step of the sign-in (Start), so that an id somebody knew before
// is worthless afterwards.
//
// A web front end wraps its handlers in Middleware, reads Current, passes that Session to the Service, and
// gives the Session that comes back to Start:
//
//	session, err := auth.Sessions.SignIn(ctx, origin, login, password) // StagePassword or StageEnrolling
//	err = manager.Start(ctx, session)                                  // a new cookie
//	…
//	session, _, err := manager.Current(ctx)
//	session, err = auth.Authenticators.Verify(ctx, session, origin, code) // StageSignedIn; or SecurityKeys.Verify, RecoveryCodes.Use
//	err = manager.Start(ctx, session)                                     // again a new cookie
//
// NextStep says which page comes next for somebody whose sign-in is not complete.
//
// The cookie ends with the browser's session; the server decides how long it is valid.
// It does so by Config.Clock, and does not use the lifetimes of scs, which reads the
// machine's clock. That also saves a write to the store at each request: activity
// is recorded at most once a minute, so a session may end up to
// a minute before SessionIdle is over.
type SessionManager struct {
	core *core
	scs  *scs.SessionManager
	from func(*http.Request) Origin // nil: sessions are listed without a place
}

// Locate sets the function that finds the origin of a request, for the list of sessions. Call it
// before the first request.
func (m *SessionManager) Locate(from func(*http.Request) Origin) { m.from = from }

// NewSessionManager makes a SessionManager over the Service's store. onError answers a request whose
// session could not be read or stored; if it is nil, the answer is a plain 503. What the handler writes
// is discarded then, even if onError leaves the request unanswered.
func NewSessionManager(s *Service, onError func(http.ResponseWriter, *http.Request, error)) *SessionManager {
	m := scs.New()
	m.Store = &sessionStore{s.core}
	m.Codec = valuesCodec{}
	m.Lifetime = SessionLifetime
	m.HashTokenInStore = true
	m.Cookie.Name = SessionCookie
	m.Cookie.Path = "/"
	m.Cookie.Secure = true
	m.Cookie.HttpOnly = true
	m.Cookie.SameSite = http.SameSiteLaxMode
	m.Cookie.Persist = false
	m.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		level := slog.LevelError
		if r.Context().Err() != nil { // the client is gone
			level = slog.LevelDebug
		}
		s.core.log.Log(r.Context(), level, "authn: a session could not be read or kept", "error", err)
		w.Header().Del("Location") // of the handler's answer, which is discarded
		if onError != nil {
			onError(w, r, err)
		} else {
			http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		}
		w.(*answer).over = true // Middleware made it
	}
	return &SessionManager{core: s.core, scs: m}
}

// Middleware makes the other methods work in the handlers behind it.
func (m *SessionManager) Middleware(next http.Handler) http.Handler {
	inner := m.scs.LoadAndSave(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := new(requestSession)
		if m.from != nil {
			o := m.from(r)
			f.from = &o
		}
		inner.ServeHTTP(&answer{ResponseWriter: w, name: m.scs.Cookie.Name, found: f}, r.WithContext(context.WithValue(r.Context(), requestSessionKey{}, f)))
	})
}

// Current returns the Session of the request, and its account as it is now. It returns nobody, without
// an error, if nobody is signed in or the session is no longer valid; such a session is deleted.
func (m *SessionManager) Current(ctx context.Context) (Session, User, error) {
	text := m.scs.GetString(ctx, valueSession)
	if text == "" {
		return Session{}, User{}, nil
	}
	var x Session
	err := json.Unmarshal([]byte(text), &x)
	if err != nil {
		return Session{}, User{}, fmt.Errorf("authn: a session is damaged: %w", err)
	}
	var u userRecord
	err = m.core.store.View(ctx, func(r kv.Reader) (err error) {
		u, err = m.core.sessionAccount(r, x)
		return err
	})
	if errors.Is(err, ErrSignedOut) {
		return Session{}, User{}, m.destroy(ctx)
	}
	if err != nil {
		return Session{}, User{}, err
	}
	return x, u.public(), nil
}

// Start stores x for this browser, under a new id: the cookie changes, and the
// previous id is invalid from then on. x is stored when Start returns.
//
// One transaction replaces the previous id with the new one. If the session that
// x continues has ended since the request arrived, or another request has already continued it,
// Start stores nothing, leaves the browser's cookie as it is, and returns ErrSignedOut.
func (m *SessionManager) Start(ctx context.Context, x Session) error {
	if x.Stage == StageNone {
		return errors.New("authn: nobody to start a session for")
	}
	f, _ := ctx.Value(requestSessionKey{}).(*requestSession)
	if f == nil {
		return errors.New("authn: a session starts behind SessionManager.Middleware")
	}
	b, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("authn: encode a session: %w", err)
	}
	f.renewed = true // from here on the store swaps the ids instead of deleting and writing
	defer func() { f.renewed = false }()
	if err := m.scs.RenewToken(ctx); err != nil {
		return fmt.Errorf("authn: renew a session: %w", err)
	}
	m.scs.Put(ctx, valueSession, string(b))
	if _, _, err := m.scs.Commit(ctx); err != nil {
		f.superseded = true
		return fmt.Errorf("authn: keep a session: %w", err)
	}
	return nil
}

// End signs out: the transaction that writes the row deletes the session, and nothing that goes on
// from it is valid, in whatever request it is used. If nobody is signed in it does nothing.
func (m *SessionManager) End(ctx context.Context, o Origin) error {
	x, u, err := m.Current(ctx)
	if err != nil || x.Stage == StageNone {
		return err
	}
	f, _ := ctx.Value(requestSessionKey{}).(*requestSession)
	if f == nil {
		return errors.New("authn: a session ends behind SessionManager.Middleware")
	}
	who := o.actor(userRecord{ID: u.ID, Username: u.Username}, x.Factor)
	f.inDeletion = func(tx kv.Tx) error {
		if err := endSession(tx, x); err != nil {
			return err
		}
		return m.core.recordForAnyone(tx, u.ID, audit.Event{Kind: rowSignedOut, Actor: who})
	}
	defer func() { f.inDeletion = nil }()
	return m.destroy(ctx)
}

func (m *SessionManager) destroy(ctx context.Context) error {
	if err := m.scs.Destroy(ctx); err != nil {
		return fmt.Errorf("authn: end a session: %w", err)
	}
	return nil
}

// Flash stores a word for the next page, such as the code of a notice. Don't put secrets there: the
// store has it as it is.
func (m *SessionManager) Flash(ctx context.Context, word string) {
	m.scs.Put(ctx, valueFlash, word)
}

// TakeFlash returns the word once; "" if there is none. A session that existed only for the word ends
// with it.
func (m *SessionManager) TakeFlash(ctx context.Context) string {
	word := m.scs.PopString(ctx, valueFlash)
	if word != "" && !m.scs.Exists(ctx, valueSession) {
		if err := m.destroy(ctx); err != nil { // it stays until it is swept
			m.core.log.WarnContext(ctx, "authn: a session for one word", "error", err)
		}
	}
	return word
}
