package publishers

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Limits of rules.
const (
	maxField = 255 // bytes of a field
	maxList  = 20  // entries of a list
)

// Rules say which jobs a publisher is about. Every field that is set has to hold.
type Rules struct {
	Issuer string       `json:"issuer"` // URL
	Kind   idtoken.Kind `json:"kind"`   // of the issuer; set by the package

	// Repository is OWNER/NAME for the kind github, GROUP/PROJECT for gitlab, the address of a service account for google and the id of a
	// project for circleci. It is "" for the kind generic alone.
	Repository string `json:"repository,omitempty"`
	// Workflow is the file of the workflow that was started: for github a name below .github/workflows, for gitlab a path in the
	// repository, for circleci the id of a pipeline definition.
	Workflow string `json:"workflow,omitempty"`
	// Called is the file of the workflow with the job, if another one calls it: OWNER/NAME/PATH, with @REF or without. Kind github.
	Called string `json:"called,omitempty"`
	// Environment of the deployment, or a context of circleci; "": the job may name any, or none.
	Environment string `json:"environment,omitempty"`
	// Refs are patterns of full names, refs/tags/v*: * stands for anything but a slash, ** for anything.
	Refs      []string `json:"refs,omitempty"`
	Protected bool     `json:"protected,omitempty"` // only refs that the repository protects
	Events    []string `json:"events,omitempty"`    // that may start the job
	Runner    string   `json:"runner,omitempty"`    // kind of machine: "github-hosted", "self-hosted"

	// Claims are the rules of the kind generic. The first one says who it is, and has one value without *.
	Claims []ClaimRule `json:"claims,omitempty"`

	// Tag makes the version of the upload that of the tag: "v{version}". Jobs for other refs are refused.
	Tag string `json:"tag,omitempty"`
	// Network limits the token to the network that the exchange was asked for from.
	Network bool `json:"network,omitempty"`
}

// ClaimRule is a rule over a claim: the claim has to be one of the values, in which * stands for anything.
type ClaimRule struct {
	Claim  string   `json:"claim"`
	Values []string `json:"values"`
}

// never are events whose jobs run what strangers wrote with the rights of the repository.
var never = []string{"pull_request_target", "workflow_run"}

// ofStrangers are events of GitLab whose pipelines run what is proposed to the project, which may come from a fork: a publisher has to name them.
var ofStrangers = []string{"merge_request_event", "external_pull_request_event"}

var (
	name        = `[A-Za-z0-9_.-]{1,100}`
	twoNames    = regexp.MustCompile(`^` + name + `/` + name + `$`)
	manyNames   = regexp.MustCompile(`^` + name + `(/` + name + `)+$`)
	fileName    = regexp.MustCompile(`^[A-Za-z0-9_. +-]{1,200}\.ya?ml$`)
	filePath    = regexp.MustCompile(`^[A-Za-z0-9_. +/-]{1,250}\.ya?ml$`)
	calledFile  = regexp.MustCompile(`^` + name + `/` + name + `/\.[a-z]+/workflows/[A-Za-z0-9_. +-]{1,200}\.ya?ml(@[!-~]{1,200})?$`)
	email       = regexp.MustCompile(`^[a-z0-9._%+-]{1,64}@[a-z0-9.-]{1,150}$`)
	uuid        = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	refPattern  = regexp.MustCompile(`^refs/(heads|tags)/[!-~]{1,200}$`)
	eventName   = regexp.MustCompile(`^[a-z_]{1,50}$`)
	claimName   = regexp.MustCompile(`^[!-~]{1,100}$`)
	claimsApart = []string{"iss", "aud", "exp", "nbf", "iat", "jti"} // checked for every token
)

// dotted reports whether a path has parts that lead elsewhere.
func dotted(p string) bool { return path.Clean("/"+p) != "/"+p }

// check checks rules for an issuer, and returns them in their canonical form.
func (in Rules) check(ps *problem.Problems, i idtoken.Issuer) Rules {
	out := in
	out.Issuer, out.Kind = i.URL, i.Kind
	for _, f := range []*string{&out.Repository, &out.Workflow, &out.Called, &out.Environment, &out.Runner, &out.Tag} {
		*f = strings.TrimSpace(*f)
	}
	out.Refs = checkPatterns(ps, "refs", "publisher_ref_invalid", in.Refs, refPattern)
	out.Events = checkPatterns(ps, "events", "publisher_event_invalid", in.Events, eventName)
	for _, e := range out.Events {
		if slices.Contains(never, e) {
			ps.Add("events", "publisher_event_refused", "event", e)
		}
	}
	if !plain(out.Environment) {
		ps.Add("environment", "publisher_environment_invalid")
	}
	if !slices.Contains(runners[i.Kind], out.Runner) {
		ps.Add("runner", "publisher_runner_invalid")
	}
	if t := out.Tag; t != "" && (strings.Count(t, "{version}") != 1 || !refPattern.MatchString("refs/tags/"+t)) {
		ps.Add("tag", "publisher_tag_invalid")
	}
	switch i.Kind {
	case idtoken.KindGitHub:
		out.checkGitHub(ps)
	case idtoken.KindGitLab:
		out.checkFields(ps, manyNames, filePath, true)
	case idtoken.KindGoogle:
		out.checkFields(ps, email, nil, false)
	case idtoken.KindCircleCI:
		out.checkFields(ps, uuid, uuid, true)
	default:
		out.checkClaims(ps)
	}
	out.clearUnknown(i.Kind)
	return out
}

