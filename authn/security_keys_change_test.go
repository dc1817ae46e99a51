package authn

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
)

func TestKeyNames(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	e.addKey(root, "Ärger im Büro")
	for name, code := range map[string]string{
		"":                          CodeKeyNameRequired,
		" \t\n ":                    CodeKeyNameRequired,
		"\u2060\u200d":              CodeKeyNameRequired,
		strings.Repeat("ä", 65):     CodeKeyNameTooLong,
		"a\nb":                      CodeKeyNameInvalid,
		"a\x00b":                    CodeKeyNameInvalid,
		"a\u2028b":                  CodeKeyNameInvalid,
		"a\u202eb":                  CodeKeyNameInvalid,
		"a\xffb":                    CodeKeyNameInvalid,
		"ärger im büro":             CodeKeyNameTaken,
		" ÄRGER IM BÜRO ":           CodeKeyNameTaken,
		"a\u0308rger im bu\u0308ro": CodeKeyNameTaken, // composed otherwise
	} {
		_, err := e.SecurityKeys.BeginAdd(t.Context(), root.Session, name)
		wantProblem(t, err, "name", code)
	}
	for _, name := range []string{"x", strings.Repeat("ä", 64), "日本の鍵", "key 🔑", "Arger im Buro"} {
		e.addKey(root, name)
	}
	if keys, err := e.SecurityKeys.List(t.Context(), root.UserID); err != nil || len(keys) != 6 || e.user(root.UserID).Keys != 6 || keys[5].Name != "Arger im Buro" {
		t.Errorf("%+v %v", keys, err)
	}
	// A name that is taken while the key is touched.
	first := e.begun(e.SecurityKeys.BeginAdd(t.Context(), root.Session, "same"))
	other := e.must(e.Sessions.SignIn(t.Context(), home, "root", root.password))
	other = e.must(e.Authenticators.Verify(t.Context(), other, home, e.code(root, 0)))
	second := e.begun(e.SecurityKeys.BeginAdd(t.Context(), other, "SAME"))
	x := e.must(e.SecurityKeys.Add(t.Context(), root.Session, home, newVirtualKey().create(t, first)))
	_, err := e.SecurityKeys.Add(t.Context(), other, home, newVirtualKey().create(t, second))
	wantErr(t, err, ErrSignedOut) // the first ended it
	root.Session = x
	second = e.begun(e.SecurityKeys.BeginAdd(t.Context(), x, "thing"))
	keys, _ := e.SecurityKeys.List(t.Context(), root.UserID)
	if err := e.SecurityKeys.Rename(t.Context(), x, home, keys[0].ID, "Thing"); err != nil {
		t.Fatal(err)
	}
	_, err = e.SecurityKeys.Add(t.Context(), x, home, newVirtualKey().create(t, second))
	wantProblem(t, err, "name", CodeKeyNameTaken)
}

func TestTooManyKeys(t *testing.T) {
	_, err := newKeyName("x", keyHolder{keys: make([]keyRecord, maxKeys)})
	wantProblem(t, err, "", CodeTooManyKeys)
	if _, err := newKeyName("x", keyHolder{keys: make([]keyRecord, maxKeys-1)}); err != nil {
		t.Error(err)
	}
}

func TestKeyIsRenamed(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	e.addKey(root, "a")
	e.addKey(root, "b")
	keys, err := e.SecurityKeys.List(t.Context(), root.UserID)
	if err != nil {
		t.Fatal(err)
	}
	e.pass(time.Hour) // it takes no fresh factor
	if err := e.SecurityKeys.Rename(t.Context(), root.Session, home, keys[0].ID, "A"); err != nil {
		t.Fatal(err)
	}
	if row := e.wantRow(rowKeyRenamed, root.UserID); row.Detail["from"] != "a" || row.Detail["to"] != "A" {
		t.Errorf("%+v", row)
	}
	e.unchanged(func() {
		if err := e.SecurityKeys.Rename(t.Context(), root.Session, home, keys[0].ID, "A"); err != nil {
			t.Error(err)
		}
		wantProblem(t, e.SecurityKeys.Rename(t.Context(), root.Session, home, keys[0].ID, "B"), "name", CodeKeyNameTaken)
		wantProblem(t, e.SecurityKeys.Rename(t.Context(), root.Session, home, keys[0].ID, ""), "name", CodeKeyNameRequired)
		for _, id := range []string{"", "x", "../" + keys[0].ID, root.UserID + "/" + keys[0].ID, strings.Repeat("a", 2000)} {
			wantErr(t, e.SecurityKeys.Rename(t.Context(), root.Session, home, id, "c"), ErrNotFound)
		}
		wantErr(t, e.SecurityKeys.Rename(t.Context(), bob.Session, home, keys[0].ID, "c"), ErrNotFound) // somebody else's
		wantErr(t, e.SecurityKeys.Rename(t.Context(), e.half(root), home, keys[0].ID, "c"), ErrForbidden)
	})
}

