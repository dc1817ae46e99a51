package web

import (
	"net/http"

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

// routes says what is where, and who may go there.
func (s *Server) routes(gateway, index http.Handler) {
	s.echo.Use(requestID, s.accessLog, s.warnOfProxy, recoverPanic, s.secure)
	s.route(reads, pathHealth, deadline.Page, s.health)
	s.route(reads, string(ui.PathAssets)+"*", deadline.Download, s.asset)

	s.route([]string{http.MethodDelete}, pathToken, deadline.Page, s.burnToken)
	s.route(posts, pathLeaks, deadline.Page, s.takeLeaks)
	if s.feed != nil {
		s.route(methodsOfAny, feedhttp.Prefix+"*", deadline.Mounted, mount(s.feed))
	}

	p := pages{s, []echo.MiddlewareFunc{s.pageEdge, s.withSession}}
	s.uploadRoutes(gateway, index, p)
	s.entryRoutes(p)
	s.resetRoutes(p)
	s.emailRoutes(p)
	s.recoveryRoutes(p)
	s.sessionRoutes(p)
	s.accountRoutes(p)
	s.keyRoutes(p)
	s.tokenRoutes(p)
	s.projectRoutes(p)
	s.adminRoutes(p)
	s.auditRoutes(p)
}

func (s *Server) entryRoutes(p pages) {
	p.get(ui.PathHome, anyone, s.home)
	p.get(ui.PathHelp, anyone, s.showHelp)
	p.get(ui.PathLogin, anyone, s.showLogin)
	p.post(ui.PathLogin, anyone, s.login)
	p.post(ui.PathLogout, anyone, s.logout)
	p.get(ui.PathLoginTOTP, factorAsked, s.showLoginTOTP)
	p.post(ui.PathLoginTOTP, factorAsked, s.loginTOTP)
	p.get(ui.PathLoginRecovery, factorAsked, s.showLoginRecovery)
	p.post(ui.PathLoginRecovery, factorAsked, s.loginRecovery)
	for _, r := range registrations {
		p.get(r.path, anyone, s.showRegister(r))
		p.post(r.path, anyone, s.register(r))
	}
	p.get(ui.PathVerifyEmail, anyone, s.showVerifyEmail)
	p.post(ui.PathVerifyEmail, anyone, s.verifyEmail)
	p.get(ui.PathVerifyEmailSent, at(authn.StepVerifyEmail), s.showVerifyEmailSent)
	p.post(ui.PathVerifyEmailResend, at(authn.StepVerifyEmail), s.resendVerification)
	p.post(ui.PathVerifyEmailChange, at(authn.StepVerifyEmail), s.changeEmail)
}

func (s *Server) accountRoutes(p pages) {
	p.get(ui.PathAccount, member, s.showAccount)
	p.post(ui.PathPassword, member, s.changePassword)
	p.post(ui.PathStrength, anyone, s.strength)
	p.get(ui.PathFactors, at(authn.StepAddFactor), s.showFactors)
	p.get(ui.PathTOTP, at(authn.StepAddFactor, authn.StepDone), s.showTOTP)
	p.post(ui.PathTOTP, at(authn.StepAddFactor, authn.StepDone), s.confirmTOTP)
	p.get(ui.PathRecoveryCodes, at(authn.StepSaveRecovery, authn.StepDone), s.showRecoveryCodes)
	p.post(ui.PathRecoveryCodes, at(authn.StepSaveRecovery, authn.StepDone), s.confirmRecoveryCodes)
	p.get(ui.PathRecoveryNew, at(authn.StepSaveRecovery, authn.StepDone), s.askRecoveryCodes)
	p.post(ui.PathRecoveryNew, at(authn.StepSaveRecovery, authn.StepDone), s.createRecoveryCodes)
	p.get(ui.PathNotifications, member, s.showNotifications)
	p.post(ui.PathNotifications, member, s.saveNotifications)
}

func (s *Server) tokenRoutes(p pages) {
	p.get(ui.PathTokens, member, s.listTokens)
	p.get(ui.PathTokenNew, fresh(formTime), s.showTokenNew)
	p.post(ui.PathTokenNew, member, s.mintToken, "projects")
	s.tokenChangeRoutes(p)
	p.get(ui.PathTokenRevoke, member, s.askRevokeToken)
	p.post(ui.PathTokenRevoke, member, s.revokeToken)
}

func (s *Server) projectRoutes(p pages) {
	p.get(ui.PathProjects, member, s.listProjects)
	p.get(ui.PathProjectNew, member, s.showProjectNew)
	p.post(ui.PathProjectNew, member, s.createProject)
	p.get(ui.PathProject, member, s.showProject)
	p.get(ui.PathProjectLeave, member, s.askLeaveProject)
	p.post(ui.PathProjectLeave, member, s.leaveProject)
	s.projectTokenRoutes(p)
	s.projectChangeRoutes(p)
	s.projectInvitationRoutes(p)
	p.post(ui.PathMemberRole, member, s.setMemberRole)
	p.get(ui.PathMemberRemove, member, s.askRemoveMember)
	p.post(ui.PathMemberRemove, member, s.removeMember)
}

func (s *Server) adminRoutes(p pages) {
	p.get(ui.PathAdminPeople, administrator, s.listPeople)
	s.personRoutes(p)
	s.surveyRoutes(p)
	s.settingsRoutes(p)
	p.get(ui.PathPersonFreeze, administrator, s.askFreeze(true))
	p.post(ui.PathPersonFreeze, administrator, s.freeze(true))
	p.get(ui.PathPersonThaw, administrator, s.askFreeze(false))
	p.post(ui.PathPersonThaw, administrator, s.freeze(false))
	p.post(ui.PathInvitations, administrator, s.invite)
	p.post(ui.PathInvitationEnd, administrator, s.revokeInvitation)
	p.get(ui.PathHeldNames, administrator, s.listHeldNames)
	p.post(ui.PathHeldNameFree, administrator, s.releaseName)
	p.get(ui.PathVerifiers, administrator, s.listVerifiers)
	p.post(ui.PathVerifiers, administrator, s.registerVerifier)
	p.get(ui.PathVerifierRevoke, administrator, s.askRevokeVerifier)
	p.post(ui.PathVerifierRevoke, administrator, s.revokeVerifier)
}
