package authn

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// Every counter is a row of limitTable, which says whom it counts, who can fill it and what is closed then, and no row is without a
// counter. So nobody adds a limit without saying against whom it can be filled.
func TestEveryLimitIsInTheTable(t *testing.T) {
	names := map[string]bool{}
	for _, l := range limitTable {
		if names[l.name] || l.key == "" || l.filled == "" || l.closes == "" || len(l.windows) == 0 {
			t.Errorf("the row %q is there twice, or does not say enough", l.name)
		}
		names[l.name] = true
		for i, w := range l.windows {
			if w.max < 1 || i > 0 && (w.span <= l.windows[i-1].span || w.max <= l.windows[i-1].max) {
				t.Errorf("%s: the windows %v are not in order", l.name, l.windows)
			}
		}
		// What anybody can fill from anywhere closes nothing for networks that never failed.
		if strings.HasPrefix(l.filled, "anybody") && !strings.Contains(l.key, "network") && !l.spares && l.name != "reset-account" && l.name != "mailbox" { // both count mails to one person, who wants no more of them
			t.Errorf("%s: a stranger can fill it against everybody", l.name)
		}
		if l.spares && (!strings.Contains(l.name, "password") || !limitPasswordAddress.source) {
			t.Errorf("%s: nothing says whether a network failed before", l.name)
		}
		if throttled := strings.HasPrefix(l.name, "password"); throttled && l.windows[len(l.windows)-1].span > passwordThrottleRetention || l.windows[len(l.windows)-1].span > throttleRetention {
			t.Errorf("%s counts for longer than it is kept", l.name)
		}
	}
	made, used := limitsInCode(t)
	for name := range names {
		if made[name] == "" || !used[made[name]] {
			t.Errorf("the row %q is of no counter", name)
		}
	}
	for name := range made {
		if !names[name] {
			t.Errorf("%q is in no row", name)
		}
	}
}

// limitsInCode are the variables made by limitByName, by their names in the table, and those that something is counted with. No limit
// is made otherwise.
func limitsInCode(t *testing.T) (made map[string]string, used map[string]bool) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	made, used = map[string]string{}, map[string]bool{}
	for _, f := range entries {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, v := range n.Values {
					call, ok := v.(*ast.CallExpr)
					if !ok {
						continue
					}
					if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "limitByName" {
						made[strings.Trim(call.Args[0].(*ast.BasicLit).Value, `"`)] = n.Names[i].Name
					}
				}
			case *ast.CompositeLit:
				if id, ok := n.Type.(*ast.Ident); ok && (id.Name == "limit" || id.Name == "window" || id.Name == "counter") && f.Name() != "core_limits_table.go" && f.Name() != "core_limits.go" {
					t.Errorf("%s makes a %s of its own", f.Name(), id.Name)
				}
			case *ast.CallExpr:
				for _, a := range n.Args {
					if id, ok := a.(*ast.Ident); ok && strings.HasPrefix(id.Name, "limit") {
						used[id.Name] = true
					}
				}
			}
			return true
		})
	}
	return made, used
}

// Who has the password gives fifty wrong codes, which closed the account for 22 hours: now the owner gets in with the browser that
// is known, with a security key, and behind a new password, and hears of it.
func TestFiftyWrongCodesKeepNoOwnerOut(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := e.addKey(root, "a")
	known := in(e.note(root, home, false))
	thief := from("203.0.113.66")
	mails := e.mails.countKind(string(notices.FactorFailed))
	for wrong := 0; wrong < 50; {
		x := e.must(e.Sessions.SignIn(t.Context(), thief, root.name, root.password))
		if _, err := e.Authenticators.Verify(t.Context(), x, thief, "000000"); err == nil {
			t.Fatal("a wrong code")
		} else if te, ok := throttledFor(err); ok {
			e.pass(te)
			continue
		}
		wrong++
	}
	told := e.mails.countKind(string(notices.FactorFailed)) - mails
	if told < 1 || told > 5 {
		t.Errorf("the owner hears of it %d times", told)
	}
	x := e.must(e.Sessions.SignIn(t.Context(), thief, root.name, root.password))
	_, err := e.Authenticators.Verify(t.Context(), x, thief, e.code(root, 0))
	wantErr(t, err, ErrThrottled)

	x = e.must(e.Sessions.SignIn(t.Context(), known, root.name, root.password))
	e.must(e.Authenticators.Verify(t.Context(), x, known, e.code(root, 0)))
	e.pass(time.Minute)
	x = e.must(e.Sessions.SignIn(t.Context(), known, root.name, root.password))
	e.must(e.RecoveryCodes.Use(t.Context(), x, known, root.codes[2]))
	x = e.password(root)
	if _, err := e.verify(x, k); err != nil {
		t.Errorf("a security key: %v", err)
	}

	link := e.askReset(root)
	if err := e.Passwords.Reset(t.Context(), home, link, "quite another plum 77"); err != nil {
		t.Fatal(err)
	}
	root.password = "quite another plum 77"
	e.must(e.Authenticators.Verify(t.Context(), e.password(root), home, e.code(root, 0)))
}

func throttledFor(err error) (wait time.Duration, ok bool) {
	te, ok := err.(*ThrottledError) //nolint:errorlint // it is never wrapped
	if !ok {
		return 0, false
	}
	return te.RetryAfter, true
}

