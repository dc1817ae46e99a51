package ui

import "time"

// Values of ProjectTransferPage.Stay: what an owner becomes after transferring a project.
const (
	StayMaintainer = "maintainer"
	StayNot        = "leave"
)

// ProjectSettingsPage lets owners describe a project, and deprecate, archive, transfer or delete it. Forms: POST
// PathProjectSettings with description and homepage; POST PathProjectDeprecate with deprecated ("yes" or "no") and reason.
type ProjectSettingsPage struct {
	Layout
	Project     string
	Description string
	Homepage    string
	ArchivedAt  time.Time // zero: not archived
	OnlyAt      time.Time // since when only trusted publishers upload; zero: all tokens do
	Deprecated  Mark
	Quarantined Mark
	KeepsFiles  bool   // this server does
	Reason      string // text typed into the field reason
}

func (v ProjectSettingsPage) about() about {
	return about{page: "project_settings", title: "project_settings.title", args: Args{"project": v.Project}, place: placeProjects}
}

// ProjectArchivePage asks for confirmation before a project is archived or reopened. Form: POST
// PathProjectArchive or PathProjectReopen without fields.
type ProjectArchivePage struct {
	Layout
	Project string
	Tokens  []UsedToken // tokens that can upload to it now, the last used first
	More    int         // further tokens that Tokens leaves out
	Reopen  bool
}

func (v ProjectArchivePage) about() about {
	title := "project_archive.title"
	if v.Reopen {
		title = "project_reopen.title"
	}
	return about{page: "project_archive", title: title, args: Args{"project": v.Project}, place: placeProjects}
}

// ProjectOnlyPage asks for confirmation before only trusted publishers may upload to a project, or all tokens again. Form: POST
// PathProjectOnly or PathProjectAllTokens without fields.
type ProjectOnlyPage struct {
	Layout
	Project string
	Tokens  []UsedToken // tokens that can upload to it now, the last used first
	More    int         // further tokens that Tokens leaves out
	Undo    bool
}

func (v ProjectOnlyPage) about() about {
	title := "only.title"
	if v.Undo {
		title = "only.title.undo"
	}
	return about{page: "project_only", title: title, args: Args{"project": v.Project}, place: placeProjects}
}

// ProjectTransferPage transfers a project. Form: POST PathProjectTransfer with user and stay.
type ProjectTransferPage struct {
	Layout
	Project string
	User    string // text typed into the field
	Stay    string // choice; "" if nothing is chosen yet
}

func (v ProjectTransferPage) about() about {
	return about{page: "project_transfer", title: "project_transfer.title", args: Args{"project": v.Project}, place: placeProjects}
}

// UsedToken is a token that can upload to a project, as the project's owners see it.
type UsedToken struct {
	Label  string
	Owner  string // username
	All    bool   // it is for all projects of its owner
	UsedAt time.Time
}

// ProjectDeletePage asks for confirmation before a project is deleted. Form: POST PathProjectDelete with
// confirm.
type ProjectDeletePage struct {
	Layout
	Project      string
	Confirm      string // text typed into the field
	Members      []MemberRow
	Tokens       []UsedToken // tokens that can upload to it now, the last used first
	More         int         // further tokens that Tokens leaves out
	Invitations  int         // pending invitations, which end with the project
	ReservedDays int         // days for which the name stays reserved
}

func (v ProjectDeletePage) about() about {
	return about{page: "project_delete", title: "project_delete.title", args: Args{"project": v.Project}, place: placeProjects}
}

// Last returns the token that was used last. Its UsedAt is zero if no token was ever used.
func (v ProjectDeletePage) Last() UsedToken {
	var last UsedToken
	for _, t := range v.Tokens {
		if t.UsedAt.After(last.UsedAt) {
			last = t
		}
	}
	return last
}

// ReservedNameRow is the name of a deleted project, which nobody can register until a certain time.
type ReservedNameRow struct {
	Name      string
	DeletedBy string
	DeletedAt time.Time
	Until     time.Time
}

// ReservedNamesPage lists the reserved names for administrators. Form: POST PathReservedNameRelease
// without fields.
type ReservedNamesPage struct {
	Layout
	Names []ReservedNameRow
}

func (ReservedNamesPage) about() about {
	return about{page: "reserved_names", title: "reserved_names.title", place: placeAdmin}
}
