package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/ui"
)

// Where the jobs of the tests publish, and the audience of their ID tokens.
const (
	workflowUpload   = "https://packages.example.org/legacy/"
	workflowAudience = "packages.example.org"
	workflowVariable = "PACKAGES_EXAMPLE_ORG_ID_TOKEN" // where clients of GitLab look for it
)

// actionsFile is a workflow of GitHub or Forgejo.
type actionsFile struct {
	On struct {
		Push struct{ Tags []string }
	}
	EnableOpenIDConnect string `json:"enable-openid-connect"`
	Jobs                map[string]struct {
		RunsOn              string `json:"runs-on"`
		Environment         string
		EnableOpenIDConnect string `json:"enable-openid-connect"`
		Permissions         map[string]string
		Steps               []struct {
			Uses, Run string
			With      map[string]string
		}
	}
}

// publishing returns what the job that publishes says: who it is for, and the address to which the last step uploads. It fails the test for a file with which
// no job could publish.
func (f actionsFile) publishing(t *testing.T, forgejo bool) (environment, address string) {
	t.Helper()
	for name, job := range f.Jobs {
		last := job.Steps[len(job.Steps)-1]
		may := job.Permissions["id-token"] == "write"
		if forgejo {
			may = job.EnableOpenIDConnect == "true" || f.EnableOpenIDConnect == "true"
		}
		if !may {
			continue
		}
		if job.RunsOn == "" {
			t.Errorf("the job %s runs nowhere", name)
		}
		if strings.HasPrefix(last.Uses, "pypa/gh-action-pypi-publish@") {
			if last.With["password"] != "" || last.With["user"] != "" {
				t.Errorf("the job %s has a secret: %v", name, last.With)
			}
			return job.Environment, last.With["repository-url"]
		}
		return job.Environment, uvAddress(t, last.Run)
	}
	t.Fatalf("no job can ask for an ID token: %+v", f)
	return "", ""
}

// uvAddress returns the address to which a command of uv publishes.
func uvAddress(t *testing.T, command string) string {
	t.Helper()
	words := strings.Fields(command)
	at := slices.Index(words, "--publish-url")
	if at < 0 || at+1 == len(words) || !strings.HasPrefix(command, "uv publish --trusted-publishing always ") {
		t.Errorf("the last step publishes otherwise: %q", command)
		return ""
	}
	return words[at+1]
}

// gitlabPublishing returns what the job of a GitLab file says that publishes.
func gitlabPublishing(t *testing.T, text string) (environment, address string) {
	t.Helper()
	var whole map[string]any
	readYAML(t, text, &whole)
	jobs := map[string]any{}
	for name, v := range whole {
		if _, is := v.(map[string]any); is {
			jobs[name] = v
		}
	}
	for _, v := range jobs {
		job, _ := v.(map[string]any)
		tokens, there := job["id_tokens"].(map[string]any)
		if !there {
			continue
		}
		one, _ := tokens[workflowVariable].(map[string]any)
		if len(tokens) != 1 || one["aud"] != workflowAudience {
			t.Errorf("id_tokens: %v", tokens)
		}
		script, _ := job["script"].([]any)
		last, _ := script[len(script)-1].(string)
		environment, _ = job["environment"].(string)
		return environment, uvAddress(t, last)
	}
	t.Fatalf("no job has an ID token: %v", whole)
	return "", ""
}

// The files that the page of a publisher shows are YAML, whatever the environment is called; their jobs can ask for an ID token for this
// server, and upload to it, with no secret.
func TestWorkflowsAreYAML(t *testing.T) {
	realtest.Need(t, realtest.PyYAML)
	const github, forgejo = "https://token.actions.githubusercontent.com", "https://git.example.org/api/actions"
	for _, environment := range []string{"", "pypi", `p"y\p: i # $ {{ }}`, "ja", "123"} {
		for _, issuer := range []string{github, forgejo} {
			r := ui.PublisherRules{Issuer: issuer, Kind: ui.KindGitHub, Repository: "octo/demo", Workflow: "release it.yml", Environment: environment, Tag: "rel-{version}"}
			var f actionsFile
			readYAML(t, ui.WorkflowFor(r, workflowUpload, workflowAudience).Text, &f)
			env, address := f.publishing(t, issuer == forgejo)
			if env != environment || address != workflowUpload || !slices.Equal(f.On.Push.Tags, []string{"rel-*"}) {
				t.Errorf("%s: environment %q, to %q, for %q", issuer, env, address, f.On.Push.Tags)
			}
		}
		r := ui.PublisherRules{Issuer: "https://gitlab.com", Kind: ui.KindGitLab, Repository: "octo/demo", Workflow: ".gitlab-ci.yml", Environment: environment}
		env, address := gitlabPublishing(t, ui.WorkflowFor(r, workflowUpload, workflowAudience).Text)
		if env != environment || address != workflowUpload {
			t.Errorf("GitLab: environment %q, to %q", env, address)
		}
	}
}

// The files of the guide, likewise.
func TestGuidesWorkflowsAreYAML(t *testing.T) {
	realtest.Need(t, realtest.PyYAML)
	guide, err := os.ReadFile("../../issuer/publishers/README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, part := range strings.Split(string(guide), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(part, "```")
		var address string
		if strings.HasPrefix(text, "# .gitlab-ci.yml") {
			_, address = gitlabPublishing(t, text)
		} else {
			var f actionsFile
			readYAML(t, text, &f)
			_, address = f.publishing(t, strings.HasPrefix(text, "# .forgejo/"))
		}
		if address != workflowUpload {
			t.Errorf("it uploads to %q:\n%s", address, text)
		}
		found++
	}
	if found != 3 {
		t.Errorf("%d files in the guide, want those of 3 systems", found)
	}
}
