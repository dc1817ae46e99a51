package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/ui"
)

// snippetText is what the page of a new token shows for a client, with something in the
// place of the token.
func snippetText(t *testing.T, id, address, token string) string {
	t.Helper()
	for _, s := range (ui.TokenCreatedPage{UploadURL: address}).Snippets() {
		if s.ID != id {
			continue
		}
		var b strings.Builder
		for _, p := range s.Parts {
			if p.Place && p.Text == "" {
				b.WriteString(token)
			} else {
				b.WriteString(p.Text)
			}
		}
		return b.String()
	}
	t.Fatalf("there is no snippet for %s", id)
	return ""
}

// TestSnippetsUpload runs the commands that the page shows, in a shell, with today's
// clients. Only lines that build with a backend of the project's choice are left out,
// which would fetch that: the wheel is in dist already.
func TestSnippetsUpload(t *testing.T) {
	clients := map[string]realtest.Client{
		"twine": realtest.CurrentTwine, "uv": realtest.UV, "poetry": realtest.CurrentPoetry, "hatch": realtest.Hatch,
		"pdm": realtest.PDM, "flit": realtest.CurrentFlit, "maturin": realtest.Maturin, "pypirc": realtest.CurrentTwine,
	}
	for _, c := range clients {
		realtest.NeedClients(t, c)
	}
	s := newUploadServer(t)
	tokens := uploadTokens(t, s.h)
	for id, client := range clients {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			name := uploader{name: client.Name}.project("http")
			if id == "pypirc" {
				name = uploader{name: client.Name}.project("https")
			}
			dir, home := pyproject(t, name, ""), t.TempDir()
			text := snippetText(t, id, s.plain+"/legacy/", tokens["all"])
			switch id {
			case "pypirc": // a file, and a command in the words above it
				writeFile(t, filepath.Join(home, ".pypirc"), 0o600, []byte(text))
				text = "twine upload -r rind dist/*\n"
			case "poetry": // builds with the backend that it brings
				text = strings.Replace(text, "publish --build", "publish", 1)
			}
			var script strings.Builder
			script.WriteString("set -e\nexport PATH=" + filepath.Dir(client.Path(t)) + ":$PATH\n")
			for line := range strings.Lines(text) {
				if !strings.Contains(line, " build") {
					script.WriteString(line)
				}
			}
			cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script.String())
			cmd.Dir = dir
			cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + home, "LANG=C.UTF-8", "PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring"}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			kept, err := filepath.Glob(filepath.Join(s.h.cfg.DataDir, packagesFolder, name, "*.whl"))
			if err != nil || len(kept) != 1 {
				t.Errorf("kept: %v, %v", kept, err)
			}
		})
	}
}

// readYAML reads YAML with a parser that nobody here wrote.
func readYAML(t *testing.T, text string, into any) {
	t.Helper()
	// GitHub's and GitLab's readers are of YAML 1.2, in which "on" is no truth value.
	cmd := exec.CommandContext(t.Context(), realtest.PyYAML.Path, "-c", "import json, sys, yaml; print(json.dumps(yaml.load(sys.stdin, yaml.BaseLoader)))")
	cmd.Stdin, cmd.Stderr = strings.NewReader(text), os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
}

// TestSnippetsAreYAML reads the files of CI systems with a parser of YAML, and looks
// whether the address and the secret are where those systems look for them.
func TestSnippetsAreYAML(t *testing.T) {
	realtest.Need(t, realtest.PyYAML)
	const address = "https://packages.example.org/legacy/"
	read := func(id string, into any) {
		t.Helper()
		readYAML(t, snippetText(t, id, address, ""), into)
	}
	var github struct {
		On struct {
			Push struct{ Tags []string }
		}
		Jobs map[string]struct {
			RunsOn string `json:"runs-on"`
			Steps  []struct {
				Uses, Run string
				With      map[string]string
			}
		}
	}
	read("github", &github)
	steps := github.Jobs["upload"].Steps
	if len(github.On.Push.Tags) != 1 || github.Jobs["upload"].RunsOn == "" || len(steps) != 4 {
		t.Fatalf("GitHub Actions: %+v", github)
	}
	if last := steps[3]; !strings.HasPrefix(last.Uses, "pypa/gh-action-pypi-publish@") || last.With["repository-url"] != address || last.With["password"] != "${{ secrets.RIND_TOKEN }}" {
		t.Errorf("the last step: %+v", last)
	}
	var gitlab map[string]struct {
		Image     string
		Rules     []map[string]string
		Variables map[string]string
		Script    []string
	}
	read("gitlab", &gitlab)
	job := gitlab["upload"]
	if len(gitlab) != 1 || job.Image == "" || len(job.Rules) != 1 || job.Variables["TWINE_REPOSITORY_URL"] != address || job.Variables["TWINE_USERNAME"] != "__token__" ||
		len(job.Script) != 3 || job.Script[2] != `TWINE_PASSWORD="$RIND_TOKEN" twine upload dist/*` {
		t.Errorf("GitLab CI: %+v", gitlab)
	}
}
