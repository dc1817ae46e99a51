package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// TestARevocationIsConfirmed registers a verifier in the browser, lets it follow as
// a process of its own, and sees on the page that it has heard of a revocation; then
// it is gone, and the page says that too.
func TestARevocationIsConfirmed(t *testing.T) {
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
	stop := follow(t, s, ada.content("#secret"))

	ada.mint("first", "demo")
	revoke(ada, "first")
	ada.sees("2 of 2 verifiers have it, in ")
	ada.open(s.url + "/admin/verifiers")
	ada.sees("mirror", "Everything")

	stop()
	eventually(t, "the issuer notices that mirror is gone", func() error {
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

// follow runs 'rind verifier follow' until it has caught up, and returns what ends
// it.
func follow(t *testing.T, s *server, secret string) (stop func()) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	out := &output{}
	cmd := exec.Command(rindPath, "verifier", "follow", "--issuer", s.url, "--secret-file", file,
		"--keys", filepath.Join(dir, "rootkeys.db"), "--status", status)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("rind verifier follow: %v\n%s", err, out)
		}
		if strings.Contains(out.String(), secret) {
			t.Error("the secret is in the log")
		}
	}
	t.Cleanup(stop)
	client := http.Client{Timeout: 5 * time.Second}
	eventually(t, "the verifier has caught up", func() error {
		resp, err := client.Get("http://" + status + "/healthz")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s\n%s", resp.Status, out)
		}
		return nil
	})
	if text := mustRun(t, dir, nil, rindPath, "verifier", "status", "--from", status); !strings.Contains(text, "revision") {
		t.Errorf("the status says\n%s", text)
	}
	return stop
}
