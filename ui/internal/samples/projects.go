package samples

import (
	"math/rand/v2"
	"time"

	"github.com/rind-dev/rind/ui"
)

func projects() []Page {
	members := []ui.MemberRow{
		{ID: "u1", Username: "ada", Role: ui.RoleOwner, Since: ago(400 * day), You: true},
		{ID: "u2", Username: "grace", Role: ui.RoleMaintainer, Since: ago(30 * day)},
		{ID: "u3", Username: "charles-with-a-long-username", Role: ui.RoleMaintainer, Since: ago(2 * day), Frozen: true, Excluded: true},
	}
	asMember := []ui.MemberRow{members[1], {ID: "u1", Username: "ada", Role: ui.RoleMaintainer, Since: ago(day), You: true}}
	shared := append([]ui.MemberRow{{ID: "u4", Username: "joan", Role: ui.RoleOwner, Since: ago(day)}}, members...)
	page := ui.ProjectPage{
		Layout: done(member(), "member_invited"), Name: "demo-plugins", Role: ui.RoleOwner, CreatedAt: ago(400 * day),
		Description: "Plugins for the demo package.\nEach is a module of its own.", Homepage: "https://demo.example.org/plugins",
		Members: members, Invitations: projectInvitations(), IndexURL: index, UploadURL: upload, Events: projectEvents(),
	}
	maintainer := page
	maintainer.Layout, maintainer.Role, maintainer.Members, maintainer.Events = member(), ui.RoleMaintainer, asMember, nil
	problems := page
	problems.Members, problems.ArchivedAt = shared, ago(3*day)
	problems.Deprecated = ui.Mark{At: ago(30 * day)}
	problems.Quarantined = ui.Mark{At: ago(day), Reason: "Version 1.2 reads the keys of other programs."}
	problems.Layout = wrong(member(), ui.Problem{Code: "last_owner", Args: ui.Args{"project": "demo-plugins"}})
	page.Tokens = ui.ProjectTokens{Project: "demo-plugins", All: true, Owner: true, Rows: projectTokens(), Next: "0193"}
	page.Uploads = uploads(7)
	page.Releases = ui.Releases{Kept: true, Project: "demo-plugins", Owner: true, Rows: releases()[:3], Next: "1.0rc1"}
	maintainer.Tokens = ui.ProjectTokens{Project: "demo-plugins", Rows: projectTokens()[:1]}
	maintainer.Uploads = uploads(1)
	page.Publishers, page.JobUploads, page.OnlyAt = 2, jobUploads(), ago(day)
	maintainer.Releases = ui.Releases{Kept: true, Project: "demo-plugins"}
	bare := page
	bare.Layout, bare.Description, bare.Homepage, bare.Invitations, bare.Members = member(), "", "", nil, members[:1]
	onlooker := maintainer
	onlooker.Role = ""
	return []Page{
		{"project-tokens", ui.ProjectTokensPage{Layout: done(member(), "tokens_excluded"), Tokens: page.Tokens}},
		{"project-tokens-of-one", ui.ProjectTokensPage{Layout: done(member(), "tokens_readmitted"), Tokens: ui.ProjectTokens{
			Project: "demo-plugins", All: true, Owner: true, Rows: projectTokens()[1:3], Member: "grace", ID: "u2", Next: "0193"}}},
		{"project-tokens-end", ui.ProjectTokensPage{Layout: member(), Tokens: ui.ProjectTokens{Project: "demo-plugins", All: true, Owner: true, Later: true}}},
		{"project-tokens-yours", ui.ProjectTokensPage{Layout: member(), Tokens: ui.ProjectTokens{Project: "demo-plugins"}}},
		{"member-exclusion", ui.MemberExclusionPage{Layout: member(), Project: "demo-plugins", Member: members[1], Tokens: projectTokens()[:2], More: true}},
		{"member-exclusion-none", ui.MemberExclusionPage{Layout: member(), Project: "demo-plugins", Member: members[1]}},
		{"member-readmission", ui.MemberExclusionPage{Layout: member(), Project: "demo-plugins", Member: members[1], Readmit: true, Tokens: projectTokens()[:2]}},
		{"projects", ui.ProjectsPage{Layout: done(member(), "project_left"), Projects: []ui.ProjectRow{
			{Name: "demo", Role: ui.RoleOwner, Members: 1, CreatedAt: ago(day)},
			{Name: "demo-plugins", Role: ui.RoleOwner, Members: 3, CreatedAt: ago(400 * day)},
			{Name: "analytical-engine-with-a-rather-long-name", Role: ui.RoleMaintainer, Members: 12, CreatedAt: ago(60 * day), Archived: true},
			{Name: "keys", Role: ui.RoleMaintainer, Members: 2, CreatedAt: ago(60 * day), Quarantined: true},
			{Name: "old", Role: ui.RoleMaintainer, Members: 2, CreatedAt: ago(60 * day), Deprecated: true},
		}, Total: 5}},
		{"projects-invited", ui.ProjectsPage{Layout: member(), Invitations: received()}},
		{"projects-many", ui.ProjectsPage{Layout: member(), Total: 400, Find: "demo", Next: "demo-plugins", Projects: []ui.ProjectRow{
			{Name: "demo", Role: ui.RoleOwner, Members: 1, CreatedAt: ago(day)},
			{Name: "demo-plugins", Role: ui.RoleOwner, Members: 3, CreatedAt: ago(400 * day)},
		}}},
		{"projects-none-found", ui.ProjectsPage{Layout: member(), Total: 400, Find: "zebra"}},
		{"projects-empty", ui.ProjectsPage{Layout: member()}},
		{"project-new", ui.ProjectNewPage{Layout: member()}},
		{"project-new-problems", ui.ProjectNewPage{Name: "requests", Layout: wrong(member(),
			ui.Problem{Field: "name", Code: "project_name_taken", Args: ui.Args{"name": "requests"}})}},
		{"project", page},
		{"project-maintainer", maintainer},
		{"project-problems", problems},
		{"project-bare", bare},
		{"project-onlooker", onlooker},
		{"member-remove", ui.MemberRemovePage{Layout: member(), Project: "demo-plugins", Member: members[1], Tokens: tokenRows()[:3]}},
		{"member-remove-unused", ui.MemberRemovePage{Layout: member(), Project: "demo-plugins", Member: members[1]}},
		{"project-leave", ui.ProjectLeavePage{Layout: member(), Project: "demo", Tokens: tokenRows()[:1]}},
		{"project-leave-unused", ui.ProjectLeavePage{Layout: member(), Project: "demo"}},
	}
}