// half is somebody's Session behind the password, as if it had left no row.
func (e *env) half(who *person) Session {
	x := who.Session
	x.Stage = StagePassword
	return x
}

func TestKeyIsRemoved(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	k := e.addKey(root, "a")
	e.addKey(root, "b")
	e.addKey(bob, "bob's")
	keys, err := e.SecurityKeys.List(t.Context(), root.UserID)
	if err != nil {
		t.Fatal(err)
	}
	e.unchanged(func() {
		_, err := e.SecurityKeys.Remove(t.Context(), bob.Session, home, keys[0].ID)
		wantErr(t, err, ErrNotFound)
		_, err = e.SecurityKeys.Remove(t.Context(), root.Session, home, "x")
		wantErr(t, err, ErrNotFound)
		_, err = e.SecurityKeys.Remove(t.Context(), e.half(root), home, keys[0].ID)
		wantErr(t, err, ErrForbidden)
		stale := root.Session
		stale.FactorAt = e.now().Add(-FactorFresh - time.Second)
		_, err = e.SecurityKeys.Remove(t.Context(), stale, home, keys[0].ID)
		wantErr(t, err, ErrFactorStale)
		_, err = e.Authenticators.Remove(t.Context(), stale, home)
		wantErr(t, err, ErrFactorStale)
		_, err = e.SecurityKeys.SetOnly(t.Context(), stale, home, true)
		wantErr(t, err, ErrFactorStale)
	})
	elsewhere := e.signIn(root)
	e.forgetAll()
	x, err := e.SecurityKeys.Remove(t.Context(), root.Session, home, keys[0].ID)
	if err != nil || !x.SignedIn() {
		t.Fatalf("%+v %v", x, err)
	}
	if row := e.wantRow(rowKeyRemoved, root.UserID); row.Detail["key"] != "a" {
		t.Errorf("%+v", row)
	}
	if m := e.mails.last(t, string(notices.KeyRemoved)); m.notice.Details.Key != "a" {
		t.Errorf("%+v", m)
	}
	for _, old := range []Session{root.Session, elsewhere} {
		_, err = e.SecurityKeys.Remove(t.Context(), old, home, keys[1].ID)
		wantErr(t, err, ErrSignedOut)
	}
	_, err = e.verify(x, k)
	wantProblem(t, err, "", CodeKeyRefused)
	_, err = e.passkey(k)
	wantProblem(t, err, "", CodePasskeyFailed)

	// What was removed can be added again.
	opts := e.begun(e.SecurityKeys.BeginAdd(t.Context(), x, "a"))
	e.must(e.SecurityKeys.Add(t.Context(), x, home, k.create(t, opts)))
}

