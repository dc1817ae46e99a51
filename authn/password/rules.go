package password

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of passwords.
const (
	MinLength = 12   // characters (code points, after normalization)
	MaxBytes  = 4096 // as it was typed
	MinScore  = 3    // of Score: "safely unguessable", 10^8 guesses and more
)

// Fault is what is wrong with a chosen password; "" if nothing is.
type Fault string

// The faults.
const (
	TooLong  Fault = "too long"  // more than MaxBytes
	NotText  Fault = "not text"  // not UTF-8, or with control characters
	TooShort Fault = "too short" // less than MinLength
	Weak     Fault = "weak"      // a score below MinScore
)

// Check returns what is wrong with a password for an account with this username and address.
//
// A password is UTF-8 text without control characters, brought into normal form C
// (RFC 8265 §4.2 does the same), so that it does not matter how a keyboard
// composes an é. Nothing else is changed: no trimming, no folding, no cutting.
func Check(password, username, email string) Fault {
	password, fault := Normalize(password)
	switch {
	case fault != "":
		return fault
	case utf8.RuneCountInString(password) < MinLength:
		return TooShort
	case Score(password, username, email) < MinScore:
		return Weak
	}
	return ""
}

// Normalize returns the form in which a password is judged and hashed, or the fault TooLong or NotText.
func Normalize(password string) (normal string, fault Fault) {
	switch {
	case len(password) > MaxBytes:
		return "", TooLong
	case !utf8.ValidString(password) || strings.IndexFunc(password, unicode.IsControl) >= 0:
		return "", NotText
	}
	return norm.NFC.String(password), ""
}
