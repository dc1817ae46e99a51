package ui

import "time"

// AdminProjectRow is a project in the list of all projects.
type AdminProjectRow struct {
	Name      string
	Owners    []string // usernames
	Unowned   bool     // no owner can manage it
	Members   int
	Archived  bool
	CreatedAt time.Time

	Quarantined bool
	Deprecated  bool
}

// AdminProjectsPage lists all projects. Form: GET PathAdminProjects with q and unowned.
type AdminProjectsPage struct {
	Layout
	Search   string
	Unowned  bool // list only projects that nobody can manage
	Projects []AdminProjectRow
	Next     string // query parameter "after" of the next page; "" on the last page
}

func (AdminProjectsPage) about() about {
	return about{page: "admin_projects", title: "admin_projects.title", place: placeAdmin}
}

// AdminProjectPage shows a project to an administrator. Forms: POST PathAdminArchive with archived; POST PathAdminQuarantine
// with quarantined ("yes" or "no") and reason; if it is Unowned, POST PathProjectOwner with user.
type AdminProjectPage struct {
	Layout
	Project AdminProjectRow
	Members []MemberRow
	Tokens  []AdminTokenRow // tokens that can upload to it
	More    bool            // more tokens can upload to it
	User    string          // text typed into the field user
	Reason  string          // text typed into the field reason

	Quarantined Mark
	KeepsFiles  bool // this server does
}

func (v AdminProjectPage) about() about {
	return about{page: "admin_project", title: "admin_project.title", args: Args{"project": v.Project.Name}, place: placeAdmin}
}

// AdminTokenRow is somebody's token, never with its text.
type AdminTokenRow struct {
	TokenRow
	Owner   string
	OwnerID string
}

// Values of AdminTokensPage.In: where it searches.
const (
	InLabel   = "label"
	InOwner   = "owner"
	InProject = "project"
)

// AdminTokensPage lists everybody's tokens. Form: POST PathAdminTokens with q and in. It is a POST so
// that what was typed is checked before it becomes part of an address.
type AdminTokensPage struct {
	Layout
	Search string
	In     string // InLabel, InOwner or InProject
	Tokens []AdminTokenRow
	Next   string // query of the next page; "" on the last page
}

func (AdminTokensPage) about() about {
	return about{page: "admin_tokens", title: "admin_tokens.title", place: placeAdmin}
}

// AdminTokenRevokePage asks for confirmation before an administrator revokes somebody's token. Form:
// POST PathAdminTokenRevoke with reason.
type AdminTokenRevokePage struct {
	Layout
	Token  AdminTokenRow
	Reason string // text typed into the field
}

func (v AdminTokenRevokePage) about() about {
	return about{page: "admin_token_revoke", title: "admin_token_revoke.title", args: Args{"label": v.Token.Label}, place: placeAdmin}
}
