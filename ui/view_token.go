package ui

import "time"

// Limits says what a token can do besides its projects and its life. The first three fields restrict it if they are not empty.
type Limits struct {
	Versions []string // versions that it may upload
	Networks []string // networks that it works from
	Existing bool     // it can upload to existing projects but not create new ones

	Registers bool // it can register projects by their first upload
}

// Any reports whether there is anything to say.
func (l Limits) Any() bool { return len(l.Versions)+len(l.Networks) > 0 || l.Existing || l.Registers }

// LimitsForm holds what was typed into the fields versions and networks, each a comma-separated list,
// and whether the checkbox actions is checked, whose value is "upload".
type LimitsForm struct {
	Versions, Networks string
	Existing           bool
}

// Used reports whether any limit was entered.
func (l LimitsForm) Used() bool { return l.Versions+l.Networks != "" || l.Existing }

// TokenPage shows a token. Form, if it belongs to the reader and was not revoked: POST PathToken with
// label.
type TokenPage struct {
	Layout
	Token  TokenRow
	Label  string // text typed into the field
	Owner  string // username
	Factor string // second factor used to create it: "totp", "webauthn", "recovery_code"; "" is not shown
	Own    bool   // it belongs to the reader
}

func (v TokenPage) about() about {
	return about{page: "token", title: "token.title", args: Args{"label": v.Token.Label}, place: placeTokens}
}

// TokenRestrictPage restricts a token further. Form: POST PathTokenRestrict with projects (repeated),
// expires (2006-01-02), versions, networks and actions. Empty fields change nothing.
type TokenRestrictPage struct {
	Layout
	Token    TokenRow
	Projects []ProjectChoice // projects that the token may keep
	Expires  string
	Limits   LimitsForm
}

func (v TokenRestrictPage) about() about {
	return about{page: "token_restrict", title: "token_restrict.title", args: Args{"label": v.Token.Label}, place: placeTokens}
}

// FirstDate is the earliest date that can be chosen.
func (v TokenRestrictPage) FirstDate() string { return v.Now.UTC().Format(time.DateOnly) }

// LastDate is the latest date that can be chosen, "" without a limit.
func (v TokenRestrictPage) LastDate() string {
	if v.Token.ExpiresAt.IsZero() {
		return ""
	}
	return v.Token.ExpiresAt.UTC().Add(-time.Second).Format(time.DateOnly)
}

// TokenRegeneratePage replaces a token. Form: POST PathTokenRegenerate with life, expires and idempotency_key, as
// in TokenNewPage, and overlap, one of Overlaps.
type TokenRegeneratePage struct {
	Layout
	Token          TokenRow
	Life           string
	Expires        string
	MaxDays        int // as in TokenNewPage
	Overlap        string
	IdempotencyKey string // identifies the form, so that sending it twice creates only one token
}

func (v TokenRegeneratePage) about() about {
	return about{page: "token_regenerate", title: "token_regenerate.title", args: Args{"label": v.Token.Label}, place: placeTokens}
}

// Lives returns the same choices as TokenNewPage.Lives.
func (v TokenRegeneratePage) Lives() []lifeDays { return v.form().Lives() }

// FirstDate is the earliest date that can be chosen.
func (v TokenRegeneratePage) FirstDate() string { return v.form().FirstDate() }

// LastDate is the latest date that can be chosen, "" without a limit.
func (v TokenRegeneratePage) LastDate() string { return v.form().LastDate() }

func (v TokenRegeneratePage) form() TokenNewPage {
	return TokenNewPage{Layout: v.Layout, MaxDays: v.MaxDays}
}

// overlapHours is how long the old token keeps working.
type overlapHours int

// Int returns the number.
func (h overlapHours) Int() int { return int(h) }

// Overlaps returns the values of the field overlap, in hours. With 0 the old token ends at once.
func (v TokenRegeneratePage) Overlaps() []overlapHours { return []overlapHours{0, 1, 24, 72} }

// TokensRevokePage revokes several tokens. Form: POST PathTokensRevoke with project and unused shows the
// selected tokens; with sure as well, it revokes them.
type TokensRevokePage struct {
	Layout
	Projects []string // projects to choose from
	Project  string   // chosen project
	Unused   string   // days
	Picked   bool     // Tokens holds the selected tokens
	Tokens   []TokenRow
	More     int // selected tokens that Tokens leaves out
}

// Count returns how many tokens are selected.
func (v TokensRevokePage) Count() int { return len(v.Tokens) + v.More }

func (TokensRevokePage) about() about {
	return about{page: "tokens_revoke", title: "tokens_revoke.title", place: placeTokens}
}
