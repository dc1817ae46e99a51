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
	pathProject  = "/project" // PyPI's address of a project, which clients print
)

// formTime is how long visitors have at least to fill in a form that requires a fresh second factor when it
// is sent.
const formTime = 5 * time.Minute

// routes declares all addresses, who may visit them, and which page follows a form.
func (s *Server) routes(gateway, index, behind http.Handler) {
	s.echo.Use(requestID, s.accessLog, s.warnOfProxy, recoverPanic, s.secure)
	s.api.routes(s.router)
	s.exchange.routes(s.router)
	if s.feed != nil {
		s.route(methodsOfAny, feedhttp.Prefix+"*", deadline.Mounted, mount(s.feed))
	}
	p := s.pageRoutes()
	if gateway == nil {
		gateway, index = behind, behind
		s.indexRoutes(behind, true)
	} else {
		s.indexRoutes(behind, false)
	}
	uploadRoutes(gateway, withoutScripts(index), p)
	s.entry.routes(p)
	s.entry.linkRoutes(p)
	s.account.routes(p)
	s.account.factorRoutes(p)
	s.tokens.routes(p)
	s.projects.routes(p)
	s.projects.memberRoutes(p)
	s.projects.releaseRoutes(p)
	s.publishing.routes(p)
	s.admin.routes(p)
	s.admin.peopleRoutes(p)
	s.activity.routes(p)
}

func (s *apiServer) routes(r router) {
	r.route(reads, pathHealth, deadline.Page, s.health)
	r.route(reads, string(ui.PathAssets)+"*", deadline.Download, s.asset)
	r.route([]string{http.MethodDelete}, pathToken, deadline.Page, s.revokeOwnToken)
	r.route(posts, pathLeaks, deadline.Page, s.receiveLeakReport)
}

// uploadRoutes registers the upload API, the index, and further addresses that upload clients request or
// print.
func uploadRoutes(upload, index http.Handler, p pages) {
	for _, path := range []string{pathLegacy, pathLegacy + "/"} {
		p.route(methodsOfAny, path, deadline.Mounted, mount(upload))
	}
	// hatch asks for the index below the upload address, and may encode the +.
	indexPaths := []string{pathSimple, pathSimple + "/*", pathPackages + "/*"}
	for _, plus := range []string{"+", "%2B", "%2b"} {
		indexPaths = append(indexPaths, pathLegacy+"/"+plus+"simple/*")
	}
	for _, path := range indexPaths {
		p.route(append(slices.Clone(reads), http.MethodOptions), path, deadline.Mounted, echo.WrapHandler(index))
	}
	for _, path := range []string{pathLegacy + "/*", pathProject + "/*"} {
		p.route(reads, path, deadline.Page, p.visited(anyone, redirectPrintedAddress, noPower, nil, returns{}), p.around...)
	}
}

func (s *entryServer) routes(p pages) {
	byKey := returns{nowhere: true} // the script on the page knows where to go next
	p.get(ui.PathHome, anyone, s.home)
	p.get(ui.PathHelp, anyone, s.showHelp)
	p.get(ui.PathLogin, anyone, s.showLogin)
	p.post(ui.PathLogin, anyone, s.login, returns{problems: s.loginPage})
	p.post(ui.PathLogout, anyone, s.logout, returns{done: ui.PathHome})
	p.get(ui.PathLoginTOTP, factorAsked, s.showLoginTOTP)
	p.post(ui.PathLoginTOTP, factorAsked, s.loginTOTP, returns{problems: s.loginTOTPPage})
	p.page(ui.PathLoginRecovery, factorAsked, s.loginRecoveryPage)
	p.post(ui.PathLoginRecovery, factorAsked, s.loginRecovery, returns{problems: s.loginRecoveryPage})
	p.get(ui.PathLoginKey, factorAsked, s.showLoginKey)
	p.ceremony(ui.PathKeyVerifyBegin, factorAsked, s.beginVerifyKey, byKey)
	p.ceremony(ui.PathKeyVerifyFinish, factorAsked, s.finishVerifyKey, byKey)
	p.ceremony(ui.PathPasskeyBegin, at(authn.StepSignIn), s.beginPasskey, byKey)
	p.ceremony(ui.PathPasskeyFinish, at(authn.StepSignIn), s.finishPasskey, byKey)
	p.get(ui.PathLoginDevice, at(authn.StepConfirmDevice), s.showLoginDevice)
	p.post(ui.PathStrength, anyone, s.strength, returns{})
}

