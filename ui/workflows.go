package ui

import "strings"

// Workflow is a complete file for a CI system, whose job publishes without a stored token.
type Workflow struct {
	File string // where it goes in the repository
	Text string // "": there is none for the CI system
}

// WorkflowFor is the file for a publisher: upload is the upload address, audience that of ID tokens.
func WorkflowFor(r PublisherRules, upload, audience string) Workflow {
	switch {
	case r.Kind == KindGitLab:
		return filledIn(Workflow{r.Workflow, gitlabWorkflow}, r, upload, audience)
	case r.Kind == KindGitHub && strings.HasSuffix(r.Issuer, "/api/actions"):
		return filledIn(Workflow{".forgejo/workflows/" + orDefault(r.Workflow), forgejoWorkflow}, r, upload, audience)
	case r.Kind == KindGitHub:
		return filledIn(Workflow{".github/workflows/" + orDefault(r.Workflow), githubWorkflow}, r, upload, audience)
	}
	return Workflow{}
}

// orDefault is a name for the workflow's file, where a publisher only names the workflow that is called.
func orDefault(file string) string {
	if file == "" {
		return "release.yml"
	}
	return file
}

// filledIn puts what the publisher says into the text of a file.
func filledIn(w Workflow, r PublisherRules, upload, audience string) Workflow {
	environment := ""
	if r.Environment != "" {
		environment = "    environment: " + quoted(r.Environment) + "\n"
		if r.Kind == KindGitLab {
			environment = "  environment: " + quoted(r.Environment) + "\n"
		}
	}
	tag := "v*"
	if r.Tag != "" {
		tag = strings.ReplaceAll(r.Tag, "{version}", "*")
	}
	w.Text = strings.NewReplacer(
		"FILE", w.File, "ENVIRONMENT\n", environment, "TAGS", quoted(tag), "UPLOAD", upload, "VARIABLE", gitlabVariable(audience), "AUDIENCE", quoted(audience),
	).Replace(w.Text)
	return w
}

// quoted writes a text as a YAML string in double quotes (YAML 1.2, §7.3.1).
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// gitlabVariable is the name of the variable in which clients look for the ID token of a GitLab job.
func gitlabVariable(audience string) string {
	name := []byte(strings.ToUpper(audience))
	for i, b := range name {
		if !(b >= 'A' && b <= 'Z' || b == '_' || b >= '0' && b <= '9' && i > 0) {
			name[i] = '_'
		}
	}
	return string(name) + "_ID_TOKEN"
}

const githubWorkflow = `# FILE
name: Publish
on:
  push:
    tags: [TAGS]

jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.x"
      - run: python -m pip install build && python -m build
      - uses: actions/upload-artifact@v4
        with:
          name: dist
          path: dist/

  publish:
    needs: build
    runs-on: ubuntu-latest
ENVIRONMENT
    permissions:
      id-token: write
    steps:
      - uses: actions/download-artifact@v4
        with:
          name: dist
          path: dist/
      - uses: pypa/gh-action-pypi-publish@release/v1
        with:
          repository-url: UPLOAD
          attestations: false
`

// forgejoWorkflow asks for ID tokens in Forgejo's own way, and names actions by their whole address.
const forgejoWorkflow = `# FILE
name: Publish
on:
  push:
    tags: [TAGS]

jobs:
  publish:
    runs-on: docker
    enable-openid-connect: true
ENVIRONMENT
    steps:
      - uses: https://github.com/actions/checkout@v4
      - uses: https://github.com/astral-sh/setup-uv@v6
      - run: uv build
      - run: uv publish --trusted-publishing always --publish-url UPLOAD
`

const gitlabWorkflow = `# FILE
stages: [build, publish]

build:
  stage: build
  image: python:3
  rules:
    - if: $CI_COMMIT_TAG
  script:
    - python -m pip install build
    - python -m build
  artifacts:
    paths: [dist/]

publish:
  stage: publish
  image: python:3
  rules:
    - if: $CI_COMMIT_TAG
ENVIRONMENT
  id_tokens:
    VARIABLE:
      aud: AUDIENCE
  script:
    - python -m pip install uv
    - uv publish --trusted-publishing always --publish-url UPLOAD
`
