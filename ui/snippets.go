package ui

import "strings"

// snippet tells how to use a token in one upload client.
type snippet struct {
	ID    string // for element ids: "twine"
	Name  string // key in the catalogue
	Lead  string // key in the catalogue: what to do with the text
	Parts []snippetPart
}

// snippetPart is a piece of the text of a snippet.
type snippetPart struct {
	Text  string
	Place bool // the token goes here: by the name Text, or the token itself if Text is ""
}

// place marks where the token goes in the texts below. A name for the token may stand between the two
// marks.
const place = mark + mark

const mark = "\x00"

// repository is the name of the upload address in the configuration files of clients, and
// repositoryVariable the same in the names of environment variables.
const (
	repository         = "rind"
	repositoryVariable = "RIND"
)

// snippetTexts are the instructions for each client; URL stands for the upload address. Each project documents
// the names of its variables and options: twine (TWINE_REPOSITORY_URL), uv (UV_PUBLISH_URL), poetry
// (repositories.<name>.url as POETRY_REPOSITORIES_<NAME>_URL), hatch (HATCH_INDEX_REPO), pdm
// (PDM_PUBLISH_REPO), flit (FLIT_INDEX_URL), maturin (MATURIN_REPOSITORY_URL), the action
// pypa/gh-action-pypi-publish (repository-url, password), and GitLab (variables, rules).
var snippetTexts = []struct{ id, name, lead, text string }{
	{"github", "snippet.github.name", "snippet.github.lead", githubSnippet},
	{"gitlab", "snippet.gitlab.name", "snippet.gitlab.lead", gitlabSnippet},
	{"twine", "snippet.twine.name", "snippet.twine.lead", "" +
		"export TWINE_REPOSITORY_URL=URL\n" +
		"export TWINE_USERNAME=__token__\n" +
		"export TWINE_PASSWORD=" + place + "\n" +
		"twine upload dist/*\n"},
	{"uv", "snippet.uv.name", "snippet.uv.lead", "" +
		"export UV_PUBLISH_TOKEN=" + place + "\n" +
		"uv build\n" +
		"uv publish --publish-url URL\n"},
	{"poetry", "snippet.poetry.name", "snippet.poetry.lead", "" +
		"export POETRY_REPOSITORIES_" + repositoryVariable + "_URL=URL\n" +
		"export POETRY_PYPI_TOKEN_" + repositoryVariable + "=" + place + "\n" +
		"poetry publish --build --repository " + repository + "\n"},
	{"hatch", "snippet.hatch.name", "snippet.hatch.lead", "" +
		"export HATCH_INDEX_REPO=URL\n" +
		"export HATCH_INDEX_USER=__token__\n" +
		"export HATCH_INDEX_AUTH=" + place + "\n" +
		"hatch build\n" +
		"hatch publish\n"},
	{"pdm", "snippet.pdm.name", "snippet.pdm.lead", "" +
		"export PDM_PUBLISH_REPO=URL\n" +
		"export PDM_PUBLISH_USERNAME=__token__\n" +
		"export PDM_PUBLISH_PASSWORD=" + place + "\n" +
		"pdm build\n" +
		"pdm publish --no-build\n"},
	{"flit", "snippet.flit.name", "snippet.flit.lead", "" +
		"export FLIT_INDEX_URL=URL\n" +
		"export FLIT_USERNAME=__token__\n" +
		"export FLIT_PASSWORD=" + place + "\n" +
		"flit publish\n"},
	{"maturin", "snippet.maturin.name", "snippet.maturin.lead", "" +
		"export MATURIN_REPOSITORY_URL=URL\n" +
		"export MATURIN_USERNAME=__token__\n" +
		"export MATURIN_PASSWORD=" + place + "\n" +
		"maturin build --release --out dist\n" +
		"maturin upload dist/*\n"},
	{"pypirc", "snippet.pypirc.name", "snippet.pypirc.lead", "" +
		"[distutils]\n" +
		"index-servers =\n" +
		"    " + repository + "\n\n" +
		"[" + repository + "]\n" +
		"repository = URL\n" +
		"username = __token__\n" +
		"password = " + place + "\n"},
	{"env", "snippet.env.name", "snippet.env.lead", "" +
		"TWINE_REPOSITORY_URL=URL\n" +
		"TWINE_USERNAME=__token__\n" +
		"TWINE_PASSWORD=" + place + "\n\n" +
		"UV_PUBLISH_URL=URL\n" +
		"UV_PUBLISH_TOKEN=" + place + "\n\n" +
		"POETRY_REPOSITORIES_" + repositoryVariable + "_URL=URL\n" +
		"POETRY_PYPI_TOKEN_" + repositoryVariable + "=" + place + "\n\n" +
		"HATCH_INDEX_REPO=URL\n" +
		"HATCH_INDEX_USER=__token__\n" +
		"HATCH_INDEX_AUTH=" + place + "\n\n" +
		"PDM_PUBLISH_REPO=URL\n" +
		"PDM_PUBLISH_USERNAME=__token__\n" +
		"PDM_PUBLISH_PASSWORD=" + place + "\n\n" +
		"FLIT_INDEX_URL=URL\n" +
		"FLIT_USERNAME=__token__\n" +
		"FLIT_PASSWORD=" + place + "\n\n" +
		"MATURIN_REPOSITORY_URL=URL\n" +
		"MATURIN_USERNAME=__token__\n" +
		"MATURIN_PASSWORD=" + place + "\n"},
}

// snippets returns the instructions for each client, for an upload address.
func snippets(url string) []snippet {
	out := make([]snippet, len(snippetTexts))
	for i, t := range snippetTexts {
		out[i] = snippet{ID: t.id, Name: t.name, Lead: t.lead, Parts: parts(strings.ReplaceAll(t.text, "URL\n", url+"\n"))}
	}
	return out
}

// parts splits a text at the places where the token goes.
func parts(text string) []snippetPart {
	var out []snippetPart
	for i, s := range strings.Split(text, mark) {
		if isPlace := i%2 == 1; isPlace || s != "" {
			out = append(out, snippetPart{Text: s, Place: isPlace})
		}
	}
	return out
}

// githubSnippet reads the token from a secret of the repository. It switches attestations off,
// because the action creates them only for PyPI.
const githubSnippet = `# .github/workflows/release.yml
on:
  push:
    tags: ["v*"]

jobs:
  upload:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.x"
      - run: python -m pip install build && python -m build
      - uses: pypa/gh-action-pypi-publish@release/v1
        with:
          repository-url: URL
          password: ${{ secrets.` + mark + "RIND_TOKEN" + mark + ` }}
          attestations: false
`

// gitlabSnippet takes the token from a masked variable of the project.
const gitlabSnippet = `# .gitlab-ci.yml
upload:
  image: python:3
  rules:
    - if: $CI_COMMIT_TAG
  variables:
    TWINE_REPOSITORY_URL: URL
    TWINE_USERNAME: __token__
  script:
    - python -m pip install build twine
    - python -m build
    - TWINE_PASSWORD="$` + mark + "RIND_TOKEN" + mark + `" twine upload dist/*
`
