package samples

import (
	"time"

	"github.com/rind-dev/rind/ui"
)

// administration returns the pages for administrators, except those about people and verifiers.
func administration() []Page {
	ada := ui.PersonRow{ID: "u1", Username: "ada", Email: "ada@example.org", State: ui.PersonActive, Admin: true, You: true, CreatedAt: ago(400 * day)}
	charles := ui.PersonRow{ID: "u3", Username: "charles-with-a-long-username", Email: "charles.with.a.long.address@department.of.engines.example.org",
		State: ui.PersonFrozen, CreatedAt: ago(2 * day)}
	grace := ui.PersonRow{ID: "u2", Username: "grace", Email: "grace@example.org", State: ui.PersonActive, CreatedAt: ago(30 * day)}
	joan := ui.PersonRow{ID: "u4", Username: "joan", Email: "joan@example.org", State: ui.PersonPending, CreatedAt: ago(time.Hour)}
	announced := member()
	announced.ReadOnly = ui.ReadOnly{On: true, Reason: "rind moves to a new disk until noon"}
	announced.Banner = ui.Banner{Text: "Uploads of files above 100 MiB pause on Sunday. Ask in the hallway if you need one.", Warning: true}
	said := visitor()
	said.Banner = ui.Banner{Text: "Welcome to the new index of the engines department."}
	out := []Page{
		{"person", ui.PersonPage{Layout: done(member(), "person_signed_out"), Person: grace, Verified: true, TOTP: true, Keys: 2, KeysOnly: true, CodesLeft: 7, Sessions: 2,
			SignedInAt: ago(3 * time.Hour), Tokens: 4, Events: projectEvents(),
			Projects: []ui.ProjectRow{{Name: "demo", Role: ui.RoleOwner}, {Name: "analytical-engine-with-a-rather-long-name", Role: ui.RoleMaintainer}}}},
		{"person-you", ui.PersonPage{Layout: member(), Person: ada, Verified: true, TOTP: true, CodesLeft: 1, Sessions: 1, SignedInAt: ago(time.Minute), Tokens: 1}},
		{"person-frozen", ui.PersonPage{Layout: announced, Person: charles, Verified: true, Keys: 1, CodesLeft: 0}},
		{"person-pending", ui.PersonPage{Layout: member(), Person: joan, Recovery: true}},
		{"person-sign-out", ui.PersonActPage{Layout: member(), Person: grace, Act: ui.ActSignOut, Sessions: 2}},
		{"person-make-admin", ui.PersonActPage{Layout: member(), Person: charles, Act: ui.ActMakeAdmin}},
		{"person-drop-admin", ui.PersonActPage{Person: ada, Act: ui.ActDropAdmin, Layout: wrong(member(), ui.Problem{Code: "last_administrator"})}},
		{"people-found", ui.AdminPeoplePage{Layout: member(), Search: "gra", People: []ui.PersonRow{grace}}},
		{"people-none", ui.AdminPeoplePage{Layout: member(), Search: "nobody <b>"}},
		{"people-end", ui.AdminPeoplePage{Layout: member()}},
		{"settings", ui.SettingsPage{Layout: member(), ByDefault: "invite", Level: "info"}},
		{"settings-set", ui.SettingsPage{Layout: announced, ByDefault: "open", Registration: "open", ReadOnlySince: ago(time.Hour), ReadOnlyBy: "grace", Shown: true, BannerBy: "ada",
			BannerSince: ago(day), BannerUntil: in(2 * day), Text: announced.Banner.Text, Level: "warning", Until: "2026-11-24", Time: "14:05"}},
		{"settings-problems", ui.SettingsPage{ByDefault: "invite", Registration: "invite", Shown: true, BannerBy: "ada", BannerSince: ago(day), Text: "", Level: "loud", Until: "2020-01-01",
			Layout: wrong(member(), ui.Problem{Field: "text", Code: "banner_required"}, ui.Problem{Field: "level", Code: "banner_level"},
				ui.Problem{Field: "until", Code: "banner_past"}, ui.Problem{Field: "reason", Code: "text_too_long", Args: ui.Args{"max": 200}})}},
		{"announced", ui.LoginPage{Layout: said}},
	}
	return append(out, administrationOfProjects()...)
}

