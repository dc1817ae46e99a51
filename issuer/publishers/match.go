package publishers

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// Difference says how a claim of a token differs from what a publisher expects.
type Difference struct {
	Claim    string `json:"claim"`           // name in the token
	Field    string `json:"field,omitempty"` // field of Rules, in lower case, that can take Got over; "": none can
	Expected string `json:"expected"`
	Got      string `json:"got"` // beginning of it; "": the token does not have the claim
	Absent   bool   `json:"absent,omitempty"`
}

// lookup is what publishers are found by, given a token.
type lookup struct{ issuer, kind, value string }

// maxLookups bounds the claims of a token by which a publisher can be found.
const maxLookups = 100

// facts are what a verified token says, for its kind.
type facts struct {
	kind    idtoken.Kind
	issuer  string
	claims  idtoken.Claims
	lookups []lookup
	pins    map[string]string // claims that are pinned at first use
	run     tokens.Run
}

// pinned are the claims that are pinned, for a kind; the first one finds a publisher whose repository was renamed.
var pinned = map[idtoken.Kind][]string{
	idtoken.KindGitHub: {"repository_id", "repository_owner_id"}, idtoken.KindGitLab: {"project_id", "namespace_id"},
	idtoken.KindGoogle: {"sub"}, idtoken.KindCircleCI: {circle + "project-id", circle + "org-id"},
}

// circle begins the names of CircleCI's claims.
const circle = "oidc.circleci.com/"

// subjectClaim is the claim that Rules.Repository is compared with.
var subjectClaim = map[idtoken.Kind]string{
	idtoken.KindGitHub: "repository", idtoken.KindGitLab: "project_path", idtoken.KindGoogle: "email", idtoken.KindCircleCI: circle + "project-id",
}

// refClaim is the claim with the full name of the ref.
var refClaim = map[idtoken.Kind]string{
	idtoken.KindGitHub: "ref", idtoken.KindGitLab: "ref_path", idtoken.KindCircleCI: circle + "vcs-ref", idtoken.KindGeneric: "ref",
}

// factsOf reads a verified token.
func factsOf(v idtoken.Verified) facts {
	f := facts{kind: v.Issuer.Kind, issuer: v.Issuer.URL, claims: v.Claims, pins: map[string]string{}}
	for i, claim := range pinned[f.kind] {
		id := f.text(claim)
		if id == "" || len(id) > maxField {
			continue
		}
		f.pins[claim] = id
		if i == 0 {
			f.lookups = append(f.lookups, lookup{f.issuer, "id", id})
		}
	}
	if claim := subjectClaim[f.kind]; claim != "" {
		f.lookups = append(f.lookups, lookup{f.issuer, "name", lower(f.text(claim))})
	} else {
		for _, claim := range slices.Sorted(maps.Keys(f.claims)) {
			if s, ok := f.claims.Text(claim); ok && !slices.Contains(claimsApart, claim) && len(f.lookups) < maxLookups {
				f.lookups = append(f.lookups, lookup{f.issuer, "claim", claim + "=" + s})
			}
		}
	}
	f.run = f.describe()
	return f
}

// text returns a claim as text, "" if the token does not have it.
func (f *facts) text(claim string) string {
	s, _ := f.claims.Text(claim)
	return s
}

// lookups returns what a publisher is found by.
func (rec record) lookups() []lookup {
	r := rec.Rules
	if r.Kind == idtoken.KindGeneric {
		return []lookup{{r.Issuer, "claim", r.Claims[0].Claim + "=" + r.Claims[0].Values[0]}}
	}
	out := []lookup{{r.Issuer, "name", lower(r.Repository)}}
	if id := rec.Pins[pinned[r.Kind][0]]; id != "" {
		out = append(out, lookup{r.Issuer, "id", id})
	}
	return out
}

// comparison collects the differences between a token and a publisher.
type comparison struct {
	*facts
	rec  record
	diff []Difference
}

// compare returns how a token differs from what a publisher expects; none: it fits.
func (rec record) compare(f *facts) []Difference {
	c := comparison{facts: f, rec: rec}
	if rec.Rules.Issuer != f.issuer || rec.Rules.Kind != f.kind {
		return []Difference{{Claim: "iss", Expected: rec.Rules.Issuer, Got: ledger.Excerpt(f.issuer)}}
	}
	for _, claim := range pinned[f.kind] {
		if want := rec.Pins[claim]; want != "" {
			c.expect(claim, "", want, exact)
		}
	}
	switch f.kind {
	case idtoken.KindGitHub:
		c.github()
	case idtoken.KindGitLab:
		c.gitlab()
	case idtoken.KindGoogle:
		c.expect("email", "", rec.Rules.Repository, sameName)
		c.expect("email_verified", "", "true", exact)
	case idtoken.KindCircleCI:
		c.circleci()
	default:
		for _, r := range rec.Rules.Claims {
			c.oneOf(r.Claim, "", r.Values, func(p, s string) bool { return glob(p, s, ".*") })
		}
	}
	c.common()
	return c.diff
}

