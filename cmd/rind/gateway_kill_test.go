package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/realtest"
)

// kills is how often the gateway is killed.
const kills = 4

// outcomes are what clients were told of their uploads, by index and file.
type outcomes struct {
	mu           sync.Mutex
	acknowledged map[string]string // name of a file → SHA-256
	refused      map[string]string
}

// TestGatewayKilled kills the gateway at random moments while uploads run. No file that was acknowledged is missing, none
// that was refused is there, and nothing is there by halves, but for pypiserver, which keeps what a broken connection left.
func TestGatewayKilled(t *testing.T) {
	realtest.NeedClients(t, realtest.Pypiserver, realtest.Devpi)
	t.Parallel()
	var pypiserver, files, devpi, password string
	var both sync.WaitGroup
	both.Go(func() { pypiserver, files = newPypiserver(t) })
	both.Go(func() { devpi, password = newDevpi(t) })
	g, gitea, dir := newGatewayIssuer(t, 1, "demo"), newStandIn(t), t.TempDir()
	both.Wait()
	writeFile(t, filepath.Join(dir, "pypiserver.password"), 0o600, []byte("s\n"))
	writeFile(t, filepath.Join(dir, "devpi.password"), 0o600, []byte(password+"\n"))
	writeFile(t, filepath.Join(dir, "gitea.token"), 0o600, []byte("s\n"))
	p := g.newGateway(dir, g.url, indexSection("/pypi/", pypiserver, `user = "gw"`, `password-file = "pypiserver.password"`)+
		indexSection("/devpi/", devpi, `user = "gw"`, `password-file = "devpi.password"`)+
		indexSection("/team-a/", gitea.URL+giteaPath, `bearer-file = "gitea.token"`))
	told := map[string]*outcomes{}
	for _, x := range behindGateways {
		told[x.name] = &outcomes{acknowledged: map[string]string{}, refused: map[string]string{}}
	}
	for round := range kills {
		var uploads sync.WaitGroup
		stop := make(chan struct{})
		for _, x := range behindGateways {
			for worker := range 2 {
				uploads.Go(func() { told[x.name].upload(t, g, p.url+x.path, fmt.Sprintf("%d.%d", round, worker), stop) })
			}
		}
		realtest.Eventually(t, "uploads are answered", func() error {
			for _, x := range behindGateways {
				if acknowledged, refused := told[x.name].count(); acknowledged == 0 || refused == 0 {
					return errors.New(x.name + " waits")
				}
			}
			return nil
		})
		time.Sleep(time.Duration(100+rand.IntN(400)) * time.Millisecond)
		_ = p.End(syscall.SIGKILL)
		close(stop)
		uploads.Wait()
		p.start()
	}
	gitea.set(func() { told["gitea"].judge(t, "gitea", gitea.files, false) })
	told["devpi"].judge(t, "devpi", devpiFiles(t, devpi), false)
	told["pypiserver"].judge(t, "pypiserver", folderFiles(t, files), true)
}

func (o *outcomes) count() (acknowledged, refused int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.acknowledged), len(o.refused)
}

// upload uploads until it is stopped or there is nobody there: good files, and such as are refused.
func (o *outcomes) upload(t *testing.T, g *gatewayIssuer, url, series string, stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		version, token := fmt.Sprintf("%s.%d", series, n), g.all
		content := disttest.Wheel("demo", version, noise(300<<10))
		switch n % 4 {
		case 1:
			token = g.narrow
		case 3:
			content = append(content, "more"...)
		}
		sum := sha256.Sum256(content)
		name, digest := wheelFile("demo", version), hex.EncodeToString(sum[:])
		status, body, err := postWheel(url, token, "demo", version, content)
		o.mu.Lock()
		switch {
		case err != nil || strings.HasPrefix(status, "503 "): // nobody knows
		case status == "200 OK":
			o.acknowledged[name] = digest
		case n%2 == 1 && (strings.HasPrefix(status, "403 ") || strings.HasPrefix(status, "400 ")):
			o.refused[name] = digest
		default:
			t.Errorf("%s: %s %s", name, status, body)
		}
		if n%2 == 1 && status == "200 OK" {
			t.Errorf("%s is taken", name)
		}
		o.mu.Unlock()
	}
}

// judge holds what was said against what the index has.
func (o *outcomes) judge(t *testing.T, index string, has map[string]string, keepsParts bool) {
	t.Helper()
	if len(o.acknowledged) == 0 || len(o.refused) == 0 {
		t.Errorf("%s: %d acknowledged, %d refused: nothing is shown", index, len(o.acknowledged), len(o.refused))
	}
	for name, digest := range o.acknowledged {
		if has[name] != digest {
			t.Errorf("%s: %s was acknowledged with %s, and the index has %q", index, name, digest, has[name])
		}
	}
	for name := range o.refused {
		if has[name] != "" {
			t.Errorf("%s: %s was refused, and is there", index, name)
		}
	}
	unknown := len(has) - len(o.acknowledged)
	if unknown > 2*kills && !keepsParts {
		t.Errorf("%s: %d files that nobody was told of", index, unknown)
	}
	t.Logf("%s: %d acknowledged, %d refused, %d that the client was not told of", index, len(o.acknowledged), len(o.refused), unknown)
}

// devpiFiles downloads what devpi lists, and finds that it is what the page says.
func devpiFiles(t *testing.T, index string) map[string]string {
	t.Helper()
	has := map[string]string{}
	page := fetch(t, index+"+simple/demo/")
	for _, m := range regexp.MustCompile(`href="\.\./\.\./([^"#]+/([^"/#]+))#sha256=([0-9a-f]{64})"`).FindAllStringSubmatch(page, -1) {
		sum := sha256.Sum256([]byte(fetch(t, index+m[1])))
		has[m[2]] = hex.EncodeToString(sum[:])
		if has[m[2]] != m[3] {
			t.Errorf("devpi has %s by halves", m[2])
		}
	}
	return has
}

// folderFiles are those of pypiserver.
func folderFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	has := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		has[e.Name()] = digest(filepath.Join(dir, e.Name()))
	}
	return has
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	res, err := gatewayClient.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", url, res.Status, err)
	}
	return string(b)
}
