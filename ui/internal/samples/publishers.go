package samples

import (
	"time"

	"github.com/rind-dev/rind/ui"
)

const (
	publisherID = "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a20"
	gitHub      = "https://token.actions.githubusercontent.com"
	forgejo     = "https://git.department-of-engines.example.org/api/actions"
)

func publisherRows() []ui.PublisherRow {
	return []ui.PublisherRow{
		{ID: publisherID, Rules: ui.PublisherRules{Issuer: gitHub, Kind: ui.KindGitHub, Repository: "octo/demo-plugins", Workflow: "release.yml", Environment: "pypi", Tag: "v{version}"},
			Page: "https://github.com/octo/demo-plugins", Pins: []ui.PinRow{{Claim: "repository_id", Value: "74123456"}, {Claim: "repository_owner_id", Value: "65"}},
			AddedBy: "ada", AddedAt: ago(40 * day), UsedAt: ago(2 * time.Hour), UploadedAt: ago(2 * time.Hour), Working: 1, Refused: 3},
		{ID: publisherID, Rules: ui.PublisherRules{Issuer: "https://gitlab.example.org", Kind: ui.KindGitLab, Repository: "department-of-engines/second-rack/demo-plugins-of-the-department", Workflow: "ci/release-of-everything.yml", Protected: true, Network: true,
			Refs: []string{"refs/tags/v*", "refs/heads/release/**"}, Events: []string{"push", "web"}, Runner: "self-hosted"},
			Page: "https://gitlab.example.org/department-of-engines/second-rack/demo-plugins-of-the-department", AddedBy: "charles-with-a-long-username", AddedAt: ago(400 * day), UsedAt: ago(30 * day), Stopped: true},
		{ID: publisherID, Unknown: true, Rules: ui.PublisherRules{Issuer: "https://agent.buildkite.com", Kind: ui.KindGeneric, Claims: []string{"organization_slug = octo", "pipeline_slug = demo-plugins or demo-plugins-nightly", "build_branch = main"}},
			AddedBy: "ada", AddedAt: ago(day)},
		{ID: publisherID, Rules: ui.PublisherRules{Issuer: forgejo, Kind: ui.KindGitHub, Repository: "octo/demo", Called: "octo/shared/.forgejo/workflows/build-and-publish.yml@refs/tags/v3"},
			Page: "https://git.department-of-engines.example.org/octo/demo", AddedBy: "ada", AddedAt: ago(day)},
	}
}

func refusals() []ui.RefusalRow {
	run := ui.RunRow{Repository: "octo/demo-plugins", Workflow: "test.yml", Environment: "staging", Event: "push", Ref: "refs/tags/v1.2.3", Commit: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", Actor: "octocat", ID: "9912345678",
		URL: "https://github.com/octo/demo-plugins/actions/runs/9912345678"}
	return []ui.RefusalRow{
		{At: ago(time.Hour), Count: 3, Run: run, Differences: []ui.DifferenceRow{
			{Claim: "workflow_ref", Expected: "release.yml", Got: "test.yml", Offered: true},
			{Claim: "environment", Expected: "pypi", Absent: true, Offered: true}}},
		{At: ago(day), Count: 1, Foreign: true, Run: run, Differences: []ui.DifferenceRow{{Claim: "repository_id", Expected: "74123456", Got: "99"}}},
		{At: ago(2 * day), Count: 2, Run: ui.RunRow{Repository: "octo/demo-plugins"}, Detail: "alice, who vouched for the publisher, is no owner of demo-plugins any more: another owner has to vouch for it on the project's page"},
	}
}

func jobUploads() []ui.JobUpload {
	return []ui.JobUpload{
		{At: ago(2 * time.Hour), Publisher: publisherID, Run: refusals()[0].Run},
		{At: ago(30 * day), Publisher: publisherID, Run: ui.RunRow{Repository: "department-of-engines/second-rack/demo-plugins-of-the-department", Workflow: "ci/release-of-everything.yml"}},
		{At: ago(40 * day), Publisher: publisherID},
	}
}

func issuerChoices() []ui.IssuerChoice {
	return []ui.IssuerChoice{
		{URL: gitHub, Kind: ui.KindGitHub, Name: "github"}, {URL: "https://gitlab.com", Kind: ui.KindGitLab, Name: "gitlab"}, {URL: "https://accounts.google.com", Kind: ui.KindGoogle, Name: "google"},
		{URL: "https://oidc.circleci.com/org/", Kind: ui.KindCircleCI, Name: "circleci"}, {URL: forgejo, Kind: ui.KindGitHub, Name: "forge"}, {URL: "https://agent.buildkite.com", Kind: ui.KindGeneric, Name: "buildkite"},
	}
}

