package ui

import (
	"strconv"
	"time"
)

// States of a token.
const (
	TokenActive  = "active"
	TokenExpired = "expired"
	TokenRevoked = "revoked"
)

// TokenRow is a token as lists and confirmations show it; never its text.
type TokenRow struct {
	ID          string // UUID
	Label       string
	AllProjects bool
	Projects    []string // where AllProjects is not set
	State       string   // TokenActive, TokenExpired or TokenRevoked
	CreatedAt   time.Time
	Factor      string    // second factor with which it was made: "totp", "webauthn", "recovery_code"; "" is not said
	ExpiresAt   time.Time // zero: never
	RevokedAt   time.Time // zero: not revoked
	RevokedBy   string    // username; "" is not said
	Reason      string    // that an administrator gave for it; "" is not said
	Limits      Limits
	NarrowedAt  time.Time // zero: not restricted since it was made
	Replaced    bool      // another token was made in its place
	LastUsedAt  time.Time // zero: never used
	LastProject string    // what the last use uploaded to
	LastFrom    string    // network that the last use came from: "203.0.113.0/24"; "" is not said
	LastSaidBy  string    // name of the verifier on whose word the last use is; "" where it is the issuer's own
}

// Values of the field scope.
const (
	ScopeAll    = "all"
	ScopeChosen = "chosen"
)

// Values of the field life, beside a number of days.
const (
	LifeUntil = "date"
	LifeNever = "never"
)

// ProjectChoice is a project that a token can be limited to.
type ProjectChoice struct {
	Name    string
	Checked bool
}

// TokenNewPage makes a token. Form: POST PathTokenNew with label, scope
// (ScopeAll or ScopeChosen), projects (repeated), register, once, versions, networks and actions as
// LimitsForm has them, draft (not empty: only say what it would do), life ("7", "30", "90", "365",
// LifeUntil or LifeNever) and expires (2006-01-02, the last day on which the
// token works, UTC).
type TokenNewPage struct {
	Layout
	Label    string
	Scope    string // "" at first: it has to be chosen
	Projects []ProjectChoice
	Register string // name of a project that is to be registered with the token
	Once     string // marks the form, so that it makes one token
	Life     string
	Expires  string
	MaxDays  int // longest life that the configuration allows; 0: no limit
	Limits   LimitsForm
	Draft    *TokenRow // what a token by these choices does; nil: that was not asked
	Fresh    string    // name of the project that Draft would register; "": none
}

// LimitsOpen reports whether the fields of limits are shown expanded.
func (v TokenNewPage) LimitsOpen() bool {
	return v.Limits.Used() || len(on(v, "versions"))+len(on(v, "networks"))+len(on(v, "actions")) > 0
}

func (TokenNewPage) about() about {
	return about{page: "token_new", title: "token_new.title", place: placeTokens}
}

// Days is a life of that many days.
type Days int

// Int is the number.
func (d Days) Int() int { return int(d) }

// String is the number as the field life has it.
func (d Days) String() string { return strconv.Itoa(int(d)) }

// Lives are the numbers of days that are offered.
func (v TokenNewPage) Lives() []Days {
	var out []Days
	for _, d := range []Days{7, 30, 90, 365} {
		if v.MaxDays == 0 || d.Int() <= v.MaxDays {
			out = append(out, d)
		}
	}
	return out
}

// FirstDate is the earliest date that can be chosen.
func (v TokenNewPage) FirstDate() string { return v.Now.UTC().Format(time.DateOnly) }

// LastDate is the latest date that can be chosen, "" without a limit. A token
// works to the end of its date, so the day that the longest life ends on is
// too late.
func (v TokenNewPage) LastDate() string {
	if v.MaxDays == 0 {
		return ""
	}
	return v.Now.UTC().AddDate(0, 0, v.MaxDays-1).Format(time.DateOnly)
}

// TokenCreatedPage shows a new token, once. The text of the token is in the
// element with the id "token".
type TokenCreatedPage struct {
	Layout
	Token       string // its text; appears nowhere else
	Label       string
	AllProjects bool
	Projects    []string
	Registered  string    // name of the project that was registered with it; "": none
	ExpiresAt   time.Time // zero: never
	Limits      Limits
	OldEnds     time.Time // when the token that it replaces ends; zero: there is none, or it has ended
	UploadURL   string    // absolute, ends in /legacy/
}

func (TokenCreatedPage) about() about {
	return about{page: "token_created", title: "token_created.title", place: placeTokens}
}

// Snippets are the instructions for upload clients, with the place of the token
// marked.
func (v TokenCreatedPage) Snippets() []Snippet { return snippets(v.UploadURL) }

// TokenRevokePage asks before a token is revoked. Form: POST PathTokenRevoke
// without fields.
type TokenRevokePage struct {
	Layout
	Token TokenRow
}

func (TokenRevokePage) about() about {
	return about{page: "token_revoke", title: "token_revoke.title", place: placeTokens}
}
