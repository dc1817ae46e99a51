package publishers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/idtoken/idtest"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/publishers"
)

// at returns the claims of a job of octo/demo that runs for a ref.
func at(ref string) map[string]any {
	w := "octo/demo/.github/workflows/release.yml@" + ref
	return map[string]any{"ref": ref, "workflow_ref": w, "job_workflow_ref": w}
}

// Claims of GitHub's kind against rules: what fits, and which claims are named where it does not.
func TestMatrixGitHub(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	ctx := h.Context()
	rule := func(change func(*publishers.Rules)) publishers.Rules {
		r := h.hub()
		if change != nil {
			change(&r)
		}
		return r
	}
	calls := "octo/shared/.github/workflows/build.yml"
	for i, c := range []struct {
		rules  func(*publishers.Rules)
		claims map[string]any
		differ string // claims, separated by spaces; "": it fits
	}{
		{nil, nil, ""},
		{nil, map[string]any{"repository": "OCTO/Demo", "repository_owner": "OCTO", "workflow_ref": "OCTO/Demo/.github/workflows/release.yml@refs/tags/v1.2.3"}, ""},
		{nil, map[string]any{"workflow_ref": "octo/demo/.github/workflows/Release.yml@refs/tags/v1.2.3"}, "workflow_ref"},
		{nil, map[string]any{"workflow_ref": "octo/other/.github/workflows/release.yml@refs/tags/v1.2.3"}, "workflow_ref"},
		{nil, map[string]any{"workflow_ref": "octo/demo/.github/workflows/../workflows/release.yml@refs/tags/v1.2.3"}, "workflow_ref"},
		{nil, map[string]any{"workflow_ref": "octo/demo/.github/workflows/%72elease.yml@refs/tags/v1.2.3"}, "workflow_ref"},
		{nil, map[string]any{"workflow_ref": "octo/demo/release.yml@refs/tags/v1.2.3"}, "workflow_ref"},
		{nil, map[string]any{"workflow_ref": "octo/demo/.github/workflows/release.yml@refs/heads/evil"}, "workflow_ref"},
		{nil, map[string]any{"workflow_ref": "octo/demo/.github/workflows/release.yml@" + strings.Repeat("a", 40)}, ""},
		{nil, map[string]any{"workflow_ref": "octo/demo/.forgejo/workflows/release.yml@refs/tags/v1.2.3"}, ""},
		{nil, map[string]any{"workflow_ref": []any{"x"}, "job_workflow_ref": nil}, "job_workflow_ref"},
		{nil, map[string]any{"workflow_ref": nil}, ""}, // Forgejo has one of the two
		{nil, map[string]any{"workflow_ref": nil, "job_workflow_ref": nil}, "job_workflow_ref"},
		{nil, map[string]any{"job_workflow_ref": calls + "@refs/heads/main"}, ""}, // a workflow calls another, and the publisher names the one that was started
		{nil, map[string]any{"repository_owner": "evil"}, "repository_owner"},
		{nil, map[string]any{"sub": "anything"}, ""},
		{nil, map[string]any{"event_name": "pull_request_target"}, "event_name"},
		{nil, map[string]any{"event_name": "workflow_run"}, "event_name"},
		{nil, map[string]any{"event_name": nil}, "event_name"},
		{nil, map[string]any{"event_name": "schedule"}, ""},
		{nil, map[string]any{"environment": "anything"}, ""},
		{func(r *publishers.Rules) { r.Environment = "pypi" }, map[string]any{"environment": "PyPI"}, ""},
		{func(r *publishers.Rules) { r.Environment = "pypi" }, map[string]any{"environment": "pypi "}, "environment"},
		{func(r *publishers.Rules) { r.Environment = "pypi" }, map[string]any{"environment": ""}, "environment"},
		{func(r *publishers.Rules) { r.Environment = "pypi" }, nil, "environment"},
		{func(r *publishers.Rules) { r.Environment = "pypi" }, map[string]any{"environment": []any{"pypi"}}, "environment"},
		{func(r *publishers.Rules) { r.Environment = "pypi" }, map[string]any{"environment": map[string]any{"pypi": true}}, "environment"},
		{func(r *publishers.Rules) { r.Workflow, r.Called = "", calls }, map[string]any{"job_workflow_ref": calls + "@refs/heads/main"}, ""},
		{func(r *publishers.Rules) { r.Workflow, r.Called = "", calls }, map[string]any{"job_workflow_ref": "OCTO/Shared/.github/workflows/build.yml@refs/heads/main"}, ""},
		{func(r *publishers.Rules) { r.Workflow, r.Called = "", calls }, nil, "job_workflow_ref"},
		{func(r *publishers.Rules) { r.Called = calls }, map[string]any{"job_workflow_ref": calls + "@v1"}, ""},
		{func(r *publishers.Rules) { r.Called = calls + "@v1" }, map[string]any{"job_workflow_ref": calls + "@v1"}, ""},
		{func(r *publishers.Rules) { r.Called = calls + "@v1" }, map[string]any{"job_workflow_ref": calls + "@v2"}, "job_workflow_ref"},
		{func(r *publishers.Rules) { r.Called = calls }, map[string]any{"job_workflow_ref": calls + "x@v1"}, "job_workflow_ref"},
		{func(r *publishers.Rules) { r.Refs = []string{"refs/tags/v*"} }, nil, ""},
		{func(r *publishers.Rules) { r.Refs = []string{"refs/tags/v*"} }, at("refs/heads/v1"), "ref"},
		{func(r *publishers.Rules) { r.Refs = []string{"refs/tags/v*"} }, at("refs/tags/v1/x"), "ref"},
		{func(r *publishers.Rules) { r.Refs = []string{"refs/tags/**"} }, at("refs/tags/v1/x"), ""},
		{func(r *publishers.Rules) { r.Refs = []string{"refs/tags/v*"} }, at("refs/tags/v\n"), "ref"},
		{func(r *publishers.Rules) { r.Refs = []string{"refs/tags/v.*"} }, nil, "ref"},
		{func(r *publishers.Rules) { r.Refs = []string{"refs/heads/main", "refs/tags/v*"} }, at("refs/heads/main"), ""},
		{func(r *publishers.Rules) { r.Protected = true }, nil, ""},
		{func(r *publishers.Rules) { r.Protected = true }, map[string]any{"ref_protected": true}, ""},
		{func(r *publishers.Rules) { r.Protected = true }, map[string]any{"ref_protected": "false"}, "ref_protected"},
		{func(r *publishers.Rules) { r.Protected = true }, map[string]any{"ref_protected": nil}, "ref_protected"},
		{func(r *publishers.Rules) { r.Protected = true }, map[string]any{"ref_protected": 1}, "ref_protected"},
		{func(r *publishers.Rules) { r.Events = []string{"release"} }, nil, "event_name"},
		{func(r *publishers.Rules) { r.Events = []string{"release", "push"} }, nil, ""},
		{func(r *publishers.Rules) { r.Runner = "github-hosted" }, nil, ""},
		{func(r *publishers.Rules) { r.Runner = "github-hosted" }, map[string]any{"runner_environment": "self-hosted"}, "runner_environment"},
		{func(r *publishers.Rules) { r.Tag = "v{version}" }, nil, ""},
		{func(r *publishers.Rules) { r.Tag = "v{version}" }, at("refs/tags/1.2.3"), "ref"},
		{func(r *publishers.Rules) { r.Tag = "v{version}" }, at("refs/tags/v"), "ref"},
		{func(r *publishers.Rules) { r.Tag = "v{version}" }, at("refs/heads/v1.2.3"), "ref"},
		{func(r *publishers.Rules) { r.Tag = "demo-{version}-final" }, at("refs/tags/demo-1.0-final"), ""},
	} {
		rules := rule(c.rules)
		p, err := h.Publishers.Add(ctx, alice, "demo", rules)
		if err != nil {
			t.Fatalf("%d: %+v: %v", i, rules, err)
		}
		h.Clock.Add(61e9) // its own minute
		_, err = h.exchangeHub(c.claims)
		checkDiffer(t, fmt.Sprintf("%d: %+v for %v", i, c.claims, rules), err, c.differ)
		_, err = h.Publishers.Remove(ctx, alice, "demo", p.ID)
		h.Check(err)
	}
}

