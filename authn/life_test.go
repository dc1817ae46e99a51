package authn

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/teststore"
)

// life does everything that there is to do, and returns all that is secret in it.
func (e *env) life() (secrets []string) {
	t, ctx := e.t, e.t.Context()
	root := e.admin()
	bob := e.invited(root, "bob")
	if err := e.Addresses.ResendVerification(ctx, bob.Session, home); err != nil {
		t.Fatal(err)
	}
	if err := e.Addresses.Correct(ctx, bob.Session, home, "bob2@example.org"); err != nil {
		t.Fatal(err)
	}
	e.enrol(bob)
	secrets = append(secrets, root.secret, bob.secret, root.password, bob.password, goodPassword)
	secrets = append(secrets, root.codes...)
	secrets = append(secrets, bob.codes...)

	b := e.browser()
	b.start(e.must(e.Sessions.SignIn(ctx, home, "bob2@example.org", bob.password)))
	secrets = append(secrets, b.cookie)
	x, _ := b.current()
	if _, err := e.Authenticators.Verify(ctx, x, home, "000000"); err == nil {
		t.Fatal("000000 is a code")
	}
	b.start(e.must(e.RecoveryCodes.Use(ctx, x, home, bob.codes[3])))
	secrets = append(secrets, b.cookie)
	e.wrongs(2, home, "bob")
	e.wrongs(1, home, "hunter2-typed-into-the-wrong-field")
	secrets = append(secrets, "hunter2-typed-into-the-wrong-field")

	e.refresh(root)
	next := "another plum orbit 9"
	if _, err := e.Passwords.Change(ctx, root.Session, home, "wrong", next); err == nil {
		t.Fatal("any old password will do")
	}
	root.Session = e.must(e.Passwords.Change(ctx, root.Session, home, root.password, next))
	secrets = append(secrets, next)
	p, err := e.Authenticators.Begin(ctx, root.Session)
	if err != nil {
		t.Fatal(err)
	}
	root.secret, root.password = p.Secret, next
	root.Session = e.must(e.Authenticators.Confirm(ctx, root.Session, home, e.code(root, 0)))
	codes, y, err := e.RecoveryCodes.Create(ctx, root.Session, home)
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(append(secrets, p.Secret, p.URL), codes...)
	root.Session = e.must(e.RecoveryCodes.Confirm(ctx, y, home, codes[0]))
	e.pass(time.Minute)

	secrets = append(secrets, e.lifeOfAnAdministrator(root, bob)...)
	b.start(root.Session)
	secrets = append(secrets, b.cookie)
	b.do(func(ctx context.Context) {
		if err := b.m.End(ctx, home); err != nil {
			t.Error(err)
		}
	})
	e.pass(time.Minute)
	b.start(e.signIn(root)) // and one that stays
	secrets = append(secrets, b.cookie)
	for _, m := range e.mails.mails {
		if m.link != "" {
			secrets = append(secrets, m.link.Reveal())
		}
	}
	return secrets
}

// lifeOfAnAdministrator is the part of life that changes somebody else.
func (e *env) lifeOfAnAdministrator(root, bob *person) (secrets []string) {
	t, ctx := e.t, e.t.Context()
	inv, link, err := e.Invitations.Invite(ctx, root.Session, home, "ann@example.org")
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, link.Reveal())
	if err := e.Invitations.Revoke(ctx, root.Session, home, inv.ID); err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return e.Administration.SetAdmin(ctx, root.Session, home, bob.UserID, true) },
		func() error { return e.Administration.SetAdmin(ctx, root.Session, home, bob.UserID, false) },
		func() error { return e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, true) },
		func() error { return e.Administration.SetFrozen(ctx, root.Session, home, bob.UserID, false) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return secrets
}

// encodings are forms in which a secret could show.
func encodings(secret string) map[string][]byte {
	out := map[string][]byte{
		"plain": []byte(secret), "hex": []byte(hex.EncodeToString([]byte(secret))),
		"base64": []byte(base64.RawStdEncoding.EncodeToString([]byte(secret))),
	}
	if raw, err := base32.StdEncoding.DecodeString(secret); err == nil && len(raw) == 20 {
		out["TOTP secret"] = raw
		out["TOTP secret, hex"] = []byte(hex.EncodeToString(raw))
		out["TOTP secret, base64"] = []byte(base64.RawStdEncoding.EncodeToString(raw))
	}
	if raw, err := hex.DecodeString(secret); err == nil && len(raw) == 8 {
		out["recovery code"] = raw
	}
	if raw, err := base64.RawURLEncoding.DecodeString(secret); err == nil && len(raw) >= 32 {
		out["link or session id"] = raw
		out["link or session id, its beginning"] = raw[:linkRandom]
	}
	return out
}

