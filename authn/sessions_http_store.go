package authn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// touchAfter is how old the note of somebody's last request gets before it is written again.
const touchAfter = time.Minute

// requestSession notes, for one request, which session it came with, and from where.
type requestSession struct {
	token  string  // hash; "" if none was found
	signIn string  // ID of the Session in it; "" if there is none
	from   *Origin // nil: the origin is unknown

	inDeletion func(kv.Tx) error // runs in the transaction that deletes the session; nil: nothing to run

	renewed    bool // SessionManager.Start is under way
	superseded bool // another request has taken the session over: neither the store nor the cookie is touched
}

type requestSessionKey struct{}

// answer wraps the answer to a request. It removes the session's cookie from the answer if another
// request has taken the session further: the browser keeps the cookie of that request. If the session
// could not be stored, it discards what the handler writes, which may describe a change that was not
// stored, or contain a secret.
type answer struct {
	http.ResponseWriter
	name  string
	found *requestSession
	begun bool
	over  bool // the error was answered instead
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.over {
		return
	}
	if !a.begun {
		a.begun = true
		a.keepCookie()
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	if a.over {
		return len(b), nil
	}
	if !a.begun {
		a.begun = true
		a.keepCookie()
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) keepCookie() {
	if !a.found.superseded {
		return
	}
	h := a.Header()
	others := slices.DeleteFunc(h.Values("Set-Cookie"), func(c string) bool { return strings.HasPrefix(c, a.name+"=") })
	if len(others) == 0 {
		h.Del("Set-Cookie")
		return
	}
	h["Set-Cookie"] = others
}

// sessionStore is scs.CtxStore over kv. The tokens that it sees are hashes.
//
// A session that was there when its request began and is not there when the
// request wants to store it was ended in between, by the same person elsewhere: it stays
// ended. (scs by itself would bring it back.)
type sessionStore struct{ *core }

// FindCtx implements scs.CtxStore.
func (st *sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	now := st.now().UTC()
	var rec sessionRecord
	err := st.store.View(ctx, func(r kv.Reader) (err error) {
		rec, err = loadSessionRecord(r, token)
		return err
	})
	if errors.Is(err, kv.ErrNotFound) || err == nil && rec.expired(now) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	f, _ := ctx.Value(requestSessionKey{}).(*requestSession)
	if now.Sub(rec.Seen) >= touchAfter {
		err := st.exempt.Update(ctx, func(tx kv.Tx) error { return touch(tx, token, now, f) })
		if err != nil {
			return nil, false, err
		}
	}
	if f != nil {
		x, err := storedSession(rec.Values)
		if err != nil {
			return nil, false, err
		}
		f.token, f.signIn = token, x.ID
	}
	return rec.Values, true, nil
}

// touch notes the time of a request; it brings no deleted session back.
func touch(tx kv.Tx, token string, now time.Time, f *requestSession) error {
	rec, err := loadSessionRecord(tx, token)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	rec.Seen = now
	rec.locate(f)
	return kv.PutJSON(tx, sessionPrefix+token, rec)
}

// CommitCtx implements scs.CtxStore; the expiry of scs is not used. Nothing is
// written where nothing changed.
func (st *sessionStore) CommitCtx(ctx context.Context, token string, values []byte, _ time.Time) error {
	now := st.now().UTC()
	rec := sessionRecord{Begun: now, Seen: now, Values: values}
	f, _ := ctx.Value(requestSessionKey{}).(*requestSession)
	rec.locate(f)
	if f != nil && f.superseded {
		return nil
	}
	if f != nil && f.renewed {
		return st.swap(ctx, f, token, rec)
	}
	if same, err := st.has(ctx, token, values); same || err != nil {
		return err
	}
	return st.exempt.Update(ctx, func(tx kv.Tx) error {
		old, err := loadSessionRecord(tx, token)
		switch {
		case errors.Is(err, kv.ErrNotFound) && f != nil && f.token == token:
			f.superseded = true // ended meanwhile, or taken further
			return nil
		case errors.Is(err, kv.ErrNotFound):
			return putSession(tx, token, rec)
		case err != nil:
			return err
		}
		old.Seen, old.Values = now, values
		old.locate(f)
		return putSession(tx, token, old)
	})
}

// swap stores a session under a new token in place of the one that the request came with, in one
// transaction. If the earlier one went on from the same sign-in and is gone, or the Session is no
// longer valid, it returns ErrSignedOut and nothing changes.
func (st *sessionStore) swap(ctx context.Context, f *requestSession, token string, rec sessionRecord) error {
	next, err := storedSession(rec.Values)
	if err != nil {
		return err
	}
	err = st.exempt.Update(ctx, func(tx kv.Tx) error {
		if _, err := st.sessionAccount(tx, next); err != nil {
			return err
		}
		if f.token != "" {
			there, err := dropSession(tx, f.token)
			if err != nil {
				return err
			}
			if !there && f.signIn == next.ID {
				return ErrSignedOut
			}
		}
		if err := st.makeRoomForSession(tx, next, rec); err != nil {
			return err
		}
		return putSession(tx, token, rec)
	})
	if err == nil {
		f.token, f.signIn = token, next.ID
	}
	return err
}

// has reports whether the session is already stored with these values.
func (st *sessionStore) has(ctx context.Context, token string, values []byte) (same bool, err error) {
	err = st.store.View(ctx, func(r kv.Reader) error {
		rec, err := loadSessionRecord(r, token)
		same = err == nil && string(rec.Values) == string(values)
		if errors.Is(err, kv.ErrNotFound) {
			return nil
		}
		return err
	})
	return same, err
}

// DeleteCtx implements scs.CtxStore.
func (st *sessionStore) DeleteCtx(ctx context.Context, token string) error {
	f, _ := ctx.Value(requestSessionKey{}).(*requestSession)
	if f != nil && (f.renewed || f.superseded) {
		return nil // swap deletes it, or another request did
	}
	return st.exempt.Update(ctx, func(tx kv.Tx) error {
		there, err := dropSession(tx, token)
		if err != nil || !there || f == nil || f.inDeletion == nil {
			return err
		}
		return f.inDeletion(tx)
	})
}

// Find implements scs.Store.
func (st *sessionStore) Find(token string) ([]byte, bool, error) {
	return st.FindCtx(context.Background(), token)
}

// Commit implements scs.Store.
func (st *sessionStore) Commit(token string, b []byte, expiry time.Time) error {
	return st.CommitCtx(context.Background(), token, b, expiry)
}

// Delete implements scs.Store.
func (st *sessionStore) Delete(token string) error {
	return st.DeleteCtx(context.Background(), token)
}

// valuesCodec is scs.Codec: a session's values, all of them strings, as JSON.
// The deadline of scs is not kept.
type valuesCodec struct{}

// Encode implements scs.Codec.
func (valuesCodec) Encode(_ time.Time, values map[string]any) ([]byte, error) {
	b, err := json.Marshal(values) // keys in order, so that equal values give equal bytes
	if err != nil {
		return nil, fmt.Errorf("authn: encode a session: %w", err)
	}
	return b, nil
}

// Decode implements scs.Codec.
func (valuesCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	var text map[string]string
	err := json.Unmarshal(b, &text)
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("authn: decode a session: %w", err)
	}
	values := make(map[string]any, len(text))
	for k, v := range text {
		values[k] = v
	}
	return time.Now().Add(SessionLifetime), values, nil
}
