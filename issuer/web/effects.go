package web

import (
	"fmt"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// effect says what a form does to what people may do. It is declared once for each, in
// effects, and it alone decides whether the form asks for a fresh second factor.
type effect int

const (
	undeclared    effect = iota
	givesPower           // somebody can do more afterwards: asks
	endsForOthers        // takes what others have, or what can't be had back: asks
	takesPower           // takes what can be given back, and must work at once: does not ask
	noPower              // neither
	accountAsks          // a sign-in, or a factor of one's own: authn asks, where the account has a factor
	dependsOnForm        // gives or takes, as the form says: effectOfForm
)

// effects are those of all forms.
var effects = map[ui.Path]effect{
	ui.PathTokenNew: givesPower, ui.PathTokenRegenerate: givesPower, ui.PathEmail: givesPower,
	ui.PathMembers: givesPower, ui.PathProjectInvitationSend: givesPower, ui.PathInvited: givesPower,
	ui.PathProjectTransfer: givesPower, ui.PathMemberRole: givesPower, ui.PathMemberLetIn: givesPower, ui.PathProjectReopen: givesPower,
	ui.PathPersonThaw: givesPower, ui.PathPersonMakeAdmin: givesPower, ui.PathInvitations: givesPower, ui.PathHeldNameFree: givesPower,
	ui.PathVerifiers: givesPower, ui.PathReadOnly: givesPower, ui.PathRegistration: givesPower, ui.PathBanner: givesPower,
	ui.PathProjectOwner: givesPower, ui.PathPersonRecovery: givesPower, ui.PathAdminArchive: dependsOnForm,

	ui.PathProjectDelete: endsForOthers, ui.PathPersonSignOut: endsForOthers, ui.PathPersonDropAdmin: endsForOthers,
	ui.PathPersonFreeze: endsForOthers, ui.PathBannerClear: endsForOthers,

	ui.PathSessionEnd: takesPower, ui.PathSessionsEnd: takesPower, ui.PathDeviceForget: takesPower, ui.PathLogout: takesPower,
	ui.PathProjectInvitationEnd: takesPower, ui.PathInvitedDecline: takesPower, ui.PathProjectArchive: takesPower, ui.PathMemberShut: takesPower,
	ui.PathPersonRecoveryCancel: takesPower, ui.PathRecoveryCancel: takesPower, ui.PathTokenRevoke: takesPower, ui.PathProjectLeave: takesPower,
	ui.PathMemberRemove: takesPower, ui.PathInvitationEnd: takesPower, ui.PathVerifierRevoke: takesPower, ui.PathAdminTokenRevoke: takesPower,
	ui.PathTokensRevoke: takesPower, ui.PathTokenRestrict: takesPower,

	ui.PathProjectSettings: noPower, ui.PathStrength: noPower, ui.PathNotifications: noPower, ui.PathAdminTokens: noPower, ui.PathToken: noPower,
	ui.PathKey: noPower, ui.PathForgot: noPower, ui.PathVerifyEmailResend: noPower, ui.PathVerifyEmailChange: noPower, ui.PathRecoverResend: noPower,
	ui.PathProjectNew: noPower, // a new name is nobody else's; what uploads to it is a token

	ui.PathLogin: accountAsks, ui.PathLoginTOTP: accountAsks, ui.PathLoginRecovery: accountAsks, ui.PathDeviceConfirm: accountAsks,
	ui.PathPasskeyBegin: accountAsks, ui.PathPasskeyFinish: accountAsks, ui.PathKeyVerifyBegin: accountAsks, ui.PathKeyVerifyFinish: accountAsks,
	ui.PathKeyAddBegin: accountAsks, ui.PathKeyAddFinish: accountAsks, ui.PathKeyRemove: accountAsks, ui.PathTOTPRemove: accountAsks,
	ui.PathKeysOnly: accountAsks, ui.PathTOTP: accountAsks, ui.PathRecoveryCodes: accountAsks, ui.PathRecoveryNew: accountAsks,
	ui.PathPassword: accountAsks, ui.PathRecover: accountAsks, ui.PathReset: accountAsks, ui.PathVerifyEmail: accountAsks,
	ui.PathEmailConfirm: accountAsks, ui.PathEmailUndo: accountAsks,
	ui.PathSetup: accountAsks, ui.PathInvitation: accountAsks, ui.PathRegister: accountAsks,
}

// effectOfForm is the effect of a form that gives or takes.
func effectOfForm(v *visit) effect {
	if v.Path() == ui.PathAdminArchive.Colon() && v.form.Get("archived") == "yes" {
		return takesPower
	}
	return givesPower
}

// effectOf is what was declared for a form. A form without is a mistake of the program, which
// does not start with it.
func effectOf(path ui.Path) effect {
	e := effects[path]
	if e == undeclared {
		panic(fmt.Sprintf("web: say in effects what the form %s does to what people may do", path))
	}
	return e
}

// ask refuses a form that gives or ends something for who gave no second factor for long.
func (e effect) ask(v *visit) error {
	if e == dependsOnForm {
		e = effectOfForm(v)
	}
	if (e == givesPower || e == endsForOthers) && v.session.SignedIn() && !v.session.FactorFresh(v.core.now()) {
		return authn.ErrFactorStale
	}
	return nil
}
