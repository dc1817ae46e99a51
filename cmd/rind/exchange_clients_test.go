package main

import (
	"crypto/elliptic"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/ui"
)

// publisher is a client that knows trusted publishing: with a CA's file and an address it uploads the wheel of a folder, without any token.
type publisher struct {
	name    string
	client  realtest.Client
	program func(t *testing.T) string // nil: the client's own
	args    []string                  // URL is the upload address, DIST the wheel
	ca      []string                  // variables that name CAs, beside SSL_CERT_FILE
	burns   bool                      // it ends its token
}

var trustedPublishers = []publisher{
	{name: "uv", client: realtest.UV, args: []string{"publish", "--no-config", "--trusted-publishing", "always", "--publish-url", "URL", "dist/*"}, burns: true},
	{name: "pdm", client: realtest.PDM, args: []string{"publish", "--no-build", "-r", "URL"}, ca: []string{"PDM_PUBLISH_CA_CERTS", "REQUESTS_CA_BUNDLE"}},
	{name: "action", client: realtest.CurrentTwine, args: []string{"ACTION", "URL", "DIST"}, ca: []string{"TWINE_CERT", "REQUESTS_CA_BUNDLE"}, program: func(t *testing.T) string {
		return filepath.Join(filepath.Dir(realtest.CurrentTwine.Path(t)), "python")
	}},
}

// publish runs the client in a job.
func (p publisher) publish(t *testing.T, c *ciHouse, job []string, dir string) (out string, code int) {
	t.Helper()
	path := p.client.Path(t)
	if p.program != nil {
		path = p.program(t)
	}
	action, err := filepath.Abs("testdata/publish_action.py")
	if err != nil {
		t.Fatal(err)
	}
	env := append(job, "PDM_CHECK_UPDATE=false", "PDM_USE_VENV=false")
	for _, name := range p.ca {
		env = append(env, name+"="+c.ca)
	}
	args := make([]string, len(p.args))
	for i, a := range p.args {
		args[i] = strings.NewReplacer("URL", c.secure+"/legacy/", "DIST", dist(dir), "ACTION", action).Replace(a)
	}
	return realtest.Client{Name: p.name, Tool: realtest.Tool{Path: path}}.Drive(t).Run(t, dir, t.TempDir(), env, args...)
}

