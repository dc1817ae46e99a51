package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/issuer/feedhttp"
	"github.com/rind-dev/rind/ui"
)

// Addresses that are not pages.
const (
	pathHealth   = "/healthz"
	pathLegacy   = "/legacy"
	pathSimple   = "/simple"
	pathPackages = "/packages"
	pathProject  = "/project" // of PyPI, which clients print
)

// formTime is how long somebody has at least to fill in a form that asks for a
// fresh second factor when it is sent.
const formTime = 5 * time.Minute

// routes says what is where, and who may go there.
func (s *Server) routes(gateway, index http.Handler) {
	s.echo.Use(requestID, s.accessLog, s.warnOfProxy, recoverPanic, s.secure)
	s.api.routes(s.router)
	if s.feed != nil {
		s.route(methodsOfAny, feedhttp.Prefix+"*", deadline.Mounted, mount(s.feed))
	}
	p := s.pageRoutes()
	uploadRoutes(gateway, index, p)
	s.entry.routes(p)
	s.entry.linkRoutes(p)
	s.account.routes(p)
	s.account.factorRoutes(p)
	s.tokens.routes(p)
	s.projects.routes(p)
	s.projects.memberRoutes(p)
	s.admin.routes(p)
	s.admin.peopleRoutes(p)
	s.activity.routes(p)
}

func (s *apiServer) routes(r router) {
	r.route(reads, pathHealth, deadline.Page, s.health)
	r.route(reads, string(ui.PathAssets)+"*", deadline.Download, s.asset)
	r.route([]string{http.MethodDelete}, pathToken, deadline.Page, s.burnToken)
	r.route(posts, pathLeaks, deadline.Page, s.takeLeaks)
}

// uploadRoutes says where uploads and the index are, and the addresses beside them
// that upload clients ask for or print.
func uploadRoutes(upload, index http.Handler, p pages) {
	for _, path := range []string{pathLegacy, pathLegacy + "/"} {
		p.route(methodsOfAny, path, deadline.Mounted, mount(upload))
	}
	// hatch looks for the index below the upload address; it writes the + in either way.
	indexPaths := []string{pathSimple, pathSimple + "/*", pathPackages + "/*"}
	for _, plus := range []string{"+", "%2B", "%2b"} {
		indexPaths = append(indexPaths, pathLegacy+"/"+plus+"simple/*")
	}
	for _, path := range indexPaths {
		p.route(append(slices.Clone(reads), http.MethodOptions), path, deadline.Mounted, echo.WrapHandler(index))
	}
	for _, path := range []string{pathLegacy + "/*", pathProject + "/*"} {
		p.route(reads, path, deadline.Page, p.visited(anyone, showPrinted, noPower, nil), p.around...)
	}
}

func (s *entryServer) routes(p pages) {
	p.get(ui.PathHome, anyone, s.home)
	p.get(ui.PathHelp, anyone, s.showHelp)
	p.get(ui.PathLogin, anyone, s.showLogin)
	p.post(ui.PathLogin, anyone, s.login)
	p.post(ui.PathLogout, anyone, s.logout)
	p.get(ui.PathLoginTOTP, factorAsked, s.showLoginTOTP)
	p.post(ui.PathLoginTOTP, factorAsked, s.loginTOTP)
	p.get(ui.PathLoginRecovery, factorAsked, s.showLoginRecovery)
	p.post(ui.PathLoginRecovery, factorAsked, s.loginRecovery)
	p.get(ui.PathLoginKey, factorAsked, s.showLoginKey)
	p.ceremony(ui.PathKeyVerifyBegin, factorAsked, s.beginVerifyKey)
	p.ceremony(ui.PathKeyVerifyFinish, factorAsked, s.finishVerifyKey)
	p.ceremony(ui.PathPasskeyBegin, at(authn.StepSignIn), s.beginPasskey)
	p.ceremony(ui.PathPasskeyFinish, at(authn.StepSignIn), s.finishPasskey)
	p.get(ui.PathLoginDevice, at(authn.StepConfirmDevice), s.showLoginDevice)
	p.post(ui.PathStrength, anyone, s.strength)
}

// linkRoutes are where links of mails lead.
func (s *entryServer) linkRoutes(p pages) {
	for _, r := range registrations {
		p.get(r.path, anyone, s.showRegister(r))
		p.post(r.path, anyone, s.register(r))
	}
	p.get(ui.PathVerifyEmail, anyone, s.showVerifyEmail)
	p.post(ui.PathVerifyEmail, anyone, s.verifyEmail)
	p.get(ui.PathVerifyEmailSent, at(authn.StepVerifyEmail), s.showVerifyEmailSent)
	p.post(ui.PathVerifyEmailResend, at(authn.StepVerifyEmail), s.resendVerification)
	p.post(ui.PathVerifyEmailChange, at(authn.StepVerifyEmail), s.changeEmail)
	p.get(ui.PathForgot, anyone, s.showForgot)
	p.post(ui.PathForgot, anyone, s.forgot)
	p.get(ui.PathReset, anyone, s.showReset)
	p.post(ui.PathReset, anyone, s.reset)
	p.get(ui.PathDeviceConfirm, anyone, s.showDeviceConfirm)
	p.post(ui.PathDeviceConfirm, anyone, s.confirmDevice)
	p.get(ui.PathRecover, anyone, s.showRecover)
	p.post(ui.PathRecover, at(authn.StepRecover), s.recover)
	p.post(ui.PathRecoverResend, at(authn.StepRecover), s.resendRecoveryLink)
}