func projectTokens() []ui.ProjectTokenRow {
	return []ui.ProjectTokenRow{
		{ID: ci().ID, Label: "demo CI", Owner: "ada", OwnerID: "u1", You: true, CreatedAt: ago(3 * day), Factor: "webauthn", ExpiresAt: in(12*day + time.Hour),
			LastUsedAt: ago(2 * time.Hour), LastFrom: "203.0.113.0/24", LastSaidBy: "mirror in berlin"},
		{ID: tokenRows()[1].ID, Label: "release machine of the engines department, second rack", Owner: "charles-with-a-long-username", OwnerID: "u3",
			CreatedAt: ago(80 * day), Factor: "totp", ExpiresAt: in(2 * day), Frozen: true, LastUsedAt: ago(30 * day)},
		{ID: tokenRows()[2].ID, Label: "laptop", Owner: "grace", OwnerID: "u2", All: true, CreatedAt: ago(time.Hour), Factor: "recovery_code", Excluded: true, Replaced: true,
			Limits: ui.Limits{Networks: []string{"203.0.113.0/24"}, Existing: true}},
	}
}

// uploads returns the uploads of n tokens.
func uploads(n int) ui.Uploads {
	random := rand.New(rand.NewPCG(3, 4))
	out := ui.Uploads{First: time.Date(2026, time.August, 25, 0, 0, 0, 0, time.UTC)}
	labels := []string{"demo CI", "nightly", "release machine of the engines department, second rack", "laptop", "docs", "old CI", "spare"}
	for i, label := range labels[:n] {
		s := ui.UploadSeries{Label: label, Owner: []string{"ada", "grace", "charles-with-a-long-username"}[i%3], Days: make([]int, 90)}
		for d := range s.Days {
			if random.IntN(3) == 0 {
				s.Days[d] = random.IntN(30 / (i + 1))
			}
		}
		out.Series = append(out.Series, s)
	}
	return out
}

