package ui

import (
	"net/url"
	"strings"
	"time"
)

// Kinds of CI systems.
const (
	KindGitHub   = "github" // GitHub, GitHub Enterprise Server, Forgejo, Gitea
	KindGitLab   = "gitlab"
	KindGoogle   = "google"
	KindCircleCI = "circleci"
	KindGeneric  = "generic" // publishers have rules over claims
)

// PublisherRules say which jobs of a CI system may upload. What is empty is not asked for.
type PublisherRules struct {
	Issuer      string // URL of the CI system's issuer
	Kind        string // KindGitHub …
	Repository  string
	Workflow    string
	Called      string // workflow that the first one calls
	Environment string
	Refs        []string // patterns
	Protected   bool     // only refs that the repository protects
	Events      []string
	Runner      string   // "github-hosted", "gitlab-hosted" or "self-hosted"
	Claims      []string // of KindGeneric: "sub = a or b"
	Tag         string   // the version comes from the tag: "v{version}"
	Network     bool     // the token works in the job's network only
}

// System names the CI system: the host of its issuer.
func (r PublisherRules) System() string {
	switch r.Kind {
	case KindGoogle:
		return "Google Cloud"
	case KindCircleCI:
		return "CircleCI"
	}
	if r.Issuer == issuerGitHub {
		return "GitHub"
	}
	u, err := url.Parse(r.Issuer)
	if err != nil || u.Host == "" {
		return r.Issuer
	}
	return u.Host
}

// issuerGitHub is the issuer of github.com.
const issuerGitHub = "https://token.actions.githubusercontent.com"

// Names reports whether the rules name a repository; else Claims say who it is.
func (r PublisherRules) Names() bool { return r.Repository != "" }

// PinRow is an id behind a name, which the jobs have to have.
type PinRow struct{ Claim, Value string }

// PublisherRow is a publisher.
type PublisherRow struct {
	ID         string
	Pending    string // name of the project that it will register; "" if it is one of a project
	Rules      PublisherRules
	Page       string // address of the repository's page; "" or https
	Pins       []PinRow
	AddedBy    string // who vouches for it
	AddedAt    time.Time
	EndsAt     time.Time // of a pending one
	UsedAt     time.Time // zero: never
	UploadedAt time.Time // zero: never
	Working    int       // its tokens that work now
	Stopped    bool      // who vouches for it owns the project no longer
	Unknown    bool      // its CI system is not known any more
	Refused    int       // refusals of the last days; for owners
}

// Link returns the address of the repository's page, if it is one that a page may link to.
func (r PublisherRow) Link() string { return secureLink(r.Page) }

// Name is what the publisher is called in titles.
func (r PublisherRow) Name() string {
	if r.Rules.Names() {
		return r.Rules.Repository
	}
	if len(r.Rules.Claims) > 0 {
		return r.Rules.Claims[0]
	}
	return r.Rules.Issuer
}

// RunRow is a run of a CI system. Its texts come from there; any may be empty.
type RunRow struct {
	Repository, Workflow, Environment, Event, Ref, Commit, Actor, ID string

	URL string // page of the run: "" or https
}

// Link returns the address of the run's page, if it is one that a page may link to.
func (r RunRow) Link() string { return secureLink(r.URL) }

// secureLink returns an https address as it is, and "" for anything else.
func secureLink(address string) string {
	if strings.HasPrefix(address, "https://") {
		return address
	}
	return ""
}

// ShortCommit is the beginning of the commit's hash.
func (r RunRow) ShortCommit() string { return r.Commit[:min(len(r.Commit), 10)] }

// ShortRef is the name of the tag or branch.
func (r RunRow) ShortRef() string {
	for _, prefix := range []string{"refs/tags/", "refs/heads/"} {
		if s, ok := strings.CutPrefix(r.Ref, prefix); ok {
			return s
		}
	}
	return r.Ref
}

// JobUpload is a job that uploaded to a project.
type JobUpload struct {
	At        time.Time
	Publisher string // id; it may be gone
	Run       RunRow
}

// DifferenceRow says how a job differs from what its publisher expects.
type DifferenceRow struct {
	Claim    string // name in the ID token
	Expected string
	Got      string
	Absent   bool // the token does not have the claim
	Offered  bool // an owner may take the value over
}

// RefusalRow is a job that got no token.
type RefusalRow struct {
	At          time.Time // of the last one
	Count       int
	Detail      string
	Differences []DifferenceRow
	Foreign     bool // it came from another repository with the same name
	Run         RunRow
}

// PublishersPage lists the publishers of a project, for its members.
type PublishersPage struct {
	Layout
	Project string
	Owner   bool // the reader may change them
	Rows    []PublisherRow
	Uploads []JobUpload // the last ones
	Days    int         // for which refusals are kept
}