func administrationOfProjects() []Page {
	rows := []ui.AdminProjectRow{
		{Name: "analytical-engine-with-a-rather-long-name", Owners: []string{"ada", "charles-with-a-long-username"}, Members: 12, CreatedAt: ago(400 * day)},
		{Name: "demo", Owners: []string{"grace"}, Members: 1, Archived: true, CreatedAt: ago(60 * day)},
		{Name: "orphan", Owners: []string{"charles-with-a-long-username"}, Unowned: true, Members: 2, CreatedAt: ago(2 * day)},
		{Name: "keys", Owners: []string{"grace"}, Members: 1, Quarantined: true, CreatedAt: ago(day)},
		{Name: "old", Owners: []string{"grace"}, Members: 1, Deprecated: true, CreatedAt: ago(day)},
	}
	members := []ui.MemberRow{{ID: "u3", Username: "charles-with-a-long-username", Role: ui.RoleOwner, Frozen: true}, {ID: "u2", Username: "grace", Role: ui.RoleMaintainer}}
	var tokens []ui.AdminTokenRow
	for i, t := range tokenRows() {
		tokens = append(tokens, ui.AdminTokenRow{TokenRow: t, Owner: []string{"grace", "charles-with-a-long-username"}[i%2], OwnerID: "u2"})
	}
	return []Page{
		{"admin-projects", ui.AdminProjectsPage{Layout: member(), Projects: rows, Next: "orphan"}},
		{"admin-projects-found", ui.AdminProjectsPage{Layout: member(), Search: "orph", Unowned: true, Projects: rows[2:3], Next: "orphan"}},
		{"admin-projects-none", ui.AdminProjectsPage{Layout: member(), Unowned: true}},
		{"admin-projects-empty", ui.AdminProjectsPage{Layout: member()}},
		{"admin-project", ui.AdminProjectPage{Layout: member(), KeepsFiles: true, Project: rows[0], Members: members[1:], Tokens: tokens[:2], More: true}},
		{"admin-project-archived", ui.AdminProjectPage{Layout: done(member(), "project_archived"), Project: rows[1], Members: members[1:]}},
		{"admin-project-quarantined", ui.AdminProjectPage{KeepsFiles: true, Layout: done(member(), "project_quarantined"), Project: rows[3], Members: members[1:],
			Quarantined: ui.Mark{At: ago(time.Hour), Reason: "Version 1.2 reads the keys of other programs."}}},
		{"admin-project-quarantine-problems", ui.AdminProjectPage{Project: rows[4], Members: members[1:], Layout: wrong(member(), ui.Problem{Field: "reason", Code: "quarantine_reason_required"})}},
		{"admin-project-unowned", ui.AdminProjectPage{Project: rows[2], Members: members, User: "gracee",
			Layout: wrong(member(), ui.Problem{Field: "user", Code: "user_unknown"}, ui.Problem{Code: "project_owned", Args: ui.Args{"project": "orphan"}})}},
		{"admin-project-deserted", ui.AdminProjectPage{Layout: member(), Project: rows[2]}},
		{"admin-tokens", ui.AdminTokensPage{Layout: member(), Tokens: tokens, Next: "after=x&in=&q="}},
		{"admin-tokens-refused", ui.AdminTokensPage{Layout: wrong(member(), ui.Problem{Field: "q", Code: "token_as_search"}), In: ui.InLabel}},
		{"admin-tokens-none", ui.AdminTokensPage{Layout: member(), Search: "gra <b>", In: ui.InOwner}},
		{"admin-tokens-later", ui.AdminTokensPage{Layout: member(), Search: "ci", In: ui.InProject, Next: "after=x&in=label&q=ci"}},
		{"admin-tokens-empty", ui.AdminTokensPage{Layout: member()}},
		{"admin-token-revoke", ui.AdminTokenRevokePage{Layout: wrong(member(), ui.Problem{Field: "reason", Code: "reason_required"}), Token: tokens[0]}},
		{"admin-token-revoke-typed", ui.AdminTokenRevokePage{Layout: member(), Token: tokens[1], Reason: "Seen in a public log"}},
	}
}