// runners are the kinds of machines that tokens name.
var runners = map[idtoken.Kind][]string{
	idtoken.KindGitHub: {"", "github-hosted", "self-hosted"}, idtoken.KindGitLab: {"", "gitlab-hosted", "self-hosted"},
	idtoken.KindGoogle: {""}, idtoken.KindCircleCI: {""}, idtoken.KindGeneric: {""},
}

// clearUnknown drops what tokens of a kind say nothing about.
func (out *Rules) clearUnknown(k idtoken.Kind) {
	switch k {
	case idtoken.KindGitHub:
		out.Claims = nil
	case idtoken.KindGitLab:
		out.Claims, out.Called = nil, ""
	case idtoken.KindCircleCI:
		out.Claims, out.Called, out.Events, out.Protected = nil, "", nil, false
	case idtoken.KindGoogle:
		*out = Rules{Issuer: out.Issuer, Kind: out.Kind, Repository: out.Repository, Network: out.Network}
	default:
		*out = Rules{Issuer: out.Issuer, Kind: out.Kind, Claims: out.Claims, Tag: out.Tag, Network: out.Network}
	}
}

func (out *Rules) checkGitHub(ps *problem.Problems) {
	if !twoNames.MatchString(out.Repository) || dotted(out.Repository) {
		ps.Add("repository", "publisher_repository_invalid")
	}
	switch {
	case out.Workflow == "" && out.Called == "":
		ps.Add("workflow", "publisher_workflow_required")
	case out.Workflow != "" && !fileName.MatchString(out.Workflow):
		ps.Add("workflow", "publisher_workflow_invalid")
	}
	if c, _, _ := strings.Cut(out.Called, "@"); c != "" && (!calledFile.MatchString(out.Called) || dotted(c)) {
		ps.Add("called", "publisher_called_invalid")
	}
}

// checkFields checks the repository and the workflow.
func (out *Rules) checkFields(ps *problem.Problems, repository, workflow *regexp.Regexp, needed bool) {
	if out.Kind == idtoken.KindGoogle {
		out.Repository = strings.ToLower(out.Repository)
	}
	if len(out.Repository) > maxField || !repository.MatchString(out.Repository) || dotted(out.Repository) {
		ps.Add("repository", "publisher_repository_invalid")
	}
	switch {
	case workflow == nil:
	case out.Workflow == "" && needed:
		ps.Add("workflow", "publisher_workflow_required")
	case !workflow.MatchString(out.Workflow) || dotted(out.Workflow):
		ps.Add("workflow", "publisher_workflow_invalid")
	}
}

func (out *Rules) checkClaims(ps *problem.Problems) {
	if len(out.Claims) == 0 || len(out.Claims) > maxList {
		ps.Add("claims", "publisher_claims_required", "max", maxList)
		return
	}
	for i, c := range out.Claims {
		switch {
		case !claimName.MatchString(c.Claim) || slices.Contains(claimsApart, c.Claim) || len(c.Values) == 0 || len(c.Values) > maxList,
			slices.ContainsFunc(c.Values, func(v string) bool { return v == "" || !plain(v) }):
			ps.Add("claims", "publisher_claim_invalid", "claim", ledger.Excerpt(c.Claim))
			return
		case i == 0 && (len(c.Values) != 1 || strings.Contains(c.Values[0], "*")):
			ps.Add("claims", "publisher_claims_first", "claim", c.Claim)
			return
		}
	}
	if out.Tag != "" && !slices.ContainsFunc(out.Claims, func(c ClaimRule) bool { return c.Claim == "ref" }) {
		ps.Add("tag", "publisher_tag_without_ref")
	}
}

// checkPatterns reads the entries of a list, and drops white space, empty entries and repeats.
func checkPatterns(ps *problem.Problems, field, code string, in []string, form *regexp.Regexp) (out []string) {
	for _, s := range in {
		s = strings.TrimSpace(s)
		if s == "" || slices.Contains(out, s) {
			continue
		}
		if !form.MatchString(s) || len(out) == maxList {
			ps.Add(field, code, "value", ledger.Excerpt(s))
			return nil
		}
		out = append(out, s)
	}
	return out
}

// plain reports whether a text can stand in a line.
func plain(s string) bool { return len(s) <= maxField && !strings.ContainsFunc(s, text.Disruptive) }

// glob reports whether a text fits a pattern. star is what * stands for, as a regular expression.
func glob(pattern, s, star string) bool {
	if strings.ContainsFunc(s, text.Disruptive) { // no name has it
		return false
	}
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.ReplaceAll(quoted, `\*\*`, `.*`)
	quoted = strings.ReplaceAll(quoted, `\*`, star)
	ok, err := regexp.MatchString(`^(?s:`+quoted+`)$`, s)
	return err == nil && ok
}

// versionOf returns the version in the name of a ref, by a rule like "v{version}".
func versionOf(rule, ref string) (version string, ok bool) {
	before, after, _ := strings.Cut("refs/tags/"+rule, "{version}")
	if len(ref) < len(before)+len(after) || !strings.HasPrefix(ref, before) || !strings.HasSuffix(ref, after) {
		return "", false
	}
	version = ref[len(before) : len(ref)-len(after)]
	return version, caveats.ValidVersion(version)
}
