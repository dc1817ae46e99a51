package authn

// Kinds of the audit rows that this package writes, each with its
// details.
const (
	rowSetupLink           = "setup.link_made"
	rowInvited             = "invitation.made"             // email
	rowInvitationRevoked   = "invitation.revoked"          // email
	rowRegistered          = "account.registered"          // username, email, by ("setup", "invitation", "open"), invitation (its id), invited (its address)
	rowUnconfirmedDeleted  = "account.unconfirmed_deleted" // username; it had never confirmed an address
	rowVerificationSent    = "account.verification_sent"
	rowEmailChanged        = "account.email_changed"       // from, to
	rowEmailChangeAsked    = "account.email_change_asked"  // to
	rowEmailChangeUndone   = "account.email_change_undone" // from, to; both are the same if the change had not happened yet
	rowEmailVerified       = "account.email_verified"
	rowPasswordAccepted    = "account.password_accepted"
	rowSignInFailed        = "account.sign_in_failed"   // why ("password", "frozen", "passkey"); without an account if none exists; n counts a burst, as in all that strangers cause (recordForAnyone)
	rowPasskeyAccepted     = "account.passkey_accepted" // key
	rowDeviceAsked         = "account.device_asked"     // the link to confirm a sign-in was mailed
	rowDeviceConfirmed     = "account.device_confirmed" // that link was used
	rowDeviceAccepted      = "account.device_accepted"  // signed in: the remembered device stood in for the second factor
	rowDeviceRemembered    = "account.device_remembered"
	rowDeviceForgotten     = "account.device_forgotten"
	rowSessionsEnded       = "account.sessions_ended"  // n
	rowFactorAccepted      = "account.factor_accepted" // key, if the factor was a key
	rowFactorFailed        = "account.factor_failed"   // factor
	rowTOTPAdded           = "account.totp_added"
	rowTOTPReplaced        = "account.totp_replaced"
	rowTOTPRemoved         = "account.totp_removed"
	rowKeyAdded            = "account.key_added"        // key
	rowKeyRenamed          = "account.key_renamed"      // from, to
	rowKeyRemoved          = "account.key_removed"      // key
	rowKeyCloned           = "account.key_cloned"       // key
	rowKeyCounterBack      = "account.key_counter_back" // key; a synced passkey, which was accepted
	rowKeysOnly            = "account.keys_only"
	rowKeysOnlyOff         = "account.keys_only_off"
	rowRecoveryMade        = "account.recovery_codes_made"
	rowRecoveryConfirmed   = "account.recovery_codes_confirmed"
	rowRecoveryUsed        = "account.recovery_code_used" // left
	rowPasswordChanged     = "account.password_changed"
	rowPasswordChangeWrong = "account.password_change_failed"
	rowResetAsked          = "account.password_reset_asked" // without an account if none exists, or if it gets no mail
	rowPasswordReset       = "account.password_reset"
	rowRecoveryStarted     = "account.recovery_started" // by an administrator
	rowRecoveryReminded    = "account.recovery_reminded"
	rowRecoveryCancelled   = "account.recovery_cancelled" // why ("administrator", "owner", "sign_in", "reset", "address", "frozen")
	rowRecoveryEnded       = "account.recovery_ended"     // factors, sessions and tokens are gone
	rowRecoveryLinkSent    = "account.recovery_link_sent"
	rowRecoveryLinkUsed    = "account.recovery_link_used"

	// The same events in the trail of the administrator who started the recovery.
	rowRecoveryStartedFor   = "account.recovery_started_for"   // user
	rowRecoveryCancelledFor = "account.recovery_cancelled_for" // user, why
	rowRecoveryEndedFor     = "account.recovery_ended_for"     // user

	rowNotifications = "account.notifications_changed" // off, on: kinds of mails, "a, b"
	rowFrozen        = "account.frozen"
	rowUnfrozen      = "account.unfrozen"
	rowAdminGranted  = "account.admin_granted"
	rowAdminRevoked  = "account.admin_revoked"
	rowSignedOut     = "account.signed_out"
	rowSignedOutAll  = "account.signed_out_everywhere" // by an administrator; n (sessions that were valid)

	// In the trail of the administrator; the operator has no trail.
	rowReadOnly      = "instance.read_only"      // reason
	rowReadOnlyOff   = "instance.read_only_off"  // was_since
	rowRegistration  = "instance.registration"   // to, was ("open", "invite", "" for as configured)
	rowBanner        = "instance.banner"         // text, level, until
	rowBannerCleared = "instance.banner_cleared" // text
)
