package ui

import (
	"fmt"
	"net/url"
	"strings"
)

// Path is the address of a page, or of a form's target, on this server. With fills in the parts in
// braces.
type Path string

// The addresses that pages link to and that forms are sent to. Unless a comment says otherwise, a page
// and its form share one address: GET shows the page, POST submits the form.
const (
	PathHome   Path = "/"
	PathHelp   Path = "/help"    // GET only
	PathAssets Path = "/assets/" // followed by what AssetPath adds

	PathLogin         Path = "/login"
	PathLoginTOTP     Path = "/login/totp"
	PathLoginKey      Path = "/login/key" // GET only
	PathLoginRecovery Path = "/login/recovery"
	PathLogout        Path = "/logout"         // POST only
	PathLoginDevice   Path = "/login/device"   // GET only
	PathDeviceConfirm Path = "/confirm-device" // with WithLink
	PathForgot        Path = "/forgot-password"
	PathReset         Path = "/reset-password" // with WithLink

	PathEmailConfirm Path = "/confirm-email" // with WithLink
	PathEmailUndo    Path = "/keep-email"    // with WithLink

	PathRecover       Path = "/recover"        // with WithLink
	PathRecoverResend Path = "/recover/resend" // POST only

	PathSetup             Path = "/setup"      // with WithLink: the first administrator
	PathInvitation        Path = "/invitation" // with WithLink
	PathRegister          Path = "/register"   // if registration is open
	PathVerifyEmail       Path = "/verify-email"
	PathVerifyEmailSent   Path = "/verify-email/sent"   // GET only
	PathVerifyEmailResend Path = "/verify-email/resend" // POST only
	PathVerifyEmailChange Path = "/verify-email/change" // POST only

	PathAccount       Path = "/account"
	PathEmail         Path = "/account/email"
	PathPassword      Path = "/account/password"  // POST only
	PathStrength      Path = "/password/strength" // POST only; answers JSON
	PathFactors       Path = "/account/factors"   // GET only
	PathTOTP          Path = "/account/totp"
	PathRecoveryCodes Path = "/account/recovery-codes" // POST types one back
	PathRecoveryNew   Path = "/account/recovery-codes/new"
	PathNotifications Path = "/account/notifications"

	PathRecoveryCancel Path = "/account/recovery/cancel" // POST only
	PathActivity       Path = "/account/activity"        // GET only
	PathActivityExport Path = "/account/activity/export" // GET only

	PathSessions     Path = "/account/sessions"            // GET only
	PathSessionEnd   Path = "/account/sessions/{id}/end"   // POST only
	PathSessionsEnd  Path = "/account/sessions/end-others" // POST only
	PathDeviceForget Path = "/account/devices/{id}/forget" // POST only

	PathTOTPRemove Path = "/account/totp/remove"
	PathKeyNew     Path = "/account/keys/new" // GET only
	PathKey        Path = "/account/keys/{id}"
	PathKeyRemove  Path = "/account/keys/{id}/remove"
	PathKeysOnly   Path = "/account/keys-only"

	// Where the script of ceremonies sends JSON; POST only.
	PathPasskeyBegin    Path = "/webauthn/passkey/begin"
	PathPasskeyFinish   Path = "/webauthn/passkey/finish"
	PathKeyVerifyBegin  Path = "/webauthn/verify/begin"
	PathKeyVerifyFinish Path = "/webauthn/verify/finish"
	PathKeyAddBegin     Path = "/webauthn/add/begin"
	PathKeyAddFinish    Path = "/webauthn/add/finish"

	PathTokens      Path = "/tokens"
	PathTokenNew    Path = "/tokens/new"
	PathTokenRevoke Path = "/tokens/{id}/revoke"

	PathToken           Path = "/tokens/{id}" // POST renames
	PathTokenRestrict   Path = "/tokens/{id}/restrict"
	PathTokenRegenerate Path = "/tokens/{id}/regenerate"
	PathTokensRevoke    Path = "/tokens/revoke"

	PathProjects      Path = "/projects"
	PathProjectNew    Path = "/new-project" // not below /projects/, where a project may be called "new"
	PathProject       Path = "/projects/{name}"
	PathProjectLeave  Path = "/projects/{name}/leave"
	PathProjectTokens Path = "/projects/{name}/tokens" // GET only
	PathMemberExclude Path = "/projects/{name}/members/{id}/exclude"
	PathMemberReadmit Path = "/projects/{name}/members/{id}/readmit"
	PathMembers       Path = "/projects/{name}/members"           // invites
	PathMemberRole    Path = "/projects/{name}/members/{id}/role" // POST only; id of the user
	PathMemberRemove  Path = "/projects/{name}/members/{id}/remove"

	PathProjectActivity       Path = "/projects/{name}/activity"        // GET only
	PathProjectActivityExport Path = "/projects/{name}/activity/export" // GET only
	PathProjectSettings       Path = "/projects/{name}/settings"
	PathProjectArchive        Path = "/projects/{name}/archive"
	PathProjectReopen         Path = "/projects/{name}/reopen"
	PathProjectDeprecate      Path = "/projects/{name}/deprecate" // POST only
	PathProjectOnly           Path = "/projects/{name}/only-publishers"
	PathProjectAllTokens      Path = "/projects/{name}/all-tokens"
	PathProjectTransfer       Path = "/projects/{name}/transfer"
	PathProjectDelete         Path = "/projects/{name}/delete"
	PathProjectInvitationEnd  Path = "/projects/{name}/invitations/{id}/revoke" // POST only
	PathProjectInvitationSend Path = "/projects/{name}/invitations/{id}/resend" // POST only

	PathReleases      Path = "/projects/{name}/releases"           // GET only
	PathRelease       Path = "/projects/{name}/releases/{version}" // GET only
	PathReleaseYank   Path = "/projects/{name}/releases/{version}/yank"
	PathReleaseUnyank Path = "/projects/{name}/releases/{version}/unyank"
	PathReleaseDelete Path = "/projects/{name}/releases/{version}/delete"
	PathFileDelete    Path = "/projects/{name}/files/{file}/delete"

	PathPublishers      Path = "/projects/{name}/publishers" // GET only
	PathPublisherNew    Path = "/projects/{name}/publishers/new"
	PathPublisher       Path = "/projects/{name}/publishers/{id}" // GET only
	PathPublisherTake   Path = "/projects/{name}/publishers/{id}/take-over"
	PathPublisherVouch  Path = "/projects/{name}/publishers/{id}/vouch" // POST only
	PathPublisherRemove Path = "/projects/{name}/publishers/{id}/remove"

	PathPendingPublishers Path = "/account/publishers" // GET only
	PathPendingNew        Path = "/account/publishers/new"
	PathPendingPublisher  Path = "/account/publishers/{id}" // GET only
	PathPendingTake       Path = "/account/publishers/{id}/take-over"
	PathPendingRemove     Path = "/account/publishers/{id}/remove"

	PathInvitedLink    Path = "/project-invitation"              // with WithLink; GET only
	PathInvited        Path = "/project-invitation/{id}"         // POST accepts
	PathInvitedDecline Path = "/project-invitation/{id}/decline" // POST only

	PathAdminPeople          Path = "/admin/people"
	PathPerson               Path = "/admin/people/{id}" // GET only
	PathPersonFreeze         Path = "/admin/people/{id}/freeze"
	PathPersonThaw           Path = "/admin/people/{id}/thaw"
	PathPersonRecovery       Path = "/admin/people/{id}/recovery"        // POST starts one
	PathPersonRecoveryCancel Path = "/admin/people/{id}/recovery/cancel" // POST only

	PathPersonSignOut   Path = "/admin/people/{id}/sign-out"
	PathPersonMakeAdmin Path = "/admin/people/{id}/make-admin"
	PathPersonDropAdmin Path = "/admin/people/{id}/drop-admin"

	PathAdminProjects    Path = "/admin/projects"                   // GET only
	PathAdminProject     Path = "/admin/projects/{name}"            // GET only
	PathProjectOwner     Path = "/admin/projects/{name}/owner"      // POST only
	PathAdminArchive     Path = "/admin/projects/{name}/archive"    // POST only
	PathAdminQuarantine  Path = "/admin/projects/{name}/quarantine" // POST only
	PathAdminTokens      Path = "/admin/tokens"                     // POST searches
	PathAdminTokenRevoke Path = "/admin/tokens/{id}/revoke"

	PathIssuers      Path = "/admin/ci-systems" // POST adds one
	PathIssuerRemove Path = "/admin/ci-systems/{name}/remove"

	PathSettings     Path = "/admin/settings"              // GET only
	PathReadOnly     Path = "/admin/settings/read-only"    // POST only
	PathRegistration Path = "/admin/settings/registration" // POST only
	PathBanner       Path = "/admin/settings/banner"       // POST only
	PathBannerClear  Path = "/admin/settings/banner/clear" // POST only

	PathInvitations   Path = "/admin/invitations"             // POST only
	PathInvitationEnd Path = "/admin/invitations/{id}/revoke" // POST only

	PathAudit               Path = "/admin/audit"                // GET only
	PathAuditExport         Path = "/admin/audit/export"         // GET only
	PathReservedNames       Path = "/admin/names"                // GET only
	PathReservedNameRelease Path = "/admin/names/{name}/release" // POST only

	PathVerifiers      Path = "/admin/verifiers" // POST registers one
	PathVerifierRevoke Path = "/admin/verifiers/{id}/revoke"
)

