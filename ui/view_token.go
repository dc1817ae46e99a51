package ui

import "time"

// Limits are what narrows a token beside its projects and its life. What is empty
// limits nothing.
type Limits struct {
	Versions []string // that it uploads
	Networks []string // that it works from
	Existing bool     // it uploads to projects that exist, and creates none
}

// Any reports whether there is a limit.
func (l Limits) Any() bool { return len(l.Versions)+len(l.Networks) > 0 || l.Existing }

// LimitsForm is what was typed into the fields versions and networks, each a list
// with commas, and the box actions, whose value is ActionUpload.
type LimitsForm struct {
	Versions, Networks string
	Existing           bool
}

// ActionUpload is the value of the box actions.
const ActionUpload = "upload"

// Used reports whether any limit was entered.
func (l LimitsForm) Used() bool { return l.Versions+l.Networks != "" || l.Existing }

// TokenPage shows a token. Form, where it is the reader's own and was not revoked:
// POST PathToken with label.
type TokenPage struct {
	Layout
	Token  TokenRow
	Label  string // what was typed
	Owner  string // username
	Factor string // second factor with which it was made: "totp", "webauthn", "recovery_code"; "" is not said
	Own    bool   // it is the reader's
}

func (v TokenPage) about() about {
	return about{page: "token", title: "token.title", args: Args{"label": v.Token.Label}, place: placeTokens}
}

// TokenRestrictPage narrows a token. Form: POST PathTokenRestrict with projects
// (repeated), expires (2006-01-02), versions, networks and actions; what is empty
// stays as it is.
type TokenRestrictPage struct {
	Layout
	Token    TokenRow
	Projects []ProjectChoice // those that the token may keep
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

// TokenRegeneratePage replaces a token. Form: POST PathTokenRegenerate with life and
// expires and once, as TokenNewPage has them, and overlap, one of Overlaps.
type TokenRegeneratePage struct {
	Layout
	Token   TokenRow
	Life    string
	Expires string
	MaxDays int // as in TokenNewPage
	Overlap string
	Once    string // marks the form, so that it makes one token
}

func (v TokenRegeneratePage) about() about {
	return about{page: "token_regenerate", title: "token_regenerate.title", args: Args{"label": v.Token.Label}, place: placeTokens}
}

// Lives, FirstDate and LastDate are those of TokenNewPage.
func (v TokenRegeneratePage) Lives() []Days { return v.form().Lives() }

// FirstDate is the earliest date that can be chosen.
func (v TokenRegeneratePage) FirstDate() string { return v.form().FirstDate() }

// LastDate is the latest date that can be chosen, "" without a limit.
func (v TokenRegeneratePage) LastDate() string { return v.form().LastDate() }

func (v TokenRegeneratePage) form() TokenNewPage {
	return TokenNewPage{Layout: v.Layout, MaxDays: v.MaxDays}
}

// Hours is how long the old token keeps working.
type Hours int

// Int is the number.
func (h Hours) Int() int { return int(h) }

// Overlaps are the values of the field overlap, in hours; 0 is at once.
func (v TokenRegeneratePage) Overlaps() []Hours { return []Hours{0, 1, 24, 72} }

// TokensRevokePage revokes several tokens. Forms: POST PathTokensRevoke with project and
// unused shows the selected tokens; with sure as well it revokes them.
type TokensRevokePage struct {
	Layout
	Projects []string // that the person can choose from
	Project  string   // that was chosen
	Unused   string   // days
	Picked   bool     // Tokens are those that were asked for
	Tokens   []TokenRow
	More     int // tokens that are picked too, and not named
}

// Count is how many tokens are picked.
func (v TokensRevokePage) Count() int { return len(v.Tokens) + v.More }

func (TokensRevokePage) about() about {
	return about{page: "tokens_revoke", title: "tokens_revoke.title", place: placeTokens}
}
