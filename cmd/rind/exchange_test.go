package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/publishers"
	"github.com/rind-dev/rind/verifier"
)

// ciHouse is a server that knows CI systems, which are real OpenID providers over TLS.
type ciHouse struct {
	*uploadServer
	hub, forge, lab *realtest.Provider
	ca              string // file with the CAs of all
	owner           ledger.Principal
}

// newCIHouse starts one. Projects that are added with publish have publishers for jobs of octo/demo that run for the tag v1.0.
func newCIHouse(t *testing.T) *ciHouse {
	t.Helper()
	c := &ciHouse{
		hub: realtest.StartProvider(t, "/_services/token"), forge: realtest.StartProvider(t, "/api/actions"), lab: realtest.StartProvider(t, ""),
		owner: ledger.Principal{UserID: aliceID, Username: "alice"},
	}
	c.uploadServer = newUploadServer(t, func(cfg *config.Config) {
		for name, p := range map[string]*realtest.Provider{"hub": c.hub, "forge": c.forge, "lab": c.lab} {
			kind := idtoken.KindGitHub
			if name == "lab" {
				kind = idtoken.KindGitLab
			}
			cfg.Issuers = append(cfg.Issuers, idtoken.Issuer{Name: name, URL: p.URL, Kind: kind, CAFile: p.CAFile, PrivateAddresses: true})
		}
	})
	var all []byte
	for _, file := range []string{c.uploadServer.ca, c.hub.CAFile, c.forge.CAFile, c.lab.CAFile} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	c.ca = filepath.Join(t.TempDir(), "all.pem")
	writeFile(t, c.ca, 0o644, all)
	if err := c.h.store.Update(t.Context(), func(tx kv.Tx) error { return c.h.issuer.Ledger.RecordUser(tx, aliceID, "alice", false) }); err != nil {
		t.Fatal(err)
	}
	c.claims("v1.0")
	return c
}

// claims makes all systems run jobs of octo/demo for a tag.
func (c *ciHouse) claims(tag string) {
	c.t.Helper()
	for p, dir := range map[*realtest.Provider]string{c.hub: ".github", c.forge: ".forgejo"} {
		w := "octo/demo/" + dir + "/workflows/release.yml@refs/tags/" + tag
		p.Claims(map[string]any{
			"sub": "repo:octo@65/demo@74:ref:refs/tags/" + tag, "repository": "octo/demo", "repository_id": "74", "repository_owner": "octo", "repository_owner_id": "65",
			"workflow_ref": w, "job_workflow_ref": w, "ref": "refs/tags/" + tag, "ref_type": "tag", "sha": strings.Repeat("a", 40), "event_name": "push", "run_id": "99", "actor": "octocat",
			"runner_environment": "github-hosted", "ref_protected": "true",
		})
	}
	c.lab.Claims(map[string]any{
		"sub": "project_path:Octo/demo:ref_type:tag:ref:" + tag, "project_path": "Octo/demo", "project_id": "7", "namespace_id": "3", "namespace_path": "Octo",
		"ci_config_ref_uri": strings.TrimPrefix(c.lab.URL, "https://") + "/Octo/demo//.gitlab-ci.yml@refs/tags/" + tag, "ref": tag, "ref_path": "refs/tags/" + tag, "ref_type": "tag",
		"sha": strings.Repeat("b", 40), "pipeline_source": "push", "pipeline_id": "12", "user_login": "root", "ref_protected": "true", "runner_environment": "self-hosted",
	})
}

