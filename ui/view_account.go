package ui

import (
	"html/template"
	"time"
)

// FactorChoicePage lets the reader choose a second factor to set up.
type FactorChoicePage struct {
	Layout
	SecurityKeyURL string // page for setting up a security key; "" if keys are not offered
}

func (FactorChoicePage) about() about {
	return about{page: "factors", title: "factors.title", place: placeAccount}
}

// TOTPSetupPage shows the secret for an authenticator app and asks for a first code. Form: POST
// PathTOTP with code.
type TOTPSetupPage struct {
	Layout
	Replacing bool     // the account already has an app, which stops working when this one is confirmed
	QR        [][]bool // modules of the QR code, without a quiet zone; true is dark
	Secret    string   // base32 without padding, without spaces
	URI       string   // otpauth://totp/…, for an app on the same device
}

func (v TOTPSetupPage) about() about {
	if v.Replacing {
		return about{page: "totp_setup", title: "totp_setup.title.replace", place: placeAccount}
	}
	return about{page: "totp_setup", title: "totp_setup.title", place: placeAccount}
}

// SafeURI returns URI for an href. It drops anything but an otpauth address.
func (v TOTPSetupPage) SafeURI() template.URL { return otpauth(v.URI) }

// RecoveryCodesPage shows new recovery codes, once, and asks the reader to type one of them. Form: POST
// PathRecoveryCodes with code.
type RecoveryCodesPage struct {
	Layout
	Codes []string // 16 hex digits each; nil if they were shown before and the reader only has to type one
}

func (RecoveryCodesPage) about() about {
	return about{page: "recovery_codes", title: "recovery_codes.title", place: placeAccount}
}

// RecoveryNewPage is shown before new recovery codes are created. It says what they are for and which
// codes stop working. Form: POST PathRecoveryNew without fields; the answer is a RecoveryCodesPage.
type RecoveryNewPage struct {
	Layout
	First bool // the account has no codes yet
	Left  int  // codes that stop working
}

func (v RecoveryNewPage) about() about {
	if v.First {
		return about{page: "recovery_new", title: "recovery_new.title.first", place: placeAccount}
	}
	return about{page: "recovery_new", title: "recovery_new.title", place: placeAccount}
}

// AccountPage shows the account of the signed-in user. Form: POST PathPassword with old_password and
// password.
type AccountPage struct {
	Layout
	Email         string
	EmailVerified bool
	NewEmail      string // new address that is not confirmed yet; "" if none
	CreatedAt     time.Time
	HasTOTP       bool // the account has an authenticator app
	KeysOffered   bool // security keys can be added here
	Keys          []KeyRow
	KeysOnly      bool        // codes of the app are refused
	CodesLeft     int         // unused recovery codes
	Recovery      RecoveryRow // pending recovery of the account; zero if none
	Events        []EventRow
}

func (AccountPage) about() about {
	return about{page: "account", title: "account.title", place: placeAccount}
}
