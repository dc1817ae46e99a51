package ui

// Kinds of mail, each with its arguments. All take username. Mails about an event also take the known
// details of the event: time (time.Time), by (the person who did it, if not the reader), ip, browser
// (from Browser) and reason. Mails that can be switched off also take settings, the address of the
// page for switching them off.
const (
	MailVerifyEmail          = "verify_email" // link, expires (time.Time)
	MailInvitation           = "invitation"   // inviter, link, expires (time.Time)
	MailTOTPAdded            = "totp_added"
	MailTOTPReplaced         = "totp_replaced"
	MailTOTPRemoved          = "totp_removed"
	MailKeyAdded             = "key_added"        // key: its name
	MailKeyRemoved           = "key_removed"      // key
	MailKeyCloned            = "key_cloned"       // key
	MailKeyCounterBack       = "key_counter_back" // key
	MailFactorFailed         = "second_factor_failed"
	MailKeysOnly             = "keys_only"
	MailKeysOnlyOff          = "keys_only_off"
	MailRecoveryCodesCreated = "recovery_codes_created"
	MailRecoveryCodeUsed     = "recovery_code_used" // left: codes that still work
	MailPasswordChanged      = "password_changed"
	MailPasswordReset        = "password_reset"
	MailResetLink            = "reset_link" // link, expires (time.Time)
	MailNewDevice            = "new_device"
	MailConfirmDevice        = "confirm_device"     // link, expires (time.Time)
	MailEmailChange          = "email_change"       // link, expires (time.Time)
	MailEmailUndo            = "email_undo"         // email, link, expires (time.Time)
	MailAddressUndone        = "address_undone"     // to, link: to sign in
	MailRecoveryStarted      = "recovery_started"   // until (time.Time), link: to sign in
	MailRecoveryReminder     = "recovery_reminder"  // until, link
	MailRecoveryCancelled    = "recovery_cancelled" // link
	MailRecoveryByOther      = "recovery_by_other"  // user, by
	MailRecovery             = "recovery"           // link, expires (time.Time)
	MailEmailChanged         = "email_changed"      // to
	MailSignedOut            = "signed_out_everywhere"
	MailAdminGranted         = "admin_granted"
	MailAdminRevoked         = "admin_revoked"
	MailAdminGiven           = "admin_given" // user
	MailAdminTaken           = "admin_taken" // user
	MailFrozen               = "frozen"
	MailUnfrozen             = "unfrozen"
	MailAddressInUse         = "address_in_use"
	MailTokenMinted          = "token_minted"        // label, scope (from Scope), link (its page)
	MailTokenRegenerated     = "token_regenerated"   // as MailTokenMinted
	MailTokenRevoked         = "token_revoked"       // label; by somebody else
	MailTokenRevokedSelf     = "token_revoked_self"  // label
	MailTokenBurned          = "token_burned"        // label
	MailTokenLeaked          = "token_leaked"        // label, url
	MailTokenExpiring        = "token_expiring"      // label, scope, expires (time.Time), link
	MailTokenUnused          = "token_unused"        // label, created (time.Time), used (time.Time; nil never), link
	MailTokenFirstUsed       = "token_first_used"    // label, project, network, verifier (each "" if unknown), link
	MailRoleGained           = "role_gained"         // project, role
	MailRoleChanged          = "role_changed"        // project, role, was
	MailRoleLost             = "role_lost"           // project, was
	MailTokensExcluded       = "tokens_excluded"     // project
	MailTokensReadmitted     = "tokens_readmitted"   // project
	MailProjectInvited       = "project_invited"     // project, inviter, role, link, expires (time.Time)
	MailTransferAsked        = "transfer_asked"      // project, inviter, link, expires (time.Time)
	MailInvitationAccepted   = "invitation_accepted" // project, user, role
	MailProjectTransferred   = "project_transferred" // project, user, from
	MailProjectArchived      = "project_archived"    // project
	MailProjectReopened      = "project_reopened"    // project

	MailProjectDeprecated       = "project_deprecated"        // project, reason ("" if none was given)
	MailProjectUndeprecated     = "project_undeprecated"      // project
	MailProjectQuarantined      = "project_quarantined"       // project, reason
	MailProjectQuarantineLifted = "project_quarantine_lifted" // project

	MailProjectRegistered = "project_registered" // project, label, link: of the token
	MailProjectDeleted    = "project_deleted"    // project

	MailProjectOnlyPublishers = "project_only_publishers" // project
	MailProjectAllTokens      = "project_all_tokens"      // project
	MailTokenBesidePublisher  = "token_beside_publisher"  // label, project, network, link

	MailPublisherAdded       = "publisher_added"       // project, label: its title
	MailPublisherRemoved     = "publisher_removed"     // project, label
	MailPublisherFirstUsed   = "publisher_first_used"  // project, label
	MailPublisherEnvironment = "publisher_environment" // project, label, reason: the environment
	MailPublisherEnding      = "publisher_ending"      // project, label, until (time.Time)
	MailReleaseYanked        = "release_yanked"        // project, version, reason ("" if none was given)
	MailReleaseUnyanked      = "release_unyanked"      // project, version
	MailReleaseDeleted       = "release_deleted"       // project, version
	MailFileDeleted          = "file_deleted"          // project, version, file
)

