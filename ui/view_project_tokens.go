package ui

import (
	"html/template"
	"net/url"
	"time"
)

// ProjectTokenRow is a token that can upload to a project, as the people who may see it do: without its
// other projects, and never with its text.
type ProjectTokenRow struct {
	ID         string // UUID
	Label      string
	Owner      string // username
	OwnerID    string
	You        bool // it belongs to the reader
	All        bool // it is for all projects of its owner
	Limits     Limits
	CreatedAt  time.Time
	Factor     string    // as in TokenRow
	ExpiresAt  time.Time // zero: never
	Replaced   bool
	LastUsedAt time.Time // last upload to this project; zero: never
	LastFrom   string    // "203.0.113.0/24"; "" is not shown
	LastSaidBy string    // as in TokenRow
	Excluded   bool      // its owner's tokens are excluded from the project
	Frozen     bool      // its owner is frozen
}

// ProjectTokens is a page of the tokens that can upload to a project.
type ProjectTokens struct {
	Project string
	All     bool // the reader sees the tokens of all members, else only their own
	Owner   bool // the reader owns the project, and may exclude members' tokens
	Rows    []ProjectTokenRow
	Next    string // query parameter "after" of the next page; "" on the last page
	Later   bool   // this is not the first page
	Member  string // username of the member whose tokens are listed; "" for all members
	ID      string // ID of that member
}

// NextPage returns the address of the next page.
func (p ProjectTokens) NextPage() template.URL {
	q := url.Values{"after": {p.Next}}
	if p.ID != "" {
		q.Set("member", p.ID)
	}
	return template.URL(PathProjectTokens.With(p.Project) + "?" + q.Encode())
}

// Of returns the address of the list of one member's tokens.
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

// MemberExclusionPage asks for confirmation before a member's tokens are excluded from a project, or
// readmitted. Form: POST PathMemberExclude or PathMemberReadmit without fields.
type MemberExclusionPage struct {
	Layout
	Project string
	Member  MemberRow
	Readmit bool
	Tokens  []ProjectTokenRow // the member's tokens, possibly not all
	More    bool              // the member has more tokens
}

func (v MemberExclusionPage) about() about {
	title := "member_exclusion.title"
	if v.Readmit {
		title = "member_exclusion.readmit.title"
	}
	return about{page: "member_exclusion", title: title, args: Args{"username": v.Member.Username, "project": v.Project}, place: placeProjects}
}