// linkRoutes registers the pages that links in emails lead to.
func (s *entryServer) linkRoutes(p pages) {
	for _, r := range registrations {
		p.get(r.path, anyone, s.showRegister(r), returns{link: r.kind})
		p.post(r.path, anyone, s.register(r), returns{link: r.kind, problems: s.registerPage(r)})
	}
	verify := returns{link: ui.LinkVerify}
	p.get(ui.PathVerifyEmail, anyone, s.showVerifyEmail, verify)
	p.post(ui.PathVerifyEmail, anyone, s.verifyEmail, verify)
	sent := returns{form: ui.PathVerifyEmailSent, problems: s.verifyEmailSentPage, done: ui.PathVerifyEmailSent}
	p.page(ui.PathVerifyEmailSent, at(authn.StepVerifyEmail), s.verifyEmailSentPage)
	p.post(ui.PathVerifyEmailResend, at(authn.StepVerifyEmail), s.resendVerification, sent)
	p.post(ui.PathVerifyEmailChange, at(authn.StepVerifyEmail), s.changeEmail, sent)

	p.page(ui.PathForgot, anyone, s.forgotPage)
	p.post(ui.PathForgot, anyone, s.forgot, returns{problems: s.forgotPage})
	p.get(ui.PathReset, anyone, s.showReset, returns{link: ui.LinkReset})
	p.post(ui.PathReset, anyone, s.reset, returns{link: ui.LinkReset, problems: s.resetPage, done: ui.PathLogin})

	device, recovery := returns{link: ui.LinkDevice}, returns{link: ui.LinkRecover}
	p.get(ui.PathDeviceConfirm, anyone, s.showDeviceConfirm, device)
	p.post(ui.PathDeviceConfirm, anyone, s.confirmDevice, device)
	p.get(ui.PathRecover, anyone, s.showRecover, recovery)
	p.post(ui.PathRecover, at(authn.StepRecover), s.recover, recovery)
	p.post(ui.PathRecoverResend, at(authn.StepRecover), s.resendRecoveryLink,
		returns{form: ui.PathRecover, problems: s.recoverPage, done: ui.PathRecover})
}

func (s *accountServer) routes(p pages) {
	home := returns{form: ui.PathAccount, done: ui.PathAccount}
	p.page(ui.PathAccount, member, s.accountPage)
	p.post(ui.PathPassword, member, s.changePassword, returns{form: ui.PathAccount, problems: s.accountPage, done: ui.PathAccount})
	p.post(ui.PathRecoveryCancel, member, s.cancelOwnRecovery, home)
	p.get(ui.PathNotifications, member, s.showNotifications)
	p.post(ui.PathNotifications, member, s.saveNotifications, returns{done: ui.PathNotifications})

	sessions := returns{form: ui.PathSessions, done: ui.PathSessions}
	p.get(ui.PathSessions, member, s.showSessions)
	p.post(ui.PathSessionEnd, member, s.endSession, sessions)
	p.post(ui.PathSessionsEnd, member, s.endOtherSessions, sessions)
	p.post(ui.PathDeviceForget, member, s.forgetDevice, sessions)

	p.page(ui.PathEmail, fresh(formTime), s.emailPage)
	p.post(ui.PathEmail, member, s.moveEmail, returns{problems: s.emailPage, done: ui.PathAccount})
	p.get(ui.PathEmailConfirm, anyone, s.showEmailLink(emailConfirmed), returns{link: ui.LinkEmail})
	p.post(ui.PathEmailConfirm, anyone, s.confirmEmail, returns{link: ui.LinkEmail, done: ui.PathAccount})
	p.get(ui.PathEmailUndo, anyone, s.showEmailLink(emailUndone), returns{link: ui.LinkEmailUndo})
	p.post(ui.PathEmailUndo, anyone, s.undoEmail, returns{link: ui.LinkEmailUndo})
}