func publisherPages() []Page {
	const name = "demo-plugins"
	rows := publisherRows()
	pending := rows[0]
	pending.Pending, pending.EndsAt, pending.UsedAt, pending.UploadedAt, pending.Pins, pending.Working = "demo-next", in(27*day), time.Time{}, time.Time{}, nil, 0
	file := func(r ui.PublisherRow) ui.Workflow {
		return ui.WorkflowFor(r.Rules, upload, "packages.example.org")
	}
	github := ui.PublisherRules{Issuer: gitHub, Kind: ui.KindGitHub, Repository: "octo/demo-plugins", Workflow: "release.yml", Environment: "pypi"}
	return append(append([]Page{
		{"publishers", ui.PublishersPage{Layout: done(member(), "publisher_removed"), Project: name, Owner: true, Rows: rows, Uploads: jobUploads(), Days: 7}},
		{"publishers-none", ui.PublishersPage{Layout: member(), Project: name, Owner: true, Days: 7}},
		{"publishers-maintainer", ui.PublishersPage{Layout: member(), Project: name, Days: 7}},
		{"publisher", ui.PublisherPage{Layout: done(member(), "publisher_added"), Project: name, Owner: true, Publisher: rows[0], Refusals: refusals(), Days: 7, Workflow: file(rows[0])}},
		{"publisher-gitlab-stopped", ui.PublisherPage{Layout: member(), Project: name, Owner: true, Publisher: rows[1], Days: 7, Workflow: file(rows[1])}},
		{"publisher-generic", ui.PublisherPage{Layout: member(), Project: name, Publisher: rows[2], Days: 7, Command: "rind token exchange --server https://packages.example.org -- twine upload --repository-url https://packages.example.org/legacy/ dist/*"}},
		{"publisher-forgejo", ui.PublisherPage{Layout: member(), Project: name, Publisher: rows[3], Days: 7, Workflow: file(rows[3])}},
		{"publisher-pending", ui.PublisherPage{Layout: done(member(), "publisher_added"), Owner: true, Publisher: pending, Refusals: refusals()[:1], Days: 7, Workflow: file(pending)}},
		{"publisher-take", ui.PublisherTakePage{Layout: member(), Project: name, Publisher: rows[0], Difference: refusals()[0].Differences[0], Run: refusals()[0].Run, At: ago(time.Hour)}},
		{"publisher-take-none", ui.PublisherTakePage{Layout: member(), Project: name, Publisher: rows[0], Difference: refusals()[0].Differences[1], Any: true, Run: refusals()[0].Run, At: ago(time.Hour)}},
		{"publisher-take-pending", ui.PublisherTakePage{Layout: member(), Publisher: pending, Difference: refusals()[0].Differences[0], Run: refusals()[0].Run, At: ago(time.Hour)}},
		{"publisher-remove-last", ui.PublisherRemovePage{Layout: member(), Project: name, Publisher: rows[0], LastOfOnly: true}},
		{"publisher-remove", ui.PublisherRemovePage{Layout: member(), Project: name, Publisher: rows[0]}},
		{"publisher-remove-unused", ui.PublisherRemovePage{Layout: member(), Project: name, Publisher: rows[2]}},
		{"publisher-remove-pending", ui.PublisherRemovePage{Layout: member(), Publisher: pending}},
		{"project-only", ui.ProjectOnlyPage{Layout: member(), Project: name, Tokens: []ui.UsedToken{{Label: "demo CI", Owner: "ada", UsedAt: ago(2 * time.Hour)}}, More: 3}},
		{"project-only-none", ui.ProjectOnlyPage{Layout: member(), Project: name}},
		{"project-all-tokens", ui.ProjectOnlyPage{Layout: member(), Project: name, Undo: true}},
		{"pending-publishers", ui.PendingPublishersPage{Layout: done(member(), "pending_removed"), Rows: []ui.PublisherRow{pending}, Life: 30}},
		{"pending-publishers-none", ui.PendingPublishersPage{Layout: member(), Life: 30}},
		{"publisher-new", ui.PublisherNewPage{Layout: member(), Project: name, Issuers: issuerChoices()}},
		{"publisher-new-github", ui.PublisherNewPage{Layout: member(), Project: name, Second: true, Issuers: issuerChoices(), Rules: github}},
		{"publisher-new-pending", ui.PublisherNewPage{Layout: member(), Second: true, Issuers: issuerChoices(), Rules: github, Name: "demo-next", Life: 30}},
	}, publisherForms()...), issuerPages()...)
}