// publish makes projects with a publisher for jobs of one system.
func (c *ciHouse) publish(p *realtest.Provider, names ...string) {
	c.t.Helper()
	rules := publishers.Rules{Issuer: p.URL, Repository: "octo/demo", Workflow: "release.yml", Tag: "v{version}"}
	if p == c.lab {
		rules.Workflow = ".gitlab-ci.yml"
	}
	for _, name := range names {
		_, _, err := c.h.issuer.Projects.Create(c.t.Context(), c.owner, name)
		if err == nil {
			_, err = c.h.issuer.Publishers.Add(c.t.Context(), c.owner, name, rules)
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// job is the environment of a job of a system: where its CAs are, and how it gets ID tokens.
func (c *ciHouse) job(p *realtest.Provider) []string {
	c.t.Helper()
	if p == c.lab {
		return []string{"SSL_CERT_FILE=" + c.ca, "GITLAB_CI=true", "LOCALHOST_ID_TOKEN=" + p.Token("localhost")}
	}
	return []string{
		"SSL_CERT_FILE=" + c.ca, "GITHUB_ACTIONS=true", "ACTIONS_ID_TOKEN_REQUEST_URL=" + p.RequestURL(), "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + p.Secret,
	}
}

// decides returns what the server's own verifier says of a token for an upload of demo 1.0: "" if it is allowed.
func (c *ciHouse) decides(text string, r verifier.Request) caveats.Reason {
	c.t.Helper()
	r.Action = caveats.ActionUpload
	_, err := verifier.New(c.h.follower).Verify(c.t.Context(), text, r)
	var denial *verifier.Denial
	if err != nil && !errors.As(err, &denial) {
		c.t.Fatal(err)
	}
	if denial == nil {
		return ""
	}
	return denial.Reason()
}

// keepToken is a command that writes the token to a file and runs another.
func keepToken(file string, command ...string) []string {
	return append([]string{"/bin/sh", "-c", `printf %s "$RIND_UPLOAD_TOKEN" > "$0"; exec "$@"`, file}, command...)
}

// exchangers are clients that know nothing of trusted publishing, or not at this index: each uploads with what the command finds in its environment.
var exchangers = []struct {
	name   string
	client realtest.Client
	args   []string // DIST is the wheel
	ca     string   // the variable that names CAs, if it is another than SSL_CERT_FILE
}{
	{"twine", realtest.CurrentTwine, []string{"upload", "--non-interactive", "--disable-progress-bar", "DIST"}, "TWINE_CERT"},
	{"uv", realtest.UV, []string{"publish", "--no-config", "DIST"}, ""},
	{"poetry", realtest.CurrentPoetry, []string{"publish", "-n", "-r", "rind"}, "REQUESTS_CA_BUNDLE"},
	{"hatch", realtest.Hatch, []string{"--no-interactive", "publish", "-n", "DIST"}, "HATCH_INDEX_CA_CERT"},
	{"pdm", realtest.PDM, []string{"publish", "--no-build"}, "PDM_PUBLISH_CA_CERTS"},
	{"flit", realtest.CurrentFlit, []string{"publish", "--format", "wheel"}, "REQUESTS_CA_BUNDLE"},
	{"maturin", realtest.Maturin, []string{"upload", "--non-interactive", "DIST"}, "REQUESTS_CA_BUNDLE"},
}

func TestTokenExchange(t *testing.T) {
	for _, e := range exchangers {
		realtest.NeedClients(t, e.client)
	}
	c := newCIHouse(t)
	for _, e := range exchangers {
		c.publish(c.hub, e.name+"job")
	}
	c.publish(c.hub, "demo")
	c.publish(c.forge, "forged")
	c.publish(c.lab, "lab")
	for _, e := range exchangers {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			dir, kept := pyproject(t, e.name+"job", ""), filepath.Join(t.TempDir(), "token")
			env := append(c.job(c.hub), "SOURCE_DATE_EPOCH=1700000000", "PDM_CHECK_UPDATE=false", "PDM_USE_VENV=false", "TWINE_PASSWORD=another", "UV_PUBLISH_USERNAME=another")
			if e.ca != "" {
				env = append(env, e.ca+"="+c.ca)
			}
			args := append([]string{"token", "exchange", "--server", c.secure, "--ca-file", c.uploadServer.ca, "--"}, keepToken(kept, e.client.Path(t))...)
			for _, a := range e.args {
				args = append(args, strings.ReplaceAll(a, "DIST", dist(dir)))
			}
			out, code := c.drive(t).Run(t, dir, t.TempDir(), env, args...)
			text, err := os.ReadFile(kept)
			if code != 0 || err != nil || !strings.Contains(out, "the token is for ") || !strings.Contains(out, "version 1.0, until ") {
				t.Fatalf("exit code %d, %v\n%s", code, err, out)
			}
			if got := c.decides(string(text), verifier.Request{Project: e.name + "job", Version: "1.0"}); got != caveats.Revoked {
				t.Errorf("the token was not ended: %s", got)
			}
			if err := realtest.Get(c.plain+"/simple/"+e.name+"job/", 200, e.name+"job-1.0-py3-none-any.whl"); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("printed", func(t *testing.T) { t.Parallel(); exchangePrints(t, c) })
	t.Run("digests", func(t *testing.T) { t.Parallel(); exchangeDigests(t, c) })
	t.Run("refused", func(t *testing.T) { t.Parallel(); exchangeRefused(t, c) })
	t.Run("ends", func(t *testing.T) { t.Parallel(); exchangeEnds(t, c) })
}

// drive is a Driver of rind of its own: one run at a time each.
func (c *ciHouse) drive(t *testing.T) *realtest.Driver {
	return realtest.Client{Name: "rind", Tool: realtest.Tool{Path: realtest.Rind(t)}}.Drive(t)
}

// output runs rind, and returns what it prints on each stream.
func (c *ciHouse) output(t *testing.T, env []string, args ...string) (out, errs string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), realtest.Rind(t), args...)
	var o, e strings.Builder
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = append(env, "PATH=/usr/bin:/bin"), t.TempDir(), &o, &e
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// Without a command it prints the token and nothing else, in jobs of each system, and leaves it to end by itself.
func exchangePrints(t *testing.T, c *ciHouse) {
	for project, p := range map[string]*realtest.Provider{"demo": c.hub, "forged": c.forge, "lab": c.lab} {
		out, errs, code := c.output(t, c.job(p), "token", "exchange", "--server", c.secure+"/legacy/", "--ca-file", c.uploadServer.ca)
		text, newline := strings.CutSuffix(out, "\n")
		if code != 0 || !newline || strings.Contains(text, "\n") || !strings.HasPrefix(text, "pypi-") {
			t.Fatalf("%s: %d %q %q", project, code, out, errs)
		}
		if want := "::add-mask::" + text + "\n"; p != c.lab && errs != want || p == c.lab && errs != "" {
			t.Errorf("%s: %q", project, errs)
		}
		for _, v := range []struct {
			version string
			want    caveats.Reason
		}{{"1.0", ""}, {"1.1", caveats.WrongVersion}} {
			if got := c.decides(text, verifier.Request{Project: project, Version: v.version}); got != v.want {
				t.Errorf("%s %s: %q, want %q", project, v.version, got, v.want)
			}
		}
	}
}

// A token of a run with --digests is good for these files alone.
func exchangeDigests(t *testing.T, c *ciHouse) {
	dir := pyproject(t, "demo", "")
	file := dist(dir)
	other := strings.Replace(file, "demo-1.0", "demo-1.1", 1)
	writeFile(t, other, 0o644, []byte("x"))
	writeFile(t, file+".publish.attestation", 0o644, []byte("{}"))
	for _, files := range [][]string{{file, file, file + ".publish.attestation"}, {filepath.Join(dir, "dist", "demo-1.0*")}} {
		args := append([]string{"token", "exchange", "--server", c.secure, "--digests"}, files...)
		out, errs, code := c.output(t, c.job(c.hub), append(args, "--ca-file", c.uploadServer.ca, "--", "/bin/sh", "-c", `printf %s "$RIND_UPLOAD_TOKEN@$RIND_UPLOAD_URL"; exit 5`)...)
		text, url, _ := strings.Cut(out, "@")
		if code != 5 || url != c.secure+"/legacy/" {
			t.Fatalf("%d %q %q", code, out, errs)
		}
		if !strings.Contains(inspected(t, text), digest(file)) || strings.Contains(inspected(t, text), digest(other)) {
			t.Errorf("it is not limited to the file: %s", inspected(t, text))
		}
	}
}

// inspected is what 'rind token inspect' says of a token.
func inspected(t *testing.T, text string) string {
	t.Helper()
	var out, errs strings.Builder
	code := run(t.Context(), []string{"token", "inspect", "--json"}, strings.NewReader(text), &out, &errs)
	if code != 0 {
		t.Fatalf("%d %s", code, errs.String())
	}
	return out.String()
}

// What is missing is said, the command is not run then, and nothing is minted for one that can't be.
func exchangeRefused(t *testing.T, c *ciHouse) {
	ran := filepath.Join(t.TempDir(), "ran")
	with := func(env []string, set string) []string {
		name, _, _ := strings.Cut(set, "=")
		return append(slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, name+"=") }), set)
	}
	server := []string{"--server", c.secure, "--ca-file", c.uploadServer.ca}
	job := c.job(c.hub)
	signature := filepath.Join(t.TempDir(), "demo-1.0.tar.gz.asc")
	writeFile(t, signature, 0o644, []byte("x"))
	for name, x := range map[string]struct {
		env  []string
		args []string
		says string
	}{
		"signatures alone":    {job, append(slices.Clone(server), "--digests", signature), "name the wheels and sdists"},
		"no CI":               {nil, server, "this is no job of GitHub Actions"},
		"no permission":       {with(job, "ACTIONS_ID_TOKEN_REQUEST_URL="), server, "'id-token: write'"},
		"no variable":         {[]string{"GITLAB_CI=true"}, server, "LOCALHOST_ID_TOKEN:"},
		"a wrong secret":      {with(job, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=x"), server, "answers 401"},
		"no CA":               {job[:0], []string{"--server", c.secure}, "certificate signed by unknown authority"},
		"no server":           {job, nil, "missing flags: --server=URL"},
		"http":                {job, []string{"--server", "http://packages.example.org"}, "not https"},
		"an http upload":      {job, append(slices.Clone(server), "--upload-url", "http://packages.example.org/legacy/"), "not https"},
		"no file":             {job, append(slices.Clone(server), "--digests", "nothing.whl"), "--digests: stat nothing.whl"},
		"no files":            {job, append(slices.Clone(server), "--digests"), "expected a file"},
		"a bad CA":            {job, []string{"--server", c.secure, "--ca-file", "/dev/null"}, "no PEM certificate"},
		"another server":      {job, []string{"--server", c.hub.URL, "--ca-file", c.hub.CAFile}, "does not know trusted publishing"},
		"a job that fits not": {c.job(c.lab), server, ""},
	} {
		if name == "a job that fits not" { // a token for another audience
			x.env, x.says = with(x.env, "LOCALHOST_ID_TOKEN="+c.lab.Token("pypi")), `expected "localhost", got "pypi"`
		}
		args := append([]string{"token", "exchange"}, x.args...)
		out, errs, code := c.output(t, x.env, append(args, "--", "touch", ran)...)
		if code == 0 || out != "" || !strings.Contains(errs, x.says) {
			t.Errorf("%s: %d %q %q", name, code, out, errs)
		}
		if strings.Contains(errs, c.hub.Secret) || strings.Contains(errs, "eyJ") {
			t.Errorf("%s: a secret is in %q", name, errs)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the command ran without a token")
	}
	_, errs, code := c.output(t, job, append(append([]string{"token", "exchange"}, server...), "--", "no-such-command")...)
	if code != 1 || !strings.Contains(errs, "can't be run") || strings.Contains(errs, "add-mask") {
		t.Errorf("%d %q", code, errs)
	}
}

// The token ends with the command, however that ends, and its exit code is passed on.
func exchangeEnds(t *testing.T, c *ciHouse) {
	for name, x := range map[string]struct {
		script  string
		signals []os.Signal
		code    int
	}{
		"it fails":               {"exit 7", nil, 7},
		"it is killed":           {"kill -9 $$", nil, 128 + 9},
		"it is ended":            {"trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done", []os.Signal{syscall.SIGTERM}, 3},
		"it is interrupted":      {"trap 'exit 4' INT; echo ready; while :; do sleep 0.05; done", []os.Signal{syscall.SIGINT}, 4},
		"it does not want to":    {"trap '' INT TERM; echo ready; while :; do sleep 0.05; done", []os.Signal{syscall.SIGINT, syscall.SIGTERM}, 128 + 9},
		"the terminal is closed": {"trap 'exit 5' HUP; echo ready; while :; do sleep 0.05; done", []os.Signal{syscall.SIGHUP}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := filepath.Join(t.TempDir(), "token")
			args := append([]string{"token", "exchange", "--server", c.secure, "--ca-file", c.uploadServer.ca, "--"}, keepToken(kept, "/bin/sh", "-c", x.script)...)
			p := realtest.Start(t, func(cmd *exec.Cmd) { cmd.Env = append(c.job(c.hub), "PATH=/usr/bin:/bin") }, realtest.Rind(t), args...)
			if len(x.signals) > 0 {
				p.Says("ready", 1)
			}
			for _, s := range x.signals {
				p.Signal(s)
				time.Sleep(10 * time.Millisecond) // two at once may arrive as one
			}
			err := p.Ends()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != x.code {
				t.Errorf("%v, want exit code %d", err, x.code)
			}
			text, err := os.ReadFile(kept)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.decides(string(text), verifier.Request{Project: "demo", Version: "1.0"}); got != caveats.Revoked {
				t.Errorf("the token was not ended: %q", got)
			}
			if said := p.Out.String(); strings.Contains(strings.ReplaceAll(said, "::add-mask::"+string(text), ""), string(text)) {
				t.Errorf("the token was printed: %s", said)
			}
		})
	}
	// The command may upload elsewhere than to the server: to a gateway.
	_, errs, code := c.output(t, c.job(c.hub), "token", "exchange", "--server", c.secure, "--ca-file", c.uploadServer.ca, "--upload-url", "https://gateway.example.org/legacy/", "--",
		"/bin/sh", "-c", `[ "$UV_PUBLISH_URL" = https://gateway.example.org/legacy/ ] && exit 9`)
	if code != 9 || strings.Contains(errs, "warning") {
		t.Errorf("%d %q", code, errs)
	}
}