// kinds returns how often each kind of event is in the audit trail of a project.
func (c *ciHouse) kinds(t *testing.T, project string) map[string]int {
	t.Helper()
	p, err := c.h.issuer.Projects.Get(t.Context(), c.owner, project)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	err = c.h.store.View(t.Context(), func(r kv.Reader) error {
		clear(out)
		rows, err := audit.Project(r, p.ID, 0, 0)
		for _, e := range rows {
			out[e.Kind]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTrustedPublishing: each client that knows trusted publishing uploads from jobs of real OpenID providers with the claims of GitHub, Forgejo and
// GitLab, over TLS with a private CA. Attestations that come along are served as provenance.
func TestTrustedPublishing(t *testing.T) {
	for _, p := range trustedPublishers {
		realtest.NeedClients(t, p.client)
	}
	c := newCIHouse(t)
	systems := map[string]*realtest.Provider{"hub": c.hub, "forge": c.forge, "lab": c.lab}
	for system, provider := range systems {
		for _, p := range trustedPublishers {
			c.publish(provider, p.name+system)
		}
	}
	for system, provider := range systems {
		c.publish(provider, "written"+system)
		t.Run("the file for "+system, func(t *testing.T) { t.Parallel(); runWorkflow(t, c, provider, "written"+system) })
	}
	for _, p := range trustedPublishers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for system, provider := range systems {
				name := p.name + system
				dir := pyproject(t, name, "")
				if p.burns {
					attest(t, dist(dir))
				}
				out, code := p.publish(t, c, c.job(provider), dir)
				if code != 0 {
					t.Errorf("%s: exit code %d\n%s", system, code, out)
					continue
				}
				file := filepath.Base(dist(dir))
				err := realtest.Get(c.plain+"/simple/"+name+"/", 200, file)
				if err == nil && p.burns {
					err = realtest.Get(c.plain+"/packages/"+name+"/"+file+".provenance", 200, `"attestation_bundles"`)
				}
				if err != nil {
					t.Error(err)
				}
				if got := c.kinds(t, name); got["project.token_exchanged"] == 0 || p.burns && got["project.token_burned"] == 0 {
					t.Errorf("%s: %v", system, got)
				}
			}
			// The wrong version, for the tag: the refusal is read, and nothing is stored.
			dir := pyproject(t, p.name+"hub", "")
			other := strings.Replace(dist(dir), "-1.0-", "-1.1-", 1)
			for _, err := range []error{os.Remove(dist(dir)), os.WriteFile(other, disttest.Wheel(p.name+"hub", "1.1", ""), 0o644)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			const want = "token is valid for version '1.0', not for '1.1'"
			if out, code := p.publish(t, c, c.job(c.hub), dir); code == 0 || !strings.Contains(words(out), want) && p.client.Name != realtest.PDM.Name {
				t.Errorf("exit code %d\n%s", code, out)
			}
		})
	}
}

// runWorkflow runs what the page of a publisher shows to copy, as a runner does: the job has an ID token where the file asks for one, and no other way to upload.
func runWorkflow(t *testing.T, c *ciHouse, provider *realtest.Provider, name string) {
	rules := ui.PublisherRules{Kind: ui.KindGitHub, Issuer: provider.URL, Repository: "octo/demo", Workflow: "release.yml", Tag: "v{version}"}
	if provider == c.lab {
		rules.Kind, rules.Workflow = ui.KindGitLab, ".gitlab-ci.yml"
	}
	w := ui.WorkflowFor(rules, c.secure+"/legacy/", "localhost")
	found := func(pattern string) []string {
		t.Helper()
		got := regexp.MustCompile(pattern).FindStringSubmatch(w.Text)
		if got == nil {
			t.Fatalf("%s lacks %s:\n%s", w.File, pattern, w.Text)
		}
		return got
	}
	dir := pyproject(t, name, "")
	attest(t, dist(dir))
	switch provider {
	case c.hub:
		found(`\n    permissions:\n      id-token: write\n`)
		url := found(`uses: pypa/gh-action-pypi-publish@release/v1\n +with:\n +repository-url: (\S+)\n`)[1]
		if url != c.secure+"/legacy/" {
			t.Error(url)
		}
		action := trustedPublishers[len(trustedPublishers)-1]
		out, code := action.publish(t, c, c.job(c.hub), dir)
		if code != 0 {
			t.Fatalf("exit code %d\n%s", code, out)
		}
	default:
		job := c.job(provider)
		if provider == c.lab {
			token := found(`\n  id_tokens:\n    (\w+):\n      aud: "([^"]*)"\n`)
			job = []string{"SSL_CERT_FILE=" + c.ca, "GITLAB_CI=true", token[1] + "=" + c.lab.Token(token[2])}
		} else {
			found(`\n    enable-openid-connect: true\n`)
		}
		step := found(`\n +- (?:run: )?(uv publish .*)\n`)[1]
		uv := realtest.UV.Path(t)
		sh := realtest.Client{Name: "sh", Tool: realtest.Tool{Path: "/bin/sh"}}.Drive(t)
		out, code := sh.Run(t, dir, t.TempDir(), append(job, "PATH="+filepath.Dir(uv)+":/usr/bin:/bin"), "-e", "-c", step)
		if code != 0 {
			t.Fatalf("%s: exit code %d\n%s", step, code, out)
		}
		file := filepath.Base(dist(dir))
		err := realtest.Get(c.plain+"/packages/"+name+"/"+file+".provenance", 200, `"attestation_bundles"`)
		if err != nil {
			t.Error(err)
		}
		if got := c.kinds(t, name); got["project.token_exchanged"] == 0 || got["project.token_burned"] == 0 {
			t.Errorf("%v", got)
		}
	}
	err := realtest.Get(c.plain+"/simple/"+name+"/", 200, filepath.Base(dist(dir)))
	if err != nil {
		t.Error(err)
	}
}

// attest writes an attestation beside a file, where clients look for it.
func attest(t *testing.T, file string) {
	t.Helper()
	a := disttest.NewSigner(t, elliptic.P256()).Attests(disttest.Statement(filepath.Base(file), digest(file), disttest.Publish))
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file+".publish.attestation", 0o644, text)
}
