package samples

import (
	"time"

	"github.com/rind-dev/rind/ui"
)

// projectInvitations are invitations as the owners of a project see them.
func projectInvitations() []ui.ProjectInvitation {
	return []ui.ProjectInvitation{
		{ID: "p1", Project: "demo-plugins", To: "joan", Role: ui.RoleMaintainer, InvitedBy: "ada", SentAt: ago(time.Hour), ExpiresAt: in(7*day - time.Hour), Yours: true},
		{ID: "p2", Project: "demo-plugins", To: "charles.with.a.long.address@department.of.engines.example.org", Role: ui.RoleOwner, Transfer: true,
			Stay: ui.StayNot, InvitedBy: "grace", SentAt: ago(2 * day), ExpiresAt: in(5 * day)},
		{ID: "p3", Project: "demo-plugins", To: "mary@example.org", Role: ui.RoleOwner, InvitedBy: "ada", SentAt: ago(9 * day), ExpiresAt: ago(2 * day), Expired: true, Yours: true},
	}
}

// received are invitations that the reader can answer.
func received() []ui.ProjectInvitation {
	out := projectInvitations()
	for i := range out {
		out[i].Yours, out[i].Expired, out[i].ExpiresAt = true, false, in(5*day)
	}
	out[2].Project = "analytical-engine-with-a-rather-long-name"
	return out
}

func projectChanges() []Page {
	invited := func(l ui.Layout, i int, yours, open bool) ui.InvitedPage {
		inv := received()[i]
		inv.Yours = yours
		return ui.InvitedPage{Layout: l, Invitation: inv, RegistrationOpen: open}
	}
	used := []ui.UsedToken{
		{Label: "demo CI", Owner: "ada", UsedAt: ago(2 * time.Hour)},
		{Label: "laptop", Owner: "grace", All: true, UsedAt: ago(30 * day)},
		{Label: "release machine of the engines department, second rack", Owner: "charles-with-a-long-username"},
	}
	members := []ui.MemberRow{{Username: "ada", Role: ui.RoleOwner, You: true}, {Username: "grace", Role: ui.RoleMaintainer}}
	const name = "demo-plugins"
	return []Page{
		{"member-invite", ui.MemberInvitePage{Layout: member(), Project: name}},
		{"member-invite-problems", ui.MemberInvitePage{Project: name, User: "joan", Role: ui.RoleOwner, Layout: wrong(member(),
			ui.Problem{Field: "user", Code: "already_invited", Args: ui.Args{"user": "joan"}}, ui.Problem{Field: "role", Code: "role_unknown"})}},
		{"invited", invited(member(), 0, true, false)},
		{"invited-transfer", invited(member(), 1, true, false)},
		{"invited-other", invited(member(), 2, false, false)},
		{"invited-visitor", invited(visitor(), 0, false, true)},
		{"invited-visitor-closed", invited(visitor(), 2, false, false)},
		{"link-project", ui.LinkInvalidPage{Layout: visitor(), Kind: ui.LinkProject, Why: ui.LinkUsed}},
		{"project-settings", ui.ProjectSettingsPage{Layout: done(member(), "project_described"), Project: name, Description: "Plugins for the demo package.", Homepage: "https://demo.example.org"}},
		{"project-settings-problems", ui.ProjectSettingsPage{Project: name, Homepage: "demo.example.org", ArchivedAt: ago(day),
			Layout: wrong(member(), ui.Problem{Field: "description", Code: "description_too_long", Args: ui.Args{"max": 500}}, ui.Problem{Field: "homepage", Code: "homepage_invalid"})}},
		{"project-settings-quarantined", ui.ProjectSettingsPage{KeepsFiles: true, Layout: member(), Project: name, Quarantined: ui.Mark{At: ago(day), Reason: "Version 1.2 reads the keys of other programs."},
			Deprecated: ui.Mark{At: ago(30 * day), Reason: "Use demo instead."}}},
		{"project-settings-deprecate", ui.ProjectSettingsPage{Project: name, Reason: "a long reason",
			Layout: wrong(member(), ui.Problem{Field: "reason", Code: "reason_too_long", Args: ui.Args{"max": 300}}, ui.Problem{Field: "reason", Code: "reason_invalid"})}},
		{"project-archive", ui.ProjectArchivePage{Layout: member(), Project: name, Tokens: used, More: 3}},
		{"project-archive-unused", ui.ProjectArchivePage{Layout: member(), Project: name}},
		{"project-reopen", ui.ProjectArchivePage{Layout: member(), Project: name, Reopen: true}},
		{"project-transfer", ui.ProjectTransferPage{Layout: member(), Project: name}},
		{"project-transfer-problems", ui.ProjectTransferPage{Project: name, User: "ada", Stay: ui.StayNot, Layout: wrong(member(),
			ui.Problem{Field: "user", Code: "transfer_to_self"}, ui.Problem{Field: "stay", Code: "stay_unknown"})}},
		{"project-delete", ui.ProjectDeletePage{Layout: member(), Project: name, Members: members, Tokens: used, More: 1, Invitations: 2, ReservedDays: 30}},
		{"project-delete-problems", ui.ProjectDeletePage{Project: name, Confirm: "demo", Members: members[:1], ReservedDays: 30, Layout: wrong(member(),
			ui.Problem{Field: "confirm", Code: "project_name_mismatch", Args: ui.Args{"name": name}})}},
		{"project-delete-quarantined", ui.ProjectDeletePage{Project: name, Confirm: name, Members: members[:1], ReservedDays: 30, Layout: wrong(member(),
			ui.Problem{Code: "quarantined_not_deleted", Args: ui.Args{"project": name}})}},
		{"reserved-names", ui.ReservedNamesPage{Layout: member(), Names: []ui.ReservedNameRow{
			{Name: "demo-tools", DeletedBy: "ada", DeletedAt: ago(2 * day), Until: in(28 * day)},
			{Name: "analytical-engine-with-a-rather-long-name", DeletedBy: "charles-with-a-long-username", DeletedAt: ago(29 * day), Until: in(day)},
		}}},
		{"reserved-names-empty", ui.ReservedNamesPage{Layout: member()}},
	}
}
