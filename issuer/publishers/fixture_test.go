package publishers_test

import (
	"errors"
	"maps"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/idtoken/idtest"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/publishers"
)

var (
	alice = issuertest.Alice
	bob   = issuertest.Bob
	carol = issuertest.Carol
)

func TestMain(m *testing.M) { os.Exit(issuertest.Main(m, "publishers")) }

// house is an issuer with a CI system of each kind.
type house struct {
	*issuertest.House
	github, gitlab, generic *idtest.Provider
}

func newHouse(t testing.TB, options ...func(*issuer.Config)) *house {
	t.Helper()
	h := &house{github: idtest.New(t, "/_services/token"), gitlab: idtest.New(t, ""), generic: idtest.New(t, "")}
	set := func(c *issuer.Config) {
		c.IDTokens = idtoken.New(idtoken.Config{Clock: c.Clock, Issuers: append(idtoken.BuiltIn(),
			h.github.Issuer("hub", idtoken.KindGitHub), h.gitlab.Issuer("lab", idtoken.KindGitLab), h.generic.Issuer("any", idtoken.KindGeneric))})
	}
	h.House = issuertest.New(t, append([]func(*issuer.Config){set}, options...)...)
	return h
}

// hub returns rules for a workflow of octo/demo.
func (h *house) hub() publishers.Rules {
	return publishers.Rules{Issuer: h.github.URL, Repository: "octo/demo", Workflow: "release.yml"}
}

// hubClaims returns what GitHub says of a job of octo/demo that runs for a tag, with changes; nil deletes.
func (h *house) hubClaims(changes map[string]any) map[string]any {
	return changed(idtest.Times(h.Clock.Now(), issuertest.Location), map[string]any{
		"sub": "repo:octo/demo:ref:refs/tags/v1.2.3", "repository": "octo/demo", "repository_id": "74", "repository_owner": "octo", "repository_owner_id": "65",
		"workflow_ref": "octo/demo/.github/workflows/release.yml@refs/tags/v1.2.3", "job_workflow_ref": "octo/demo/.github/workflows/release.yml@refs/tags/v1.2.3",
		"ref": "refs/tags/v1.2.3", "ref_type": "tag", "sha": strings.Repeat("a", 40), "event_name": "push", "run_id": "99", "actor": "octocat",
		"runner_environment": "github-hosted", "ref_protected": "true",
	}, changes)
}

// labClaims returns what GitLab says of a job of Group/demo, with changes.
func (h *house) labClaims(changes map[string]any) map[string]any {
	host := strings.TrimPrefix(h.gitlab.URL, "https://")
	return changed(idtest.Times(h.Clock.Now(), issuertest.Location), map[string]any{
		"sub": "project_path:Group/demo:ref_type:branch:ref:main", "project_path": "Group/demo", "project_id": "7", "namespace_id": "3", "namespace_path": "Group",
		"ci_config_ref_uri": host + "/Group/demo//.gitlab-ci.yml@refs/heads/main", "ref": "main", "ref_path": "refs/heads/main", "ref_type": "branch",
		"sha": strings.Repeat("b", 40), "pipeline_source": "push", "pipeline_id": "12", "user_login": "root", "ref_protected": "true", "runner_environment": "self-hosted",
	}, changes)
}

func changed(list ...map[string]any) map[string]any {
	out := map[string]any{}
	for _, m := range list {
		maps.Copy(out, m)
	}
	for k, v := range out {
		if v == nil {
			delete(out, k)
		}
	}
	return out
}

var from = netip.MustParseAddr("192.0.2.7")

// exchange exchanges an ID token.
func (h *house) exchange(text string, digests ...string) (publishers.Answer, error) {
	return h.Publishers.Exchange(h.Context(), publishers.Request{IDToken: text, Digests: digests, From: from, Actor: audit.Actor{IP: from.String(), RequestID: "r2"}})
}

// exchangeHub exchanges a token of the CI system of the kind github.
func (h *house) exchangeHub(changes map[string]any) (publishers.Answer, error) {
	h.Helper()
	return h.exchange(h.github.Sign(h, h.hubClaims(changes)))
}

// add adds a publisher.
func (h *house) add(rules publishers.Rules) publishers.Publisher {
	h.Helper()
	p, err := h.Publishers.Add(h.Context(), alice, "demo", rules)
	h.Check(err)
	return p
}

// refusedFor checks that an exchange was refused with a code, in words.
func (h *house) refusedFor(err error, code, says string) {
	h.Helper()
	var no *publishers.Refused
	var bad *idtoken.Refusal
	switch {
	case errors.As(err, &no) && no.Code == code && strings.Contains(no.Detail, says):
	case errors.As(err, &bad) && bad.Code == code && strings.Contains(bad.Detail, says):
	default:
		h.Errorf("%v, want %s, %q", err, code, says)
	}
}

// list lists the publishers of demo as alice sees them.
func (h *house) list() []publishers.Publisher {
	h.Helper()
	out, err := h.Publishers.List(h.Context(), alice, "demo")
	h.Check(err)
	return out
}