// mailTexts has the keys of each mail's subject, of its body, and of the advice for readers who did
// not do this themselves.
var mailTexts = map[string][3]string{
	MailVerifyEmail:             {"mail.verify_email.subject", "mail.verify_email.text", "mail.verify_email.not_me"},
	MailInvitation:              {"mail.invitation.subject", "mail.invitation.text", "mail.invitation.not_me"},
	MailTOTPAdded:               {"mail.totp_added.subject", "mail.totp_added.text", "mail.not_me"},
	MailTOTPReplaced:            {"mail.totp_replaced.subject", "mail.totp_replaced.text", "mail.not_me"},
	MailTOTPRemoved:             {"mail.totp_removed.subject", "mail.totp_removed.text", "mail.not_me"},
	MailKeyAdded:                {"mail.key_added.subject", "mail.key_added.text", "mail.not_me"},
	MailKeyRemoved:              {"mail.key_removed.subject", "mail.key_removed.text", "mail.not_me"},
	MailKeyCounterBack:          {"mail.key_counter_back.subject", "mail.key_counter_back.text", "mail.key_counter_back.not_me"},
	MailKeyCloned:               {"mail.key_cloned.subject", "mail.key_cloned.text", "mail.key_cloned.not_me"},
	MailFactorFailed:            {"mail.second_factor_failed.subject", "mail.second_factor_failed.text", "mail.second_factor_failed.not_me"},
	MailKeysOnly:                {"mail.keys_only.subject", "mail.keys_only.text", "mail.not_me"},
	MailKeysOnlyOff:             {"mail.keys_only_off.subject", "mail.keys_only_off.text", "mail.not_me"},
	MailRecoveryCodesCreated:    {"mail.recovery_codes_created.subject", "mail.recovery_codes_created.text", "mail.not_me"},
	MailRecoveryCodeUsed:        {"mail.recovery_code_used.subject", "mail.recovery_code_used.text", "mail.not_me"},
	MailPasswordChanged:         {"mail.password_changed.subject", "mail.password_changed.text", "mail.password_changed.not_me"},
	MailPasswordReset:           {"mail.password_reset.subject", "mail.password_reset.text", "mail.password_reset.not_me"},
	MailResetLink:               {"mail.reset_link.subject", "mail.reset_link.text", "mail.reset_link.not_me"},
	MailConfirmDevice:           {"mail.confirm_device.subject", "mail.confirm_device.text", "mail.confirm_device.not_me"},
	MailNewDevice:               {"mail.new_device.subject", "mail.new_device.text", "mail.not_me"},
	MailEmailChange:             {"mail.email_change.subject", "mail.email_change.text", "mail.email_change.not_me"},
	MailEmailUndo:               {"mail.email_undo.subject", "mail.email_undo.text", "mail.email_undo.not_me"},
	MailAddressUndone:           {"mail.address_undone.subject", "mail.address_undone.text", "mail.address_undone.not_me"},
	MailRecoveryStarted:         {"mail.recovery_started.subject", "mail.recovery_started.text", "mail.recovery_started.not_me"},
	MailRecoveryReminder:        {"mail.recovery_reminder.subject", "mail.recovery_reminder.text", "mail.recovery_started.not_me"},
	MailRecoveryCancelled:       {"mail.recovery_cancelled.subject", "mail.recovery_cancelled.text", "mail.recovery_cancelled.not_me"},
	MailRecoveryByOther:         {"mail.recovery_by_other.subject", "mail.recovery_by_other.text", "mail.recovery_by_other.not_me"},
	MailRecovery:                {"mail.recovery.subject", "mail.recovery.text", "mail.recovery.not_me"},
	MailEmailChanged:            {"mail.email_changed.subject", "mail.email_changed.text", "mail.email_changed.not_me"},
	MailSignedOut:               {"mail.signed_out_everywhere.subject", "mail.signed_out_everywhere.text", "mail.frozen.not_me"},
	MailAdminGiven:              {"mail.admin_given.subject", "mail.admin_given.text", "mail.not_me"},
	MailAdminTaken:              {"mail.admin_taken.subject", "mail.admin_taken.text", "mail.not_me"},
	MailAdminGranted:            {"mail.admin_granted.subject", "mail.admin_granted.text", "mail.admin.not_me"},
	MailAdminRevoked:            {"mail.admin_revoked.subject", "mail.admin_revoked.text", "mail.admin.not_me"},
	MailFrozen:                  {"mail.frozen.subject", "mail.frozen.text", "mail.frozen.not_me"},
	MailUnfrozen:                {"mail.unfrozen.subject", "mail.unfrozen.text", "mail.frozen.not_me"},
	MailAddressInUse:            {"mail.address_in_use.subject", "mail.address_in_use.text", "mail.address_in_use.not_me"},
	MailTokenMinted:             {"mail.token_minted.subject", "mail.token_minted.text", "mail.token_minted.not_me"},
	MailTokenRevoked:            {"mail.token_revoked.subject", "mail.token_revoked.text", "mail.token_revoked.not_me"},
	MailTokenRegenerated:        {"mail.token_regenerated.subject", "mail.token_regenerated.text", "mail.token_minted.not_me"},
	MailProjectInvited:          {"mail.project_invited.subject", "mail.project_invited.text", "mail.project_invited.not_me"},
	MailTransferAsked:           {"mail.transfer_asked.subject", "mail.transfer_asked.text", "mail.project_invited.not_me"},
	MailInvitationAccepted:      {"mail.invitation_accepted.subject", "mail.invitation_accepted.text", "mail.invitation_accepted.not_me"},
	MailProjectTransferred:      {"mail.project_transferred.subject", "mail.project_transferred.text", "mail.project.not_me"},
	MailProjectArchived:         {"mail.project_archived.subject", "mail.project_archived.text", "mail.project.not_me"},
	MailProjectReopened:         {"mail.project_reopened.subject", "mail.project_reopened.text", "mail.project.not_me"},
	MailProjectDeprecated:       {"mail.project_deprecated.subject", "mail.project_deprecated.text", "mail.project.not_me"},
	MailProjectUndeprecated:     {"mail.project_undeprecated.subject", "mail.project_undeprecated.text", "mail.project.not_me"},
	MailProjectQuarantined:      {"mail.project_quarantined.subject", "mail.project_quarantined.text", "mail.frozen.not_me"},
	MailProjectQuarantineLifted: {"mail.project_quarantine_lifted.subject", "mail.project_quarantine_lifted.text", "mail.frozen.not_me"},
	MailProjectOnlyPublishers:   {"mail.project_only_publishers.subject", "mail.project_only_publishers.text", "mail.project.not_me"},
	MailProjectAllTokens:        {"mail.project_all_tokens.subject", "mail.project_all_tokens.text", "mail.project.not_me"},
	MailTokenBesidePublisher:    {"mail.token_beside_publisher.subject", "mail.token_beside_publisher.text", "mail.token_beside_publisher.not_me"},

	MailPublisherAdded:       {"mail.publisher_added.subject", "mail.publisher_added.text", "mail.publisher.not_me"},
	MailPublisherRemoved:     {"mail.publisher_removed.subject", "mail.publisher_removed.text", "mail.project.not_me"},
	MailPublisherFirstUsed:   {"mail.publisher_first_used.subject", "mail.publisher_first_used.text", "mail.publisher.not_me"},
	MailPublisherEnvironment: {"mail.publisher_environment.subject", "mail.publisher_environment.text", "mail.publisher.not_me"},
	MailPublisherEnding:      {"mail.publisher_ending.subject", "mail.publisher_ending.text", "mail.publisher_ending.not_me"},
	MailProjectRegistered:    {"mail.project_registered.subject", "mail.project_registered.text", "mail.project_registered.not_me"},
	MailProjectDeleted:       {"mail.project_deleted.subject", "mail.project_deleted.text", "mail.project.not_me"},
	MailReleaseYanked:        {"mail.release_yanked.subject", "mail.release_yanked.text", "mail.release.not_me"},
	MailReleaseUnyanked:      {"mail.release_unyanked.subject", "mail.release_unyanked.text", "mail.release.not_me"},
	MailReleaseDeleted:       {"mail.release_deleted.subject", "mail.release_deleted.text", "mail.release.not_me"},
	MailFileDeleted:          {"mail.file_deleted.subject", "mail.file_deleted.text", "mail.release.not_me"},
	MailTokenBurned:          {"mail.token_burned.subject", "mail.token_burned.text", "mail.token_burned.not_me"},
	MailTokensExcluded:       {"mail.tokens_excluded.subject", "mail.tokens_excluded.text", "mail.tokens_excluded.not_me"},
	MailTokensReadmitted:     {"mail.tokens_readmitted.subject", "mail.tokens_readmitted.text", "mail.tokens_excluded.not_me"},
	MailTokenLeaked:          {"mail.token_leaked.subject", "mail.token_leaked.text", "mail.token_leaked.not_me"},
	MailTokenRevokedSelf:     {"mail.token_revoked_self.subject", "mail.token_revoked_self.text", "mail.not_me"},
	MailTokenExpiring:        {"mail.token_expiring.subject", "mail.token_expiring.text", "mail.token_expiring.not_me"},
	MailTokenUnused:          {"mail.token_unused.subject", "mail.token_unused.text", "mail.token_unused.not_me"},
	MailTokenFirstUsed:       {"mail.token_first_used.subject", "mail.token_first_used.text", "mail.token_first_used.not_me"},
	MailRoleGained:           {"mail.role_gained.subject", "mail.role_gained.text", "mail.role_gained.not_me"},
	MailRoleChanged:          {"mail.role_changed.subject", "mail.role_changed.text", "mail.role.not_me"},
	MailRoleLost:             {"mail.role_lost.subject", "mail.role_lost.text", "mail.role.not_me"},
}
