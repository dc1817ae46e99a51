package authn

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/notices"
)

// A passkey that is synced between devices, each of which counts for itself, is taken when its
// counter goes back: with a row each time, and a mail a day at most.
func TestASyncedPasskeyMayCountBackwards(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	k := newVirtualKey()
	k.auth.Options.BackupEligible, k.auth.Options.BackupState = true, true
	opts := e.begun(e.SecurityKeys.BeginAdd(t.Context(), root.Session, "phone"))
	root.Session = e.must(e.SecurityKeys.Add(t.Context(), root.Session, home, k.create(t, opts)))
	k.cred.Counter = 10
	e.must(e.verify(root.Session, k))
	for i, want := range []struct {
		wait  time.Duration
		mails int
	}{{0, 1}, {time.Minute, 1}, {counterNoticeInterval, 2}} {
		e.pass(want.wait)
		k.cred.Counter = 3
		var x Session
		var err error
		if i == 1 {
			x, err = e.passkey(k)
		} else {
			x, err = e.verify(e.password(root), k)
		}
		if err != nil || !x.SignedIn() {
			t.Fatalf("%d: %v", i, err)
		}
		if n := e.kinds(root.UserID)[rowKeyCounterBack]; n != i+1 {
			t.Errorf("%d rows", n)
		}
		if n := e.mails.of(string(notices.KeyCounterBack)); n != want.mails {
			t.Errorf("%d mails, want %d", n, want.mails)
		}
	}
	k.cred.Counter = 20 // and on again
	e.must(e.passkey(k))
	if n := e.kinds(root.UserID)[rowKeyCounterBack]; n != 3 {
		t.Errorf("%d rows", n)
	}
}

// A key that says another time whether it can be synced is refused (WebAuthn §7.2 step 18), and
// the log has the reason.
func TestAnotherBackupEligibleFlagIsRefused(t *testing.T) {
	var log bytes.Buffer
	e := newEnv(t, withKeys, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	root := e.admin()
	k := e.addKey(root, "phone")
	k.auth.Options.BackupEligible = true
	_, err := e.verify(root.Session, k)
	wantProblem(t, err, "", CodeKeyRefused)
	_, err = e.passkey(k)
	wantProblem(t, err, "", CodePasskeyFailed)
	if n := strings.Count(log.String(), "Backup Eligible flag"); n != 2 {
		t.Errorf("the log has it %d times:\n%s", n, log.String())
	}
	k.auth.Options.BackupEligible = false
	e.must(e.verify(root.Session, k))
}
