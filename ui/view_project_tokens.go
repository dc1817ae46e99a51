package ui

import (
	"html/template"
	"net/url"
	"time"
)

// ProjectTokenRow is a token that can upload to a project, as those see it who may:
// nothing of its other projects, and never its text.
type ProjectTokenRow struct {
	ID         string // UUID
	Label      string
	Owner      string // username
	OwnerID    string
	You        bool // it is the reader's
	All        bool // it is for all of its owner's projects
	Limits     Limits
	CreatedAt  time.Time
	Factor     string    // as TokenRow has it
	ExpiresAt  time.Time // zero: never
	Replaced   bool
	LastUsedAt time.Time // for the project; zero: never
	LastFrom   string    // "203.0.113.0/24"; "" is not said
	LastSaidBy string    // as TokenRow has it
	Excluded   bool      // its owner's tokens are shut out of the project
	Frozen     bool      // its owner is
}

// ProjectTokens is a page of the tokens that can upload to a project.
type ProjectTokens struct {
	Project string
	All     bool // the reader sees the tokens of all members; else only their own
	Owner   bool // the reader owns the project, and may shut members out
	Rows    []ProjectTokenRow
	Next    string // value of the query parameter after for the next page; "" on the last
	Later   bool   // there is a page before
	Member  string // username of the member whose tokens these are; "": of all
	ID      string // of that member
}

// NextPage is the address of the next page.
func (p ProjectTokens) NextPage() template.URL {
	q := url.Values{"after": {p.Next}}
	if p.ID != "" {
		q.Set("member", p.ID)
	}
	return template.URL(PathProjectTokens.With(p.Project) + "?" + q.Encode())
}

// Of is the address of the list with the tokens of one member.
func (p ProjectTokens) Of(member string) template.URL {
	return template.URL(PathProjectTokens.With(p.Project) + "?" + url.Values{"member": {member}}.Encode())
}

// ProjectTokensPage lists the tokens that can upload to a project.
type ProjectTokensPage struct {
	Layout
	Tokens ProjectTokens
}

func (v ProjectTokensPage) about() about {
	return about{page: "project_tokens", title: "project_tokens.title", args: Args{"project": v.Tokens.Project}, place: placeProjects}
}

// MemberExclusionPage asks before a member's tokens are excluded from a project, or allowed again.
// Form: POST PathMemberExclude or PathMemberReadmit without fields.
type MemberExclusionPage struct {
	Layout
	Project string
	Member  MemberRow
	Readmit bool
	Tokens  []ProjectTokenRow // of the member; at most some
	More    bool              // there are more than these
}

func (v MemberExclusionPage) about() about {
	title := "member_shut.title"
	if v.Readmit {
		title = "member_shut.in.title"
	}
	return about{page: "member_shut", title: title, args: Args{"username": v.Member.Username, "project": v.Project}, place: placeProjects}
}