func (s *accountServer) routes(p pages) {
	p.get(ui.PathAccount, member, s.showAccount)
	p.post(ui.PathPassword, member, s.changePassword)
	p.post(ui.PathRecoveryCancel, member, s.cancelOwnRecovery)
	p.get(ui.PathNotifications, member, s.showNotifications)
	p.post(ui.PathNotifications, member, s.saveNotifications)
	p.get(ui.PathSessions, member, s.showSessions)
	p.post(ui.PathSessionEnd, member, s.endSession)
	p.post(ui.PathSessionsEnd, member, s.endOtherSessions)
	p.post(ui.PathDeviceForget, member, s.forgetDevice)
	p.get(ui.PathEmail, fresh(formTime), s.showEmail)
	p.post(ui.PathEmail, member, s.moveEmail)
	p.get(ui.PathEmailConfirm, anyone, s.showEmailLink(emailConfirmed))
	p.post(ui.PathEmailConfirm, anyone, s.confirmEmail)
	p.get(ui.PathEmailUndo, anyone, s.showEmailLink(emailUndone))
	p.post(ui.PathEmailUndo, anyone, s.undoEmail)
}

// factorRoutes are where second factors are added, renamed and removed.
func (s *accountServer) factorRoutes(p pages) {
	adds, saves := at(authn.StepAddFactor, authn.StepDone), at(authn.StepSaveRecovery, authn.StepDone)
	p.get(ui.PathFactors, at(authn.StepAddFactor), s.showFactors)
	p.get(ui.PathTOTP, adds, s.showTOTP)
	p.post(ui.PathTOTP, adds, s.confirmTOTP)
	p.get(ui.PathTOTPRemove, member, s.askRemoveTOTP)
	p.post(ui.PathTOTPRemove, member, s.removeTOTP)
	p.get(ui.PathKeyNew, adds, s.showKeyNew)
	p.ceremony(ui.PathKeyAddBegin, adds, s.beginAddKey)
	p.ceremony(ui.PathKeyAddFinish, adds, s.finishAddKey)
	p.get(ui.PathKey, member, s.showKey)
	p.post(ui.PathKey, member, s.renameKey)
	p.get(ui.PathKeyRemove, member, s.askRemoveKey)
	p.post(ui.PathKeyRemove, member, s.removeKey)
	p.get(ui.PathKeysOnly, member, s.askKeysOnly)
	p.post(ui.PathKeysOnly, member, s.setKeysOnly)
	p.get(ui.PathRecoveryCodes, saves, s.showRecoveryCodes)
	p.post(ui.PathRecoveryCodes, saves, s.confirmRecoveryCodes)
	p.get(ui.PathRecoveryNew, saves, s.askRecoveryCodes)
	p.post(ui.PathRecoveryNew, saves, s.createRecoveryCodes)
}

func (s *tokenServer) routes(p pages) {
	p.get(ui.PathTokens, member, s.listTokens)
	p.get(ui.PathTokenNew, fresh(formTime), s.showTokenNew)
	p.post(ui.PathTokenNew, member, s.mintToken, "projects")
	p.get(ui.PathToken, member, s.showToken)
	p.post(ui.PathToken, member, s.renameToken)
	p.get(ui.PathTokenRestrict, member, s.showRestrictToken)
	p.post(ui.PathTokenRestrict, member, s.restrictToken, "projects")
	p.get(ui.PathTokenRegenerate, fresh(formTime), s.showRegenerateToken)
	p.post(ui.PathTokenRegenerate, member, s.regenerateToken)
	p.get(ui.PathTokenRevoke, member, s.askRevokeToken)
	p.post(ui.PathTokenRevoke, member, s.revokeToken)
	p.get(ui.PathTokensRevoke, member, s.askRevokeTokens)
	p.post(ui.PathTokensRevoke, member, s.revokeTokens)
}

func (s *projectServer) routes(p pages) {
	p.get(ui.PathProjects, member, s.listProjects)
	p.get(ui.PathProjectNew, member, s.showProjectNew)
	p.post(ui.PathProjectNew, member, s.createProject)
	p.get(ui.PathProject, member, s.showProject)
	p.get(ui.PathProjectTokens, member, s.listProjectTokens)
	p.get(ui.PathProjectSettings, member, s.showProjectSettings)
	p.post(ui.PathProjectSettings, member, s.describeProject)
	p.get(ui.PathProjectArchive, member, s.askArchive(false))
	p.post(ui.PathProjectArchive, member, s.archiveProject)
	p.get(ui.PathProjectReopen, member, s.askArchive(true))
	p.post(ui.PathProjectReopen, member, s.reopenProject)
	p.get(ui.PathProjectTransfer, fresh(formTime), s.showProjectTransfer)
	p.post(ui.PathProjectTransfer, member, s.transferProject)
	p.get(ui.PathProjectDelete, fresh(formTime), s.askDeleteProject)
	p.post(ui.PathProjectDelete, member, s.deleteProject)
}

