package ui

import (
	"strings"
	"time"
)

// Roles in a project.
const (
	RoleOwner      = "owner"
	RoleMaintainer = "maintainer"
)

// ProjectRow is a project in a list.
type ProjectRow struct {
	Name      string // as registered; links use it
	Role      string // the reader's: RoleOwner or RoleMaintainer
	Members   int
	CreatedAt time.Time
	Archived  bool // it accepts no uploads

	Quarantined bool // it accepts no uploads, and its files are not offered
	Deprecated  bool
}

// Mark says since when a project is deprecated or quarantined, and why.
type Mark struct {
	At     time.Time // zero: it is not
	Reason string    // may be ""
}

// Set reports whether the project has the mark.
func (m Mark) Set() bool { return !m.At.IsZero() }

// ProjectsPage lists the projects of the signed-in user, and the user's invitations. Form: GET
// PathProjects with find.
type ProjectsPage struct {
	Layout
	Invitations []ProjectInvitation // invitations that the user can answer
	Projects    []ProjectRow        // projects on this page
	Total       int                 // projects on all pages, including those that Find hides
	Find        string              // part of a name to search for; "" lists all
	Next        string              // the next page begins after this name; "" on the last page
}

func (ProjectsPage) about() about {
	return about{page: "projects", title: "projects.title", place: placeProjects}
}

// ProjectNewPage registers a project. Form: POST PathProjectNew with name.
type ProjectNewPage struct {
	Layout
	Name string
}

func (ProjectNewPage) about() about {
	return about{page: "project_new", title: "project_new.title", place: placeProjects}
}

// MemberRow is a member of a project.
type MemberRow struct {
	ID       string // of the user
	Username string
	Role     string
	Since    time.Time
	You      bool
	Frozen   bool // by an administrator: can't sign in, and tokens don't work
	Excluded bool // by an owner: tokens can't upload to the project
}

// ProjectPage shows a project. Forms, for owners only: POST PathMemberRole with role;
// POST PathProjectInvitationEnd and PathProjectInvitationSend without fields.
type ProjectPage struct {
	Layout
	Name        string
	Role        string // the reader's; "" for an administrator who is not a member
	CreatedAt   time.Time
	Description string
	Homepage    string    // "" or an http or https URL
	ArchivedAt  time.Time // zero: not archived
	OnlyAt      time.Time // since when only trusted publishers upload; zero: all tokens do
	Deprecated  Mark
	Quarantined Mark
	Members     []MemberRow
	Invitations []ProjectInvitation // for owners
	IndexURL    string              // absolute, ends in /simple/; "" if the index can't be read here
	UploadURL   string              // absolute
	Others      []IndexAddress
	Tokens      ProjectTokens
	Uploads     Uploads
	Releases    Releases
	Publishers  int         // trusted publishers of the project
	JobUploads  []JobUpload // the last ones
	Events      []EventRow
}

func (v ProjectPage) about() about {
	return about{page: "project", title: "project.title", args: Args{"name": v.Name}, place: placeProjects}
}

// TakesUploads reports whether the project takes uploads of anybody.
func (v ProjectPage) TakesUploads() bool { return v.ArchivedAt.IsZero() && !v.Quarantined.Set() }

// Owner reports whether the reader owns the project and so may change its members.
func (v ProjectPage) Owner() bool { return v.Role == RoleOwner }

// Link returns the homepage if it is an address that a page may link to.
func (v ProjectPage) Link() string {
	if strings.HasPrefix(v.Homepage, "https://") || strings.HasPrefix(v.Homepage, "http://") {
		return v.Homepage
	}
	return ""
}

// LastOwner reports whether the reader is the only owner, who can neither leave
// nor become a maintainer.
func (v ProjectPage) LastOwner() bool {
	n := 0
	for _, m := range v.Members {
		if m.Role == RoleOwner {
			n++
		}
	}
	return v.Owner() && n == 1
}

// MemberRemovePage asks for confirmation before a member is removed. Form: POST PathMemberRemove without
// fields.
type MemberRemovePage struct {
	Layout
	Project string
	Member  MemberRow
	Tokens  []TokenRow // the member's tokens that can upload to the project now
}

func (v MemberRemovePage) about() about {
	return about{page: "member_remove", title: "member_remove.title",
		args: Args{"username": v.Member.Username, "project": v.Project}, place: placeProjects}
}

// ProjectLeavePage asks for confirmation before the reader leaves a project. Form: POST PathProjectLeave
// without fields.
type ProjectLeavePage struct {
	Layout
	Project string
	Tokens  []TokenRow // the reader's tokens that can upload to the project now
}

func (v ProjectLeavePage) about() about {
	return about{page: "project_leave", title: "project_leave.title",
		args: Args{"project": v.Project}, place: placeProjects}
}
