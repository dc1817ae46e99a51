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

// TokenRow is a token as shown in lists and confirmations, never with its text.
type TokenRow struct {
	ID          string // UUID
	Label       string
	AllProjects bool
	Projects    []string // if AllProjects is not set
	State       string   // TokenActive, TokenExpired or TokenRevoked
	CreatedAt   time.Time
	Factor      string    // second factor used to create it: "totp", "webauthn", "recovery_code"; "" is not shown
	ExpiresAt   time.Time // zero: never
	RevokedAt   time.Time // zero: not revoked
	RevokedBy   string    // username; "" is not shown
	Reason      string    // reason given by an administrator; "" is not shown
	Limits      Limits
	NarrowedAt  time.Time // zero: not restricted since it was created
	Replaced    bool      // another token has replaced it
	LastUsedAt  time.Time // zero: never used
	LastProject string    // project of the last upload
	LastFrom    string    // network of the last upload: "203.0.113.0/24"; "" is not shown
	LastSaidBy  string    // verifier that reported the last use; "" for the issuer's own
}

// Values of the field scope.
const (
	ScopeAll    = "all"
	ScopeChosen = "chosen"
)

// Values of the field life, other than a number of days.
const (
	LifeUntil = "date"
	LifeNever = "never"
)

// ProjectChoice is a project that a token can be limited to.
type ProjectChoice struct {
	Name    string
	Checked bool
}

// TokenNewPage creates a token. Form: POST PathTokenNew with label, scope (ScopeAll or ScopeChosen),
// projects (repeated), register, registers (with ScopeAll: "yes" lets the token register projects), idempotency_key, versions, networks and actions as in LimitsForm, draft (if not
// empty, the answer only describes the token), life ("7", "30", "90", "365", LifeUntil or LifeNever)
// and expires (2006-01-02, the last day on which the token works, UTC).
type TokenNewPage struct {
	Layout
	Label          string
	Scope          string // "" at first: the user has to choose
	Projects       []ProjectChoice
	Register       string // name of a project to register together with the token
	Registers      bool   // the checkbox registers is checked
	IdempotencyKey string // identifies the form, so that sending it twice creates only one token
	Life           string
	Expires        string
	MaxDays        int // longest life that the configuration allows; 0: no limit
	Limits         LimitsForm
	Draft          *TokenRow // the token that these choices would create; nil if no draft was requested
	Fresh          string    // name of the project that Draft would register; "": none
}

// LimitsOpen reports whether the fields for limits are shown expanded.
func (v TokenNewPage) LimitsOpen() bool {
	return v.Limits.Used() || len(on(v, "versions"))+len(on(v, "networks"))+len(on(v, "actions")) > 0
}

func (TokenNewPage) about() about {
	return about{page: "token_new", title: "token_new.title", place: placeTokens}
}

// lifeDays is a life in days.
type lifeDays int

// Int returns the number.
func (d lifeDays) Int() int { return int(d) }

// String returns the number as a value of the field life.
func (d lifeDays) String() string { return strconv.Itoa(int(d)) }

// Lives returns the numbers of days to choose from.
func (v TokenNewPage) Lives() []lifeDays {
	var out []lifeDays
	for _, d := range []lifeDays{7, 30, 90, 365} {
		if v.MaxDays == 0 || d.Int() <= v.MaxDays {
			out = append(out, d)
		}
	}
	return out
}

// FirstDate is the earliest date that can be chosen.
func (v TokenNewPage) FirstDate() string { return v.Now.UTC().Format(time.DateOnly) }

// LastDate is the latest date that can be chosen, or "" without a limit. A token works until the end of
// its date, so the day on which the longest life ends is too late.
func (v TokenNewPage) LastDate() string {
	if v.MaxDays == 0 {
		return ""
	}
	return v.Now.UTC().AddDate(0, 0, v.MaxDays-1).Format(time.DateOnly)
}

// TokenCreatedPage shows a new token, once. The text of the token is in the element with the id
// "token".
type TokenCreatedPage struct {
	Layout
	Token       string // text of the token, which no other page shows
	Label       string
	AllProjects bool
	Projects    []string
	Registered  string // name of the project that was registered with it; "" if none

	OnlyPublishers []string // projects of its owner to which it can't upload, since they take uploads of trusted publishers only

	ExpiresAt time.Time // zero: never
	Limits    Limits
	OldEnds   time.Time // when the token that it replaces ends; zero if it replaces none, or that has ended
	UploadURL string    // absolute
}

func (TokenCreatedPage) about() about {
	return about{page: "token_created", title: "token_created.title", place: placeTokens}
}

// Snippets returns the instructions for upload clients, which mark the place of the token.
func (v TokenCreatedPage) Snippets() []snippet { return snippets(v.UploadURL) }

// TokenRevokePage asks for confirmation before a token is revoked. Form: POST PathTokenRevoke without
// fields.
type TokenRevokePage struct {
	Layout
	Token TokenRow
}

func (TokenRevokePage) about() about {
	return about{page: "token_revoke", title: "token_revoke.title", place: placeTokens}
}
