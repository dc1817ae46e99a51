package web

import (
	"context"
	"crypto/rand"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/publishers"
)

// ofOwnCI are rules for a job of ownCI.
func ofOwnCI(repository string) publishers.Rules {
	return publishers.Rules{Issuer: ownCI.URL, Repository: repository, Workflow: "release.yml"}
}

// publisher returns the id of the publisher of octo/demo, which is new if there is none.
func (m *cast) publisher() string {
	m.Helper()
	ctx := context.Background()
	all, err := m.issuer.Publishers.List(ctx, m.boss, "demo")
	m.must(err)
	for _, one := range all {
		if one.Rules.Repository == "octo/demo" {
			return one.ID
		}
	}
	one, err := m.issuer.Publishers.Add(ctx, m.boss, "demo", ofOwnCI("octo/demo"))
	m.must(err)
	return one.ID
}

// waiting returns the id of a pending publisher of the owner, or of the visitor with a stale factor.
func (m *cast) waiting(visitor string) string {
	m.Helper()
	holder := m.people[owner]
	if visitor == stale {
		holder = m.people[stale]
	}
	ctx, p := context.Background(), ledger.Principal{UserID: holder.id, Username: holder.name}
	all, err := m.issuer.Publishers.Pending(ctx, p)
	m.must(err)
	if len(all) == 0 {
		one, err := m.issuer.Publishers.AddPending(ctx, p, "waits-"+holder.name, ofOwnCI("octo/waits"))
		m.must(err)
		return one.ID
	}
	return all[0].ID
}

// at returns where an answer leads, without its query.
func (p page) at() string {
	at, _, _ := strings.Cut(p.header.Get("Location"), "?")
	return at
}

// lastToken returns the id of the token that the last exchange minted.
func lastToken(h *house) (id string) {
	h.Helper()
	h.must(h.store.Store.View(h.Context(), func(r kv.Reader) error {
		rows, err := audit.All(r, 0, 10)
		i := slices.IndexFunc(rows, func(e audit.Event) bool { return e.Kind == "token.exchanged" })
		if i >= 0 {
			id = rows[i].Detail["token"]
		}
		return err
	}))
	return id
}