// paths maps the names that templates use to paths.
var paths = map[string]Path{
	"home": PathHome, "help": PathHelp, "login": PathLogin, "login.totp": PathLoginTOTP,
	"login.recovery": PathLoginRecovery, "logout": PathLogout,
	"activity": PathActivity, "project.activity": PathProjectActivity, "audit": PathAudit,
	"sessions": PathSessions, "session.end": PathSessionEnd, "sessions.end": PathSessionsEnd, "device.forget": PathDeviceForget, "device.confirm": PathDeviceConfirm,
	"email": PathEmail, "email.confirm": PathEmailConfirm, "email.undo": PathEmailUndo,
	"recover": PathRecover, "recover.resend": PathRecoverResend, "recovery.cancel": PathRecoveryCancel,
	"person.recovery": PathPersonRecovery, "person.recovery.cancel": PathPersonRecoveryCancel,
	"forgot": PathForgot, "reset": PathReset,
	"setup": PathSetup, "invitation": PathInvitation, "register": PathRegister,
	"verify": PathVerifyEmail, "verify.resend": PathVerifyEmailResend, "verify.change": PathVerifyEmailChange,
	"account": PathAccount, "password": PathPassword, "password.strength": PathStrength, "factors": PathFactors, "totp": PathTOTP, "totp.remove": PathTOTPRemove,
	"key.new": PathKeyNew, "key": PathKey, "key.remove": PathKeyRemove, "keys.only": PathKeysOnly,
	"passkey.begin": PathPasskeyBegin, "passkey.finish": PathPasskeyFinish,
	"key.verify.begin": PathKeyVerifyBegin, "key.verify.finish": PathKeyVerifyFinish,
	"key.add.begin": PathKeyAddBegin, "key.add.finish": PathKeyAddFinish,
	"recovery": PathRecoveryCodes, "recovery.new": PathRecoveryNew, "notifications": PathNotifications,
	"tokens": PathTokens, "token.new": PathTokenNew, "token.revoke": PathTokenRevoke,
	"token": PathToken, "token.restrict": PathTokenRestrict, "token.regenerate": PathTokenRegenerate, "tokens.revoke": PathTokensRevoke,
	"projects": PathProjects, "project.new": PathProjectNew, "project": PathProject,
	"project.leave": PathProjectLeave, "members": PathMembers,
	"project.tokens": PathProjectTokens, "member.exclude": PathMemberExclude, "member.readmit": PathMemberReadmit,
	"member.role": PathMemberRole, "member.remove": PathMemberRemove,
	"project.settings": PathProjectSettings, "project.archive": PathProjectArchive, "project.reopen": PathProjectReopen,
	"project.deprecate": PathProjectDeprecate, "project.only": PathProjectOnly, "project.all_tokens": PathProjectAllTokens,
	"project.transfer": PathProjectTransfer, "project.delete": PathProjectDelete,
	"project.uninvite": PathProjectInvitationEnd, "project.resend": PathProjectInvitationSend,
	"releases": PathReleases, "release": PathRelease, "release.yank": PathReleaseYank, "release.unyank": PathReleaseUnyank,
	"release.delete": PathReleaseDelete, "file.delete": PathFileDelete,
	"publishers": PathPublishers, "publisher.new": PathPublisherNew, "publisher": PathPublisher, "publisher.take": PathPublisherTake,
	"publisher.vouch": PathPublisherVouch, "publisher.remove": PathPublisherRemove,
	"pending": PathPendingPublishers, "pending.new": PathPendingNew, "pending.publisher": PathPendingPublisher, "pending.take": PathPendingTake, "pending.remove": PathPendingRemove,
	"invited": PathInvited, "invited.decline": PathInvitedDecline,
	"names": PathReservedNames, "name.free": PathReservedNameRelease,
	"person": PathPerson, "person.sign_out": PathPersonSignOut, "person.make_admin": PathPersonMakeAdmin, "person.drop_admin": PathPersonDropAdmin,
	"admin.projects": PathAdminProjects, "admin.project": PathAdminProject, "project.owner": PathProjectOwner, "admin.project.archive": PathAdminArchive,
	"admin.project.quarantine": PathAdminQuarantine,
	"admin.tokens":             PathAdminTokens, "admin.token.revoke": PathAdminTokenRevoke,
	"issuers": PathIssuers, "issuer.remove": PathIssuerRemove,
	"settings": PathSettings, "settings.read_only": PathReadOnly, "settings.registration": PathRegistration, "settings.banner": PathBanner, "settings.banner.clear": PathBannerClear,
	"people": PathAdminPeople, "person.freeze": PathPersonFreeze, "person.thaw": PathPersonThaw,
	"invitations": PathInvitations, "invitation.end": PathInvitationEnd,
	"verifiers": PathVerifiers, "verifier.revoke": PathVerifierRevoke,
}

