package authn

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"github.com/rind-dev/rind/internal/notices"
)

// tampered changes one member of the response in an answer.
func tampered(t testing.TB, answer []byte, member string, value any) []byte {
	t.Helper()
	var m map[string]any
	err := json.Unmarshal(answer, &m)
	if err != nil {
		t.Fatal(err)
	}
	m["response"].(map[string]any)[member] = value
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wrongAnswers are answers to a challenge that are not right in one thing, by a key
// that would be.
func wrongAnswers(t testing.TB, others *virtualKey) map[string]func(k virtualKey, opts json.RawMessage) []byte {
	return map[string]func(k virtualKey, opts json.RawMessage) []byte{
		"another origin": func(k virtualKey, opts json.RawMessage) []byte {
			k.party.Origin = "https://rind.example.com"
			return k.get(t, opts)
		},
		"another port": func(k virtualKey, opts json.RawMessage) []byte {
			k.party.Origin += ":8443"
			return k.get(t, opts)
		},
		"a host below": func(k virtualKey, opts json.RawMessage) []byte {
			k.party.Origin = "https://evil.rind.example.org"
			return k.get(t, opts)
		},
		"without TLS": func(k virtualKey, opts json.RawMessage) []byte {
			k.party.Origin = "http://rind.example.org"
			return k.get(t, opts)
		},
		"another relying party": func(k virtualKey, opts json.RawMessage) []byte {
			k.party.ID = "example.org"
			return k.get(t, opts)
		},
		"nobody present": func(k virtualKey, opts json.RawMessage) []byte {
			k.auth.Options.UserNotPresent = true
			return k.get(t, opts)
		},
		"backed up and not able to be": func(k virtualKey, opts json.RawMessage) []byte {
			k.auth.Options.BackupState = true
			return k.get(t, opts)
		},
		"able to be backed up since": func(k virtualKey, opts json.RawMessage) []byte {
			k.auth.Options.BackupEligible = true
			return k.get(t, opts)
		},
		"bogus signature": func(k virtualKey, opts json.RawMessage) []byte {
			return tampered(t, k.get(t, opts), "signature", "AAAA")
		},
		"signature of another key": func(k virtualKey, opts json.RawMessage) []byte {
			k.cred.Key = others.cred.Key
			return k.get(t, opts)
		},
		"somebody else's key": func(_ virtualKey, opts json.RawMessage) []byte {
			k := *others
			return k.get(t, opts)
		},
		"somebody else's handle": func(k virtualKey, opts json.RawMessage) []byte {
			k.auth.Options.UserHandle = others.auth.Options.UserHandle
			return k.get(t, opts)
		},
		"somebody else's key with this one's handle": func(mine virtualKey, opts json.RawMessage) []byte {
			k := *others
			k.auth.Options.UserHandle = mine.auth.Options.UserHandle
			return k.get(t, opts)
		},
		"a key that nobody has": func(_ virtualKey, opts json.RawMessage) []byte { return newVirtualKey().get(t, opts) },
		"a registration": func(k virtualKey, opts json.RawMessage) []byte {
			o, _ := virtualwebauthn.ParseAssertionOptions(string(opts))
			return []byte(virtualwebauthn.CreateAttestationResponse(k.party, k.auth, k.cred, virtualwebauthn.AttestationOptions{Challenge: o.Challenge}))
		},
		"no JSON": func(virtualKey, json.RawMessage) []byte { return []byte("{") },
		"nothing": func(virtualKey, json.RawMessage) []byte { return nil },
		"null":    func(virtualKey, json.RawMessage) []byte { return []byte("null") },
		"more behind it": func(k virtualKey, opts json.RawMessage) []byte {
			return append(k.get(t, opts), "{}"...)
		},
		"another type": func(k virtualKey, opts json.RawMessage) []byte {
			return []byte(strings.Replace(string(k.get(t, opts)), "public-key", "password", 1))
		},
	}
}

func TestWrongAnswersOfKeys(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	k := e.addKey(root, "a")
	others := e.addKey(bob, "b")
	for name, answer := range wrongAnswers(t, others) {
		t.Run(name, func(t *testing.T) {
			for _, x := range []Session{e.password(root), root.Session} { // behind the password, and as step-up
				opts := e.begun(e.SecurityKeys.BeginVerify(t.Context(), x))
				_, err := e.SecurityKeys.Verify(t.Context(), x, home, answer(*k, opts))
				wantProblem(t, err, "", CodeKeyRefused)
				if row := e.wantRow(rowFactorFailed, root.UserID); row.Detail["factor"] != "webauthn" || row.Actor.UserID != root.UserID {
					t.Errorf("row %+v", row)
				}
				if e.ceremonies() != 0 {
					t.Error("the challenge is still good")
				}
			}
			signed, err := e.passkeyAnswer(t, *k, answer)
			if name == "somebody else's key" { // nobody has said who they are
				if err != nil || signed.UserID != bob.UserID {
					t.Errorf("%+v %v", signed, err)
				}
				return
			}
			wantProblem(t, err, "", CodePasskeyFailed)
			if row := e.rows()[0]; row.Kind != rowSignInFailed || row.Detail["why"] != "passkey" || row.Actor.UserID != "" {
				t.Errorf("row %+v", row)
			}
			e.forgetAll()
		})
	}
	if _, err := e.verify(root.Session, k); err != nil {
		t.Errorf("the right key: %v", err)
	}
}

// passkeyAnswer signs in with an answer to the challenge of a passkey.
func (e *env) passkeyAnswer(t testing.TB, k virtualKey, answer func(virtualKey, json.RawMessage) []byte) (Session, error) {
	t.Helper()
	opts, handle, err := e.SecurityKeys.BeginPasskey(e.t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	x, err := e.SecurityKeys.SignInPasskey(e.t.Context(), home, handle, answer(k, opts))
	if e.ceremonies() != 0 {
		t.Error("the challenge is still good")
	}
	return x, err
}

// Registrations that are wrong in one thing add nothing.
func TestWrongRegistrations(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	for name, spoil := range map[string]func(*virtualKey){
		"another origin":        func(k *virtualKey) { k.party.Origin = "https://rind.example.com" },
		"another relying party": func(k *virtualKey) { k.party.ID = "example.org" },
		"nobody present":        func(k *virtualKey) { k.auth.Options.UserNotPresent = true },
		"backed up and not able to be": func(k *virtualKey) {
			k.auth.Options.BackupState = true
		},
		"a long id": func(k *virtualKey) { k.cred.ID = make([]byte, 1024) },
	} {
		k := newVirtualKey()
		spoil(k)
		opts := e.begun(e.SecurityKeys.BeginAdd(t.Context(), root.Session, "a"))
		e.unchanged(func() {
			_, err := e.SecurityKeys.Add(t.Context(), root.Session, home, k.create(t, opts))
			wantProblem(t, err, "", CodeKeyRefused)
		})
		if e.user(root.UserID).Keys != 0 || e.ceremonies() != 0 {
			t.Errorf("%s: something is left of it", name)
		}
	}
}

// A challenge belongs to one Session and one purpose.
func TestChallengeOfSomethingElse(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	k := e.addKey(root, "a")
	e.addKey(bob, "b")
	ctx := t.Context()
	half := e.password(root)
	opts := e.begun(e.SecurityKeys.BeginVerify(ctx, half))
	answer := k.get(t, opts)
	for what, x := range map[string]Session{"another Session of the account": root.Session, "another account": bob.Session} {
		_, err := e.SecurityKeys.Verify(ctx, x, home, answer)
		wantProblem(t, err, "", CodeKeyExpired)
		if what == "" {
			t.Fatal(what)
		}
	}
	_, err := e.SecurityKeys.SignInPasskey(ctx, home, Secret(half.ID), answer)
	wantProblem(t, err, "", CodeKeyExpired)
	_, err = e.SecurityKeys.Add(ctx, root.Session, home, answer)
	wantProblem(t, err, "", CodeKeyExpired)
	e.must(e.SecurityKeys.Verify(ctx, half, home, answer))

	// Adding and verifying at the same time do not disturb each other.
	add := e.begun(e.SecurityKeys.BeginAdd(ctx, root.Session, "c"))
	verify := e.begun(e.SecurityKeys.BeginVerify(ctx, root.Session))
	e.must(e.SecurityKeys.Verify(ctx, root.Session, home, k.get(t, verify)))
	e.must(e.SecurityKeys.Add(ctx, root.Session, home, newVirtualKey().create(t, add)))
}

// A key that was added with its user verified, and is used without, is a second
// factor and no passkey: what counts is the ceremony itself.
func TestUserVerificationOfTheCeremony(t *testing.T) {
	for _, added := range []bool{true, false} {
		e := newEnv(t, withKeys)
		root := e.admin()
		k := newVirtualKey()
		k.auth.Options.UserNotVerified = !added
		opts := e.begun(e.SecurityKeys.BeginAdd(t.Context(), root.Session, "a"))
		root.Session = e.must(e.SecurityKeys.Add(t.Context(), root.Session, home, k.create(t, opts)))
		for _, used := range []bool{true, false, true} {
			k.auth.Options.UserNotVerified = !used
			if _, err := e.verify(root.Session, k); err != nil {
				t.Errorf("added %v, used %v: %v", added, used, err)
			}
			x, err := e.passkey(k)
			if used {
				if err != nil || !x.SignedIn() || x.Factor != FactorWebAuthn || !x.FactorFresh(e.now()) || x.UserID != root.UserID {
					t.Errorf("added %v: %+v %v", added, x, err)
				}
				continue
			}
			wantProblem(t, err, "", CodePasskeyUnverified)
			if row := e.wantRow(rowSignInFailed, root.UserID); row.Detail["why"] != "passkey" {
				t.Errorf("row %+v", row)
			}
		}
	}
}

// A counter that does not go on refuses the key, says so by mail and in the trail, and
// stays where it was.
func TestSignCountGoesBack(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := e.addKey(root, "blue")
	k.cred.Counter = 10
	e.must(e.verify(root.Session, k)) // 11
	for _, before := range []uint32{10, 9, 0} {
		for _, way := range []func() (Session, error){
			func() (Session, error) { return e.verify(root.Session, k) },
			func() (Session, error) { return e.passkey(k) },
		} {
			k.cred.Counter = before // get adds one
			mails := e.mails.count()
			_, err := way()
			if p := wantProblem(t, err, "", CodeKeyCloned); p.Args["key"] != "blue" {
				t.Errorf("%+v", p)
			}
			if row := e.wantRow(rowKeyCloned, root.UserID); row.Detail["key"] != "blue" {
				t.Errorf("row %+v", row)
			}
			if m := e.mails.last(t, string(notices.KeyCloned)); m.notice.Details.Key != "blue" || e.mails.count() != mails+1 {
				t.Errorf("mail %+v", m)
			}
			if e.ceremonies() != 0 {
				t.Error("the challenge is still good")
			}
		}
	}
	k.cred.Counter = 11
	e.must(e.verify(root.Session, k)) // the true one goes on

	never := e.addKey(root, "never counts")
	for range 3 {
		never.cred.Counter = ^uint32(0) // and one is 0
		e.must(e.verify(root.Session, never))
	}
}

// Wrong codes do not count against keys, which nobody can guess, nor wrong keys against codes. The work for keys is bounded by
// itself, and a full counter keeps the challenge.
func TestKeysAreThrottled(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := e.addKey(root, "a")
	x := e.password(root)
	for range 5 {
		_, err := e.Authenticators.Verify(t.Context(), x, home, "000000")
		wantProblem(t, err, "code", CodeTOTPWrong)
	}
	_, err := e.Authenticators.Verify(t.Context(), x, home, e.code(root, 0))
	wantErr(t, err, ErrThrottled)
	for range 60 {
		e.begun(e.SecurityKeys.BeginVerify(t.Context(), x))
		_, err := e.SecurityKeys.Verify(t.Context(), x, home, []byte("{}"))
		wantProblem(t, err, "", CodeKeyRefused)
	}
	opts := e.begun(e.SecurityKeys.BeginVerify(t.Context(), x))
	answer := k.get(t, opts)
	e.unchanged(func() {
		_, err := e.SecurityKeys.Verify(t.Context(), x, home, answer)
		wantErr(t, err, ErrThrottled)
	})
	e.must(e.SecurityKeys.Verify(t.Context(), x, from("198.51.100.1"), answer)) // from another network

	for range 20 {
		_, err := e.passkeyAnswer(t, *k, func(virtualKey, json.RawMessage) []byte { return nil })
		wantProblem(t, err, "", CodePasskeyFailed)
	}
	_, handle, err := e.SecurityKeys.BeginPasskey(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.SecurityKeys.SignInPasskey(t.Context(), home, handle, nil)
	wantErr(t, err, ErrThrottled)
	_, err = e.SecurityKeys.SignInPasskey(t.Context(), from("198.51.100.1"), "x", nil)
	wantProblem(t, err, "", CodeKeyExpired)
	for range 200 {
		_, _, err = e.SecurityKeys.BeginPasskey(t.Context(), from("198.51.100.2"))
		if err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = e.SecurityKeys.BeginPasskey(t.Context(), from("198.51.100.2"))
	wantErr(t, err, ErrThrottled)
}

// One answer many times at the same moment gets one in.
func TestKeyRace(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := e.addKey(root, "a")
	x := e.password(root)
	answer := k.get(t, e.begun(e.SecurityKeys.BeginVerify(t.Context(), x)))
	opts, handle, err := e.SecurityKeys.BeginPasskey(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	won, lost := race(20, func(int) error { _, err := e.SecurityKeys.Verify(t.Context(), x, home, answer); return err })
	if won != 1 {
		t.Errorf("%d of 20 got in", won)
	}
	for _, err := range lost {
		wantProblem(t, err, "", CodeKeyExpired)
	}
	again := k.get(t, opts)
	won, _ = race(20, func(int) error { _, err := e.SecurityKeys.SignInPasskey(t.Context(), home, handle, again); return err })
	if won != 1 {
		t.Errorf("%d of 20 signed in", won)
	}
	accepted := map[string]int{}
	for _, row := range e.rows() {
		accepted[row.Kind]++
	}
	if accepted[rowPasskeyAccepted] != 1 {
		t.Errorf("rows %v", accepted)
	}
}