// Who changes the password again and again, with the mailbox, does not have fifty guesses for each.
func TestGuessesAcrossPasswords(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	tries := 0
	for end := e.now().Add(24*time.Hour - time.Minute); e.now().Before(end); {
		x := e.password(root)
		_, err := e.Authenticators.Verify(t.Context(), x, home, "000000")
		if wait, ok := throttledFor(err); ok {
			if tries%50 != 0 || tries >= 150 {
				e.pass(min(wait, time.Hour))
				continue
			}
			e.forgetCounters("authn/throttle/reset")
			root.password = fmt.Sprintf("quite another plum %d", tries)
			if err := e.Passwords.Reset(t.Context(), home, e.askReset(root), root.password); err != nil {
				t.Fatal(err)
			}
			continue
		}
		tries++
	}
	if tries != 150 {
		t.Errorf("%d guesses in a day", tries)
	}
}

// An owner who mistypes a code at home gets no mail of it.
func TestOwnMistakesAreNotMailed(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.refresh(root)
	known := in(e.note(root, home, false))
	count := func() int { return e.mails.countKind(string(notices.FactorFailed)) }
	x := e.must(e.Sessions.SignIn(t.Context(), known, root.name, root.password))
	for i, want := range []int{0, 0, 1, 1} {
		if _, err := e.Authenticators.Verify(t.Context(), x, known, "000000"); err == nil || count() != want {
			t.Errorf("after %d mistakes: %d mails", i+1, count())
		}
	}
	if _, err := e.Authenticators.Verify(t.Context(), root.Session, home, "000000"); err == nil || count() != 1 {
		t.Error("a mistake of somebody who is signed in is mailed")
	}
}

// A thousand guesses at names that do not exist, from twenty networks, closed the sign-in of everybody.
func TestThousandGuessesCloseNothingForOthers(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	for i := range 1000 {
		e.wrongs(1, from(fmt.Sprintf("198.51.100.%d", 1+i%20)), fmt.Sprint("nobody", i))
	}
	e.must(e.Sessions.SignIn(t.Context(), home, root.name, root.password))
	e.throttled(from("198.51.100.3"), root.name, root.password, 5*time.Minute)
}

// stuckHasher hashes nothing until it is let go.
type stuckHasher struct {
	password.Function
	letGo chan struct{}
}

func (h *stuckHasher) Check(p, hash string) (bool, bool, error) {
	<-h.letGo
	return h.Function.Check(p, hash)
}

// The same by signing in: four known browsers of one account, and everybody else.
func TestKnownBrowsersOfOneAccountLeavePlaces(t *testing.T) {
	e := newEnv(t, func(c *Config) { c.MaxHashing = 2 })
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	e.refresh(bob)
	var known []Origin
	for range 4 {
		known = append(known, in(e.note(root, home, false)))
	}
	bobs := in(e.note(bob, home, false))
	stuck := &stuckHasher{Function: e.hash.Function, letGo: make(chan struct{})}
	e.hash.Function = stuck
	var wg sync.WaitGroup
	const tries = 28 // what known browsers in one network have is 30
	busy := make(chan error, tries)
	for i := range tries {
		wg.Go(func() {
			_, err := e.Sessions.SignIn(t.Context(), known[i%4], root.name, "wrong")
			busy <- err
		})
	}
	for refused := 0; refused < tries-password.ShareOfAccount; {
		select {
		case err := <-busy:
			wantErr(t, err, ErrBusy)
			refused++
		case <-time.After(time.Millisecond):
			if n := e.waitingIn(password.Requester{Account: root.UserID}); n > password.ShareOfAccount {
				close(stuck.letGo)
				wg.Wait()
				t.Fatalf("one account holds %d places, more than its %d", n, password.ShareOfAccount)
			}
		}
	}
	wg.Go(func() {
		if _, err := e.Sessions.SignIn(t.Context(), bobs, bob.name, bob.password); err != nil {
			t.Errorf("somebody else: %v", err)
		}
	})
	for e.waitingIn(password.Requester{Account: bob.UserID}) == 0 {
		time.Sleep(time.Millisecond)
	}
	close(stuck.letGo)
	wg.Wait()
	e.wantFree()
}

func (e *env) waitingIn(who password.Requester) int {
	n, _ := e.Passwords.hashing.Load(who)
	return n
}

// Known browsers of one account in one network have so many guesses together.
func TestKnownBrowsersCountTogether(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	e.refresh(root)
	seen := 0
	for range 10 {
		o := in(e.note(root, home, false))
		o.IP = netip.MustParseAddr("203.0.113.5")
		for range 10 {
			if _, err := e.Sessions.SignIn(t.Context(), o, root.name, "wrong"); err != nil {
				if _, throttled := throttledFor(err); !throttled {
					seen++
				}
			}
		}
	}
	if seen != 30 {
		t.Errorf("%d guesses", seen)
	}
}

// forgetCounters empties the counters with a prefix.
func (e *env) forgetCounters(prefix string) {
	e.t.Helper()
	if err := e.core.store.Update(e.t.Context(), func(tx kv.Tx) error { return emptied(tx, prefix) }); err != nil {
		e.t.Fatal(err)
	}
}