// factorRoutes registers the pages of second factors.
func (s *accountServer) factorRoutes(p pages) {
	adds, saves := at(authn.StepAddFactor, authn.StepDone), at(authn.StepSaveRecovery, authn.StepDone)
	p.get(ui.PathFactors, at(authn.StepAddFactor), s.showFactors)
	p.page(ui.PathTOTP, adds, s.totpPage)
	p.post(ui.PathTOTP, adds, s.confirmTOTP, returns{problems: s.totpPage, done: ui.PathAccount})
	p.page(ui.PathTOTPRemove, member, s.totpRemovePage)
	p.post(ui.PathTOTPRemove, member, s.removeTOTP, returns{problems: s.totpRemovePage, done: ui.PathAccount})

	added := returns{form: ui.PathKeyNew, done: ui.PathAccount}
	p.get(ui.PathKeyNew, adds, s.showKeyNew)
	p.ceremony(ui.PathKeyAddBegin, adds, s.beginAddKey, added)
	p.ceremony(ui.PathKeyAddFinish, adds, s.finishAddKey, added)
	p.page(ui.PathKey, member, s.keyPage)
	p.post(ui.PathKey, member, s.renameKey, returns{problems: s.keyPage, done: ui.PathAccount})
	p.page(ui.PathKeyRemove, member, s.keyRemovePage)
	p.post(ui.PathKeyRemove, member, s.removeKey, returns{problems: s.keyRemovePage, done: ui.PathAccount})
	p.page(ui.PathKeysOnly, member, s.keysOnlyPage)
	p.post(ui.PathKeysOnly, member, s.setKeysOnly, returns{problems: s.keysOnlyPage, done: ui.PathAccount})

	p.get(ui.PathRecoveryCodes, saves, s.showRecoveryCodes)
	p.post(ui.PathRecoveryCodes, saves, s.confirmRecoveryCodes, returns{problems: s.recoveryCodesPage})
	p.page(ui.PathRecoveryNew, saves, s.recoveryNewPage)
	p.post(ui.PathRecoveryNew, saves, s.createRecoveryCodes, returns{})
}

func (s *tokenServer) routes(p pages) {
	projects := []string{"projects"} // a repeatable field
	p.get(ui.PathTokens, member, s.listTokens)
	p.page(ui.PathTokenNew, fresh(formTime), s.newPage)
	p.post(ui.PathTokenNew, member, s.mintToken, returns{problems: s.newPage, done: ui.PathToken, lists: projects})
	p.page(ui.PathToken, member, s.tokenPage)
	p.post(ui.PathToken, member, s.renameToken, returns{problems: s.tokenPage, done: ui.PathToken})
	p.page(ui.PathTokenRestrict, member, s.restrictPage)
	p.post(ui.PathTokenRestrict, member, s.restrictToken, returns{problems: s.restrictPage, done: ui.PathToken, lists: projects})
	p.page(ui.PathTokenRegenerate, fresh(formTime), s.replacePage)
	p.post(ui.PathTokenRegenerate, member, s.replaceToken, returns{problems: s.replacePage, done: ui.PathToken})
	p.get(ui.PathTokenRevoke, member, s.askRevokeToken)
	p.post(ui.PathTokenRevoke, member, s.revokeToken, returns{done: ui.PathTokens})
	p.page(ui.PathTokensRevoke, member, s.revokeManyPage)
	p.post(ui.PathTokensRevoke, member, s.revokeTokens, returns{problems: s.revokeManyPage, done: ui.PathTokens})
}

