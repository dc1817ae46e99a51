package authn

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/internal/problem"
)

// Codes of the problems that a person can solve, each with its field and its arguments. The message
// catalogue has a sentence for each, under "problem.<code>".
const (
	CodeUsernameInvalid     = "username_invalid"     // username: not letters, digits, '.', '_', '-', or a sign at an end
	CodeUsernameTooLong     = "username_too_long"    // username: max (characters)
	CodeUsernameTaken       = "username_taken"       // username
	CodeEmailInvalid        = "email_invalid"        // email
	CodeEmailTooLong        = "email_too_long"       // email: max (bytes)
	CodeEmailTaken          = "email_taken"          // email; only said to administrators and to whoever reads that mailbox
	CodeEmailSame           = "email_same"           // email: the account has it
	CodeEmailUnverified     = "email_unverified"     // form: a factor can't be added before the address is verified
	CodeEmailVerified       = "email_verified"       // form: there is nothing left to verify
	CodePasswordTooShort    = "password_too_short"   // password: min (characters)
	CodePasswordTooLong     = "password_too_long"    // password: max (bytes)
	CodePasswordInvalid     = "password_invalid"     // password: not UTF-8 text, or with control characters
	CodePasswordWeak        = "password_weak"        // password: too easy to guess
	CodePasswordBreached    = "password_breached"    // password: count (how often it was seen in lists of stolen ones)
	CodePasswordWrong       = "password_wrong"       // old_password: at a change of password
	CodePasswordSame        = "password_same"        // password: the new one is the old one
	CodeSignInFailed        = "sign_in_failed"       // form: unknown, wrong, frozen, all the same
	CodeLinkInvalid         = "link_invalid"         // form: not a link of ours, or damaged
	CodeLinkExpired         = "link_expired"         // form
	CodeLinkUsed            = "link_used"            // form: used, withdrawn, or replaced by a newer one
	CodeRegistrationOff     = "registration_off"     // form: registration needs an invitation
	CodeRegistrationUnknown = "registration_unknown" // registration: neither open nor invite
	CodeTOTPFormat          = "totp_format"          // code: not six digits; did not count as an attempt
	CodeTOTPWrong           = "totp_wrong"           // code: wrong, or used before
	CodeTOTPOutOfSync       = "totp_out_of_sync"     // code: seconds (the device's clock is that much ahead, or behind if below 0)
	CodeTOTPExpired         = "totp_expired"         // form: the set-up took too long and starts again
	CodeRecoveryFormat      = "recovery_format"      // code: not 16 hex digits; did not count as an attempt
	CodeRecoveryWrong       = "recovery_wrong"       // code: wrong, or used before
	CodeRecoveryMissing     = "recovery_missing"     // form: there are no codes to type back
	CodeKeyNameRequired     = "key_name_required"    // name
	CodeKeyNameTooLong      = "key_name_too_long"    // name: max (characters)
	CodeKeyNameInvalid      = "key_name_invalid"     // name: with characters that can't be shown in one line
	CodeKeyNameTaken        = "key_name_taken"       // name: name (of the key that has it, as it is written there)
	CodeTooManyKeys         = "too_many_keys"        // form: max
	CodeKeyExpired          = "key_expired"          // form: the ceremony took too long, was ended before, or never began here
	CodeKeyRefused          = "key_refused"          // form: the key's answer does not match the request
	CodeKeyCloned           = "key_cloned"           // form: key (its name): its counter went back, so there may be a copy of it
	CodeKeyMissing          = "key_missing"          // form: there is no key that could be the only factor
	CodeKeysOnly            = "keys_only"            // form: the account takes security keys only
	CodeLastFactor          = "last_factor"          // form: the account would have no second factor
	CodeLastKey             = "last_key"             // form: the account takes keys only and would have none
	CodePasskeyFailed       = "passkey_failed"       // form: unknown, wrong, frozen, all the same
	CodePasskeyUnverified   = "passkey_unverified"   // form: the key did not verify its user, so it is one factor only
	CodeDeviceElsewhere     = "device_elsewhere"     // form: the link was sent for a sign-in in another browser
	CodeRecoverySelf        = "recovery_self"        // form: administrators don't recover their own account
	CodeRecoveryFrozen      = "recovery_frozen"      // form: the account is frozen
	CodeRecoveryWaits       = "recovery_waits"       // form: the account has a waiting recovery already
	CodeRecoveryNeedless    = "recovery_needless"    // form: the account has no second factor that could be lost
	CodeRecoveryVouch       = "recovery_vouch"       // vouched: the password was set by mail, so the administrator has to vouch for the person
	CodeRecoveryAgain       = "recovery_again"       // form: the password was set by mail since the recovery, so a new recovery is needed
	CodeLastAdministrator   = "last_administrator"   // form: would leave nobody who can administer
	CodeThrottled           = "throttled"            // form: seconds, minutes (rounded up) until the next attempt
)

var (
	// ErrNotFound says that there is no such account or invitation.
	ErrNotFound = errors.New("authn: not found")

	// ErrSignedOut says that the Session is no longer valid: its account is frozen or gone, or its
	// password or factors changed elsewhere. The person signs in again.
	ErrSignedOut = errors.New("authn: the session no longer holds")

	// ErrForbidden says that the Session is valid but may not do this: it is at another stage, or its user
	// is not an administrator.
	ErrForbidden = errors.New("authn: not allowed")

	// ErrFactorStale says that the action needs a second factor no older than FactorFresh: the person
	// gives one again (SecurityKeys.Verify, Authenticators.Verify, RecoveryCodes.Use) and repeats the action.
	ErrFactorStale = errors.New("authn: the second factor was too long ago")

	// ErrBusy says that too many passwords are being hashed at the moment; the
	// caller answers 503 and lets the person try again.
	ErrBusy = password.ErrBusy

	// ErrMail says that the queue refused the mail that a change needs, because too many wait, and that
	// nothing was changed; the cause is wrapped beside it.
	ErrMail = errors.New("authn: the mail was not taken")

	// ErrThrottled is what errors.Is finds in a ThrottledError.
	ErrThrottled = errors.New("authn: too many attempts")
)

// ThrottledError says that there were too many attempts, and when the next one will be looked at. The
// refused attempt was not looked at and did not count.
type ThrottledError struct {
	RetryAfter time.Duration // above 0
}

// Error says how long to wait.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("authn: too many attempts: wait %s", e.RetryAfter.Round(time.Second))
}

// Is makes errors.Is(err, ErrThrottled) hold.
func (e *ThrottledError) Is(target error) bool { return target == ErrThrottled }

// Seconds is RetryAfter in whole seconds, rounded up, for the Retry-After header.
func (e *ThrottledError) Seconds() int { return int(math.Ceil(e.RetryAfter.Seconds())) }

// Problems describes the error to a person.
func (e *ThrottledError) Problems() problem.Problems {
	return problem.New("", CodeThrottled, "seconds", e.Seconds(), "minutes", (e.Seconds()+59)/60)
}
