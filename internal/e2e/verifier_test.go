package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// TestARevocationIsConfirmed registers a verifier in the browser, lets it follow as
// a process of its own, and sees on the page that it has heard of a revocation; then
// it is gone, and the page says that too.
func TestARevocationIsConfirmed(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium, realtest.Oathtool)
	mails := mailtest.Start(t)
	s := startServer(t, mailSettings(mails))
	ada := newPerson(t, s, mails, "ada")
	ada.signUp(s.setupLink())
	ada.register("demo")
	ada.open(s.url + "/admin/verifiers")
	ada.fill("name", "mirror")
	ada.press("Register verifier")
	ada.sees("You will not see this secret again", "rind verifier follow --issuer "+s.url)
	_, stop := follow(t, s.url, ada.content("#secret"))

	ada.mint("first", "demo")
	revoke(ada, "first")
	ada.sees("2 of 2 verifiers have it, in ")
	ada.open(s.url + "/admin/verifiers")
	ada.sees("mirror", "Up to date")

	stop()
	realtest.Eventually(t, "the issuer notices that mirror is gone", func() error {
		ada.open(s.url + "/admin/verifiers")
		if text := ada.text(); strings.Contains(text, "Not connected") {
			return nil
		}
		return fmt.Errorf("the page says\n%s", ada.text())
	})
	ada.mint("second", "demo")
	revoke(ada, "second")
	ada.sees("Not connected: mirror")
}

// revoke revokes the token with the label, the only one that works.
func revoke(p *person, label string) {
	p.t.Helper()
	p.open(p.server.url + "/tokens")
	p.sees(label)
	p.press("Revoke")
	p.press("Revoke token")
	p.at("/tokens")
}

// follow runs 'rind verifier follow' with an issuer until it has caught up, and returns what ends it. env is added to its
// environment.
func follow(t *testing.T, issuer, secret string, env ...string) (p *realtest.Process, stop func()) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status := realtest.FreeAddress(t)
	p = realtest.Start(t, func(c *exec.Cmd) { c.Env = append(os.Environ(), env...) }, realtest.Rind(t), "verifier", "follow", "--issuer", issuer, "--secret-file", file,
		"--keys", filepath.Join(dir, "rootkeys.db"), "--status", status)
	stop = func() {
		p.Stop()
		if strings.Contains(p.Out.String(), secret) {
			t.Error("the secret is in the log")
		}
	}
	t.Cleanup(stop)
	p.Answers("http://" + status + "/healthz")
	if text := mustRun(t, dir, nil, realtest.Rind(t), "verifier", "status", "--from", status); !strings.Contains(text, "revision") {
		t.Errorf("the status says\n%s", text)
	}
	return p, stop
}