// With fills in the parts in braces, in order, each escaped as one path segment. It panics if the
// number of values differs from the number of parts, because that is a programming error.
func (p Path) With(values ...string) string {
	s, err := p.fill(values)
	if err != nil {
		panic(err)
	}
	return s
}

// WithLink returns the address with the secret of a one-time link added.
func (p Path) WithLink(secret string) string {
	return string(p) + "?link=" + url.QueryEscape(secret)
}

// WithNext returns the address with the address to go to afterwards. "" adds nothing.
func (p Path) WithNext(next string) string {
	if next == "" {
		return string(p)
	}
	return string(p) + "?next=" + url.QueryEscape(next)
}

// Colon returns the pattern with :id instead of {id}, as some routers write it.
func (p Path) Colon() string {
	return strings.NewReplacer("{", ":", "}", "").Replace(string(p))
}

func (p Path) fill(values []string) (string, error) {
	var b strings.Builder
	rest := string(p)
	for _, v := range values {
		before, after, ok := strings.Cut(rest, "{")
		if !ok {
			return "", fmt.Errorf("ui: path %s: too many values", p)
		}
		b.WriteString(before)
		b.WriteString(url.PathEscape(v))
		_, rest, _ = strings.Cut(after, "}")
	}
	if strings.Contains(rest, "{") {
		return "", fmt.Errorf("ui: path %s: too few values", p)
	}
	b.WriteString(rest)
	return b.String(), nil
}
