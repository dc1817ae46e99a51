package ui

import "time"

// HomePage is the page at PathHome for people who are not signed in.
type HomePage struct {
	Layout
	RegistrationOpen bool
	UploadURL        string // absolute
	IndexURL         string // absolute, ends in /simple/; "" if the index can't be read here
	Others           []IndexAddress
}

// IndexAddress is one more index that takes uploads.
type IndexAddress struct {
	UploadURL string // absolute
	IndexURL  string // absolute, ends in /simple/; "" if the index can't be read here
}

func (HomePage) about() about { return about{page: "home", title: "home.title"} }

// Kinds of one-time links, for RegisterPage and LinkInvalidPage.
const (
	LinkSetup      = "setup"      // the first administrator's
	LinkInvitation = "invitation" // an administrator's invitation
	LinkNone       = "open"       // none: registration is open
	LinkProject    = "project"    // an owner's invitation into a project
	LinkVerify     = "verify"     // confirms the email address of a new account
	LinkEmail      = "email"      // confirms a new address of an account
	LinkEmailUndo  = "email_undo" // restores the old address
	LinkReset      = "reset"      // replaces a forgotten password
	LinkRecover    = "recover"    // completes a recovery
	LinkDevice     = "device"     // lets a sign-in continue
)

// RegisterPage creates an account. Form: POST PathSetup, PathInvitation or PathRegister, depending on
// Kind, with username, email, password and, except for LinkNone, link.
type RegisterPage struct {
	Layout
	Kind      string // LinkSetup, LinkInvitation or LinkNone
	Link      string // secret of the link, sent back in the field link
	InvitedBy string // username; LinkInvitation only, may be ""
	Username  string
	Email     string
}

func (v RegisterPage) about() about {
	switch v.Kind {
	case LinkSetup:
		return about{page: "register", title: "register.title.setup"}
	case LinkInvitation:
		return about{page: "register", title: "register.title.invitation"}
	}
	return about{page: "register", title: "register.title.open"}
}

// LoginPage is the first step of signing in. Form: POST PathLogin with login, password and next.
type LoginPage struct {
	Layout
	Login            string // username or e-mail address
	Next             string // page to go to afterwards; a path on this server
	RegistrationOpen bool
	Passkeys         bool // offer to sign in with a passkey
}

func (LoginPage) about() about { return about{page: "login", title: "login.title"} }

// NameFill is the autocomplete attribute of the field for the name.
func (v LoginPage) NameFill() string {
	if v.Passkeys {
		return "username webauthn"
	}
	return "username"
}

// LoginTOTPPage asks for a code from the authenticator app. Form: POST PathLoginTOTP with code, next and
// remember ("yes").
type LoginTOTPPage struct {
	Layout
	Factors
	Again bool // the reader is signed in, but the last factor is too old for the next page
	Next  string
}

func (v LoginTOTPPage) about() about {
	if v.Again {
		return about{page: "login_totp", title: "again.title"}
	}
	return about{page: "login_totp", title: "login_totp.title"}
}

// Others returns links to the other second factors.
func (v LoginTOTPPage) Others() []factorLink { return v.links(PathLoginTOTP) }

// LoginRecoveryPage asks for a recovery code instead. Form: POST PathLoginRecovery with code and next.
type LoginRecoveryPage struct {
	Layout
	Factors
	Again bool // as in LoginTOTPPage
	Next  string
}

func (LoginRecoveryPage) about() about {
	return about{page: "login_recovery", title: "login_recovery.title"}
}

// Others returns links to the other second factors.
func (v LoginRecoveryPage) Others() []factorLink { return v.links(PathLoginRecovery) }

// VerifyEmailSentPage says which address the confirmation link was sent to. Forms: POST
// PathVerifyEmailResend without fields; POST PathVerifyEmailChange with email.
type VerifyEmailSentPage struct {
	Layout
	Email     string        // address that it was sent to
	ValidFor  time.Duration // how long the link works
	NewEmail  string        // text typed into the form for changing the address
	CanChange bool          // show that form
}

func (VerifyEmailSentPage) about() about {
	return about{page: "verify_sent", title: "verify_sent.title"}
}

// VerifyEmailConfirmPage is the target of the link in that mail. Only its form uses up the link. Form:
// POST PathVerifyEmail with link.
type VerifyEmailConfirmPage struct {
	Layout
	Link     string
	Email    string // "" if it can't be known without using up the link
	Username string // username of the account; "" as for Email
}

func (VerifyEmailConfirmPage) about() about {
	return about{page: "verify_confirm", title: "verify_confirm.title"}
}

// Reasons why a link does not work, for LinkInvalidPage.
const (
	LinkExpired   = "expired"
	LinkUsed      = "used"
	LinkUnknown   = "unknown"
	LinkElsewhere = "elsewhere" // a LinkDevice was opened in another browser
)

// LinkInvalidPage says why a one-time link does not work and how to get a new one.
type LinkInvalidPage struct {
	Layout
	Kind string // one of the kinds of links, except LinkNone
	Why  string // LinkExpired, LinkUsed, LinkUnknown or LinkElsewhere
}

func (LinkInvalidPage) about() about { return about{page: "link_invalid", title: "link_invalid.title"} }

// ErrorPage answers a request that failed. If Problems is not empty, it replaces the general text of
// the status.
type ErrorPage struct {
	Layout
	Status    int           // 400, 403, 404, 405, 413, 429, 500 or 503; the page shows any other 4xx as 400, and 5xx as 500
	Wait      time.Duration // 429 and 503: time until it is worth trying again; 0 is not shown
	RequestID string        // 5xx: to quote to the operator; "" is not shown
}

func (v ErrorPage) about() about {
	return about{page: "error", title: "error." + v.Known() + ".title"}
}

// Known returns the status whose text the page uses.
func (v ErrorPage) Known() string {
	switch v.Status {
	case 400, 403, 404, 405, 413, 429, 500, 503:
		return itoa(v.Status)
	}
	if v.Status >= 500 {
		return "500"
	}
	return "400"
}
