package publishers_test

import (
	"strings"
	"testing"

	"github.com/rind-dev/rind/issuer/publishers"
)

// What people paste for a repository, and the rules that it fills in.
func TestFromAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hub, lab := strings.TrimSuffix(h.github.URL, "/_services/token"), h.gitlab.URL
	host, _, _ := strings.Cut(strings.TrimPrefix(lab, "https://"), ":")
	for address, want := range map[string][3]string{
		"https://github.com/octo/demo":                                         {"https://token.actions.githubusercontent.com", "octo/demo", ""},
		" HTTPS://GitHub.com/Octo/demo.git ":                                   {"https://token.actions.githubusercontent.com", "Octo/demo", ""},
		"github.com/octo/demo/":                                                {"https://token.actions.githubusercontent.com", "octo/demo", ""},
		"git@github.com:octo/demo.git":                                         {"https://token.actions.githubusercontent.com", "octo/demo", ""},
		"ssh://git@github.com:22/octo/demo.git":                                {"https://token.actions.githubusercontent.com", "octo/demo", ""},
		"https://www.github.com/octo/demo/tree/main?x=y#z":                     {"https://token.actions.githubusercontent.com", "octo/demo", ""},
		"https://github.com/octo/demo/blob/main/.github/workflows/release.yml": {"https://token.actions.githubusercontent.com", "octo/demo", "release.yml"},
		"https://github.com/octo/demo/actions/workflows/release.yml":           {"https://token.actions.githubusercontent.com", "octo/demo", "release.yml"},
		hub + "/octo/demo":                                                     {h.github.URL, "octo/demo", ""},
		lab + "/Group/sub/demo/-/blob/main/ci/release.yml":                     {lab, "Group/sub/demo", "ci/release.yml"},
		"https://gitlab.com/group/demo/-/pipelines":                            {"https://gitlab.com", "group/demo", ""},
		"git@gitlab.com:group/sub/demo.git":                                    {"https://gitlab.com", "group/sub/demo", ""},
		"https://user:secret@gitlab.com/group/demo":                            {"https://gitlab.com", "group/demo", ""},
	} {
		got, err := h.Publishers.FromAddress(h.Context(), address)
		if err != nil || got.Issuer != want[0] || got.Repository != want[1] || got.Workflow != want[2] {
			t.Errorf("%q: %+v, %v", address, got, err)
		}
	}
	for _, address := range []string{"", "https://github.com/octo", "https://github.com/octo/..", "https://github.com/a b/c", "https://gitlab.com/x", "https://%zz/a/b", strings.Repeat("a", 2000)} {
		h.Refused("from: publisher_address_invalid", func() error { _, err := h.Publishers.FromAddress(h.Context(), address); return err })
	}
	for _, address := range []string{"https://example.org/octo/demo", "octo/demo", "octo", "https://github.com.evil.example/octo/demo", "https://" + host + ".evil.example/a/b", "javascript://x/octo/demo"} {
		h.Refused("from: publisher_address_unknown", func() error { _, err := h.Publishers.FromAddress(h.Context(), address); return err })
	}
	page := publishers.Rules{Issuer: h.github.URL, Kind: "github", Repository: "octo/demo"}.Page()
	if page != hub+"/octo/demo" {
		t.Error(page)
	}
}
