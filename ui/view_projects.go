package ui

import "time"

// Roles in a project.
const (
	RoleOwner      = "owner"
	RoleMaintainer = "maintainer"
)

// ProjectRow is a project in a list.
type ProjectRow struct {
	Name      string // as it was registered; links use it
	Role      string // the reader's: RoleOwner or RoleMaintainer
	Members   int
	CreatedAt time.Time
}

// ProjectsPage lists the projects that the signed-in person is a member of.
type ProjectsPage struct {
	Layout
	Projects []ProjectRow
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
	Frozen   bool // by an administrator: cannot sign in, tokens do not work
}

// ProjectPage shows a project. Forms, for owners only: POST PathMembers with
// user and role; POST PathMemberRole with role.
type ProjectPage struct {
	Layout
	Name      string
	Role      string // the reader's
	CreatedAt time.Time
	Members   []MemberRow
	AddName   string // what was typed into user
	AddRole   string // what was chosen; "" is RoleMaintainer
	IndexURL  string // absolute, ends in /simple/
	UploadURL string // absolute, ends in /legacy/
	Tokens    ProjectTokens
	Uploads   Uploads
	Events    []EventRow
}

func (v ProjectPage) about() about {
	return about{page: "project", title: "project.title", args: Args{"name": v.Name}, place: placeProjects}
}

// Owner tells whether the reader may change the members.
func (v ProjectPage) Owner() bool { return v.Role == RoleOwner }

// LastOwner tells whether the reader is the only owner, who can neither leave
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

// MemberRemovePage asks before a member is removed. Form: POST
// PathMemberRemove without fields.
type MemberRemovePage struct {
	Layout
	Project string
	Member  MemberRow
	Tokens  []TokenRow // of the member, that can upload to the project today
}

func (v MemberRemovePage) about() about {
	return about{page: "member_remove", title: "member_remove.title",
		args: Args{"username": v.Member.Username, "project": v.Project}, place: placeProjects}
}

// ProjectLeavePage asks before a person leaves a project. Form: POST
// PathProjectLeave without fields.
type ProjectLeavePage struct {
	Layout
	Project string
	Tokens  []TokenRow // of the person, that can upload to the project today
}

func (v ProjectLeavePage) about() about {
	return about{page: "project_leave", title: "project_leave.title",
		args: Args{"project": v.Project}, place: placeProjects}
}