// memberRoutes are where owners invite, where the invited answer, and where members change and leave.
func (s *projectServer) memberRoutes(p pages) {
	p.get(ui.PathMembers, fresh(formTime), s.showInvite)
	p.post(ui.PathMembers, member, s.inviteMember)
	p.post(ui.PathProjectInvitationSend, member, s.resendProjectInvitation)
	p.post(ui.PathProjectInvitationEnd, member, s.endProjectInvitation)
	p.get(ui.PathInvitedLink, anyone, s.showInvitedLink)
	p.get(ui.PathInvited, member, s.showInvited)
	p.post(ui.PathInvited, member, s.acceptInvitation)
	p.post(ui.PathInvitedDecline, member, s.declineInvitation)
	p.post(ui.PathMemberRole, member, s.setMemberRole)
	p.get(ui.PathMemberRemove, member, s.askRemoveMember)
	p.post(ui.PathMemberRemove, member, s.removeMember)
	p.get(ui.PathMemberShut, member, s.askShut(true))
	p.post(ui.PathMemberShut, member, s.shut(true))
	p.get(ui.PathMemberLetIn, member, s.askShut(false))
	p.post(ui.PathMemberLetIn, member, s.shut(false))
	p.get(ui.PathProjectLeave, member, s.askLeaveProject)
	p.post(ui.PathProjectLeave, member, s.leaveProject)
}

func (s *adminServer) routes(p pages) {
	p.get(ui.PathAdminProjects, administrator, s.listAllProjects)
	p.get(ui.PathAdminProject, administrator, s.showAnyProject)
	p.post(ui.PathProjectOwner, administrator, s.appointOwner)
	p.post(ui.PathAdminArchive, administrator, s.archiveAny)
	p.get(ui.PathAdminTokens, administrator, s.listAllTokens)
	p.post(ui.PathAdminTokens, administrator, s.searchTokens)
	p.get(ui.PathAdminTokenRevoke, administrator, s.askRevokeAnyToken)
	p.post(ui.PathAdminTokenRevoke, administrator, s.revokeAnyToken)
	p.get(ui.PathHeldNames, administrator, s.listHeldNames)
	p.post(ui.PathHeldNameFree, administrator, s.releaseName)
	p.get(ui.PathVerifiers, administrator, s.listVerifiers)
	p.post(ui.PathVerifiers, administrator, s.registerVerifier)
	p.get(ui.PathVerifierRevoke, administrator, s.askRevokeVerifier)
	p.post(ui.PathVerifierRevoke, administrator, s.revokeVerifier)
	p.get(ui.PathSettings, freshAdministrator(formTime), s.showSettings)
	p.post(ui.PathReadOnly, administrator, s.setReadOnly)
	p.post(ui.PathRegistration, administrator, s.setRegistration)
	p.post(ui.PathBanner, administrator, s.setBanner)
	p.post(ui.PathBannerClear, administrator, s.clearBanner)
}

// peopleRoutes are where administrators manage accounts.
func (s *adminServer) peopleRoutes(p pages) {
	p.get(ui.PathAdminPeople, administrator, s.listPeople)
	p.post(ui.PathInvitations, administrator, s.invite)
	p.post(ui.PathInvitationEnd, administrator, s.revokeInvitation)
	p.get(ui.PathPerson, administrator, s.showPerson)
	for path, act := range map[ui.Path]string{
		ui.PathPersonSignOut: ui.ActSignOut, ui.PathPersonMakeAdmin: ui.ActMakeAdmin, ui.PathPersonDropAdmin: ui.ActDropAdmin,
	} {
		p.get(path, administrator, s.askPersonAct(act))
		p.post(path, administrator, s.personAct(act))
	}
	p.get(ui.PathPersonFreeze, administrator, s.askFreeze(true))
	p.post(ui.PathPersonFreeze, administrator, s.freeze(true))
	p.get(ui.PathPersonThaw, administrator, s.askFreeze(false))
	p.post(ui.PathPersonThaw, administrator, s.freeze(false))
	p.get(ui.PathPersonRecovery, administrator, s.askRecovery)
	p.post(ui.PathPersonRecovery, administrator, s.startRecovery)
	p.post(ui.PathPersonRecoveryCancel, administrator, s.cancelRecovery)
}

func (s *activityServer) routes(p pages) {
	p.get(ui.PathActivity, member, s.showActivity(s.ownTrail))
	p.download(ui.PathActivityExport, member, s.exportActivity(s.ownTrail))
	p.get(ui.PathProjectActivity, member, s.showActivity(s.projectTrail))
	p.download(ui.PathProjectActivityExport, member, s.exportActivity(s.projectTrail))
	p.get(ui.PathAudit, administrator, s.showActivity(s.wholeTrail))
	p.download(ui.PathAuditExport, administrator, s.exportActivity(s.wholeTrail))
}
