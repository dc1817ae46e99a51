package jobtoken

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/text"
)

// Limits of asking the CI system.
const (
	askTime   = 30 * time.Second // for one ID token
	maxAnswer = 64 << 10         // bytes of an answer
)

// Job is the surroundings of a process that may run in a CI system.
type Job struct {
	// TokenFile is a file with the ID token, which is read each time; "": the CI system is found by its variables.
	TokenFile string

	getenv      func(string) string
	look        func(program string) (path string, err error)
	productFile string // of the machine, where Google writes its name
	metadata    string // address of Google's metadata server
	credentials string // address of Google's service that impersonates accounts
	client      *http.Client
}

// NewJob returns the Job of this process.
func NewJob() *Job {
	return &Job{
		getenv: os.Getenv, look: exec.LookPath, productFile: "/sys/class/dmi/id/product_name",
		metadata: "http://metadata.google.internal", credentials: "https://iamcredentials.googleapis.com",
		client: newHTTPClient(nil, askTime),
	}
}

// system is a CI system.
type system struct {
	name string
	here func(*Job) bool
	ask  func(j *Job, ctx context.Context, audience string) (string, error)
}

// systems are asked in this order: a runner of the others may stand on a machine of Google.
var systems = []system{
	{"GitHub Actions or Forgejo", func(j *Job) bool { return j.getenv("GITHUB_ACTIONS") == "true" || j.getenv(requestURL) != "" }, (*Job).actions},
	{"GitLab", func(j *Job) bool { return j.getenv("GITLAB_CI") != "" }, (*Job).gitlab},
	{"Buildkite", func(j *Job) bool { return j.getenv("BUILDKITE") != "" }, (*Job).buildkite},
	{"CircleCI", func(j *Job) bool { return j.getenv("CIRCLECI") != "" }, (*Job).circleci},
	{"Google Cloud", (*Job).atGoogle, (*Job).google},
}

// IDToken returns an ID token for an audience.
func (j *Job) IDToken(ctx context.Context, audience string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	name, got, err := j.idToken(ctx, audience)
	if err != nil {
		return "", err
	}
	got = strings.TrimSpace(got)
	if strings.Count(got, ".") != 2 || strings.ContainsFunc(got, text.Disruptive) {
		return "", &final{fmt.Errorf("%s gave something that is no ID token (a JWT, three parts with dots between them)", name)}
	}
	return got, nil
}

func (j *Job) idToken(ctx context.Context, audience string) (name, got string, err error) {
	if j.TokenFile != "" {
		got, err := readShort(j.TokenFile)
		if err != nil {
			return "", "", &final{fmt.Errorf("the ID token: %w", err)}
		}
		return "the file " + j.TokenFile, got, nil
	}
	var names []string
	for _, s := range systems {
		if s.here(j) {
			got, err := s.ask(j, ctx, audience)
			if err != nil {
				return "", "", fmt.Errorf("%s: %w", s.name, err)
			}
			return s.name, got, nil
		}
		names = append(names, s.name)
	}
	return "", "", &final{fmt.Errorf("this is no job of %s. Elsewhere, write an ID token for the audience %q to a file and name it with --id-token-file", strings.Join(names, ", "), audience)}
}

// readShort reads a file of at most maxAnswer bytes.
func readShort(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = fmt.Errorf("%s has more than %d bytes", path, maxAnswer)
	}
	return string(b), err
}

