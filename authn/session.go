package authn

import (
	"time"
)

// Stage is how far a sign-in has come.
type Stage string

// The stages. A Session goes from None to Password or Enrolling by SignIn or
// Register, and to SignedIn by a second factor or a device that stands in for one. Its only way
// back is from SignedIn to Enrolling, by RecoveryCodes.Create, until the new codes are confirmed.
const (
	StageNone      Stage = ""          // nobody
	StagePassword  Stage = "password"  // the password was right; the second factor is missing
	StageDevice    Stage = "device"    // a code was given in an unknown browser and network; the link in the mail is missing (Devices.Confirm)
	StageEnrolling Stage = "enrolling" // the account is not set up: only the pages of NextStep
	StageSignedIn  Stage = "signed_in" // a second factor was given, or a device stood in for one, and the account is set up
)

// Factor is a kind of second factor.
type Factor string

// The second factors.
const (
	FactorNone         Factor = ""
	FactorTOTP         Factor = "totp"
	FactorWebAuthn     Factor = "webauthn" // a security key or passkey
	FactorRecoveryCode Factor = "recovery_code"
	FactorRemembered   Factor = "remembered" // none was given: the device stood in for one (Devices.Note); never fresh
)

// Session says who somebody is. It is a value: methods of Service that get
// somebody further return a new one, which SessionManager.Start keeps. The zero
// value is nobody.
type Session struct {
	ID         string    `json:"id"` // identifies the sign-in through all its stages; not the cookie, not secret
	UserID     string    `json:"user_id"`
	Stage      Stage     `json:"stage"`
	Factor     Factor    `json:"factor"`     // the last second factor that was given
	FactorAt   time.Time `json:"factor_at"`  // when it was given; zero if none was
	Begun      time.Time `json:"begun"`      // when the password was given; sessions end SessionLifetime later
	Generation uint64    `json:"generation"` // User.SessionGeneration at that time

	operator string // see Operator; "" for everybody who has an account
}

// SignedIn reports whether a second factor was given and the account is set up.
func (x Session) SignedIn() bool { return x.Stage == StageSignedIn }

// FactorFresh reports whether the second factor is recent enough for a sensitive
// action.
func (x Session) FactorFresh(now time.Time) bool {
	age := now.Sub(x.FactorAt)
	return x.Factor != FactorNone && x.Factor != FactorRemembered && age <= FactorFresh && age >= -maxClockSkew
}

// maxClockSkew is how far ahead of the clock a stored time may be, because several servers share a store. A time that
// is further ahead comes from a clock that was wrong and has been corrected; it does not make anything last longer.
const maxClockSkew = time.Minute

// Step is what somebody has to do next.
type Step string

// The steps, in their order.
const (
	StepSignIn        Step = "sign_in"
	StepSecondFactor  Step = "second_factor"  // SecurityKeys.Verify, Authenticators.Verify or RecoveryCodes.Use
	StepConfirmDevice Step = "confirm_device" // the link in the mail (Devices.Confirm), or SecurityKeys.Verify
	StepVerifyEmail   Step = "verify_email"   // the link in the mail; ResendVerification, Addresses.Correct
	StepRecover       Step = "recover"        // the link in the mail at the end of a recovery (Recoveries.UseLink)
	StepAddFactor     Step = "add_factor"     // SecurityKeys.BeginAdd, SecurityKeys.Add or Authenticators.Begin, Authenticators.Confirm
	StepSaveRecovery  Step = "save_recovery"  // RecoveryCodes.Create, RecoveryCodes.Confirm
	StepDone          Step = "done"
)

// NextStep says what the person has to do next; u is the Session's user.
func NextStep(x Session, u User) Step {
	switch {
	case x.Stage == StageNone:
		return StepSignIn
	case x.Stage == StageSignedIn:
		return StepDone
	case x.Stage == StageDevice:
		return StepConfirmDevice
	case u.HasFactor() && x.Factor == FactorNone:
		return StepSecondFactor
	case !u.EmailVerified:
		return StepVerifyEmail
	case u.Recovered && u.RecoveryBy != x.ID:
		return StepRecover
	case !u.HasFactor():
		return StepAddFactor
	default:
		return StepSaveRecovery
	}
}

// stageOperator is the stage of Operator. No person's sign-in reaches it.
const stageOperator Stage = "operator"

// Operator returns the Session of somebody who works on the machine itself. It counts as an administrator
// with a fresh factor: whoever may write the data folder needs no account. name appears in the audit
// trail; it contains a space, which no username does. The Session is only for the methods of
// administrators and is never stored: its fields are not part of the stored form, so no
// stored record can produce it.
func Operator(name string) Session { return Session{Stage: stageOperator, operator: name} }

// partial reports whether the Session has a password but no second factor yet: it may only continue
// the sign-in.
func (x Session) partial() bool { return x.Stage == StagePassword || x.Stage == StageDevice }
