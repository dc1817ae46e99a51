package jobtoken

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const jwt = "eyJh.eyJi.c2ln"

// jobWith is a job with variables, on a machine with programs of its CI system.
func jobWith(t *testing.T, variables map[string]string, programs map[string]string) *Job {
	t.Helper()
	j := NewJob()
	j.productFile = filepath.Join(t.TempDir(), "product")
	j.getenv = func(name string) string { return variables[name] }
	bin := t.TempDir()
	for name, script := range programs {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	j.look = func(name string) (string, error) {
		path := filepath.Join(bin, name)
		_, err := os.Stat(path)
		return path, err
	}
	return j
}

// ci is a CI system that answers requests for ID tokens.
func ci(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestIDTokensOfEachSystem(t *testing.T) {
	t.Parallel()
	at := ci(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.Header.Get("Authorization") != "bearer secret" || q.Get("audience") != "a.example" || q.Get("x") != "1" || len(q["audience"]) != 1 {
			http.Error(w, r.URL.String(), http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"count": 1, "value": "` + jwt + `"}`))
	})
	google := ci(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/computeMetadata/v1/instance/service-accounts/default/identity" && r.Header.Get("Metadata-Flavor") == "Google" && r.URL.Query().Get("audience") == "a.example":
			_, _ = w.Write([]byte(jwt))
		case r.URL.Path == "/computeMetadata/v1/instance/service-accounts/default/token" && r.Header.Get("Metadata-Flavor") == "Google":
			_, _ = w.Write([]byte(`{"access_token": "access"}`))
		case r.URL.EscapedPath() == "/v1/projects/-/serviceAccounts/ci@x.example:generateIdToken" && r.Method == http.MethodPost && r.Header.Get("Authorization") == "Bearer access":
			_, _ = w.Write([]byte(`{"token": "` + jwt + `"}`))
		default:
			http.Error(w, r.URL.String(), http.StatusTeapot)
		}
	})
	for name, j := range map[string]*Job{
		"GitHub":               jobWith(t, map[string]string{"GITHUB_ACTIONS": "true", requestURL: at + "?x=1", requestToken: "secret"}, nil),
		"an audience in it":    jobWith(t, map[string]string{"GITHUB_ACTIONS": "true", requestURL: at + "?x=1&audience=other", requestToken: "secret"}, nil),
		"GitLab":               jobWith(t, map[string]string{"GITLAB_CI": "true", "A_EXAMPLE_ID_TOKEN": jwt + "\n"}, nil),
		"Buildkite":            jobWith(t, map[string]string{"BUILDKITE": "true"}, map[string]string{"buildkite-agent": `[ "$*" = "oidc request-token --audience a.example" ] && echo ` + jwt}),
		"CircleCI":             jobWith(t, map[string]string{"CIRCLECI": "true"}, map[string]string{"circleci": `[ "$*" = 'run oidc get --claims {"aud":"a.example"}' ] && echo ` + jwt}),
		"Google, as itself":    jobWith(t, nil, nil),
		"Google, as another":   jobWith(t, map[string]string{account: "ci@x.example"}, nil),
		"a runner on Google's": jobWith(t, map[string]string{"GITLAB_CI": "true", "A_EXAMPLE_ID_TOKEN": jwt}, nil),
		"a file":               {},
	} {
		if strings.Contains(name, "Google") {
			j.metadata, j.credentials = google, google
			if err := os.WriteFile(j.productFile, []byte("Google Compute Engine\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if name == "a file" {
			j.TokenFile = filepath.Join(t.TempDir(), "id")
			if err := os.WriteFile(j.TokenFile, []byte(jwt+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := j.IDToken(t.Context(), "a.example")
		if err != nil || got != jwt {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Whatever is missing is said, with what to do, and never asked for twice.
func TestWhatAJobLacks(t *testing.T) {
	t.Parallel()
	down := ci(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no\x1b[2J", http.StatusForbidden) })
	elsewhere := ci(t, http.RedirectHandler("http://127.0.0.1:1/secret", http.StatusFound).ServeHTTP)
	html := ci(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	empty := ci(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	endless := ci(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2*maxAnswer)) })
	hub := func(at string) map[string]string {
		return map[string]string{"GITHUB_ACTIONS": "true", requestURL: at, requestToken: "secret"}
	}
	long := filepath.Join(t.TempDir(), "long")
	if err := os.WriteFile(long, make([]byte, maxAnswer+1), 0o600); err != nil {
		t.Fatal(err)
	}
	inFile := func(path string) *Job { return &Job{TokenFile: path} }
	for name, c := range map[string]struct {
		j    *Job
		says string
	}{
		"no CI system":          {jobWith(t, nil, nil), `no job of GitHub Actions or Forgejo, GitLab, Buildkite, CircleCI, Google Cloud. Elsewhere, write an ID token for the audience "a.example"`},
		"no permission":         {jobWith(t, map[string]string{"GITHUB_ACTIONS": "true"}, nil), "'id-token: write'; in Forgejo, 'enable-openid-connect: true'"},
		"no permission's token": {jobWith(t, map[string]string{"GITHUB_ACTIONS": "true", requestURL: down}, nil), "'id-token: write'"},
		"no address":            {jobWith(t, hub("::"), nil), "is no URL"},
		"refused":               {jobWith(t, hub(down), nil), "answers 403: no"},
		"a redirect":            {jobWith(t, hub(elsewhere), nil), "follow no redirects"},
		"no JSON":               {jobWith(t, hub(html), nil), "no JSON"},
		"no token":              {jobWith(t, hub(empty), nil), "no ID token"},
		"too long":              {jobWith(t, hub(endless), nil), "more than"},
		"no id_tokens":          {jobWith(t, map[string]string{"GITLAB_CI": "true"}, nil), "id_tokens:\n    A_EXAMPLE_ID_TOKEN:\n      aud: a.example"},
		"no agent":              {jobWith(t, map[string]string{"BUILDKITE": "true"}, nil), "buildkite-agent, which gives ID tokens, is not in PATH"},
		"the agent fails":       {jobWith(t, map[string]string{"BUILDKITE": "true"}, map[string]string{"buildkite-agent": "echo not today >&2; exit 3"}), "(exit status 3): not today"},
		"no circleci":           {jobWith(t, map[string]string{"CIRCLECI": "true"}, nil), "circleci, which gives ID tokens"},
		"words":                 {jobWith(t, map[string]string{"GITLAB_CI": "true", "A_EXAMPLE_ID_TOKEN": "not a token"}, nil), "no ID token (a JWT"},
		"no file":               {inFile("/nowhere/id"), "no such file"},
		"a long file":           {inFile(long), "more than"},
	} {
		_, err := c.j.IDToken(t.Context(), "a.example")
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret\"") {
			t.Errorf("%s: %v", name, err)
		}
		var last *final
		if name == "no permission" && !errors.As(err, &last) {
			t.Errorf("%s: it is asked again", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := jobWith(t, map[string]string{"BUILDKITE": "true"}, map[string]string{"buildkite-agent": "sleep 60"}).IDToken(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestGitLabVariables(t *testing.T) {
	t.Parallel()
	for audience, want := range map[string]string{
		"packages.example.org": "PACKAGES_EXAMPLE_ORG_ID_TOKEN", "pypi": "PYPI_ID_TOKEN", "a-b_c": "A_B_C_ID_TOKEN", "127.0.0.1": "_27_0_0_1_ID_TOKEN", "http://x": "HTTP___X_ID_TOKEN",
	} {
		if got := gitlabVariable(audience); got != want {
			t.Errorf("%s: %s, want %s", audience, got, want)
		}
	}
}