// An owner adds a publisher in two steps without a script; its first job is refused, the owner accepts what it had, and it uploads; the
// owner removes it. A maintainer sees it all and changes nothing.
func TestPublisherPages(t *testing.T) {
	t.Parallel()
	h, ci, ada := oidcHouse(t)
	bob := ada.guest("bob").enrol()
	ada.invites("demo", bob, "maintainer")
	const list = "/projects/demo/publishers"
	ada.get("/projects/demo").is(200, "").says("1 publisher can upload")
	address := strings.TrimSuffix(ci.URL, "/_services/token") + "/octo/extra/blob/main/.github/workflows/publish.yml"
	ada.get(list+"/new").is(200, "").says("Address of the repository").says("Google Cloud")
	ada.get(list+"/new?from="+strings.ReplaceAll("https://git.example.com/a/b", "/", "%2F")).is(422, "").says("rind doesn’t know a CI system at git.example.com.")
	step := ada.get(list+"/new?from="+address).is(200, "").says("everybody who can change the workflow on any branch")
	if step.value("repository") != "octo/extra" || step.value("workflow") != "publish.yml" || step.value("issuer") != ci.URL {
		t.Errorf("%q %q %q", step.value("repository"), step.value("workflow"), step.value("issuer"))
	}
	sent := ada.post(list+"/new", "issuer", ci.URL, "repository", "octo/extra", "workflow", "publish.yml", "environment", "pypi", "refs", "refs/tags/v*\n\n refs/heads/main ", "protected", "yes", "runner", "github-hosted")
	one := sent.at()
	ada.get(one).is(200, "").says("The publisher was added.").says("refs/heads/main").says("Protected branches and tags only").
		says("# .github/workflows/publish.yml").says(`environment: "pypi"`).says("repository-url: " + public + "/legacy/")
	if e := h.last(); e.Kind != "project.publisher_added" || e.Detail["title"] != "octo/extra, publish.yml, pypi" {
		t.Errorf("row %+v", e)
	}
	if mails := h.about("bob@example.org", "The project demo has a new publisher"); len(mails) != 0 {
		t.Errorf("a maintainer is told: %q", mails)
	}
	if got := bob.get(one).is(200, "").says("octo/extra"); strings.Contains(got.body, one+"/remove") || strings.Contains(got.body, "Refused jobs") {
		t.Error("a maintainer can remove it, or sees what was refused")
	}
	bob.get(list+"/new").is(403, "")

	claims := map[string]any{"repository": "octo/extra", "repository_id": "75", "workflow_ref": "octo/extra/.github/workflows/other.yml@refs/tags/v1.2.3", "ref_protected": "true",
		"runner_environment": "github-hosted", "environment": "pypi", "actor": "octocat"}
	h.refusesJob(h.asks("POST", pathMint, tokenBody(job(t, h, ci, claims))), 422, "invalid-publisher", `expected "publish.yml", got "other.yml"`)
	got := ada.get(one).is(200, "").says("Refused jobs").says("started by octocat").says("Accept this")
	ask := one + "/take-over?claim=workflow_ref&value=other.yml"
	if !strings.Contains(got.body, strings.ReplaceAll(ask, "&", "&amp;")) {
		t.Error("there is no link to accept it")
	}
	bob.get(ask).is(403, "")
	bob.post(one+"/take-over", "claim", "workflow_ref", "value", "other.yml").is(403, "")
	ada.get(one+"/take-over?claim=workflow_ref&value=evil.yml").is(404, "")
	ada.post(one+"/take-over", "claim", "workflow_ref", "value", "evil.yml").is(422, "").says("No refusal of the last days has this value.")
	ada.get(ask).is(200, "").says("Everybody who can start such a job")
	ada.post(one+"/take-over", "claim", "workflow_ref", "value", "other.yml").is(303, one)
	if got := h.asks("POST", pathMint, tokenBody(job(t, h, ci, claims))); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	ada.get(one).says("repository_id 75")
	h.must(h.issuer.Tokens.RecordUse(h.Context(), lastToken(h), "demo", netip.Addr{}, h.clock.Now()))
	for _, page := range []string{"/projects/demo", list} {
		bob.get(page).is(200, "").says("Last uploads of jobs").says("octo/extra v1.2.3").says("aaaaaaaaaa").says("other.yml").says("run 99")
	}
	ada.get(one+"/remove").is(200, "").says("1 token of a job")
	ada.post(one+"/remove").is(303, list)
	ada.get(list).says("The publisher was removed")
	ada.get(one).is(404, "")
	ada.get("/projects/demo").says("You removed the publisher octo/extra")
}