func (s *projectServer) routes(p pages) {
	p.get(ui.PathProjects, member, s.listProjects)
	p.page(ui.PathProjectNew, member, s.newPage)
	p.post(ui.PathProjectNew, member, s.createProject, returns{problems: s.newPage, done: ui.PathProject})
	p.page(ui.PathProject, member, s.projectPage)
	p.get(ui.PathProjectTokens, member, s.listProjectTokens)
	p.page(ui.PathProjectSettings, member, s.settingsPage)
	p.post(ui.PathProjectSettings, member, s.describeProject, returns{problems: s.settingsPage, done: ui.PathProject})
	p.post(ui.PathProjectDeprecate, member, s.deprecateProject, returns{form: ui.PathProjectSettings, problems: s.settingsPage, done: ui.PathProject})
	p.page(ui.PathProjectOnly, member, s.onlyPage(false))
	p.post(ui.PathProjectOnly, member, s.onlyPublishers, returns{problems: s.onlyPage(false), done: ui.PathProject})
	p.page(ui.PathProjectAllTokens, member, s.onlyPage(true))
	p.post(ui.PathProjectAllTokens, member, s.allTokens, returns{problems: s.onlyPage(true), done: ui.PathProject})
	p.get(ui.PathProjectArchive, member, s.askArchive(false))
	p.post(ui.PathProjectArchive, member, s.archiveProject, returns{done: ui.PathProject})
	p.get(ui.PathProjectReopen, member, s.askArchive(true))
	p.post(ui.PathProjectReopen, member, s.reopenProject, returns{done: ui.PathProject})
	p.page(ui.PathProjectTransfer, fresh(formTime), s.transferPage)
	p.post(ui.PathProjectTransfer, member, s.transferProject, returns{problems: s.transferPage, done: ui.PathProject})
	p.page(ui.PathProjectDelete, fresh(formTime), s.deletePage)
	p.post(ui.PathProjectDelete, member, s.deleteProject, returns{problems: s.deletePage, done: ui.PathProjects})
}

// releaseRoutes registers the pages of releases.
func (s *projectServer) releaseRoutes(p pages) {
	p.get(ui.PathReleases, member, s.listReleases)
	p.page(ui.PathRelease, member, s.releasePage)
	p.page(ui.PathReleaseYank, member, s.yankPage)
	p.post(ui.PathReleaseYank, member, s.yankRelease, returns{problems: s.yankPage, done: ui.PathRelease})
	p.page(ui.PathReleaseUnyank, member, s.unyankPage)
	p.post(ui.PathReleaseUnyank, member, s.unyankRelease, returns{done: ui.PathRelease})
	p.page(ui.PathReleaseDelete, fresh(formTime), s.releaseDeletePage)
	p.post(ui.PathReleaseDelete, member, s.deleteRelease, returns{problems: s.releaseDeletePage, done: ui.PathReleases})
	p.page(ui.PathFileDelete, fresh(formTime), s.fileDeletePage)
	p.post(ui.PathFileDelete, member, s.deleteFile, returns{problems: s.fileDeletePage, done: ui.PathReleases})
}

// memberRoutes registers the pages of members and invitations.
func (s *projectServer) memberRoutes(p pages) {
	onProject := returns{form: ui.PathProject, problems: s.projectPage, done: ui.PathProject}
	p.page(ui.PathMembers, fresh(formTime), s.invitePage)
	p.post(ui.PathMembers, member, s.inviteMember, returns{problems: s.invitePage, done: ui.PathProject})
	p.post(ui.PathProjectInvitationSend, member, s.resendProjectInvitation, onProject)
	p.post(ui.PathProjectInvitationEnd, member, s.endProjectInvitation, onProject)
	p.post(ui.PathMemberRole, member, s.setMemberRole, onProject)
	p.get(ui.PathMemberRemove, member, s.askRemoveMember)
	p.post(ui.PathMemberRemove, member, s.removeMember, returns{problems: s.projectPage, done: ui.PathProject})
	p.get(ui.PathMemberExclude, member, s.askExclude(true))
	p.post(ui.PathMemberExclude, member, s.exclude(true), returns{done: ui.PathProject})
	p.get(ui.PathMemberReadmit, member, s.askExclude(false))
	p.post(ui.PathMemberReadmit, member, s.exclude(false), returns{done: ui.PathProject})
	p.get(ui.PathProjectLeave, member, s.askLeaveProject)
	p.post(ui.PathProjectLeave, member, s.leaveProject, returns{problems: s.projectPage, done: ui.PathProjects})

	p.get(ui.PathInvitedLink, anyone, s.showInvitedLink)
	p.get(ui.PathInvited, member, s.showInvited)
	p.post(ui.PathInvited, member, s.acceptInvitation, returns{done: ui.PathProject})
	p.post(ui.PathInvitedDecline, member, s.declineInvitation, returns{form: ui.PathInvited, done: ui.PathProjects})
}

