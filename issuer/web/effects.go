package web

import (
	"fmt"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// effect is how a form changes what people may do. Nothing else decides whether the form requires a fresh
// second factor.
type effect int

const (
	undeclared    effect = iota
	givesPower           // somebody can do more afterwards: requires a factor
	endsForOthers        // takes something from others, or for good: requires a factor
	takesPower           // can be undone, and must work at once: requires none
	noPower              // neither
	accountAsks          // a sign-in, or the visitor's own factors: authn asks if the account has a factor
	dependsOnForm        // effectOfForm decides
)

// effects has the effect of every form.
var effects = map[ui.Path]effect{
	ui.PathTokenNew: givesPower, ui.PathTokenRegenerate: givesPower, ui.PathEmail: givesPower,
	ui.PathMembers: givesPower, ui.PathProjectInvitationSend: givesPower, ui.PathInvited: givesPower,
	ui.PathProjectTransfer: givesPower, ui.PathMemberRole: givesPower, ui.PathMemberReadmit: givesPower, ui.PathProjectReopen: givesPower,
	ui.PathPersonThaw: givesPower, ui.PathPersonMakeAdmin: givesPower, ui.PathInvitations: givesPower, ui.PathReservedNameRelease: givesPower,
	ui.PathVerifiers: givesPower, ui.PathReadOnly: givesPower, ui.PathRegistration: givesPower, ui.PathBanner: givesPower,
	ui.PathProjectOwner: givesPower, ui.PathPersonRecovery: givesPower, ui.PathAdminArchive: dependsOnForm, ui.PathAdminQuarantine: dependsOnForm,
	ui.PathReleaseUnyank: givesPower,
	ui.PathPublisherNew:  givesPower, ui.PathPublisherTake: givesPower, ui.PathPublisherVouch: givesPower, ui.PathPendingNew: givesPower, ui.PathPendingTake: givesPower, ui.PathProjectAllTokens: givesPower, ui.PathIssuers: givesPower,

	ui.PathIssuerRemove: endsForOthers, ui.PathReleaseDelete: endsForOthers, ui.PathFileDelete: endsForOthers,
	ui.PathProjectDelete: endsForOthers, ui.PathPersonSignOut: endsForOthers, ui.PathPersonDropAdmin: endsForOthers,
	ui.PathPersonFreeze: endsForOthers, ui.PathBannerClear: endsForOthers,

	ui.PathSessionEnd: takesPower, ui.PathSessionsEnd: takesPower, ui.PathDeviceForget: takesPower, ui.PathLogout: takesPower,
	ui.PathProjectInvitationEnd: takesPower, ui.PathInvitedDecline: takesPower, ui.PathProjectArchive: takesPower, ui.PathMemberExclude: takesPower,
	ui.PathPersonRecoveryCancel: takesPower, ui.PathRecoveryCancel: takesPower, ui.PathTokenRevoke: takesPower, ui.PathProjectLeave: takesPower,
	ui.PathMemberRemove: takesPower, ui.PathInvitationEnd: takesPower, ui.PathVerifierRevoke: takesPower, ui.PathAdminTokenRevoke: takesPower,
	ui.PathPublisherRemove: takesPower, ui.PathPendingRemove: takesPower, ui.PathProjectOnly: takesPower, ui.PathReleaseYank: takesPower, ui.PathTokensRevoke: takesPower, ui.PathTokenRestrict: takesPower,

	ui.PathProjectSettings: noPower, ui.PathProjectDeprecate: noPower, ui.PathStrength: noPower, ui.PathNotifications: noPower, ui.PathAdminTokens: noPower, ui.PathToken: noPower,
	ui.PathKey: noPower, ui.PathForgot: noPower, ui.PathVerifyEmailResend: noPower, ui.PathVerifyEmailChange: noPower, ui.PathRecoverResend: noPower,
	ui.PathProjectNew: noPower, // nobody else has the new name, and uploading needs a token

	ui.PathLogin: accountAsks, ui.PathLoginTOTP: accountAsks, ui.PathLoginRecovery: accountAsks, ui.PathDeviceConfirm: accountAsks,
	ui.PathPasskeyBegin: accountAsks, ui.PathPasskeyFinish: accountAsks, ui.PathKeyVerifyBegin: accountAsks, ui.PathKeyVerifyFinish: accountAsks,
	ui.PathKeyAddBegin: accountAsks, ui.PathKeyAddFinish: accountAsks, ui.PathKeyRemove: accountAsks, ui.PathTOTPRemove: accountAsks,
	ui.PathKeysOnly: accountAsks, ui.PathTOTP: accountAsks, ui.PathRecoveryCodes: accountAsks, ui.PathRecoveryNew: accountAsks,
	ui.PathPassword: accountAsks, ui.PathRecover: accountAsks, ui.PathReset: accountAsks, ui.PathVerifyEmail: accountAsks,
	ui.PathEmailConfirm: accountAsks, ui.PathEmailUndo: accountAsks,
	ui.PathSetup: accountAsks, ui.PathInvitation: accountAsks, ui.PathRegister: accountAsks,
}

// effectOfForm returns the effect of a form that gives or takes power depending on its fields.
func effectOfForm(v *visit) effect {
	switch v.Path() {
	case ui.PathAdminArchive.Colon():
		if v.form.Get("archived") == "yes" {
			return takesPower
		}
	case ui.PathAdminQuarantine.Colon():
		if v.form.Get("quarantined") == "yes" {
			return takesPower
		}
	}
	return givesPower
}

// effectOf returns the declared effect of a form. A form without one is a programming error that keeps the
// server from starting.
func effectOf(path ui.Path) effect {
	e := effects[path]
	if e == undeclared {
		panic(fmt.Sprintf("web: say in effects what the form %s does to what people may do", path))
	}
	return e
}

// ask asks for a second factor if the form requires a fresh one and the visitor's is too old.
func (e effect) ask(v *visit) error {
	if e == dependsOnForm {
		e = effectOfForm(v)
	}
	if (e == givesPower || e == endsForOthers) && v.session.SignedIn() && !v.session.FactorFresh(v.core.now()) {
		return authn.ErrFactorStale
	}
	return nil
}