func projectEvents() []ui.EventRow {
	return []ui.EventRow{
		{Time: ago(time.Hour), Kind: "project.member_added", Actor: "ada", You: true, IP: "203.0.113.7", Browser: browser,
			Detail: map[string]string{"user": "grace", "role": "maintainer", "project": "demo-plugins"}},
		{Time: ago(2 * day), Kind: "project.role_changed", Actor: "grace", IP: "198.51.100.23", Browser: "libwww",
			Detail: map[string]string{"user": "charles-with-a-long-username", "role": "maintainer", "was": "owner", "project": "demo-plugins"}},
		{Time: ago(400 * day), Kind: "project.created", Actor: "ada", You: true, Detail: map[string]string{"project": "demo-plugins"}},
	}
}

func admin() []Page {
	people := []ui.PersonRow{
		{ID: "u1", Username: "ada", Email: "ada@example.org", State: ui.PersonActive, Admin: true, You: true, CreatedAt: ago(400 * day)},
		{ID: "u2", Username: "grace", Email: "grace@example.org", State: ui.PersonActive, Admin: true, CreatedAt: ago(30 * day)},
		{ID: "u3", Username: "charles-with-a-long-username", Email: "charles.with.a.long.address@department.of.engines.example.org",
			State: ui.PersonFrozen, CreatedAt: ago(2 * day)},
		{ID: "u4", Username: "joan", Email: "joan@example.org", State: ui.PersonPending, CreatedAt: ago(time.Hour)},
	}
	invitations := []ui.InvitationRow{
		{ID: "i1", Email: "mary@example.org", InvitedBy: "ada", CreatedAt: ago(time.Hour), ExpiresAt: in(6*day + 23*time.Hour)},
		{ID: "i2", InvitedBy: "grace", CreatedAt: ago(2 * day), ExpiresAt: in(5 * day)},
	}
	link := "https://packages.example.org/invitation?link=" + secret
	return []Page{
		{"people", ui.AdminPeoplePage{Layout: done(member(), "person_thawed"), People: people, Next: "u4", Invitations: invitations}},
		{"people-invited", ui.AdminPeoplePage{Layout: member(), People: people[:1], Invitations: invitations[:1],
			NewLink: link, NewEmail: "mary@example.org", Mailed: true}},
		{"people-hand-over", ui.AdminPeoplePage{Layout: member(), People: people[:1], NewLink: link}},
		{"people-problems", ui.AdminPeoplePage{People: people[:1], Email: "ada@example.org",
			Layout: wrong(member(), ui.Problem{Field: "email", Code: "email_taken"})}},
		{"person-freeze", ui.PersonFreezePage{Layout: member(), Person: people[1], Tokens: 3}},
		{"person-recovery", ui.PersonRecoveryPage{Layout: member(), Person: people[1], Tokens: 3, Wait: 72 * time.Hour}},
		{"person-recovery-mailed", ui.PersonRecoveryPage{
			Layout: wrong(member(), ui.Problem{Field: "vouched", Code: "recovery_vouch"}), Person: people[1], Tokens: 1, Wait: 144 * time.Hour, Mailed: true,
		}},
		{"person-recovery-waits", ui.PersonRecoveryPage{
			Layout: done(member(), "recovery_started"), Person: people[1], Recovery: ui.RecoveryRow{By: "ada", Started: ago(2 * time.Hour), Ends: in(70 * time.Hour)},
		}},
		{"person-recovery-done", ui.PersonRecoveryPage{Layout: member(), Person: people[1], Wait: 72 * time.Hour, Done: true}},
		{"person-thaw", ui.PersonFreezePage{Layout: member(), Person: people[2], Thaw: true}},
	}
}

func failures() []Page {
	return []Page{
		{"error-400", ui.ErrorPage{Layout: visitor(), Status: 400}},
		{"error-403", ui.ErrorPage{Layout: member(), Status: 403}},
		{"error-404", ui.ErrorPage{Layout: member(), Status: 404}},
		{"error-405", ui.ErrorPage{Layout: visitor(), Status: 405}},
		{"error-413", ui.ErrorPage{Layout: visitor(), Status: 413}},
		{"error-429", ui.ErrorPage{Layout: visitor(), Status: 429, Wait: 14*time.Minute + 3*time.Second}},
		{"error-500", ui.ErrorPage{Layout: visitor(), Status: 500, RequestID: "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a12"}},
		{"error-502", ui.ErrorPage{Layout: visitor(), Status: 502}},
		{"error-503", ui.ErrorPage{Layout: visitor(), Status: 503, Wait: 30 * time.Second, RequestID: "0193d5f4"}},
	}
}