// After everything, the store's file holds none of the secrets, the log, the mails
// about events and the trail neither.
func TestNoSecretIsKept(t *testing.T) {
	var log bytes.Buffer
	e := newEnv(t, func(c *Config) {
		c.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	secrets := e.life()
	e.mails.fail = errors.New("no route to the mail server")
	_ = e.Administration.SetFrozen(t.Context(), Session{}, home, "x", true)
	if err := e.Cleanup.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.core.store.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := teststore.Raw(t, e.path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(file, []byte("bob2@example.org")) || !bytes.Contains(file, []byte(rowRecoveryUsed)) {
		t.Fatal("the file is not where the data is")
	}
	if len(secrets) < 40 {
		t.Errorf("only %d secrets", len(secrets))
	}
	for _, s := range secrets {
		for form, b := range encodings(s) {
			if bytes.Contains(file, b) {
				t.Errorf("a secret of %d characters (%.4s…) is in the store: %s", len(s), s, form)
			}
			if bytes.Contains(log.Bytes(), b) {
				t.Errorf("a secret of %d characters is in the log: %s", len(s), form)
			}
		}
	}
	if bytes.Contains(file, []byte("$argon2id$")) {
		t.Error("a password hash is in the store unsealed")
	}
	e.open() // for the cleanup
}

// Each kind of row is written somewhere in a life.
func TestEveryKindOfRow(t *testing.T) {
	e := newEnv(t)
	e.life()
	seen := map[string]bool{}
	for _, row := range e.rows() {
		seen[row.Kind] = true
	}
	for _, kind := range []string{
		rowSetupLink, rowInvited, rowInvitationRevoked, rowRegistered, rowVerificationSent, rowEmailChanged, rowEmailVerified,
		rowPasswordAccepted, rowSignInFailed, rowFactorAccepted, rowFactorFailed, rowTOTPAdded, rowTOTPReplaced, rowRecoveryMade,
		rowRecoveryConfirmed, rowRecoveryUsed, rowPasswordChanged, rowPasswordChangeWrong, rowFrozen, rowUnfrozen,
		rowAdminGranted, rowAdminRevoked, rowSignedOut,
	} {
		if !seen[kind] {
			t.Errorf("no row %q", kind)
		}
		delete(seen, kind)
	}
	for kind := range seen {
		t.Errorf("row %q is not in the list", kind)
	}
}

// twiceStore runs each transaction twice and throws the first run away, as a
// store may do that resolves conflicts by trying again.
type twiceStore struct{ kv.Store }

var errAgain = errors.New("again")

func (s twiceStore) Update(ctx context.Context, fn func(kv.Tx) error) error {
	err := s.Store.Update(ctx, func(tx kv.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return s.Store.Update(ctx, fn)
}

func TestTransactionsMayRunTwice(t *testing.T) {
	once, twice := newEnv(t), newEnv(t)
	twice.useStore(twiceStore{twice.Service.core.store})
	once.life()
	twice.life()
	kinds := func(e *env) (out []string) {
		for _, row := range e.rows() {
			out = append(out, row.Kind)
		}
		return out
	}
	if a, b := kinds(once), kinds(twice); !slices.Equal(a, b) {
		t.Errorf("once:\n%s\ntwice:\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
	for _, prefix := range []string{"authn/", "session/", "audit/account/"} {
		if a, b := len(once.keys(prefix)), len(twice.keys(prefix)); a != b {
			t.Errorf("%s: %d records once, %d twice", prefix, a, b)
		}
	}
}

func TestSweep(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	for i := range 30 {
		e.wrongs(1, from("198.51.100.1"), "user"+strings.Repeat("x", i))
	}
	b := e.browser()
	b.start(e.signIn(root))
	e.refresh(root)
	if _, _, err := e.Invitations.Invite(ctx, root.Session, home, "ann@example.org"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Authenticators.Begin(ctx, root.Session); err != nil {
		t.Fatal(err)
	}
	temporary := []string{"authn/link/", "authn/link-of/", "authn/invitation/", pendingPrefix, "authn/throttle/", sessionPrefix}
	count := func() (out []int) {
		for _, p := range temporary {
			out = append(out, len(e.keys(p)))
		}
		return out
	}
	before := count()
	if slices.Contains(before, 0) {
		t.Fatalf("nothing to keep: %v", before)
	}
	if err := e.Cleanup.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if after := count(); after[0] != before[0] || after[2] != before[2] || after[3] != before[3] || after[5] != before[5] || after[4] < 31 {
		t.Errorf("swept what is in use: %v, before %v", after, before)
	}
	permanent := len(e.keys("authn/user/")) + len(e.keys("authn/totp/")) + len(e.keys("authn/recovery/")) + len(e.keys("authn/password/"))
	e.pass(8 * 24 * time.Hour)
	e.unchanged(func() {
		if err := e.Cleanup.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
	})
	for i, n := range count() {
		if n != 0 {
			t.Errorf("%s: %d records left", temporary[i], n)
		}
	}
	if n := len(e.keys("authn/user/")) + len(e.keys("authn/totp/")) + len(e.keys("authn/recovery/")) + len(e.keys("authn/password/")); n != permanent {
		t.Errorf("%d records of accounts, %d before", n, permanent)
	}
	e.signIn(root)
}

// More than one page of records is swept, and what is renewed between reading and
// deleting stays.
func TestSweepPages(t *testing.T) {
	e := newEnv(t)
	err := e.core.store.Update(t.Context(), func(tx kv.Tx) error {
		for i := range 3*sweepPage + 7 {
			c := e.core.counter(limitPassword, "nobody", strconv.Itoa(i))
			if err := kv.PutJSON(tx, c.key, attempts{At: []int64{e.now().UnixMilli()}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(e.keys("authn/throttle/")); n != 3*sweepPage+7 {
		t.Fatalf("%d records", n)
	}
	e.pass(25 * time.Hour)
	if err := e.Cleanup.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := e.keys("authn/throttle/"); left != nil {
		t.Errorf("%d records left", len(left))
	}
	key := e.core.counter(limitPassword, "nobody", "x").key
	old := kv.Pair{Key: []byte(key), Value: []byte(`{"at":[1]}`)}
	err = e.core.store.Update(t.Context(), func(tx kv.Tx) error {
		return kv.PutJSON(tx, key, attempts{At: []int64{e.now().UnixMilli()}})
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := e.Cleanup.sweepPage(t.Context(), []kv.Pair{old}, func(_ kv.Reader, p kv.Pair) bool { return string(p.Value) == `{"at":[1]}` })
	if err != nil || n != 0 || len(e.keys("authn/throttle/")) != 1 {
		t.Errorf("deleted %d that were renewed, %v", n, err)
	}
}
