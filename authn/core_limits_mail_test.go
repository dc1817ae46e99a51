package authn

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"testing"

	"github.com/google/uuid"

	"github.com/rind-dev/rind/internal/instance"
)

// Whoever has an IPv6 network has many of the next smaller: those that belong to one /56 or /48
// count together as well.
func TestNetworksCountWider(t *testing.T) {
	e := newEnv(t)
	e.admin()
	refused := func(o Origin) bool {
		_, err := e.Sessions.SignIn(t.Context(), o, "nobody", "wrong")
		_, throttled := err.(*ThrottledError) //nolint:errorlint // it is one or it is none
		return throttled
	}
	try := func(format string, networks, each int) (let int) {
		for i := range networks {
			for range each {
				o := Origin{IP: netip.MustParseAddr(fmt.Sprintf(format, i))}
				if !refused(o) {
					let++
				}
			}
		}
		return let
	}
	if n := try("2001:db8:1:%x::1", 1, 30); n != 10 {
		t.Errorf("a /64 tries one name %d times", n)
	}
	if n := try("2001:db8:2:%x::1", 8, 10); n != 20 { // all in 2001:db8:2::/56
		t.Errorf("a /56 tries one name %d times", n)
	}
}

// An answer to no ceremony, as anybody can make up, is no row.
func TestNoCeremonyNoRow(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := e.addKey(root, "phone")
	opts, _, err := e.SecurityKeys.BeginPasskey(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	answer := k.get(t, opts)
	e.unchanged(func() {
		for _, handle := range []Secret{"", "made up", newHandle()} {
			for _, a := range [][]byte{nil, []byte("{}"), answer} {
				_, err := e.SecurityKeys.SignInPasskey(t.Context(), home, handle, a)
				wantProblem(t, err, "", CodeKeyExpired)
			}
		}
	})
}

// Rows about names that do not exist have a total for an hour: what is behind it is counted.
func TestRowsOfStrangersHaveATotal(t *testing.T) {
	e := newEnv(t)
	e.admin()
	before := len(e.rows())
	const tries = 900
	for i := range tries {
		if err := e.Sessions.recordFailedSignIn(t.Context(), home, userRecord{}, false); err != nil {
			t.Fatal(i, err)
		}
	}
	if n := len(e.rows()) - before; n != maxStrangerRows+1 {
		t.Errorf("%d rows", n)
	}
	if row := e.rows()[0]; row.Detail["n"] != "512" || row.Detail["why"] != "password" {
		t.Errorf("%+v", row)
	}
	e.pass(passwordThrottleRetention * 20)
	if err := e.Sessions.recordFailedSignIn(t.Context(), home, userRecord{}, false); err != nil {
		t.Fatal(err)
	}
	if row := e.rows()[0]; row.Detail["n"] != "" {
		t.Errorf("in another hour: %+v", row)
	}
}

// Rows about an account have a total, too, from however many networks, and one for each kind: guesses
// don't hide that one was right.
func TestRowsAboutAnAccountHaveATotal(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	owner := e.browser()
	count := func(kind string) (n int) {
		for _, row := range e.rows() {
			if row.Kind == kind && row.Account == root.UserID {
				n++
			}
		}
		return n
	}
	e.pass(passwordThrottleRetention * 12) // another hour
	accepted, out := count(rowPasswordAccepted), count(rowSignedOut)
	for i := range maxStrangerRows + 20 {
		e.wrongs(1, from(fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)), "root")
	}
	if n := count(rowSignInFailed); n != maxStrangerRows {
		t.Errorf("%d rows of guesses", n)
	}
	for i := range maxStrangerRows + 20 {
		owner.start(e.must(e.Sessions.SignIn(t.Context(), from("203.0.113.1"), "root", root.password)))
		if i == 0 && count(rowPasswordAccepted) != accepted+1 {
			t.Error("guesses hide a password that was right")
		}
		owner.do(func(ctx context.Context) {
			if err := owner.m.End(ctx, home); err != nil {
				t.Error(err)
			}
		})
	}
	if n := count(rowPasswordAccepted) - accepted; n != maxStrangerRows {
		t.Errorf("%d rows of passwords that were right", n)
	}
	if n := count(rowSignedOut) - out; n != maxStrangerRows {
		t.Errorf("%d rows of sign-outs", n)
	}
}