func (v PublishersPage) about() about {
	return about{page: "publishers", title: "publishers.title", args: Args{"project": v.Project}, place: placeProjects}
}

// PublisherPage shows a publisher of a project, or a pending one. Form, for owners: POST PathPublisherVouch without fields.
type PublisherPage struct {
	Layout
	Project   string // "" for a pending one
	Owner     bool
	Publisher PublisherRow
	Refusals  []RefusalRow // for owners
	Days      int          // for which refusals are kept
	Workflow  Workflow     // zero: the CI system has no file to copy
	Command   string       // that a job of another CI system runs
}

func (v PublisherPage) about() about {
	return about{page: "publisher", title: "publisher.title", args: Args{"name": v.Publisher.Name()}, place: placeOf(v.Project)}
}

// PublisherTakePage asks before a publisher takes over the value of a refused job. Form: POST PathPublisherTake, or PathPendingTake for a pending
// one, with claim and value.
type PublisherTakePage struct {
	Layout
	Project    string // "" for a pending one
	Publisher  PublisherRow
	Difference DifferenceRow
	Any        bool // the job has no environment, so that the publisher asks for none any more
	Run        RunRow
	At         time.Time
}

func (v PublisherTakePage) about() about {
	return about{page: "publisher_take", title: "publisher_take.title", args: Args{"name": v.Publisher.Name()}, place: placeOf(v.Project)}
}

// placeOf is where pages of publishers belong: those of pending ones, without a project, to the account.
func placeOf(project string) string {
	if project == "" {
		return placeAccount
	}
	return placeProjects
}

// PublisherRemovePage asks before a publisher is removed. Form: POST PathPublisherRemove, or PathPendingRemove for a pending one, without
// fields.
type PublisherRemovePage struct {
	Layout
	Project    string // "" for a pending one
	Publisher  PublisherRow
	LastOfOnly bool // the project takes uploads of publishers only, and this is its last one
}

func (v PublisherRemovePage) about() about {
	return about{page: "publisher_remove", title: "publisher_remove.title", args: Args{"name": v.Publisher.Name()}, place: placeOf(v.Project)}
}

// PendingPublishersPage lists the pending publishers of the signed-in user.
type PendingPublishersPage struct {
	Layout
	Rows []PublisherRow
	Life int // days
}

func (PendingPublishersPage) about() about {
	return about{page: "pending_publishers", title: "pending.title", place: placeAccount}
}

// IssuerChoice is a CI system that publishers can be made for.
type IssuerChoice struct {
	URL  string
	Kind string
	Name string // as the administrator calls it
}

// System names the CI system.
func (c IssuerChoice) System() string { return PublisherRules{Issuer: c.URL, Kind: c.Kind}.System() }

// PublisherNewPage adds a publisher. The first step, without Second, is two forms: GET to the same address with from (the
// address of a repository) or with issuer. The second: POST PathPublisherNew, or PathPendingNew with name, with issuer, repository,
// workflow, called, environment, refs, events and claims (one in a line), protected, network ("yes"), runner and tag.
type PublisherNewPage struct {
	Layout
	Project  string // "" for a pending one
	Name     string // of the project that a pending one registers
	Second   bool   // the CI system is chosen: Rules.Issuer
	From     string // typed in the first step
	Issuers  []IssuerChoice
	Rules    PublisherRules // Refs, Events and Claims are in the texts below
	CircleCI string         // organization's id, where the issuer needs it
	Refs     string
	Events   string
	Claims   string
	Life     int // days, of a pending one
}

func (v PublisherNewPage) about() about {
	if v.Project == "" {
		return about{page: "publisher_new", title: "pending_new.title", place: placeAccount}
	}
	return about{page: "publisher_new", title: "publisher_new.title", args: Args{"project": v.Project}, place: placeProjects}
}

// RulesOpen reports whether the fields for further rules are shown expanded.
func (v PublisherNewPage) RulesOpen() bool {
	r := v.Rules
	used := r.Called != "" || v.Refs != "" || v.Events != "" || r.Protected || r.Runner != "" || r.Tag != "" || r.Network
	for _, field := range []string{"called", "refs", "events", "runner", "tag"} {
		used = used || len(on(v, field)) > 0
	}
	return used
}

// Action is the address of the form.
func (v PublisherNewPage) Action() string {
	if v.Project == "" {
		return string(PathPendingNew)
	}
	return PathPublisherNew.With(v.Project)
}

// Hosted is the value of runner for machines of the CI system's own.
func (v PublisherNewPage) Hosted() string { return v.Rules.Kind + "-hosted" }
