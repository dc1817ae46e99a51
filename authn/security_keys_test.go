package authn

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
)

func TestKeysOffered(t *testing.T) {
	for at, want := range map[string]string{
		"https://rind.example.org":      "rind.example.org https://rind.example.org",
		"https://RIND.example.org:443/": "rind.example.org https://rind.example.org",
		"https://rind.example.org:8443": "rind.example.org https://rind.example.org:8443",
		"http://localhost:8080":         "localhost http://localhost:8080",
		"http://localhost":              "localhost http://localhost",
		"http://rind.localhost:80":      "rind.localhost http://rind.localhost",
		"http://rind.example.org":       "",
		"https://192.0.2.1":             "",
		"https://[2001:db8::1]:8443":    "",
		"http://127.0.0.1:8080":         "",
	} {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		party, err := newRelyingParty(u, "rind")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if party != nil {
			got = party.Config.RPID + " " + strings.Join(party.Config.RPOrigins, " ")
		}
		if got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
	e := newEnv(t)
	root := e.admin()
	if e.SecurityKeys.Offered() {
		t.Error("keys are offered without an address")
	}
	_, err := e.SecurityKeys.BeginAdd(t.Context(), root.Session, "x")
	wantErr(t, err, ErrForbidden)
	_, err = e.SecurityKeys.Add(t.Context(), root.Session, home, nil)
	wantErr(t, err, ErrForbidden)
	_, err = e.SecurityKeys.BeginVerify(t.Context(), root.Session)
	wantErr(t, err, ErrForbidden)
	_, err = e.SecurityKeys.Verify(t.Context(), root.Session, home, nil)
	wantErr(t, err, ErrForbidden)
	_, _, err = e.SecurityKeys.BeginPasskey(t.Context(), home)
	wantErr(t, err, ErrForbidden)
	_, err = e.SecurityKeys.SignInPasskey(t.Context(), home, "x", nil)
	wantErr(t, err, ErrForbidden)
}

// creation is what a browser reads of the options of a registration.
type creation struct {
	RP                 struct{ ID, Name string }
	User               struct{ ID, Name string }
	Timeout            int
	Attestation        string
	ExcludeCredentials []struct{ ID string }

	AuthenticatorSelection struct{ ResidentKey, UserVerification, AuthenticatorAttachment string }
}

func TestKeyIsAdded(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	elsewhere := e.signIn(root)
	opts := e.begun(e.SecurityKeys.BeginAdd(t.Context(), root.Session, "  Blue key "))
	var c creation
	err := json.Unmarshal(opts, &c)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := base64.RawURLEncoding.DecodeString(c.User.ID)
	if err != nil || len(handle) != 64 || bytes.Contains(handle, []byte(root.UserID)) {
		t.Errorf("user handle %q %v", c.User.ID, err)
	}
	if c.RP.ID != "rind.example.org" || c.User.Name != "root" || c.Timeout != 300000 || c.Attestation != "none" || len(c.ExcludeCredentials) != 0 ||
		c.AuthenticatorSelection.ResidentKey != "preferred" || c.AuthenticatorSelection.UserVerification != "preferred" || c.AuthenticatorSelection.AuthenticatorAttachment != "" {
		t.Errorf("options %s", opts)
	}
	k := newVirtualKey()
	x, err := e.SecurityKeys.Add(t.Context(), root.Session, home, k.create(t, opts))
	if err != nil || !x.SignedIn() || x.Factor != FactorWebAuthn || !x.FactorAt.Equal(e.now()) || x.ID != root.ID {
		t.Fatalf("%+v %v", x, err)
	}
	row := e.wantRow(rowKeyAdded, root.UserID)
	if row.Detail["key"] != "Blue key" || row.Actor.UserID != root.UserID || row.Actor.IP != "192.0.2.7" {
		t.Errorf("row %+v", row)
	}
	if m := e.mails.last(t, string(notices.KeyAdded)); m.to.Email != root.email || m.notice.Details.Key != "Blue key" {
		t.Errorf("mail %+v", m)
	}
	if u := e.user(root.UserID); u.Keys != 1 || !u.HasTOTP || !u.HasFactor() {
		t.Errorf("%+v", u)
	}
	keys, err := e.SecurityKeys.List(t.Context(), root.UserID)
	if err != nil || len(keys) != 1 || keys[0].Name != "Blue key" || !keys[0].CreatedAt.Equal(e.now()) || !keys[0].UsedAt.IsZero() {
		t.Errorf("%+v %v", keys, err)
	}
	for _, old := range []Session{elsewhere, root.Session} {
		_, err = e.SecurityKeys.BeginVerify(t.Context(), old)
		wantErr(t, err, ErrSignedOut)
	}

	opts = e.begun(e.SecurityKeys.BeginAdd(t.Context(), x, "second"))
	var again creation
	err = json.Unmarshal(opts, &again)
	if err != nil {
		t.Fatal(err)
	}
	id := base64.RawURLEncoding.EncodeToString(k.cred.ID)
	if again.User.ID != c.User.ID || len(again.ExcludeCredentials) != 1 || again.ExcludeCredentials[0].ID != id {
		t.Errorf("options of the second key %s", opts)
	}
}

// The key of somebody, or a browser that lets the excluded one be used again, is
// refused.
func TestKeyIsAddedOnce(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	k := e.addKey(root, "mine")
	for _, who := range []*person{root, bob} {
		opts := e.begun(e.SecurityKeys.BeginAdd(t.Context(), who.Session, "again"))
		e.unchanged(func() {
			_, err := e.SecurityKeys.Add(t.Context(), who.Session, home, k.create(t, opts))
			wantProblem(t, err, "", CodeKeyRefused)
		})
	}
	if e.user(bob.UserID).Keys != 0 || e.user(root.UserID).Keys != 1 || e.ceremonies() != 0 {
		t.Error("something is left of it")
	}
}

// Somebody whose only factor is a key gets through the whole set-up, and in again.
func TestKeyIsTheOnlyFactor(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	ann := e.invited(root, "ann")
	ctx := t.Context()
	_, err := e.SecurityKeys.BeginAdd(ctx, ann.Session, "x")
	wantProblem(t, err, "", CodeEmailUnverified)
	if _, err := e.Addresses.Verify(ctx, home, e.mails.last(t, string(PurposeVerifyEmail)).link); err != nil {
		t.Fatal(err)
	}
	if step := NextStep(ann.Session, e.user(ann.UserID)); step != StepAddFactor {
		t.Fatal(step)
	}
	k := e.addKey(ann, "only")
	if step := NextStep(ann.Session, e.user(ann.UserID)); step != StepSaveRecovery || ann.SignedIn() {
		t.Fatal(step)
	}
	codes, x, err := e.RecoveryCodes.Create(ctx, ann.Session, home)
	if err != nil {
		t.Fatal(err)
	}
	x = e.must(e.RecoveryCodes.Confirm(ctx, x, home, codes[0]))
	if !x.SignedIn() || x.Factor != FactorWebAuthn {
		t.Fatalf("%+v", x)
	}

	x = e.password(ann)
	if x.Stage != StagePassword || NextStep(x, e.user(ann.UserID)) != StepSecondFactor {
		t.Fatalf("%+v", x)
	}
	_, err = e.Authenticators.Verify(ctx, x, home, "123456")
	wantErr(t, err, ErrForbidden)
	_, err = e.SecurityKeys.BeginAdd(ctx, x, "from behind the password only")
	wantErr(t, err, ErrForbidden)
	_, err = e.SecurityKeys.Add(ctx, x, home, nil)
	wantErr(t, err, ErrForbidden)
	if next, err := e.verify(x, k); err != nil || !next.SignedIn() || next.Factor != FactorWebAuthn || next.ID != x.ID {
		t.Fatalf("%+v %v", next, err)
	}
	row := e.wantRow(rowFactorAccepted, ann.UserID)
	if row.Detail["key"] != "only" || row.Actor.Factor != "webauthn" {
		t.Errorf("row %+v", row)
	}
	if keys, _ := e.SecurityKeys.List(ctx, ann.UserID); !keys[0].UsedAt.Equal(e.now()) {
		t.Errorf("%+v", keys)
	}
	e.must(e.RecoveryCodes.Use(ctx, e.password(ann), home, codes[1]))
}

// A key opens the sudo of a Session that is signed in.
func TestKeyAsStepUp(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := e.addKey(root, "a")
	second := e.addKey(root, "b")
	e.pass(FactorFresh + time.Second)
	_, err := e.SecurityKeys.BeginAdd(t.Context(), root.Session, "c")
	wantErr(t, err, ErrFactorStale)
	for _, key := range []*virtualKey{k, second} {
		x := e.must(e.verify(root.Session, key))
		if !x.FactorFresh(e.now()) || !x.SignedIn() || x.Begun != root.Begun {
			t.Errorf("%+v", x)
		}
	}
}

// A challenge is used up by the first answer, right or wrong, and the next one of
// its Session takes its place.
func TestChallengeIsUsedOnce(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := e.addKey(root, "a")
	ctx := t.Context()
	opts := e.begun(e.SecurityKeys.BeginVerify(ctx, root.Session))
	answer := k.get(t, opts)
	e.must(e.SecurityKeys.Verify(ctx, root.Session, home, answer))
	_, err := e.SecurityKeys.Verify(ctx, root.Session, home, answer) // replayed
	wantProblem(t, err, "", CodeKeyExpired)
	e.begun(e.SecurityKeys.BeginVerify(ctx, root.Session))
	_, err = e.SecurityKeys.Verify(ctx, root.Session, home, answer) // replayed to another challenge
	wantProblem(t, err, "", CodeKeyRefused)

	opts = e.begun(e.SecurityKeys.BeginVerify(ctx, root.Session))
	_, err = e.SecurityKeys.Verify(ctx, root.Session, home, []byte("{}"))
	wantProblem(t, err, "", CodeKeyRefused)
	e.wantRow(rowFactorFailed, root.UserID)
	if e.ceremonies() != 0 {
		t.Error("the challenge outlived a wrong answer")
	}
	_, err = e.SecurityKeys.Verify(ctx, root.Session, home, k.get(t, opts))
	wantProblem(t, err, "", CodeKeyExpired)

	e.forgetAll()
	first := e.begun(e.SecurityKeys.BeginVerify(ctx, root.Session))
	e.begun(e.SecurityKeys.BeginVerify(ctx, root.Session))
	_, err = e.SecurityKeys.Verify(ctx, root.Session, home, k.get(t, first))
	wantProblem(t, err, "", CodeKeyRefused)

	opts = e.begun(e.SecurityKeys.BeginAdd(ctx, root.Session, "b"))
	_, err = e.SecurityKeys.Add(ctx, root.Session, home, []byte("not JSON"))
	wantProblem(t, err, "", CodeKeyRefused)
	_, err = e.SecurityKeys.Add(ctx, root.Session, home, newVirtualKey().create(t, opts))
	wantProblem(t, err, "", CodeKeyExpired)
}

func TestChallengeExpires(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := e.addKey(root, "a")
	ctx := t.Context()
	for wait, ok := range map[time.Duration]bool{CeremonyLife - time.Second: true, CeremonyLife: false, time.Hour: false} {
		e.refresh(root)
		check := func(what string, err error) {
			t.Helper()
			var ps problem.Problems
			if ok != (err == nil) || !ok && (!errors.As(err, &ps) || !ps.Has(CodeKeyExpired)) {
				t.Errorf("%s after %s: %v", what, wait, err)
			}
		}
		add := e.begun(e.SecurityKeys.BeginAdd(ctx, root.Session, wait.String()))
		opts := e.begun(e.SecurityKeys.BeginVerify(ctx, root.Session))
		any, handle, err := e.SecurityKeys.BeginPasskey(ctx, home)
		if err != nil {
			t.Fatal(err)
		}
		e.pass(wait)
		_, err = e.SecurityKeys.Verify(ctx, root.Session, home, k.get(t, opts))
		check("a second factor", err)
		_, err = e.SecurityKeys.SignInPasskey(ctx, home, handle, k.get(t, any))
		check("a passkey", err)
		x, err := e.SecurityKeys.Add(ctx, root.Session, home, newVirtualKey().create(t, add))
		check("a new key", err)
		if err == nil {
			root.Session = x
		}
		if e.ceremonies() != 0 {
			t.Error("a ceremony is left")
		}
	}
	e.begun(e.SecurityKeys.BeginVerify(ctx, root.Session))
	e.pass(CeremonyLife)
	if err := e.Cleanup.Sweep(ctx); err != nil || e.ceremonies() != 0 {
		t.Errorf("%d ceremonies are left by Sweep, %v", e.ceremonies(), err)
	}
}

// No challenge is in the file of the store: not while it is good, not in the free
// pages afterwards.
func TestStoreHoldsNoChallenge(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := newVirtualKey()
	ctx := t.Context()
	add := e.begun(e.SecurityKeys.BeginAdd(ctx, root.Session, "a"))
	answer := k.create(t, add)
	root.Session = e.must(e.SecurityKeys.Add(ctx, root.Session, home, answer))
	verify := e.begun(e.SecurityKeys.BeginVerify(ctx, root.Session))
	any, handle, err := e.SecurityKeys.BeginPasskey(ctx, home)
	if err != nil {
		t.Fatal(err)
	}
	search := func() {
		t.Helper()
		b, err := teststore.Raw(t, e.path)
		if err != nil || !bytes.Contains(b, []byte(root.UserID)) {
			t.Fatalf("the file can't be searched: %v", err)
		}
		for _, secret := range []string{challengeOf(t, add), challengeOf(t, verify), challengeOf(t, any), handle.Reveal()} {
			raw, _ := base64.RawURLEncoding.DecodeString(secret)
			if bytes.Contains(b, []byte(secret)) || len(raw) > 16 && bytes.Contains(b, raw) {
				t.Error("a challenge or a handle is in the file")
			}
		}
		if bytes.Contains(b, k.cred.ID) || bytes.Contains(b, k.auth.Options.UserHandle) {
			t.Error("a credential's id or a user handle is in the file as it is")
		}
	}
	search()
	e.must(e.SecurityKeys.Verify(ctx, root.Session, home, k.get(t, verify)))
	e.must(e.SecurityKeys.SignInPasskey(ctx, home, handle, k.get(t, any)))
	search()
}