// What is typed wrong is said beside its field, and nothing is lost.
func TestPublisherForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	const to = "/projects/demo/publishers/new"
	for _, c := range []badForm{
		{name: "no repository", path: to, form: []string{"issuer", ownCI.URL, "repository", "octo", "workflow", "release", "called", "x", "tag", "v", "refs", "main", "events", "workflow_run", "runner", "mine"}, status: 422,
			wrong: codes("repository", "publisher_repository_invalid", "workflow", "publisher_workflow_invalid", "called", "publisher_called_invalid", "tag", "publisher_tag_invalid", "refs", "publisher_ref_invalid",
				"events", "publisher_event_refused", "runner", "publisher_runner_invalid"), kept: codes("repository", "octo", "workflow", "release", "called", "x", "tag", "v")},
		{name: "no workflow", path: to, form: []string{"issuer", ownCI.URL, "repository", "octo/demo"}, status: 422, wrong: codes("workflow", "publisher_workflow_required")},
		{name: "no organization", path: to, form: []string{"issuer", "https://oidc.circleci.com/org/", "organization", "octo"}, status: 422, wrong: codes("organization", "publisher_organization"), kept: codes("organization", "octo")},
		{name: "pending, of a project that is there", path: "/account/publishers/new", form: []string{"name", "demo", "issuer", ownCI.URL, "repository", "octo/demo", "workflow", "release.yml"}, status: 422, wrong: codes("name", "project_name_taken"), kept: codes("name", "demo", "workflow", "release.yml")},
	} {
		t.Run(c.name, func(t *testing.T) { checkForm(t, ada, c) })
	}
	ada.post(to, "issuer", "https://evil.example", "repository", "octo/demo").is(422, "").says("rind doesn’t know the CI system https://evil.example.")
	got := ada.post("/account/publishers/new", "name", "next", "issuer", ownCI.URL, "repository", "octo/next", "workflow", "release.yml")
	one := got.at()
	ada.get(one).is(200, "").says("registers the project next").says("# .forgejo/workflows/release.yml").says("enable-openid-connect: true")
	ada.get("/account/publishers").says("for the new project next")
	bob := ada.guest("bob").enrol()
	bob.get(one).is(404, "")
	bob.post(one+"/remove").is(404, "")
	ada.get(one+"/take-over?claim=workflow_ref&value=release.yml").is(404, "")
	ada.post(one+"/take-over", "claim", "workflow_ref", "value", "release.yml").is(422, "").says("No refusal of the last days has this value.")
	ada.post(one+"/remove").is(303, "/account/publishers")
	ada.get("/account/publishers").says("The pending publisher was removed.").says("You have no pending publisher.")
}