func (s *adminServer) routes(p pages) {
	p.get(ui.PathAdminProjects, administrator, s.listAllProjects)
	p.page(ui.PathAdminProject, administrator, s.anyProjectPage)
	p.post(ui.PathProjectOwner, administrator, s.appointOwner, returns{form: ui.PathAdminProject, problems: s.anyProjectPage, done: ui.PathAdminProject})
	p.post(ui.PathAdminArchive, administrator, s.archiveAny, returns{form: ui.PathAdminProject, done: ui.PathAdminProject})
	p.post(ui.PathAdminQuarantine, administrator, s.quarantineAny, returns{form: ui.PathAdminProject, problems: s.anyProjectPage, done: ui.PathAdminProject})
	p.get(ui.PathReservedNames, administrator, s.listReservedNames)
	p.post(ui.PathReservedNameRelease, administrator, s.releaseName, returns{form: ui.PathReservedNames, done: ui.PathReservedNames})

	p.get(ui.PathAdminTokens, administrator, s.listAllTokens)
	p.post(ui.PathAdminTokens, administrator, s.searchTokens, returns{problems: s.tokenSearchPage, done: ui.PathAdminTokens})
	p.page(ui.PathAdminTokenRevoke, administrator, s.revokeAnyPage)
	p.post(ui.PathAdminTokenRevoke, administrator, s.revokeAnyToken, returns{problems: s.revokeAnyPage, done: ui.PathAdminTokens})

	p.page(ui.PathVerifiers, administrator, s.verifiersPage)
	p.post(ui.PathVerifiers, administrator, s.registerVerifier, returns{problems: s.verifiersPage})
	p.get(ui.PathVerifierRevoke, administrator, s.askRevokeVerifier)
	p.post(ui.PathVerifierRevoke, administrator, s.revokeVerifier, returns{done: ui.PathVerifiers})

	settings := returns{form: ui.PathSettings, problems: s.settingsPage, done: ui.PathSettings}
	p.page(ui.PathSettings, freshAdministrator(formTime), s.settingsPage)
	p.post(ui.PathReadOnly, administrator, s.setReadOnly, settings)
	p.post(ui.PathRegistration, administrator, s.setRegistration, settings)
	p.post(ui.PathBanner, administrator, s.setBanner, settings)
	p.post(ui.PathBannerClear, administrator, s.clearBanner, settings)
}