// lower maps names that differ only in the case of ASCII letters to the same text: other letters occur in no name that is compared.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func sameName(want, got string) bool { return lower(want) == lower(got) }

func exact(want, got string) bool { return want == got }

// expect compares a claim with one value.
func (c *comparison) expect(claim, field, want string, equal func(want, got string) bool) {
	c.oneOf(claim, field, []string{want}, equal)
}

// oneOf compares a claim with several values.
func (c *comparison) oneOf(claim, field string, want []string, equal func(want, got string) bool) {
	got, there := c.claims.Text(claim)
	if there && slices.ContainsFunc(want, func(w string) bool { return equal(w, got) }) {
		return
	}
	c.differ(claim, field, strings.Join(want, ", "), got, !there)
}

// differ adds a difference. What can't be shown as it is can't be taken over.
func (c *comparison) differ(claim, field, want, got string, absent bool) {
	d := Difference{Claim: claim, Field: field, Expected: want, Got: shown(got), Absent: absent}
	if d.Got != got {
		d.Field = ""
	}
	c.diff = append(c.diff, d)
}

// shown returns the beginning of a text from a token, as it can stand in a line.
func shown(s string) string {
	return strings.Map(func(r rune) rune {
		if text.Disruptive(r) {
			return '\ufffd'
		}
		return r
	}, ledger.Excerpt(s))
}

// renamed reports whether the repository is known by its id, so that its name may have changed.
func (c *comparison) renamed() bool {
	id := c.rec.Pins[pinned[c.kind][0]]
	return id != "" && id == c.text(pinned[c.kind][0])
}

func (c *comparison) github() {
	r := c.rec.Rules
	if !c.renamed() {
		c.expect("repository", "", r.Repository, sameName)
		owner, _, _ := strings.Cut(r.Repository, "/")
		c.expect("repository_owner", "", owner, sameName)
	}
	if r.Workflow != "" {
		claim := "workflow_ref"
		if _, there := c.claims.Text(claim); !there {
			claim = "job_workflow_ref" // it is the same where no workflow calls another
		}
		got, ref, there := c.workflowFile(claim)
		switch {
		case got != r.Workflow:
			c.differ(claim, only(fileName.MatchString(got), "workflow"), r.Workflow, got, !there)
		case ref != c.text("ref") && ref != c.text("sha"):
			c.differ(claim, "", "@"+c.text("ref"), "@"+ref, false)
		}
	}
	if r.Called != "" {
		c.called(r.Called)
	}
	event, there := c.claims.Text("event_name")
	switch {
	case !there || slices.Contains(never, event):
		c.differ("event_name", "", "an event that runs the repository's own code", event, !there)
	case len(r.Events) > 0 && !slices.Contains(r.Events, event):
		c.differ("event_name", "events", strings.Join(r.Events, ", "), event, false)
	}
}

// called compares the workflow that the first one calls. If the publisher names no ref of it, any does, and none is taken over.
func (c *comparison) called(want string) {
	got, there := c.claims.Text("job_workflow_ref")
	file, _, _ := strings.Cut(got, "@")
	if !strings.Contains(want, "@") {
		got = file
	}
	if got != want && (strings.Contains(want, "@") || !sameFile(want, file)) {
		c.differ("job_workflow_ref", only(calledFile.MatchString(got), "called"), want, got, !there)
	}
}

// only returns a field if its value can be taken over.
func only(can bool, field string) string {
	if can {
		return field
	}
	return ""
}

// sameFile compares OWNER/NAME/PATH: owner and name in any case.
func sameFile(want, got string) bool {
	w, g := strings.SplitN(want, "/", 3), strings.SplitN(got, "/", 3)
	return len(w) == 3 && len(g) == 3 && sameName(w[0]+"/"+w[1], g[0]+"/"+g[1]) && w[2] == g[2]
}

// workflowFile takes a claim like O/R/.github/workflows/F@REF apart, where O/R is the token's own repository. If it is of another
// repository, file is all before the @.
func (c *comparison) workflowFile(claim string) (file, ref string, there bool) {
	got, there := c.claims.Text(claim)
	file, ref, _ = strings.Cut(got, "@")
	own := c.text("repository") + "/"
	if len(file) > len(own) && sameName(file[:len(own)], own) {
		if dir, base, ok := strings.Cut(file[len(own):], "/workflows/"); ok && (dir == ".github" || dir == ".forgejo" || dir == ".gitea") {
			return base, ref, there
		}
	}
	return file, ref, there
}

