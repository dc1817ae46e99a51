package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// gatewayIssuer is a real 'rind serve', with a token for the projects that its gateways take uploads of, and another one
// that is for a project named plugins alone.
type gatewayIssuer struct {
	t           testing.TB
	url         string
	all, narrow string // tokens
	able        string // token for all projects that may register new ones
	secrets     []string
}

// newGatewayIssuer starts one with as many verifiers registered, which ends with the test.
func newGatewayIssuer(t *testing.T, verifiers int, projects ...string) *gatewayIssuer {
	t.Helper()
	data, at := filepath.Join(t.TempDir(), "data"), realtest.FreeAddress(t)
	g := newIssuerData(t, data, verifiers, projects...)
	g.url = "http://" + at
	realtest.Start(t, nil, realtest.Rind(t), "serve", "--data", data, "--listen", at, "--public-url", "http://localhost:8080").Answers(g.url + "/healthz")
	return g
}

// newIssuerData fills a data folder for one that is not started.
func newIssuerData(t testing.TB, data string, verifiers int, projects ...string) *gatewayIssuer {
	t.Helper()
	g := &gatewayIssuer{t: t}
	h, err := open(context.Background(), settingsFor(data), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, alice := t.Context(), ledger.Principal{UserID: aliceID, Username: "alice"}
	if err := h.store.Update(ctx, func(tx kv.Tx) error { return h.issuer.Ledger.RecordUser(tx, aliceID, "alice", false) }); err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{"plugins"}, projects...) {
		if _, _, err := h.issuer.Projects.Create(ctx, alice, name); err != nil {
			t.Fatal(err)
		}
	}
	mint := func(req tokens.MintRequest) string {
		t.Helper()
		req.Life = tokens.LifeNever
		m, err := h.issuer.Tokens.Mint(ctx, alice, req)
		if err != nil {
			t.Fatal(err)
		}
		return m.Text
	}
	g.all = mint(tokens.MintRequest{Label: "all", Scope: tokens.ScopeAll})
	g.able = mint(tokens.MintRequest{Label: "able", Scope: tokens.ScopeAll, Registers: true})
	g.narrow = mint(tokens.MintRequest{Label: "narrow", Scope: tokens.ScopeChosen, Projects: []string{"plugins"}})
	for n := range verifiers {
		_, secret, err := h.issuer.Followers.RegisterVerifier(ctx, ledger.Principal{Admin: true}, fmt.Sprintf("gateway-%d", n))
		if err != nil {
			t.Fatal(err)
		}
		g.secrets = append(g.secrets, secret)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	return g
}

// gatewayProcess is a real 'rind gateway'.
type gatewayProcess struct {
	*realtest.Process
	t        testing.TB
	dir, url string
}

// newGateway writes the settings and starts it. The indexes are in TOML; their files are those of the folder dir. It
// takes the next of the verifiers.
func (g *gatewayIssuer) newGateway(dir, issuer, more string) *gatewayProcess {
	g.t.Helper()
	at := realtest.FreeAddress(g.t)
	p := &gatewayProcess{t: g.t, dir: dir, url: "http://localhost" + at[strings.LastIndexByte(at, ':'):]}
	writeFile(g.t, filepath.Join(dir, "verifier.secret"), 0o600, []byte(g.secrets[0]+"\n"))
	g.secrets = g.secrets[1:]
	settings := fmt.Sprintf("listen = %q\npublic-url = %q\ndata = \"gateway\"\nissuer = %q\nsecret-file = \"verifier.secret\"\n%s", at, p.url, issuer, more)
	writeFile(g.t, filepath.Join(dir, "gateway.toml"), 0o644, []byte(settings))
	p.start()
	return p
}

// start starts it again, and waits until it checks tokens.
func (p *gatewayProcess) start() {
	p.t.Helper()
	p.Process = realtest.Start(p.t, func(cmd *exec.Cmd) { cmd.Env = append(os.Environ(), "HTTP_PROXY=", "http_proxy=") },
		realtest.Rind(p.t), "gateway", "--config", filepath.Join(p.dir, "gateway.toml"))
	p.Eventually("it checks tokens", func() error {
		err := realtest.Get(p.url+"/readyz", http.StatusOK, "ok")
		if err != nil && strings.Contains(err.Error(), "The index at ") { // the store is there
			return nil
		}
		return err
	})
}

// index is a section of the settings file.
func indexSection(path, upstream string, more ...string) string {
	return fmt.Sprintf("\n[[index]]\npath = %q\nupstream = %q\n%s\n", path, upstream, strings.Join(more, "\n"))
}

// postWheel uploads a wheel of a project, and returns the status line and the body.
func postWheel(url, token, project, version string, content []byte) (status, body string, err error) {
	return postFile(url, token, project, version, wheelFile(project, version), "bdist_wheel", content)
}

// postFile uploads a file of a project, and returns the status line and the body.
func postFile(url, token, project, version, name, filetype string, content []byte) (status, body string, err error) {
	form, kind, err := uploadForm(project, version, name, filetype, content)
	if err != nil {
		return "", "", err
	}
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(form))
	if err != nil {
		return "", "", err
	}
	r.Header.Set("Content-Type", kind)
	r.SetBasicAuth("__token__", token)
	res, err := gatewayClient.Do(r)
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	return res.Status, string(said), err
}

