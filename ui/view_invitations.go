package ui

import "time"

// ProjectInvitation is an invitation to a project, as the project's owners and the invited person see
// it.
type ProjectInvitation struct {
	ID        string
	Project   string
	To        string // username or address, as it was typed
	Role      string
	Transfer  bool   // the inviter transfers the project
	Stay      string // role of the inviter after the transfer
	InvitedBy string // username
	SentAt    time.Time
	ExpiresAt time.Time
	Expired   bool
	Yours     bool // the reader sent it
}

// MemberInvitePage invites somebody to a project. Form: POST PathMembers with user and role.
type MemberInvitePage struct {
	Layout
	Project string
	User    string // what was typed
	Role    string // what was chosen; "" is RoleMaintainer
}

func (v MemberInvitePage) about() about {
	return about{page: "member_invite", title: "member_invite.title", args: Args{"project": v.Project}, place: placeProjects}
}

// InvitedPage shows an invitation to a project to the invited person, or to whoever opened the link in
// its mail. Forms, if Yours is set: POST PathInvited and POST PathInvitedDecline, without fields.
type InvitedPage struct {
	Layout
	Invitation       ProjectInvitation // Yours: the reader can answer it
	RegistrationOpen bool              // for a reader who is not signed in
}

func (v InvitedPage) about() about {
	a := about{page: "invited", title: "invited.title", args: Args{"project": v.Invitation.Project}, place: placeProjects}
	if v.Invitation.Transfer {
		a.title = "invited.title.transfer"
	}
	return a
}