func (c *comparison) gitlab() {
	r := c.rec.Rules
	if !c.renamed() {
		c.expect("project_path", "", r.Repository, sameName)
	}
	got, there := c.claims.Text("ci_config_ref_uri")
	file, ref, _ := strings.Cut(got, "@")
	host := strings.TrimPrefix(c.issuer, "https://")
	begin := host + "/" + c.text("project_path") + "//"
	if len(file) > len(begin) && sameName(file[:len(begin)], begin) {
		file = file[len(begin):]
	}
	switch {
	case file != r.Workflow:
		c.differ("ci_config_ref_uri", only(filePath.MatchString(file) && !dotted(file), "workflow"), r.Workflow, file, !there)
	case ref != c.text("ref_path") && ref != c.text("sha"):
		c.differ("ci_config_ref_uri", "", "@"+c.text("ref_path"), "@"+ref, false)
	}
	event := c.text("pipeline_source")
	switch {
	case len(r.Events) > 0:
		c.oneOf("pipeline_source", "events", r.Events, exact)
	case slices.Contains(ofStrangers, event):
		c.differ("pipeline_source", "", "an event that runs the project's own code", event, false)
	}
}

func (c *comparison) circleci() {
	r := c.rec.Rules
	c.expect(circle+"project-id", "", r.Repository, exact)
	c.expect(circle+"pipeline-definition-id", "workflow", r.Workflow, exact)
	if ssh, there := c.claims.Text(circle + "ssh-rerun"); there && ssh != "false" {
		c.differ(circle+"ssh-rerun", "", "false", ssh, false)
	}
	if r.Environment == "" {
		return
	}
	list, _ := c.claims[circle+"context-ids"].([]any)
	if !slices.Contains(list, any(r.Environment)) {
		c.differ(circle+"context-ids", "", r.Environment, "", len(list) == 0)
	}
}

// common compares what tokens of several kinds say alike.
func (c *comparison) common() {
	r := c.rec.Rules
	if r.Environment != "" && c.kind != idtoken.KindCircleCI {
		equal := exact
		if c.kind == idtoken.KindGitHub {
			equal = sameName
		}
		c.expect("environment", "environment", r.Environment, equal)
	}
	ref := refClaim[c.kind]
	if len(r.Refs) > 0 {
		c.oneOf(ref, "refs", r.Refs, func(p, s string) bool { return glob(p, s, "[^/]*") })
	}
	if r.Protected {
		c.expect("ref_protected", "", "true", exact)
	}
	if r.Runner != "" {
		c.expect("runner_environment", "runner", r.Runner, exact)
	}
	if got, there := c.claims.Text(ref); r.Tag != "" {
		if _, ok := versionOf(r.Tag, got); !ok {
			c.differ(ref, "", "refs/tags/"+r.Tag, got, !there)
		}
	}
}

// describe returns the job as its token describes it.
func (f *facts) describe() tokens.Run {
	run := tokens.Run{
		Issuer: f.issuer, Repository: f.text(subjectClaim[f.kind]), Environment: f.text("environment"), Event: f.text("event_name"),
		Ref: f.text(refClaim[f.kind]), Commit: f.text("sha"), Actor: f.text("actor"), ID: f.text("run_id"),
	}
	c := comparison{facts: f}
	switch f.kind {
	case idtoken.KindGitHub:
		run.Workflow, _, _ = c.workflowFile("workflow_ref")
		number := run.ID
		if strings.HasSuffix(f.issuer, "/api/actions") { // Forgejo's pages are by the number of the run in its repository
			number = f.text("run_number")
		}
		run.URL = page(f.host(), run.Repository, "actions", "runs", number)
	case idtoken.KindGitLab:
		run.Workflow, _, _ = strings.Cut(f.text("ci_config_ref_uri"), "@")
		_, run.Workflow, _ = strings.Cut(run.Workflow, "//")
		run.Event, run.Actor, run.ID = f.text("pipeline_source"), f.text("user_login"), f.text("pipeline_id")
		run.URL = page(f.host(), run.Repository, "-", "pipelines", run.ID)
	case idtoken.KindCircleCI:
		run.Workflow = f.text(circle + "pipeline-definition-id")
	case idtoken.KindGeneric:
		run.Repository = f.text("sub")
	}
	for _, s := range []*string{&run.Repository, &run.Workflow, &run.Environment, &run.Event, &run.Ref, &run.Commit, &run.Actor, &run.ID} {
		*s = shown(*s)
	}
	return run
}

// host returns the address of the pages that belong to the issuer.
func (f *facts) host() string { return pagesOf(idtoken.Issuer{URL: f.issuer, Kind: f.kind}) }

// page returns the address of a page of a repository, or "" if a part is missing.
func page(host, repository string, parts ...string) string {
	if repository == "" || parts[len(parts)-1] == "" || !manyNames.MatchString(repository) {
		return ""
	}
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return host + "/" + repository + "/" + strings.Join(parts, "/")
}