// One factor stays, whichever it is, also in a race.
func TestLastFactorStays(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	ctx := t.Context()
	e.unchanged(func() {
		_, err := e.Authenticators.Remove(ctx, root.Session, home)
		wantProblem(t, err, "", CodeLastFactor)
	})
	e.addKey(root, "a")
	keys, _ := e.SecurityKeys.List(ctx, root.UserID)
	x := e.must(e.Authenticators.Remove(ctx, root.Session, home))
	e.wantRow(rowTOTPRemoved, root.UserID)
	e.mails.last(t, string(notices.TOTPRemoved))
	if u := e.user(root.UserID); u.HasTOTP || !u.HasFactor() {
		t.Errorf("%+v", u)
	}
	e.unchanged(func() {
		_, err := e.SecurityKeys.Remove(ctx, x, home, keys[0].ID)
		wantProblem(t, err, "", CodeLastFactor)
		_, err = e.Authenticators.Remove(ctx, x, home)
		wantErr(t, err, ErrNotFound)
		_, err = e.Authenticators.Verify(ctx, x, home, e.code(root, 0))
		wantErr(t, err, ErrForbidden)
	})
	root.Session = x
	e.addKey(root, "b")
	keys, _ = e.SecurityKeys.List(ctx, root.UserID)
	won, lost := race(2, func(i int) error { _, err := e.SecurityKeys.Remove(ctx, root.Session, home, keys[i].ID); return err })
	if won != 1 || !errors.Is(lost[0], ErrSignedOut) || e.user(root.UserID).Keys != 1 {
		t.Errorf("%d removed, %v", won, lost)
	}
}

func TestKeysOnly(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	ctx := t.Context()
	e.unchanged(func() {
		_, err := e.SecurityKeys.SetOnly(ctx, root.Session, home, true)
		wantProblem(t, err, "", CodeKeyMissing)
		e.must(e.SecurityKeys.SetOnly(ctx, root.Session, home, false)) // it is so
	})
	k := e.addKey(root, "a")
	elsewhere := e.signIn(root)
	x := e.must(e.SecurityKeys.SetOnly(ctx, root.Session, home, true))
	e.wantRow(rowKeysOnly, root.UserID)
	e.mails.last(t, string(notices.KeysOnly))
	if u := e.user(root.UserID); !u.KeysOnly {
		t.Errorf("%+v", u)
	}
	_, err := e.SecurityKeys.SetOnly(ctx, elsewhere, home, false)
	wantErr(t, err, ErrSignedOut)

	half := e.password(root)
	e.unchanged(func() {
		for _, y := range []Session{half, x} {
			_, err := e.Authenticators.Verify(ctx, y, home, e.code(root, 0))
			wantProblem(t, err, "", CodeKeysOnly)
		}
		_, err = e.Authenticators.Begin(ctx, x)
		wantProblem(t, err, "", CodeKeysOnly)
		_, err = e.Authenticators.Confirm(ctx, x, home, "123456")
		wantProblem(t, err, "", CodeKeysOnly)
	})
	keys, _ := e.SecurityKeys.List(ctx, root.UserID)
	_, err = e.SecurityKeys.Remove(ctx, x, home, keys[0].ID)
	wantProblem(t, err, "", CodeLastKey)
	e.must(e.verify(half, k))
	half = e.password(root)
	y := e.must(e.RecoveryCodes.Use(ctx, half, home, root.codes[1])) // the way around a lost key
	y = e.must(e.SecurityKeys.SetOnly(ctx, y, home, false))
	e.wantRow(rowKeysOnlyOff, root.UserID)
	e.mails.last(t, string(notices.KeysOnlyOff))
	e.must(e.Authenticators.Verify(ctx, y, home, e.code(root, 0)))
}

// A passkey of a frozen account is answered like one that nobody has.
func TestPasskeyOfTheFrozen(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	bob := e.member(root, "bob")
	k := e.addKey(bob, "b")
	e.refresh(root)
	x, err := e.passkey(k)
	if err != nil || x.UserID != bob.UserID || !x.SignedIn() || x.Begun != x.FactorAt {
		t.Fatalf("%+v %v", x, err)
	}
	if row := e.wantRow(rowPasskeyAccepted, bob.UserID); row.Detail["key"] != "b" || row.Actor.Factor != "webauthn" || row.Actor.Username != "bob" {
		t.Errorf("%+v", row)
	}
	if err := e.Administration.SetFrozen(t.Context(), root.Session, home, bob.UserID, true); err != nil {
		t.Fatal(err)
	}
	var said [2]problem.Problem
	for i, key := range []*virtualKey{k, newVirtualKey()} {
		key.auth.Options.UserHandle = k.auth.Options.UserHandle
		_, err := e.passkey(key)
		said[i] = wantProblem(t, err, "", CodePasskeyFailed)
		if row := e.rows()[0]; row.Kind != rowSignInFailed || row.Account != map[int]string{0: bob.UserID}[i] {
			t.Errorf("%+v", row)
		}
	}
	if len(said[0].Args)+len(said[1].Args) != 0 {
		t.Errorf("%+v", said)
	}
	k.auth.Options.UserNotVerified = true // nor does its want of verification give it away
	_, err = e.passkey(k)
	wantProblem(t, err, "", CodePasskeyFailed)
}