// Who vouched leaves; another owner vouches on the publisher's page.
func TestVouchOnThePage(t *testing.T) {
	t.Parallel()
	h, ci, ada := oidcHouse(t)
	bob := ada.guest("bob").enrol()
	ada.invites("demo", bob, "owner")
	h.must(func() error {
		_, err := h.issuer.Projects.Leave(h.Context(), ledger.Principal{UserID: ada.id, Username: "ada"}, "demo")
		return err
	}())
	h.refusesJob(h.asks("POST", pathMint, tokenBody(job(t, h, ci, nil))), 422, "invalid-publisher", "another owner has to vouch")
	all, err := h.issuer.Publishers.List(h.Context(), ledger.Principal{UserID: bob.id, Username: "bob"}, "demo")
	h.must(err)
	one := "/projects/demo/publishers/" + all[0].ID
	bob.get("/projects/demo/publishers").says("Stopped")
	bob.get(one).is(200, "").says("ada, who vouched for this publisher, is no longer an owner")
	bob.post(one+"/vouch").is(303, one)
	bob.get(one).says("You now vouch for this publisher")
	if got := h.asks("POST", pathMint, tokenBody(job(t, h, ci, nil))); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Who waits for the first job of a pending publisher accepts what it had, and the job registers the project.
func TestPendingTakeOverPage(t *testing.T) {
	t.Parallel()
	h, ci, ada := oidcHouse(t)
	one := ada.post("/account/publishers/new", "name", "next", "issuer", ci.URL, "repository", "octo/next", "workflow", "release.yml", "environment", "pypi").at()
	claims := map[string]any{"repository": "octo/next", "repository_id": "76", "workflow_ref": "octo/next/.github/workflows/release.yml@refs/tags/v1.2.3"}
	h.refusesJob(h.asks("POST", pathMint, tokenBody(job(t, h, ci, claims))), 422, "invalid-publisher", `environment: expected "pypi", got none`)
	ask := one + "/take-over?claim=environment&value="
	if got := ada.get(one).is(200, ""); !strings.Contains(got.body, strings.ReplaceAll(ask, "&", "&amp;")) {
		t.Error("there is no link to accept it")
	}
	ada.get(ask).is(200, "").says("Any environment, or none").says("accepts jobs of any environment").says("register next in your name")
	bob := ada.guest("bob").enrol()
	bob.get(ask).is(404, "")
	bob.post(one+"/take-over", "claim", "environment", "value", "").is(404, "")
	ada.post(one+"/take-over", "claim", "environment", "value", "").is(303, one)
	ada.get(one).says("Any environment, or none")
	if e := h.last(); e.Kind != "publisher.pending_changed" || e.Detail["claim"] != "environment" {
		t.Errorf("row %+v", e)
	}
	if got := h.asks("POST", pathMint, tokenBody(job(t, h, ci, claims))); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	ada.get("/projects/next").is(200, "")
}

// Pages say what a step takes away: the last publisher of a project that takes uploads of publishers only, and a token for all projects where some take
// none of it.
func TestOnlyPublishersIsSaid(t *testing.T) {
	t.Parallel()
	h, _, ada := oidcHouse(t)
	ada.project("free")
	all, err := h.issuer.Publishers.List(h.Context(), ledger.Principal{UserID: ada.id, Username: "ada"}, "demo")
	h.must(err)
	remove, say := "/projects/demo/publishers/"+all[0].ID+"/remove", "Nobody can upload to it then"
	if got := ada.get(remove).is(200, ""); strings.Contains(got.body, say) {
		t.Error("it is said of a project that takes all uploads")
	}
	mint := func() page {
		return ada.post("/tokens/new", "label", rand.Text(), "scope", "all", "life", "7", "idempotency_key", rand.Text()).is(200, "")
	}
	if got := mint(); strings.Contains(got.body, "trusted publishers only") {
		t.Error("it is said of projects that take all uploads")
	}
	ada.post("/projects/demo/only-publishers").is(303, "/projects/demo")
	ada.get(remove).is(200, "").says("This is the project’s last publisher").says(say)
	mint().says("It can’t upload to demo: this project takes uploads of trusted publishers only.")
	h.must(func() error {
		_, err := h.issuer.Publishers.Add(h.Context(), ledger.Principal{UserID: ada.id, Username: "ada"}, "demo", ofOwnCI("octo/second"))
		return err
	}())
	if got := ada.get(remove).is(200, ""); strings.Contains(got.body, say) {
		t.Error("it is said while there is another publisher")
	}
}

// An administrator sees whose publishers name a CI system before it is removed.
func TestRemoveSystemPage(t *testing.T) {
	t.Parallel()
	h, ci, ada := oidcHouse(t)
	const at, url = "/admin/ci-systems", "https://forge.example.org/api/actions"
	ada.post(at, "name", "forge", "url", url, "kind", "github", "keys", string(ci.JWKS())).is(303, at)
	ada.get(at).is(200, "").says("Remove")
	ada.get(at+"/forge/remove").is(200, "").says("Jobs of " + url).says("No publisher of a project names it.")
	p := ledger.Principal{UserID: ada.id, Username: "ada"}
	rules := publishers.Rules{Issuer: url, Repository: "octo/demo", Workflow: "release.yml"}
	_, err := h.issuer.Publishers.Add(h.Context(), p, "demo", rules)
	h.must(err)
	_, err = h.issuer.Publishers.AddPending(h.Context(), p, "next", rules)
	h.must(err)
	list := "/projects/demo/publishers"
	if got := ada.get(list).is(200, ""); strings.Contains(got.body, "CI system not known") {
		t.Error("a publisher of a CI system that is known is said to have none")
	}
	ada.get(at+"/forge/remove").is(200, "").says("1 publisher. Project: demo.").says("1 pending publisher")
	ada.get(at+"/github/remove").is(404, "")
	ada.post(at+"/forge/remove").is(303, at)
	ada.get(at).says("The CI system was removed.")
	ada.get(list).says("CI system not known")
	ada.get("/account/publishers").says("CI system not known")
}
