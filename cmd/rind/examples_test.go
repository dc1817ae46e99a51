package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/internal/certificate/certtest"
	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/realtest"
)

// installExamples builds the wheel of the examples as pip would, and returns the folder that it is unpacked to.
func installExamples(t *testing.T) string {
	t.Helper()
	src, site := t.TempDir(), t.TempDir()
	if err := os.CopyFS(src, os.DirFS("examples")); err != nil {
		t.Fatal(err)
	}
	if out, code := realtest.CurrentFlit.Drive(t).Run(t, src, t.TempDir(), nil, "build", "--no-use-vcs", "--format", "wheel"); code != 0 {
		t.Fatal(out)
	}
	r, err := zip.OpenReader(filepath.Join(src, "dist", "rind_verify-1.0-py3-none-any.whl"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.CopyFS(site, r); err != nil {
		t.Fatal(err)
	}
	return site
}

// askedHouse is a gateway that passes nothing on, and is asked by indexes: at its socket, and over TLS with the secret.
type askedHouse struct {
	*gatewayProcess
	issuer           *gatewayIssuer
	site             string // the examples, as installed
	socket, ca, file string // file has the secret
}

func newAskedHouse(t *testing.T) *askedHouse {
	t.Helper()
	issuer, dir := newGatewayIssuer(t, 1, "demo"), shortDir(t)
	ca, cert, key := certtest.Signed(t)
	h := &askedHouse{issuer: issuer, site: installExamples(t), socket: filepath.Join(dir, "verify.sock"), ca: filepath.Join(dir, "ca.pem"), file: filepath.Join(dir, "verify.secret")}
	at := realtest.FreeAddress(t)
	h.gatewayProcess = &gatewayProcess{t: t, dir: dir, url: "https://localhost" + at[strings.LastIndexByte(at, ':'):]}
	for name, content := range map[string]string{
		"ca.pem": string(ca), "cert.pem": string(cert), "key.pem": string(key), "verify.secret": "a secret for two\n", "verifier.secret": issuer.secrets[0],
		"gateway.toml": fmt.Sprintf("listen = %q\npublic-url = %q\ntls-cert = \"cert.pem\"\ntls-key = \"key.pem\"\ndata = \"gateway\"\nissuer = %q\nsecret-file = \"verifier.secret\"\n"+
			"verify-secret-file = \"verify.secret\"\nverify-socket = \"verify.sock\"\n", at, h.url, issuer.url),
	} {
		writeFile(t, filepath.Join(dir, name), 0o600, []byte(content))
	}
	h.start()
	return h
}

// shortDir is a folder with a path that is short enough for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rind")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// pypiserver starts one that asks at the socket, and returns its address and its folder.
func (h *askedHouse) pypiserver(t *testing.T) (url, files string) {
	t.Helper()
	files = t.TempDir()
	host, port, _ := net.SplitHostPort(realtest.FreeAddress(t))
	url = "http://" + host + ":" + port + "/"
	realtest.Start(t, func(cmd *exec.Cmd) { cmd.Env = append(os.Environ(), "PYTHONPATH="+h.site) },
		filepath.Join(filepath.Dir(realtest.Pypiserver.Path(t)), "python"), "-c", endQuietly+"from rind_verify.for_pypiserver import main\nmain()\n",
		"--socket", h.socket, "--host", host, "--port", port, files).Answers(url)
	return url, files
}

// TestExamples runs the examples in Python with unmodified indexes: twine uploads with tokens, and who has a token can do
// nothing else.
func TestExamples(t *testing.T) {
	realtest.NeedClients(t, realtest.Pypiserver, realtest.Devpi, realtest.CurrentTwine, realtest.CurrentFlit)
	t.Parallel()
	h := newAskedHouse(t)
	url, files := h.pypiserver(t)
	devpi := newDevpiWith(t, `:rind`, func(cmd *exec.Cmd) { cmd.Env = append(os.Environ(), "PYTHONPATH="+h.site) },
		"--rind-url", h.url, "--rind-secret-file", h.file, "--rind-ca-file", h.ca)
	has := map[string]func() map[string]string{
		url:       func() map[string]string { return folderFiles(t, files) },
		devpi.url: func() map[string]string { return devpiFiles(t, devpi.url) },
	}
	for at, list := range has {
		h.twine(t, at)
		if got := list(); len(got) != 1 || got[wheelFile("demo", "1.0")] == "" {
			t.Errorf("%s has %v", at, got)
		}
		h.attacks(t, at)
		if got := list(); len(got) != 1 {
			t.Errorf("%s has %v", at, got)
		}
	}
	h.signsNobodyIn(t, devpi.url)
	h.away(t, has)
}

func (h *askedHouse) twine(t *testing.T, at string) {
	t.Helper()
	d, dir := realtest.CurrentTwine.Drive(t), pyproject(t, "demo", "")
	for _, c := range []struct{ token, want string }{
		{h.issuer.narrow, "token is valid for project 'plugins', not for 'demo'"}, {"pypi-nonsense", "Invalid API Token"}, {h.issuer.all, ""},
	} {
		args, env := callTwine(dir, at, c.token, "")
		out, code := d.Run(t, dir, t.TempDir(), env, args...)
		if (code == 0) != (c.want == "") || !strings.Contains(out, c.want) {
			t.Errorf("%s: %d, without %q\n%s", at, code, c.want, out)
		}
	}
}

// sentForm is a form that a test sends: fields in order, and the file's name where it is not "".
type sentForm struct {
	fields   [][2]string
	filename string
	content  []byte
	user     string
	cut      int // bytes that are missing at the end
}

func (h *askedHouse) form(version string, content []byte, more ...[2]string) sentForm {
	sum := sha256.Sum256(content)
	return sentForm{
		fields: append([][2]string{{":action", "file_upload"}, {"protocol_version", "1"}, {"metadata_version", "2.1"}, {"name", "demo"}, {"version", version},
			{"filetype", "bdist_wheel"}, {"pyversion", "py3"}, {"sha256_digest", hex.EncodeToString(sum[:])}}, more...),
		filename: wheelFile("demo", version), content: content, user: "__token__",
	}
}

// with returns the form with another value of a field.
func (f sentForm) with(name, value string) sentForm {
	f.fields = append([][2]string{}, f.fields...)
	for i := range f.fields {
		if f.fields[i][0] == name {
			f.fields[i][1] = value
		}
	}
	return f
}

func (f sentForm) send(t *testing.T, url, token string) (status int, answer string) {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, field := range f.fields {
		_ = form.WriteField(field[0], field[1])
	}
	if f.filename != "" {
		w, _ := form.CreateFormFile("content", f.filename)
		_, _ = w.Write(f.content)
	}
	form.Close()
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(b.Bytes()[:b.Len()-f.cut]))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	r.SetBasicAuth(f.user, token)
	res, err := gatewayClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	said, _ := io.ReadAll(res.Body)
	return res.StatusCode, res.Status + "\n" + string(said)
}

// attacks are uploads by who has a token that is good for demo: none of them may change anything.
func (h *askedHouse) attacks(t *testing.T, at string) {
	t.Helper()
	good := h.form("2.0", disttest.Wheel("demo", "2.0", ""))
	otherFile, otherName, user, cut, twice := good, good.with("name", "plugins"), good, good, good
	otherFile.filename, user.user, cut.cut = "plugins-2.0-py3-none-any.whl", "gw", len(good.content)/2
	twice.fields = append([][2]string{{"name", "plugins"}}, good.fields...)
	noFile := good
	noFile.filename = ""
	network := runToken(t, h.issuer.all, "--network", "192.0.2.0/24") // the address that X-Forwarded-For names
	for what, c := range map[string]struct {
		form   sentForm
		token  string
		status []int
	}{
		"another project's file":           {otherFile, h.issuer.all, []int{403}},
		"another project's name":           {otherName, h.issuer.narrow, []int{403}},
		"another version":                  {good.with("version", "3.0"), h.issuer.all, []int{403}},
		"deletes":                          {good.with(":action", "remove_pkg"), h.issuer.all, []int{403}},
		"documentation":                    {good.with(":action", "doc_upload"), h.issuer.all, []int{403}},
		"metadata alone":                   {good.with(":action", "submit"), h.issuer.all, []int{403}},
		"a name twice":                     {twice, h.issuer.all, []int{400}},
		"no file":                          {noFile, h.issuer.all, []int{400}},
		"another digest":                   {good.with("sha256_digest", strings.Repeat("0", 64)), h.issuer.all, []int{400}},
		"cut off":                          {cut, h.issuer.all, []int{400}},
		"another user's name":              {user, h.issuer.all, []int{401, 403}},
		"an address that the client names": {good, network, []int{403}},
	} {
		if status, said := c.form.send(t, at, c.token); !contains(c.status, status) {
			t.Errorf("%s: %s: %s", at, what, said)
		}
	}
}

func contains(all []int, n int) bool {
	for _, m := range all {
		if m == n {
			return true
		}
	}
	return false
}

// runToken narrows a token on the command line.
func runToken(t *testing.T, token string, args ...string) string {
	t.Helper()
	cmd := exec.Command(realtest.Rind(t), append([]string{"token", "restrict"}, args...)...)
	cmd.Stdin = strings.NewReader(token)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// signsNobodyIn: a token is no password of devpi's, which would last ten hours, and opens nothing else.
func (h *askedHouse) signsNobodyIn(t *testing.T, index string) {
	t.Helper()
	root := index[:strings.Index(index, "/root/")]
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/+login", `{"user": "__token__", "password": "` + h.issuer.all + `"}`},
		{"PUT", "/__token__/mine", `{"type": "stage"}`}, {"DELETE", "/root/team/demo", ""}, {"DELETE", "/root/team", ""}, {"PATCH", "/root/team", `{"volatile": true}`},
	} {
		r, err := http.NewRequest(c.method, root+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("__token__", h.issuer.all)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json")
		res, err := gatewayClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if !contains([]int{401, 403, 404}, res.StatusCode) { // 404: there is no such user
			t.Errorf("%s %s: %s", c.method, c.path, res.Status)
		}
	}
}

// away: while the gateway is away nothing is allowed, and a socket that it left behind when it was killed is replaced.
func (h *askedHouse) away(t *testing.T, has map[string]func() map[string]string) {
	t.Helper()
	_ = h.End(syscall.SIGKILL)
	if info, err := os.Lstat(h.socket); err != nil || info.Mode().Type() != fs.ModeSocket || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	good := h.form("4.0", disttest.Wheel("demo", "4.0", ""))
	for at, list := range has {
		if status, said := good.send(t, at, h.issuer.all); status != 503 || !strings.Contains(said, "API tokens can't be checked right now. Try again later.") {
			t.Errorf("%s, while the gateway is away: %s", at, said)
		}
		if got := list(); len(got) != 1 {
			t.Errorf("%s has %v", at, got)
		}
	}
	h.start()
	for at := range has {
		if status, said := good.send(t, at, h.issuer.all); status != 200 {
			t.Errorf("%s: %s", at, said)
		}
	}
	settings, err := os.ReadFile(filepath.Join(h.dir, "gateway.toml"))
	if err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(h.dir, "second.toml")
	writeFile(t, second, 0o600, bytes.Replace(settings, []byte(`data = "gateway"`), []byte(`data = "second"`), 1))
	if out, err := exec.Command(realtest.Rind(t), "gateway", "--config", second).CombinedOutput(); err == nil || !bytes.Contains(out, []byte("another process listens on "+h.socket)) {
		t.Errorf("a second gateway: %v\n%s", err, out)
	}
	log := h.Out.String()
	if !strings.Contains(log, "asked at /v1/verify") || !strings.Contains(log, "decision=allowed") || !strings.Contains(log, "user=alice") || strings.Contains(log, h.issuer.all) {
		t.Errorf("the log:\n%s", log)
	}
}
