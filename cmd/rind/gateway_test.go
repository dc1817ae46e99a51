package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/realtest"
)

// gatewayUploaders are the clients that upload through a gateway: those of today.
func gatewayUploaders() (all []uploader) {
	for _, u := range uploaders {
		if !strings.HasPrefix(u.name, "old") {
			all = append(all, u)
		}
	}
	return all
}

// behindGateway is an index in these tests, and its path at the gateway.
type behindGateway struct{ name, path string }

func (x behindGateway) project(u uploader) string { return u.name + x.name }

var behindGateways = []behindGateway{{"pypiserver", "/pypi/"}, {"devpi", "/devpi/"}, {"gitea", "/team-a/"}}

// gatewayHouse is a gateway before three indexes, one that is away, and one that refuses.
type gatewayHouse struct {
	*gatewayProcess
	issuer *gatewayIssuer
	gitea  *standIn
}

func newGatewayHouse(t *testing.T) *gatewayHouse {
	t.Helper()
	names := []string{"demo", "parallel", "big"}
	for _, u := range gatewayUploaders() {
		for _, x := range behindGateways {
			names = append(names, x.project(u))
		}
	}
	var pypiserver, devpi, password string
	var both sync.WaitGroup
	both.Go(func() { pypiserver, _ = newPypiserver(t) })
	both.Go(func() { devpi, password = newDevpi(t) })
	h := &gatewayHouse{issuer: newGatewayIssuer(t, 1, names...), gitea: newStandIn(t)}
	both.Wait()
	refusing := newStandIn(t)
	refusing.deny = http.StatusForbidden
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "pypiserver.password"), 0o600, []byte("s\n"))
	writeFile(t, filepath.Join(dir, "devpi.password"), 0o600, []byte(password+"\n"))
	writeFile(t, filepath.Join(dir, "gitea.token"), 0o600, []byte("s\n"))
	const reads = "proxy-reads = true"
	h.gatewayProcess = h.issuer.newGateway(dir, h.issuer.url,
		indexSection("/pypi/", pypiserver, `user = "gw"`, `password-file = "pypiserver.password"`, reads)+
			indexSection("/devpi/", devpi, `user = "gw"`, `password-file = "devpi.password"`, reads)+
			indexSection("/team-a/", h.gitea.URL+giteaPath, `bearer-file = "gitea.token"`, reads)+
			indexSection("/away/", "http://"+realtest.FreeAddress(t)+"/")+
			indexSection("/refusing/", refusing.URL+giteaPath, `bearer-file = "gitea.token"`))
	return h
}

// TestGatewayBeforeRealIndexes drives today's clients through a gateway to unmodified indexes, and reads what they say as
// a person does.
func TestGatewayBeforeRealIndexes(t *testing.T) {
	need := []realtest.Client{realtest.Pypiserver, realtest.Devpi, realtest.CurrentPip}
	for _, u := range gatewayUploaders() {
		need = append(need, u.client)
	}
	realtest.NeedClients(t, need...)
	t.Parallel()
	h := newGatewayHouse(t)
	for _, u := range gatewayUploaders() {
		t.Run(u.name, func(t *testing.T) { t.Parallel(); h.client(t, u) })
	}
	t.Run("five at once", func(t *testing.T) { t.Parallel(); h.fiveAtOnce(t) })
	t.Run("300 MB", func(t *testing.T) { t.Parallel(); h.big(t) })
}

// client is what one client does with each index.
func (h *gatewayHouse) client(t *testing.T, u uploader) {
	d, home, demo := u.client.Drive(t), t.TempDir(), u.folder(t, "demo", "")
	run := func(c cell) {
		t.Helper()
		args, env := u.call(c.dir, c.address, c.token, "")
		out, code := d.Run(t, c.dir, home, env, args...)
		u.judge(t, "gateway", c, out, code)
	}
	said := func(sentence string) string {
		if u.denied != "" {
			return u.denied
		}
		return sentence
	}
	for _, x := range behindGateways {
		address := h.url + x.path
		name := x.project(u)
		own, other := u.folder(t, name, ""), u.folder(t, name, "more = 1\n")
		run(cell{x.name + ": for another project", demo, address, h.issuer.narrow, said("token is valid for project 'plugins', not for 'demo'")})
		run(cell{x.name + ": allowed", own, address, h.issuer.all, ""})
		run(cell{x.name + ": the same file", own, address, h.issuer.all, ""})
		run(cell{"different content", other, address, h.issuer.all, "File already exists ('" + name + "-1.0-py3-none-any.whl', with different content). Files are never replaced: upload a new version."})
	}
	if u.name != "twine" && u.name != "uv" {
		return
	}
	run(cell{"away", demo, h.url + "/away/", h.issuer.all, "The index behind this address could not be reached right now. Try again later."})
	run(cell{"refusing", demo, h.url + "/refusing/", h.issuer.all, "The index behind this address is not set up to take uploads. Its operators can see why in the log."})
	if u.name == "uv" {
		h.installs(t, d, u)
	}
}

