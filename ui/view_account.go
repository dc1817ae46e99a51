package ui

import (
	"html/template"
	"time"
)

// FactorChoicePage offers the second factors side by side.
type FactorChoicePage struct {
	Layout
	SecurityKeyURL string // where a security key is set up; "" offers none
}

func (FactorChoicePage) about() about {
	return about{page: "factors", title: "factors.title", place: placeAccount}
}

// TOTPSetupPage shows the secret of an authenticator app and asks for a first
// code. Form: POST PathTOTP with code.
type TOTPSetupPage struct {
	Layout
	Replacing bool     // an app is set up already and stops working when this one is confirmed
	QR        [][]bool // modules of the QR code, true is dark, without a quiet zone
	Secret    string   // base32 without padding, without spaces
	URI       string   // otpauth://totp/…, for an app on the same device
}

func (v TOTPSetupPage) about() about {
	if v.Replacing {
		return about{page: "totp_setup", title: "totp_setup.title.replace", place: placeAccount}
	}
	return about{page: "totp_setup", title: "totp_setup.title", place: placeAccount}
}

// SafeURI is URI for an href; anything but an otpauth address is dropped.
func (v TOTPSetupPage) SafeURI() template.URL { return otpauth(v.URI) }

// RecoveryCodesPage shows new recovery codes, once, and asks for one of them.
// Form: POST PathRecoveryCodes with code.
type RecoveryCodesPage struct {
	Layout
	Codes []string // 16 hex digits each; nil where they were shown already and only one has to be typed back
}

func (RecoveryCodesPage) about() about {
	return about{page: "recovery_codes", title: "recovery_codes.title", place: placeAccount}
}

// RecoveryNewPage stands before new recovery codes are made, and says what they
// are for and which ones stop working. Form: POST PathRecoveryNew without
// fields; it is answered by a RecoveryCodesPage.
type RecoveryNewPage struct {
	Layout
	First bool // there are no codes yet
	Left  int  // codes that stop working
}

func (v RecoveryNewPage) about() about {
	if v.First {
		return about{page: "recovery_new", title: "recovery_new.title.first", place: placeAccount}
	}
	return about{page: "recovery_new", title: "recovery_new.title", place: placeAccount}
}

// AccountPage shows the signed-in person's account. Form: POST PathPassword
// with old_password and password.
type AccountPage struct {
	Layout
	Email         string
	EmailVerified bool
	NewEmail      string // address that waits to be confirmed; "" none
	CreatedAt     time.Time
	HasTOTP       bool // an authenticator app is set up
	KeysOffered   bool // security keys can be added here
	Keys          []KeyRow
	KeysOnly      bool        // the app is not taken
	CodesLeft     int         // recovery codes that were not used
	Recovery      RecoveryRow // of the account; zero: none waits
	Events        []EventRow
}

func (AccountPage) about() about {
	return about{page: "account", title: "account.title", place: placeAccount}
}
