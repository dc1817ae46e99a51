package audit

import (
	"maps"
	"slices"
)

// Group is a part of the trail that readers pick.
type Group string

// The groups, in the order in which they are offered.
const (
	GroupSignIn  Group = "sign_in" // signing in and out, sessions, devices
	GroupFactor  Group = "factor"  // second factors and recovery codes
	GroupAccount Group = "account" // accounts, addresses, passwords, invitations, administrators
	GroupToken   Group = "token"   // tokens
	GroupProject Group = "project" // projects and their members
	GroupSystem  Group = "system"  // verifiers, settings, the trail itself
)

// Groups lists the groups, in the order in which they are offered.
func Groups() []Group {
	return []Group{GroupSignIn, GroupFactor, GroupAccount, GroupToken, GroupProject, GroupSystem}
}

// Kind describes a kind of rows.
type Kind struct {
	Name  string
	Group Group
	Room  string // the package that writes it, and whose tests show that it does

	// Copy marks a row that repeats another row, which is in the trail of the person who acted.
	// This row is not listed there.
	Copy bool
}

// The rooms that write rows.
const (
	roomAudit     = "audit"
	roomAuthn     = "authn"
	roomLedger    = "ledger"
	roomProjects  = "projects"
	roomFiles     = "files"
	roomTokens    = "tokens"
	roomFollowers = "followers"

	roomPublishers = "publishers"
)

// kinds are all kinds of rows. A new one is added here, with its sentence in
// ui/messages ("audit.<kind>"): Append refuses others, so that each has words, and
// tests find those that nothing writes.
var kinds = byName([][]Kind{
	of(roomAudit, GroupSystem, "audit.deleted"),

	of(roomAuthn, GroupSignIn,
		"account.password_accepted", "account.sign_in_failed", "account.passkey_accepted", "account.factor_accepted",
		"account.factor_failed", "account.signed_out", "account.sessions_ended",
		"account.device_asked", "account.device_confirmed", "account.device_accepted", "account.device_remembered",
		"account.device_forgotten", "account.recovery_code_used"),
	of(roomAuthn, GroupFactor,
		"account.totp_added", "account.totp_replaced", "account.totp_removed",
		"account.key_added", "account.key_renamed", "account.key_removed", "account.key_cloned", "account.key_counter_back",
		"account.keys_only", "account.keys_only_off",
		"account.recovery_codes_made", "account.recovery_codes_confirmed"),
	of(roomAuthn, GroupAccount,
		"account.registered", "account.unconfirmed_deleted", "account.verification_sent", "account.email_changed", "account.email_verified", "account.email_change_asked", "account.email_change_undone",
		"account.password_changed", "account.password_change_failed", "account.password_reset_asked", "account.password_reset",
		"account.frozen", "account.unfrozen", "account.admin_granted", "account.admin_revoked", "account.notifications_changed",
		"account.signed_out_everywhere",
		"invitation.made", "invitation.revoked"),
	of(roomAuthn, GroupAccount,
		"account.recovery_reminded", "account.recovery_link_sent", "account.recovery_link_used",
		"account.recovery_started_for", "account.recovery_cancelled_for", "account.recovery_ended_for"),
	copies(of(roomAuthn, GroupAccount, "account.recovery_started", "account.recovery_cancelled", "account.recovery_ended")),
	of(roomAuthn, GroupSystem,
		"setup.link_made",
		"instance.read_only", "instance.read_only_off", "instance.registration", "instance.banner", "instance.banner_cleared"),

	of(roomTokens, GroupToken,
		"token.minted", "token.renamed", "token.restricted", "token.regenerated", "token.revoked", "token.burned", "token.leaked"),
	copies(of(roomTokens, GroupToken,
		"project.token_minted", "project.token_renamed", "project.token_restricted", "project.token_narrowed",
		"project.token_regenerated", "project.token_revoked", "project.token_burned", "project.token_leaked")),
	of(roomProjects, GroupProject,
		"project.created", "project.member_added", "project.member_removed", "project.member_left", "project.role_changed",
		"project.described", "project.archived", "project.unarchived", "project.name_released",
		"project.deprecated", "project.undeprecated", "project.quarantined", "project.quarantine_lifted",
		"project.invited", "project.invitation_resent", "project.invitation_revoked", "project.invitation_declined",
		"project.invitation_moot", "project.transfer_asked", "project.transferred",
		"project.tokens_excluded", "project.tokens_readmitted", "project.owner_appointed"),
	of(roomFiles, GroupProject, "project.release_yanked", "project.release_unyanked", "project.release_deleted", "project.file_deleted", "project.decision_dropped"),
	of(roomTokens, GroupProject, "project.deleted"),
	of(roomPublishers, GroupToken, "token.exchanged"),
	copies(of(roomPublishers, GroupToken, "project.token_exchanged")),
	of(roomPublishers, GroupProject,
		"project.publisher_added", "project.publisher_removed", "project.publisher_vouched", "project.publisher_changed", "project.only_publishers", "project.all_tokens",
		"publisher.pending_added", "publisher.pending_changed", "publisher.pending_removed", "publisher.pending_ended"),
	of(roomPublishers, GroupSystem, "ci_system.added", "ci_system.removed"),
	of(roomFollowers, GroupSystem, "verifier.registered", "verifier.revoked"),
	of(roomLedger, GroupSystem, "issuer.epoch_raised"),
})

func of(room string, group Group, names ...string) []Kind {
	out := make([]Kind, len(names))
	for i, n := range names {
		out[i] = Kind{Name: n, Group: group, Room: room}
	}
	return out
}

func copies(in []Kind) []Kind {
	for i := range in {
		in[i].Copy = true
	}
	return in
}

func byName(lists [][]Kind) map[string]Kind {
	out := make(map[string]Kind)
	for _, l := range lists {
		for _, k := range l {
			out[k.Name] = k
		}
	}
	return out
}

// Kinds lists all kinds of rows, by name.
func Kinds() []Kind {
	out := make([]Kind, 0, len(kinds))
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		out = append(out, kinds[name])
	}
	return out
}

// GroupOf returns the group of a kind, or GroupSystem for an unknown kind, which an
// older or newer version wrote.
func GroupOf(kind string) Group {
	if k, ok := kinds[kind]; ok {
		return k.Group
	}
	return GroupSystem
}