// installs installs with pip and uv what a client uploaded, by hashes.
func (h *gatewayHouse) installs(t *testing.T, uv *realtest.Driver, u uploader) {
	pip := realtest.CurrentPip.Drive(t)
	for _, x := range behindGateways {
		name := x.project(u)
		sum := sha256.Sum256(disttest.Wheel(name, "1.0", ""))
		into := t.TempDir()
		list := filepath.Join(into, "list.txt")
		writeFile(t, list, 0o644, fmt.Appendf(nil, "%s==1.0 --hash=sha256:%s\n", name, hex.EncodeToString(sum[:])))
		args := []string{"install", "--no-deps", "--no-cache-dir", "--require-hashes", "--index-url", h.url + x.path + "simple/", "-r", list, "--target"}
		for tool, run := range map[string]func(to string) (string, int){
			"pip": func(to string) (string, int) { return pip.Run(t, into, into, nil, append(args, to)...) },
			"uv": func(to string) (string, int) {
				return uv.Run(t, into, into, nil, append([]string{"pip", "install", "--no-config", "--python", realtest.Python.Path}, append(args[1:], to)...)...)
			},
		} {
			to := filepath.Join(into, tool)
			out, code := run(to)
			if _, err := os.Stat(filepath.Join(to, name+".py")); code != 0 || err != nil {
				t.Errorf("%s installs from %s: %d, %v\n%s", tool, x.name, code, err, out)
			}
		}
	}
}

// fiveAtOnce uploads five files of a project to each index at the same time, and five contents of one file.
func (h *gatewayHouse) fiveAtOnce(t *testing.T) {
	var all sync.WaitGroup
	var mu sync.Mutex
	taken := map[string]int{}
	for _, x := range behindGateways {
		for n := range 5 {
			all.Go(func() {
				version := fmt.Sprintf("1.%d", n)
				status, body, err := postWheel(h.url+x.path, h.issuer.all, "parallel", version, disttest.Wheel("parallel", version, ""))
				if err != nil || status != "200 OK" {
					t.Errorf("%s, %s: %s %s %v", x.name, version, status, body, err)
				}
			})
			all.Go(func() {
				status, body, err := postWheel(h.url+x.path, h.issuer.all, "parallel", "2.0", disttest.Wheel("parallel", "2.0", fmt.Sprintf("x = %d\n", n)))
				switch {
				case err == nil && status == "200 OK":
					mu.Lock()
					taken[x.name]++
					mu.Unlock()
				case err != nil || !strings.HasPrefix(status, "400 File already exists"):
					t.Errorf("%s, one of five contents: %s %s %v", x.name, status, body, err)
				}
			})
		}
	}
	all.Wait()
	for _, x := range behindGateways {
		if taken[x.name] != 1 {
			t.Errorf("%s took %d contents of one file", x.name, taken[x.name])
		}
	}
}

// big is a file of 300 MB that does not shrink.
func (h *gatewayHouse) big(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "dist", wheelFile("big", "1.0"))
	sum := writeBigWheel(t, path, "big", 300<<20)
	args, env := callTwine(dir, h.url+"/team-a/", h.issuer.all, "")
	out, code := realtest.CurrentTwine.Drive(t).Run(t, dir, t.TempDir(), env, args...)
	h.gitea.mu.Lock()
	defer h.gitea.mu.Unlock()
	if code != 0 || h.gitea.files[filepath.Base(path)] != sum {
		t.Errorf("%d, %s\n%s", code, h.gitea.files[filepath.Base(path)], out)
	}
}