// Whoever has the password fills neither the store with sessions nor the account's list, and
// ends none that has its second factor.
func TestHalfSessionsHaveATotal(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	owner := e.browser()
	owner.start(root.Session)
	half := e.password(root)
	place := "198.51.100.7"
	begin := func(ip string) {
		b := e.browser()
		o := from(ip)
		b.m.Locate(func(*http.Request) Origin { return o })
		x := half
		x.ID = uuid.NewString()
		b.start(x)
	}
	for range 100 {
		begin(place)
	}
	if n := len(e.keys(sessionPrefix)); n != maxHalfOfNetwork+1 {
		t.Errorf("%d sessions of one network", n)
	}
	for i := range 100 {
		begin(fmt.Sprintf("203.0.113.%d", i))
	}
	if n := len(e.keys(sessionPrefix)); n != maxHalfSessions+1 {
		t.Errorf("%d sessions of all", n)
	}
	if x, _ := owner.current(); !x.SignedIn() {
		t.Error("the owner's is gone")
	}
}

// New recovery codes, each of which mails the owner, have a rate.
func TestRecoveryCodesHaveARate(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	var err error
	for i := range 11 {
		var codes []string
		var x Session
		codes, x, err = e.RecoveryCodes.Create(context.Background(), root.Session, home)
		if err != nil {
			if i != 9 && i != 10 { // the enrolment made one
				t.Errorf("%d: %v", i, err)
			}
			break
		}
		root.Session = e.must(e.RecoveryCodes.Confirm(t.Context(), x, home, codes[0]))
	}
	wantErr(t, err, ErrThrottled)
}

// Open registration sends one mailbox few mails, from however many networks.
func TestOneMailboxOfManyRegistrations(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.Registration = instance.Open })
	e.admin()
	made := 0
	for i := range 30 {
		_, err := e.Accounts.Register(t.Context(), from(fmt.Sprintf("203.0.113.%d", i)), Registration{
			Username: fmt.Sprintf("squat%d", i), Email: fmt.Sprintf("Victim+%d@example.org", i), Password: goodPassword + " squat",
		})
		if err == nil {
			made++
			continue
		}
		wantErr(t, err, ErrThrottled)
	}
	if made != 5 {
		t.Errorf("%d mails to one mailbox", made)
	}
}

// Whoever has accounts, or invites as an administrator, sends one mailbox a few mails a day, whatever
// stands behind the '+'; another mailbox is not concerned, and what was refused changed nothing.
func TestOneMailboxOfManyAddresses(t *testing.T) {
	victim := func(i int) string { return fmt.Sprintf("Victim+%d@example.org", i) }
	t.Run("invitations", func(t *testing.T) {
		e := newEnv(t)
		root := e.admin()
		for i := range 10 {
			if _, _, err := e.Invitations.Invite(t.Context(), root.Session, home, victim(i)); err != nil {
				t.Fatal(i, err)
			}
		}
		e.unchanged(func() {
			_, _, err := e.Invitations.Invite(t.Context(), root.Session, home, victim(10))
			wantErr(t, err, ErrThrottled)
		})
		if _, _, err := e.Invitations.Invite(t.Context(), root.Session, home, "bob@example.org"); err != nil {
			t.Error(err)
		}
	})
	t.Run("corrected addresses", func(t *testing.T) {
		e := newEnv(t, func(c *Config) { c.Registration = instance.Open })
		e.admin()
		sent := 0
		for i := range 12 { // accounts and networks are no way round it
			o := from(fmt.Sprintf("203.0.113.%d", i))
			x, err := e.Accounts.Register(t.Context(), o, Registration{
				Username: fmt.Sprintf("squat%d", i), Email: fmt.Sprintf("squat%d@example.net", i), Password: goodPassword + " squat",
			})
			if err != nil {
				t.Fatal(err)
			}
			err = e.Addresses.Correct(t.Context(), x, o, victim(i))
			if err == nil {
				sent++
				continue
			}
			wantErr(t, err, ErrThrottled)
		}
		if sent != 10 {
			t.Errorf("%d mails to one mailbox", sent)
		}
	})
	t.Run("moves", func(t *testing.T) {
		e := newEnv(t)
		root := e.admin()
		people := []*person{root, e.member(root, "bob"), e.member(root, "carol")}
		sent := 0
		for i := range 15 {
			if i%3 == 0 {
				e.pass(5 * minute) // each may ask for three in 15 minutes
			}
			who := people[i%3]
			e.refresh(who)
			if err := e.Addresses.RequestChange(t.Context(), who.Session, from(fmt.Sprintf("203.0.113.%d", i)), victim(i)); err == nil {
				sent++
			} else {
				wantErr(t, err, ErrThrottled)
			}
		}
		if sent > 10 || sent < 6 {
			t.Errorf("%d mails to one mailbox", sent)
		}
	})
}