// publisherForms are the forms of other CI systems, and those with problems.
func publisherForms() []Page {
	const name = "demo-plugins"
	form := func(r ui.PublisherRules, problems ...ui.Problem) ui.PublisherNewPage {
		return ui.PublisherNewPage{Layout: wrong(member(), problems...), Project: name, Second: r.Issuer != "", Issuers: issuerChoices(), Rules: r}
	}
	bad := form(ui.PublisherRules{Issuer: gitHub, Kind: ui.KindGitHub, Repository: "demo", Workflow: "release", Called: "x", Runner: "self-hosted", Tag: "v", Protected: true},
		ui.Problem{Field: "repository", Code: "publisher_repository_invalid"}, ui.Problem{Field: "workflow", Code: "publisher_workflow_invalid"}, ui.Problem{Field: "called", Code: "publisher_called_invalid"},
		ui.Problem{Field: "refs", Code: "publisher_ref_invalid", Args: ui.Args{"value": "v*"}}, ui.Problem{Field: "events", Code: "publisher_event_refused", Args: ui.Args{"event": "workflow_run"}},
		ui.Problem{Field: "tag", Code: "publisher_tag_invalid"}, ui.Problem{Field: "runner", Code: "publisher_runner_invalid"})
	bad.Refs, bad.Events = "v*", "workflow_run"
	generic := form(ui.PublisherRules{Issuer: "https://agent.buildkite.com", Kind: ui.KindGeneric}, ui.Problem{Field: "claims", Code: "publisher_claims_form", Args: ui.Args{"line": "octo"}})
	generic.Claims = "octo"
	circle := form(ui.PublisherRules{Issuer: "https://oidc.circleci.com/org/", Kind: ui.KindCircleCI}, ui.Problem{Field: "organization", Code: "publisher_organization"})
	circle.CircleCI = "octo"
	unknown := form(ui.PublisherRules{}, ui.Problem{Field: "from", Code: "publisher_address_unknown", Args: ui.Args{"host": "git.example.com"}})
	unknown.From = "https://git.example.com/octo/demo"
	return []Page{
		{"publisher-new-unknown", unknown},
		{"publisher-new-problems", bad},
		{"publisher-new-gitlab", form(ui.PublisherRules{Issuer: "https://gitlab.com", Kind: ui.KindGitLab, Repository: "octo/demo", Workflow: ".gitlab-ci.yml"})},
		{"publisher-new-google", form(ui.PublisherRules{Issuer: "https://accounts.google.com", Kind: ui.KindGoogle})},
		{"publisher-new-circleci", circle},
		{"publisher-new-generic", generic},
	}
}

func issuerPages() []Page {
	rows := []ui.IssuerRow{
		{Name: "forge", URL: forgejo, Kind: ui.KindGitHub, Added: true, InUse: true, Keys: 2, FetchedAt: ago(time.Hour)},
		{Name: "our-gitlab-of-the-second-department", URL: "https://gitlab.example.org", Kind: ui.KindGitLab, InUse: true, Failed: "https://gitlab.example.org/.well-known/openid-configuration: the address 10.0.0.7 is not public"},
		{Name: "buildkite", URL: "https://agent.buildkite.com", Kind: ui.KindGeneric, Added: true},
	}
	return []Page{
		{"issuers", ui.IssuersPage{Layout: done(member(), "issuer_added"), Rows: rows}},
		{"issuer-remove", ui.IssuerRemovePage{Layout: member(), Name: "forge", URL: forgejo, Publishers: 14, Pending: 2, Projects: []string{"demo", "demo-plugins-of-the-department", "engine"}, More: 4}},
		{"issuer-remove-unused", ui.IssuerRemovePage{Layout: member(), Name: "buildkite", URL: "https://agent.buildkite.com"}},
		{"issuers-problems", ui.IssuersPage{Name: "Our", URL: "http://x", Keys: "x", CA: "x", Private: true, Layout: wrong(member(),
			ui.Problem{Field: "name", Code: "issuer_taken"}, ui.Problem{Field: "url", Code: "issuer_invalid", Args: ui.Args{"why": "“http://x” must begin with https://, in lower case"}},
			ui.Problem{Field: "kind", Code: "issuer_invalid", Args: ui.Args{"why": "must be github, gitlab or generic"}}, ui.Problem{Field: "keys", Code: "issuer_too_long", Args: ui.Args{"max": 32768}})}},
	}
}
