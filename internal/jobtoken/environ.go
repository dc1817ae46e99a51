package jobtoken

import (
	"slices"
	"strings"
)

// Variables for programs that Environ knows nothing else for.
const (
	VariableToken = "RIND_UPLOAD_TOKEN"
	VariableURL   = "RIND_UPLOAD_URL"
)

// Repository is the name under which poetry finds the index: poetry publish -r rind.
const Repository = "rind"

const user = "__token__"

// variables are those with which upload clients take an address and a token.
func variables(token, upload string) []string {
	name := strings.ToUpper(Repository)
	return []string{
		VariableToken + "=" + token, VariableURL + "=" + upload,
		"TWINE_REPOSITORY_URL=" + upload, "TWINE_USERNAME=" + user, "TWINE_PASSWORD=" + token,
		"UV_PUBLISH_URL=" + upload, "UV_PUBLISH_TOKEN=" + token,
		"POETRY_REPOSITORIES_" + name + "_URL=" + upload, "POETRY_PYPI_TOKEN_" + name + "=" + token,
		"FLIT_INDEX_URL=" + upload, "FLIT_USERNAME=" + user, "FLIT_PASSWORD=" + token,
		"HATCH_INDEX_REPO=" + upload, "HATCH_INDEX_USER=" + user, "HATCH_INDEX_AUTH=" + token,
		"PDM_PUBLISH_REPO=" + upload, "PDM_PUBLISH_USERNAME=" + user, "PDM_PUBLISH_PASSWORD=" + token,
		"MATURIN_REPOSITORY_URL=" + upload, "MATURIN_USERNAME=" + user, "MATURIN_PASSWORD=" + token,
	}
}

// contrary are variables that clients would follow instead, or refuse beside the others.
var contrary = []string{
	"UV_PUBLISH_USERNAME", "UV_PUBLISH_PASSWORD", "UV_PUBLISH_INDEX", "UV_TRUSTED_PUBLISHING", "UV_PUBLISH_TRUSTED_PUBLISHING", "MATURIN_PYPI_TOKEN", "MATURIN_REPOSITORY", "FLIT_INDEX",
	"POETRY_HTTP_BASIC_RIND_USERNAME", "POETRY_HTTP_BASIC_RIND_PASSWORD", "TWINE_REPOSITORY",
}

// Environ returns an environment in which twine, uv, poetry, flit, hatch, pdm and maturin upload to an address with a token.
func Environ(old []string, token, upload string) []string {
	set := variables(token, upload)
	drop := slices.Clone(contrary)
	for _, v := range set {
		name, _, _ := strings.Cut(v, "=")
		drop = append(drop, name)
	}
	kept := slices.DeleteFunc(slices.Clone(old), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(drop, strings.ToUpper(name)) // Windows takes names in any case
	})
	return append(kept, set...)
}