// The variables of jobs that may ask GitHub or Forgejo for ID tokens.
const (
	requestURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	requestToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

func (j *Job) actions(ctx context.Context, audience string) (string, error) {
	at, secret := j.getenv(requestURL), j.getenv(requestToken)
	if at == "" || secret == "" {
		return "", &final{errors.New("this job may not ask for an ID token. In GitHub, give the job 'permissions:' with 'id-token: write'; in Forgejo, 'enable-openid-connect: true'. " +
			"Pull requests from forks never may. A workflow that is called gets the permission from the job that calls it")}
	}
	from, err := url.Parse(at)
	if err != nil || from.Host == "" {
		return "", &final{errors.New(requestURL + " is no URL")}
	}
	q := from.Query()
	q.Set("audience", audience)
	from.RawQuery = q.Encode()
	var answer struct {
		Value string `json:"value"`
	}
	err = j.fetch(ctx, http.MethodGet, from.String(), http.Header{"Authorization": {"bearer " + secret}}, nil, &answer)
	return answer.Value, err
}

var notInVariables = regexp.MustCompile(`[^A-Z0-9_]|^[0-9]`)

// gitlabVariable is the variable in which clients look for the ID token for an audience.
func gitlabVariable(audience string) string {
	return notInVariables.ReplaceAllString(strings.ToUpper(audience), "_") + "_ID_TOKEN"
}

func (j *Job) gitlab(_ context.Context, audience string) (string, error) {
	name := gitlabVariable(audience)
	got := j.getenv(name)
	if got == "" {
		return "", &final{fmt.Errorf("the variable %s is missing. Add to the job:\n  id_tokens:\n    %s:\n      aud: %s", name, name, audience)}
	}
	return got, nil
}

func (j *Job) buildkite(ctx context.Context, audience string) (string, error) {
	return j.run(ctx, "buildkite-agent", "oidc", "request-token", "--audience", audience)
}

func (j *Job) circleci(ctx context.Context, audience string) (string, error) {
	claims, err := json.Marshal(map[string]string{"aud": audience})
	if err != nil {
		return "", err
	}
	return j.run(ctx, "circleci", "run", "oidc", "get", "--claims", string(claims))
}

// run runs a program of the CI system, and returns what it prints.
func (j *Job) run(ctx context.Context, program string, args ...string) (string, error) {
	path, err := j.look(program)
	if err != nil {
		return "", &final{fmt.Errorf("the program %s, which gives ID tokens, is not in PATH", program)}
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("%s did not answer: %w", program, ctx.Err())
	}
	if err != nil {
		return "", fmt.Errorf("%s gave no ID token (%w): %s", program, err, text.Clip(strings.TrimSpace(errs.String())))
	}
	return out.String(), nil
}

// account is the variable with the service account of Google that the job acts as.
const account = "GOOGLE_SERVICE_ACCOUNT_NAME"

func (j *Job) atGoogle() bool {
	name, err := readShort(j.productFile)
	name = strings.TrimSpace(name)
	return j.getenv(account) != "" || err == nil && (name == "Google" || name == "Google Compute Engine")
}

func (j *Job) google(ctx context.Context, audience string) (string, error) {
	const service = "/computeMetadata/v1/instance/service-accounts/default/"
	flavor := http.Header{"Metadata-Flavor": {"Google"}}
	as := j.getenv(account)
	if as == "" {
		var got string
		err := j.fetch(ctx, http.MethodGet, j.metadata+service+"identity?format=full&audience="+url.QueryEscape(audience), flavor, nil, &got)
		return got, err
	}
	var access struct {
		Token string `json:"access_token"`
	}
	const scope = "https://www.googleapis.com/auth/cloud-platform"
	err := j.fetch(ctx, http.MethodGet, j.metadata+service+"token?scopes="+url.QueryEscape(scope), flavor, nil, &access)
	if err != nil {
		return "", err
	}
	var identity struct {
		Token string `json:"token"`
	}
	err = j.fetch(ctx, http.MethodPost, j.credentials+"/v1/projects/-/serviceAccounts/"+url.PathEscape(as)+":generateIdToken",
		http.Header{"Authorization": {"Bearer " + access.Token}}, map[string]any{"audience": audience, "includeEmail": true}, &identity)
	return identity.Token, err
}

// fetch asks an address of the CI system. to is a *string for the body as it is, or where its JSON goes.
func (j *Job) fetch(ctx context.Context, method, from string, header http.Header, v, to any) error {
	a, err := send(ctx, j.client, method, from, header, v)
	switch {
	case err != nil:
		return fmt.Errorf("no ID token: %w", err)
	case a.status != http.StatusOK:
		err := fmt.Errorf("no ID token: %s answers %d: %s", hostOf(from), a.status, text.Clip(strings.TrimSpace(string(a.body))))
		if a.status < 500 && a.status != http.StatusTooManyRequests {
			return &final{err}
		}
		return err
	}
	if s, ok := to.(*string); ok {
		*s = string(a.body)
		return nil
	}
	if err := json.Unmarshal(a.body, to); err != nil {
		return fmt.Errorf("no ID token: %s answers with something that is no JSON", hostOf(from))
	}
	return nil
}