// checkDiffer checks which claims a refusal names.
func checkDiffer(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil {
		if want != "" {
			t.Errorf("%s: it fits, want %s", what, want)
		}
		return
	}
	no, ok := err.(*publishers.Refused) //nolint:errorlint // it is returned as it is
	if !ok {
		t.Errorf("%s: %v", what, err)
		return
	}
	var got []string
	for _, d := range no.Differences {
		got = append(got, d.Claim)
	}
	if !slices.Equal(got, strings.Fields(want)) {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

func TestMatrixGitLab(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	host := strings.TrimPrefix(h.gitlab.URL, "https://")
	for i, c := range []struct {
		rules  func(*publishers.Rules)
		claims map[string]any
		differ string
	}{
		{nil, nil, ""},
		{nil, map[string]any{"project_path": "group/DEMO", "ci_config_ref_uri": host + "/group/DEMO//.gitlab-ci.yml@refs/heads/main"}, ""}, // mixed case
		{nil, map[string]any{"ci_config_ref_uri": host + "/Group/demo//other.yml@refs/heads/main"}, "ci_config_ref_uri"},
		{nil, map[string]any{"ci_config_ref_uri": host + "/Evil/demo//.gitlab-ci.yml@refs/heads/main"}, "ci_config_ref_uri"},
		{nil, map[string]any{"ci_config_ref_uri": "evil.example/Group/demo//.gitlab-ci.yml@refs/heads/main"}, "ci_config_ref_uri"},
		{nil, map[string]any{"ci_config_ref_uri": host + "/Group/demo//.gitlab-ci.yml@refs/heads/evil"}, "ci_config_ref_uri"},
		{nil, map[string]any{"ci_config_ref_uri": host + "/Group/demo//%2egitlab-ci.yml@refs/heads/main"}, "ci_config_ref_uri"},
		{nil, map[string]any{"ci_config_ref_uri": nil}, "ci_config_ref_uri"},
		{nil, map[string]any{"sub": "whatever the administrator made of it"}, ""},
		{func(r *publishers.Rules) { r.Environment = "Prod" }, map[string]any{"environment": "Prod"}, ""},
		{func(r *publishers.Rules) { r.Environment = "Prod" }, map[string]any{"environment": "prod"}, "environment"}, // exact case
		{func(r *publishers.Rules) { r.Environment = "Prod" }, nil, "environment"},
		{func(r *publishers.Rules) { r.Refs = []string{"refs/heads/main"} }, nil, ""},
		{func(r *publishers.Rules) { r.Refs = []string{"refs/tags/*"} }, nil, "ref_path"},
		{func(r *publishers.Rules) { r.Protected = true }, map[string]any{"ref_protected": "false"}, "ref_protected"},
		{func(r *publishers.Rules) { r.Events = []string{"web"} }, nil, "pipeline_source"},
		{nil, map[string]any{"pipeline_source": "merge_request_event"}, "pipeline_source"}, // what a fork proposes
		{func(r *publishers.Rules) { r.Events = []string{"merge_request_event"} }, map[string]any{"pipeline_source": "merge_request_event"}, ""},
		{func(r *publishers.Rules) { r.Runner = "self-hosted" }, nil, ""},
		{func(r *publishers.Rules) { r.Runner = "gitlab-hosted" }, nil, "runner_environment"},
		{func(r *publishers.Rules) { r.Tag = "v{version}" }, map[string]any{"ref_path": "refs/tags/v2.0", "ci_config_ref_uri": host + "/Group/demo//.gitlab-ci.yml@refs/tags/v2.0"}, ""},
	} {
		rules := publishers.Rules{Issuer: h.gitlab.URL, Repository: "Group/demo", Workflow: ".gitlab-ci.yml"}
		if c.rules != nil {
			c.rules(&rules)
		}
		p := h.add(rules)
		h.Clock.Add(61e9)
		a, err := h.exchange(h.gitlab.Sign(t, h.labClaims(c.claims)))
		checkDiffer(t, fmt.Sprintf("%d: %+v", i, c.claims), err, c.differ)
		if err == nil && (a.Token.Run.Workflow != ".gitlab-ci.yml" || !strings.HasSuffix(strings.ToLower(a.Token.Run.URL), "/group/demo/-/pipelines/12")) {
			t.Errorf("%+v", a.Token.Run)
		}
		_, err = h.Publishers.Remove(h.Context(), alice, "demo", p.ID)
		h.Check(err)
	}
}

func TestMatrixGeneric(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	rules := publishers.Rules{Issuer: h.generic.URL, Claims: []publishers.ClaimRule{
		{Claim: "organization_slug", Values: []string{"acme"}}, {Claim: "pipeline_slug", Values: []string{"release-*", "nightly"}}, {Claim: "build_number", Values: []string{"*"}},
	}}
	h.add(rules)
	good := map[string]any{"organization_slug": "acme", "pipeline_slug": "release-1", "build_number": 7, "sub": "organization:acme"}
	for i, c := range []struct {
		claims map[string]any
		differ string
	}{
		{nil, ""},
		{map[string]any{"pipeline_slug": "nightly"}, ""},
		{map[string]any{"pipeline_slug": "nightly2"}, "pipeline_slug"},
		{map[string]any{"pipeline_slug": "Nightly"}, "pipeline_slug"},
		{map[string]any{"build_number": nil}, "build_number"},
		{map[string]any{"build_number": []any{1}}, "build_number"},
		{map[string]any{"build_number": 1.5}, "build_number"},
		{map[string]any{"organization_slug": "evil"}, ""}, // no publisher is about it
		{map[string]any{"organization_slug": []any{"acme"}}, ""},
		{map[string]any{"Organization_slug": "acme", "organization_slug": nil}, ""},
		{map[string]any{"jti": nil}, ""},
	} {
		claims := changed(idtest.Times(h.Clock.Now(), issuertest.Location), good, c.claims)
		_, err := h.exchange(h.generic.Sign(t, claims))
		if org := claims["organization_slug"]; org != any("acme") {
			h.refusedFor(err, publishers.CodePublisher, "no project here")
			continue
		}
		checkDiffer(t, fmt.Sprintf("%d: %+v", i, c.claims), err, c.differ)
	}
	// A token of one issuer never meets another's publishers, whatever it says.
	h.add(publishers.Rules{Issuer: h.gitlab.URL, Repository: "Group/demo", Workflow: ".gitlab-ci.yml"})
	_, err := h.exchange(h.generic.Sign(t, h.labClaims(nil)))
	h.refusedFor(err, publishers.CodePublisher, "no project here")
	_, err = h.exchange(h.gitlab.Sign(t, changed(idtest.Times(h.Clock.Now(), issuertest.Location), good)))
	h.refusedFor(err, publishers.CodePublisher, "no project here")
	// A token without a jti is good for one token, too.
	claims := changed(idtest.Times(h.Clock.Now(), issuertest.Location), good, map[string]any{"jti": nil, "build_number": 8})
	_, err = h.exchange(h.generic.Sign(t, claims))
	h.Check(err)
	_, err = h.exchange(h.generic.Sign(t, claims))
	h.refusedFor(err, publishers.CodeReused, "")
}

// Rules that can't be kept, or mean something else than they seem to, are refused where they are made.
func TestRules(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	org := "11111111-2222-4333-8444-555555555555"
	generic := func(cs ...publishers.ClaimRule) publishers.Rules {
		return publishers.Rules{Issuer: h.generic.URL, Claims: cs}
	}
	with := func(change func(*publishers.Rules)) publishers.Rules { r := h.hub(); change(&r); return r }
	for i, c := range []struct {
		rules publishers.Rules
		want  string
	}{
		{publishers.Rules{}, "issuer: publisher_issuer_unknown"},
		{publishers.Rules{Issuer: h.github.URL + "/"}, "issuer: publisher_issuer_unknown"},
		{publishers.Rules{Issuer: "https://oidc.circleci.com/org/"}, "issuer: publisher_issuer_unknown"},
		{with(func(r *publishers.Rules) { r.Repository = "octo" }), "repository: publisher_repository_invalid"},
		{with(func(r *publishers.Rules) { r.Repository = "octo/../x" }), "repository: publisher_repository_invalid"},
		{with(func(r *publishers.Rules) { r.Repository = "../x" }), "repository: publisher_repository_invalid"},
		{with(func(r *publishers.Rules) { r.Repository = "octo/." }), "repository: publisher_repository_invalid"},
		{with(func(r *publishers.Rules) { r.Repository = "octo/%2e%2e" }), "repository: publisher_repository_invalid"},
		{with(func(r *publishers.Rules) { r.Workflow = "" }), "workflow: publisher_workflow_required"},
		{with(func(r *publishers.Rules) { r.Workflow = ".github/workflows/release.yml" }), "workflow: publisher_workflow_invalid"},
		{with(func(r *publishers.Rules) { r.Workflow = "release.txt" }), "workflow: publisher_workflow_invalid"},
		{with(func(r *publishers.Rules) { r.Workflow = "a@b.yml" }), "workflow: publisher_workflow_invalid"},
		{with(func(r *publishers.Rules) { r.Called = "build.yml" }), "called: publisher_called_invalid"},
		{with(func(r *publishers.Rules) { r.Called = "../x/.github/workflows/b.yml" }), "called: publisher_called_invalid"},
		{with(func(r *publishers.Rules) { r.Environment = "a\nb" }), "environment: publisher_environment_invalid"},
		{with(func(r *publishers.Rules) { r.Refs = []string{"v*"} }), "refs: publisher_ref_invalid"},
		{with(func(r *publishers.Rules) { r.Events = []string{"pull_request_target"} }), "events: publisher_event_refused"},
		{with(func(r *publishers.Rules) { r.Events = []string{"Push!"} }), "events: publisher_event_invalid"},
		{with(func(r *publishers.Rules) { r.Runner = "mine" }), "runner: publisher_runner_invalid"},
		{with(func(r *publishers.Rules) { r.Tag = "v" }), "tag: publisher_tag_invalid"},
		{with(func(r *publishers.Rules) { r.Tag = "{version}{version}" }), "tag: publisher_tag_invalid"},
		{publishers.Rules{Issuer: h.gitlab.URL, Repository: "a/b/../c", Workflow: ".gitlab-ci.yml"}, "repository: publisher_repository_invalid"},
		{publishers.Rules{Issuer: h.gitlab.URL, Repository: "a/b", Workflow: "../x.yml"}, "workflow: publisher_workflow_invalid"},
		{publishers.Rules{Issuer: "https://accounts.google.com", Repository: "x"}, "repository: publisher_repository_invalid"},
		{publishers.Rules{Issuer: "https://oidc.circleci.com/org/" + org, Repository: "x", Workflow: org}, "repository: publisher_repository_invalid"},
		{generic(), "claims: publisher_claims_required"},
		{generic(publishers.ClaimRule{Claim: "sub", Values: []string{"*"}}), "claims: publisher_claims_first"},
		{generic(publishers.ClaimRule{Claim: "sub", Values: []string{"a", "b"}}), "claims: publisher_claims_first"},
		{generic(publishers.ClaimRule{Claim: "iss", Values: []string{"a"}}), "claims: publisher_claim_invalid"},
		{generic(publishers.ClaimRule{Claim: "sub", Values: []string{""}}), "claims: publisher_claim_invalid"},
		{generic(publishers.ClaimRule{Claim: "sub"}), "claims: publisher_claim_invalid"},
		{func() publishers.Rules {
			r := generic(publishers.ClaimRule{Claim: "sub", Values: []string{"a"}})
			r.Tag = "v{version}"
			return r
		}(), "tag: publisher_tag_without_ref"},
	} {
		h.Refused(c.want, func() error {
			_, err := h.Publishers.Add(h.Context(), alice, "demo", c.rules)
			if err == nil {
				t.Errorf("%d: %+v passes", i, c.rules)
			}
			return err
		})
	}
	for _, good := range []publishers.Rules{
		{Issuer: "https://accounts.google.com", Repository: "ci@p.iam.gserviceaccount.com"}, {Issuer: "https://oidc.circleci.com/org/" + org, Repository: org, Workflow: org, Environment: org},
		{Issuer: "https://gitlab.com", Repository: "a/b/c", Workflow: "ci/release.yaml"}, {Issuer: "https://token.actions.githubusercontent.com", Repository: "a/b", Workflow: "release it.yaml"},
	} {
		if _, err := h.Publishers.Add(h.Context(), alice, "demo", good); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	h.Refused(ledger.ErrNotFound, func() error { _, err := h.Publishers.Add(h.Context(), bob, "demo", h.hub()); return err })
}

// Who hears of what.
func TestNotices(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuertest.WithNotices)
	post := issuertest.PostOf(h.House)
	h.Project(alice, "demo")
	post.Notices()
	p := h.add(h.hub())
	for _, env := range []string{"", "pypi", "pypi", "", "test"} {
		claims := map[string]any{}
		if env != "" {
			claims["environment"] = env
		}
		_, err := h.exchangeHub(claims)
		h.Check(err)
	}
	_, err := h.Publishers.Remove(h.Context(), alice, "demo", p.ID)
	h.Check(err)
	want := []string{"publisher_added alice octo/demo, release.yml", "publisher_environment alice octo/demo, release.yml", "publisher_environment alice octo/demo, release.yml",
		"publisher_first_used alice octo/demo, release.yml", "publisher_removed alice octo/demo, release.yml"}
	if got := post.Notices(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	_, err = h.Publishers.AddPending(h.Context(), alice, "new", h.hub())
	h.Check(err)
	h.Clock.Add(publishers.PendingLife - 1e9)
	h.Check(h.Publishers.Tend(h.Context()))
	h.Check(h.Publishers.Tend(h.Context()))
	if got := post.Notices(); !slices.Equal(got, []string{"publisher_ending alice octo/demo, release.yml"}) {
		t.Errorf("%q", got)
	}
}
