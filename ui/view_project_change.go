package ui

import "time"

// What becomes of an owner who hands a project on.
const (
	StayMaintainer = "maintainer"
	StayNot        = "leave"
)

// ProjectSettingsPage is where owners say what a project is, and where they archive,
// hand on and delete it. Form: POST PathProjectSettings with description and homepage.
type ProjectSettingsPage struct {
	Layout
	Project     string
	Description string
	Homepage    string
	ArchivedAt  time.Time // zero: it takes uploads
}

func (v ProjectSettingsPage) about() about {
	return about{page: "project_settings", title: "project_settings.title", args: Args{"project": v.Project}, place: placeProjects}
}

// ProjectArchivePage asks before a project is archived, or taken out of the archive.
// Form: POST PathProjectArchive or PathProjectReopen without fields.
type ProjectArchivePage struct {
	Layout
	Project string
	Tokens  []UsedToken // that can upload to it today, those used last first
	More    int         // tokens that are not among them
	Reopen  bool
}

func (v ProjectArchivePage) about() about {
	title := "project_archive.title"
	if v.Reopen {
		title = "project_reopen.title"
	}
	return about{page: "project_archive", title: title, args: Args{"project": v.Project}, place: placeProjects}
}

// ProjectTransferPage hands a project on. Form: POST PathProjectTransfer with user and
// stay.
type ProjectTransferPage struct {
	Layout
	Project string
	User    string // what was typed
	Stay    string // what was chosen; "" nothing yet
}

func (v ProjectTransferPage) about() about {
	return about{page: "project_transfer", title: "project_transfer.title", args: Args{"project": v.Project}, place: placeProjects}
}

// UsedToken is a token that can upload to a project, as its owners see it.
type UsedToken struct {
	Label  string
	Owner  string // username
	All    bool   // for all of its owner's projects
	UsedAt time.Time
}

// ProjectDeletePage asks before a project is deleted. Form: POST PathProjectDelete with
// confirm.
type ProjectDeletePage struct {
	Layout
	Project      string
	Confirm      string // what was typed
	Members      []MemberRow
	Tokens       []UsedToken // that can upload to it today, those used last first
	More         int         // tokens that are not among them
	Invitations  int         // that are withdrawn with it
	ReservedDays int         // for which the name is held back
}

func (v ProjectDeletePage) about() about {
	return about{page: "project_delete", title: "project_delete.title", args: Args{"project": v.Project}, place: placeProjects}
}

// Last is the token that was used last; its UsedAt is zero where none was.
func (v ProjectDeletePage) Last() UsedToken {
	var last UsedToken
	for _, t := range v.Tokens {
		if t.UsedAt.After(last.UsedAt) {
			last = t
		}
	}
	return last
}

// ReservedNameRow is the name of a deleted project that nobody can register.
type ReservedNameRow struct {
	Name      string
	DeletedBy string
	DeletedAt time.Time
	Until     time.Time
}

// ReservedNamesPage lists the names that are held back, for administrators. Form: POST
// PathReservedNameRelease without fields.
type ReservedNamesPage struct {
	Layout
	Names []ReservedNameRow
}

func (ReservedNamesPage) about() about {
	return about{page: "held_names", title: "held_names.title", place: placeAdmin}
}