// peopleRoutes registers the pages on which administrators manage accounts.
func (s *adminServer) peopleRoutes(p pages) {
	p.page(ui.PathAdminPeople, administrator, s.peoplePage)
	p.post(ui.PathInvitations, administrator, s.invite, returns{form: ui.PathAdminPeople, problems: s.peoplePage})
	p.post(ui.PathInvitationEnd, administrator, s.revokeInvitation, returns{form: ui.PathAdminPeople, done: ui.PathAdminPeople})
	p.get(ui.PathPerson, administrator, s.showPerson)
	p.page(ui.PathPersonSignOut, administrator, s.personActPage(ui.ActSignOut))
	p.post(ui.PathPersonSignOut, administrator, s.personAct(ui.ActSignOut), returns{problems: s.personActPage(ui.ActSignOut), done: ui.PathPerson})
	p.page(ui.PathPersonMakeAdmin, administrator, s.personActPage(ui.ActMakeAdmin))
	p.post(ui.PathPersonMakeAdmin, administrator, s.personAct(ui.ActMakeAdmin), returns{problems: s.personActPage(ui.ActMakeAdmin), done: ui.PathPerson})
	p.page(ui.PathPersonDropAdmin, administrator, s.personActPage(ui.ActDropAdmin))
	p.post(ui.PathPersonDropAdmin, administrator, s.personAct(ui.ActDropAdmin), returns{problems: s.personActPage(ui.ActDropAdmin), done: ui.PathPerson})
	p.page(ui.PathPersonFreeze, administrator, s.freezePage(true))
	p.post(ui.PathPersonFreeze, administrator, s.freeze(true), returns{problems: s.freezePage(true), done: ui.PathAdminPeople})
	p.page(ui.PathPersonThaw, administrator, s.freezePage(false))
	p.post(ui.PathPersonThaw, administrator, s.freeze(false), returns{problems: s.freezePage(false), done: ui.PathAdminPeople})
	p.page(ui.PathPersonRecovery, administrator, s.recoveryPage)
	p.post(ui.PathPersonRecovery, administrator, s.startRecovery, returns{problems: s.recoveryPage, done: ui.PathPersonRecovery})
	p.post(ui.PathPersonRecoveryCancel, administrator, s.cancelRecovery, returns{form: ui.PathPersonRecovery, done: ui.PathPersonRecovery})
}

func (s *publisherServer) routes(p pages) {
	p.get(ui.PathPublishers, member, s.list)
	p.page(ui.PathPublisherNew, fresh(formTime), s.newPage)
	p.post(ui.PathPublisherNew, member, s.add, returns{problems: s.newPage, done: ui.PathPublisher})
	p.page(ui.PathPublisher, member, s.publisherPage)
	p.page(ui.PathPublisherTake, fresh(formTime), s.takePage)
	p.post(ui.PathPublisherTake, member, s.take, returns{problems: s.publisherPage, done: ui.PathPublisher})
	p.post(ui.PathPublisherVouch, member, s.vouch, returns{form: ui.PathPublisher, done: ui.PathPublisher})
	p.page(ui.PathPublisherRemove, member, s.removePage)
	p.post(ui.PathPublisherRemove, member, s.remove, returns{problems: s.removePage, done: ui.PathPublishers})

	p.page(ui.PathIssuers, administrator, s.issuersPage)
	p.post(ui.PathIssuers, administrator, s.addIssuer, returns{problems: s.issuersPage, done: ui.PathIssuers})
	p.page(ui.PathIssuerRemove, administrator, s.removeIssuerPage)
	p.post(ui.PathIssuerRemove, administrator, s.removeIssuer, returns{problems: s.removeIssuerPage, done: ui.PathIssuers})

	p.get(ui.PathPendingPublishers, member, s.listPending)
	p.page(ui.PathPendingNew, fresh(formTime), s.newPage)
	p.post(ui.PathPendingNew, member, s.addPending, returns{problems: s.newPage, done: ui.PathPendingPublisher})
	p.page(ui.PathPendingPublisher, member, s.pendingPage)
	p.page(ui.PathPendingTake, fresh(formTime), s.takePendingPage)
	p.post(ui.PathPendingTake, member, s.takePending, returns{problems: s.pendingPage, done: ui.PathPendingPublisher})
	p.page(ui.PathPendingRemove, member, s.removePendingPage)
	p.post(ui.PathPendingRemove, member, s.removePending, returns{problems: s.removePendingPage, done: ui.PathPendingPublishers})
}

func (s *activityServer) routes(p pages) {
	p.get(ui.PathActivity, member, s.showActivity(s.ownTrail))
	p.download(ui.PathActivityExport, member, s.exportActivity(s.ownTrail), returns{form: ui.PathActivity})
	p.get(ui.PathProjectActivity, member, s.showActivity(s.projectTrail))
	p.download(ui.PathProjectActivityExport, member, s.exportActivity(s.projectTrail), returns{form: ui.PathProjectActivity})
	p.get(ui.PathAudit, administrator, s.showActivity(s.wholeTrail))
	p.download(ui.PathAuditExport, administrator, s.exportActivity(s.wholeTrail), returns{form: ui.PathAudit})
}