// uploadForm is the form of an upload, and its media type.
func uploadForm(project, version, name, filetype string, content []byte) (body []byte, kind string, err error) {
	sum := sha256.Sum256(content)
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, f := range [][2]string{
		{":action", "file_upload"}, {"protocol_version", "1"}, {"metadata_version", "2.1"}, {"name", project}, {"version", version},
		{"filetype", filetype}, {"pyversion", "py3"}, {"sha256_digest", hex.EncodeToString(sum[:])},
	} {
		err = errors.Join(err, form.WriteField(f[0], f[1]))
	}
	file, err1 := form.CreateFormFile("content", name)
	if err := errors.Join(err, err1); err != nil {
		return nil, "", err
	}
	_, err = file.Write(content)
	err = errors.Join(err, form.Close())
	return b.Bytes(), form.FormDataContentType(), err
}

// gatewayClient keeps no connection to a gateway that is killed.
var gatewayClient = &http.Client{Timeout: realtest.Patience, Transport: &http.Transport{DisableKeepAlives: true}}

func wheelFile(project, version string) string {
	return disttest.Module(project) + "-" + version + "-py3-none-any.whl"
}

// newPypiserver starts an unmodified pypiserver whose user gw has the password s, and returns its address and its
// folder of files.
func newPypiserver(t testing.TB) (url, files string) {
	t.Helper()
	dir, at := t.TempDir(), realtest.FreeAddress(t)
	files = filepath.Join(dir, "files")
	program := realtest.Pypiserver.Path(t)
	for _, err := range []error{os.Mkdir(files, 0o755), runIn(dir, filepath.Join(filepath.Dir(program), "python"), "-c",
		"from passlib.apache import HtpasswdFile as H\nh = H('htpasswd', new=True)\nh.set_password('gw', 's')\nh.save()")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	host, port, _ := strings.Cut(at, ":")
	realtest.Start(t, func(cmd *exec.Cmd) { cmd.Dir = dir }, filepath.Join(filepath.Dir(program), "python"), "-c", endQuietly+
		"from pypiserver.__main__ import main\nmain()\n", "run", "-i", host, "-p", port, "-P", "htpasswd", "-a", "update", "--disable-fallback", "files").Answers("http://" + at + "/")
	return "http://" + at + "/", files
}

// endQuietly lets a server in Python end with 0 at SIGTERM, as a Process must.
const endQuietly = "import signal, os\nsignal.signal(signal.SIGTERM, lambda *_: os._exit(0))\n"

func runIn(dir, program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

// newDevpi starts an unmodified devpi-server with an index root/team that replaces nothing, to which the user gw may
// upload, and returns its address and that user's password for ten hours.
func newDevpi(t testing.TB) (url, password string) {
	t.Helper()
	d := newDevpiWith(t, "gw", nil)
	d.call("PUT", "/gw", d.root, map[string]any{"password": "s"})
	return d.url, d.login("gw", "s")
}

// devpiServer is a running devpi-server.
type devpiServer struct {
	t    testing.TB
	at   string // host:port
	url  string // of the index root/team
	root string // credential of its administrator
}

// newDevpiWith starts one with further arguments, to whose index root/team the user or group uploader may upload. change,
// which may be nil, says how else it runs.
func newDevpiWith(t testing.TB, uploader string, change func(*exec.Cmd), args ...string) *devpiServer {
	t.Helper()
	dir, at := t.TempDir(), realtest.FreeAddress(t)
	bin := filepath.Dir(realtest.Devpi.Path(t))
	if err := runIn(dir, filepath.Join(bin, "devpi-init"), "--serverdir", dir+"/server", "--no-root-pypi", "--root-passwd", "x"); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(at, ":")
	realtest.Start(t, func(cmd *exec.Cmd) {
		cmd.Dir = dir
		if change != nil {
			change(cmd)
		}
	}, filepath.Join(bin, "python"), append([]string{"-c", endQuietly + "from devpi_server.main import main\nmain()\n",
		"--serverdir", dir + "/server", "--host", host, "--port", port, "--threads", "8",
		// The key of its logins is made of a random secret: half a gigabyte and ten seconds of CPU make it no better here.
		"--argon2-memory-cost", "8", "--argon2-parallelism", "1", "--argon2-time-cost", "1"}, args...)...).Answers("http://" + at + "/+api")
	d := &devpiServer{t: t, at: at, url: "http://" + at + "/root/team/"}
	d.root = "root:" + d.login("root", "x")
	d.call("PUT", "/root/team", d.root, map[string]any{"type": "stage", "volatile": false, "bases": []string{}, "acl_upload": []string{uploader}})
	return d
}

// call asks devpi's API, and returns the result.
func (d *devpiServer) call(method, path, auth string, body map[string]any) map[string]any {
	d.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	r, err := http.NewRequest(method, "http://"+d.at+path, bytes.NewReader(text))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if auth != "" {
		r.Header.Set("X-Devpi-Auth", base64.StdEncoding.EncodeToString([]byte(auth)))
	}
	res, err := gatewayClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Result  any
		Message string
	}
	err = json.NewDecoder(res.Body).Decode(&answer)
	if err != nil || res.StatusCode > 299 {
		d.t.Fatalf("devpi: %s %s: %s %s %v", method, path, res.Status, answer.Message, err)
	}
	result, _ := answer.Result.(map[string]any)
	return result
}

func (d *devpiServer) login(user, password string) string {
	d.t.Helper()
	text, _ := d.call("POST", "/+login", "", map[string]any{"user": user, "password": password})["password"].(string)
	return text
}