// A passkey needs a handle in its answer, and leads who has no codes to them.
func TestPasskeyWithoutCodes(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := e.addKey(root, "a")
	if _, _, err := e.RecoveryCodes.Create(t.Context(), root.Session, home); err != nil {
		t.Fatal(err)
	}
	x := e.must(e.passkey(k))
	if x.SignedIn() || NextStep(x, e.user(root.UserID)) != StepSaveRecovery {
		t.Errorf("%+v", x)
	}
	k.auth.Options.UserHandle = nil
	_, err := e.passkey(k)
	wantProblem(t, err, "", CodePasskeyFailed)
}

// Whichever step of a change of keys fails, nothing of it is there; the challenge is used up, so each
// attempt has one of its own.
func TestFaultsChangeNoKey(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := e.addKey(root, "a")
	e.addKey(root, "b")
	ctx := t.Context()
	x := root.Session
	keys, err := e.SecurityKeys.List(ctx, root.UserID)
	if err != nil {
		t.Fatal(err)
	}
	store := &faultyStore{Store: e.once}
	e.useStore(store)
	for _, c := range []change{
		{"AddKey", func(ctx context.Context) error {
			added := store.whole(func() []byte { return newVirtualKey().create(t, e.begun(e.SecurityKeys.BeginAdd(ctx, x, "c"))) })
			_, err := e.SecurityKeys.Add(ctx, x, home, added)
			return err
		}},
		{"VerifyKey", func(ctx context.Context) error {
			verified := store.whole(func() []byte { return k.get(t, e.begun(e.SecurityKeys.BeginVerify(ctx, x))) })
			_, err := e.SecurityKeys.Verify(ctx, x, home, verified)
			return err
		}},
		{"SignInPasskey", func(ctx context.Context) error {
			var handle Secret
			signed := store.whole(func() []byte {
				opts, h, err := e.SecurityKeys.BeginPasskey(ctx, home)
				handle = h
				return k.get(t, e.begun(opts, err))
			})
			_, err := e.SecurityKeys.SignInPasskey(ctx, home, handle, signed)
			return err
		}},
		{"RenameKey", func(ctx context.Context) error { return e.SecurityKeys.Rename(ctx, x, home, keys[0].ID, "z") }},
		{"RemoveKey", func(ctx context.Context) error { _, err := e.SecurityKeys.Remove(ctx, x, home, keys[0].ID); return err }},
		{"RemoveTOTP", func(ctx context.Context) error { _, err := e.Authenticators.Remove(ctx, x, home); return err }},
		{"SetKeysOnly", func(ctx context.Context) error { _, err := e.SecurityKeys.SetOnly(ctx, x, home, true); return err }},
	} {
		e.faultAtEachStep(store, c)
	}
}

// A record that was moved to another account opens there for nobody.
func TestKeyRecordsStayWhereTheyAre(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	bob := e.member(root, "bob")
	k := e.addKey(bob, "b")
	keys, err := e.SecurityKeys.List(t.Context(), bob.UserID)
	if err != nil {
		t.Fatal(err)
	}
	err = e.core.store.Update(t.Context(), func(tx kv.Tx) error {
		b, err := tx.Get([]byte(keyKey(bob.UserID, keys[0].ID)))
		if err != nil {
			return err
		}
		return tx.Put([]byte(keyKey(root.UserID, keys[0].ID)), b)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.SecurityKeys.List(t.Context(), root.UserID); err == nil {
		t.Error("the record opens elsewhere")
	}
	if _, err := e.passkey(k); err != nil {
		t.Errorf("its owner: %v", err)
	}
}
