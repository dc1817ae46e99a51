package ui

import "time"

// AdminProjectRow is a project in the list of all.
type AdminProjectRow struct {
	Name      string
	Owners    []string // usernames
	Unowned   bool     // none of them can manage it
	Members   int
	Archived  bool
	CreatedAt time.Time
}

// AdminProjectsPage lists all projects. Form: GET PathAdminProjects with q and
// unowned.
type AdminProjectsPage struct {
	Layout
	Search   string
	Unowned  bool // only those that nobody can manage
	Projects []AdminProjectRow
	Next     string // value of the query parameter after for the next page; "" on the last
}

func (AdminProjectsPage) about() about {
	return about{page: "admin_projects", title: "admin_projects.title", place: placeAdmin}
}

// AdminProjectPage shows a project to an administrator. Forms: POST PathProjectArchive
// with archived; POST PathProjectOwner with user, where it is Unowned.
type AdminProjectPage struct {
	Layout
	Project AdminProjectRow
	Members []MemberRow
	Tokens  []AdminTokenRow // that can upload to it
	More    bool            // there are further ones
	User    string          // what was typed into user
}

func (v AdminProjectPage) about() about {
	return about{page: "admin_project", title: "admin_project.title", args: Args{"project": v.Project.Name}, place: placeAdmin}
}

// AdminTokenRow is a token of somebody; never its text.
type AdminTokenRow struct {
	TokenRow
	Owner   string
	OwnerID string
}

// What AdminTokensPage looks in.
const (
	InLabel   = "label"
	InOwner   = "owner"
	InProject = "project"
)

// AdminTokensPage lists everybody's tokens. Form: POST PathAdminTokens with q and in,
// so that what is typed is in no address before it was looked at.
type AdminTokensPage struct {
	Layout
	Search string
	In     string // InLabel, InOwner or InProject
	Tokens []AdminTokenRow
	Next   string // query of the next page; "" on the last
}

func (AdminTokensPage) about() about {
	return about{page: "admin_tokens", title: "admin_tokens.title", place: placeAdmin}
}

// AdminTokenRevokePage asks before an administrator revokes somebody's token. Form:
// POST PathAdminTokenRevoke with reason.
type AdminTokenRevokePage struct {
	Layout
	Token  AdminTokenRow
	Reason string // what was typed
}

func (v AdminTokenRevokePage) about() about {
	return about{page: "admin_token_revoke", title: "admin_token_revoke.title", args: Args{"label": v.Token.Label}, place: placeAdmin}
}
