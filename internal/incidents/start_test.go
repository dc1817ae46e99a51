package incidents

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/realtest"
)

var setupLink = regexp.MustCompile(`link=[A-Za-z0-9_-]{40,}`)

// The link that makes the first administrator is printed where rind was started and is in no log, at no
// level, nor in a file that rind writes.
func TestTheFirstLinkIsInNoLog(t *testing.T) {
	port, data := realtest.FreePort(t), filepath.Join(t.TempDir(), "data")
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	file := filepath.Join(t.TempDir(), "rind.toml")
	text := fmt.Sprintf("listen = \"127.0.0.1:%d\"\npublic-url = \"http://localhost:%d\"\ndata = %q\nlog-level = \"debug\"\n", port, port, data)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := realtest.Start(t, func(c *exec.Cmd) { c.Stderr = log }, realtest.Rind(t), "serve", "--config", file)
	p.Answers(fmt.Sprintf("http://127.0.0.1:%d/healthz", port))
	p.Says("link=", 1)
	link := setupLink.FindString(p.Out.String())
	p.Stop()
	if link == "" {
		t.Fatalf("no link was printed: %s", p.Out)
	}
	found := map[string][]byte{}
	for _, name := range []string{log.Name(), filepath.Join(data, "rind.db"), filepath.Join(data, "rootkeys.db")} {
		found[name], err = os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found[log.Name()]) == 0 {
		t.Error("there is no log")
	}
	for name, b := range found {
		if strings.Contains(string(b), strings.TrimPrefix(link, "link=")) {
			t.Errorf("the link is in %s", filepath.Base(name))
		}
	}
}
