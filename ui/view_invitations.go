package ui

import "time"

// ProjectInvitation is an invitation into a project, for those who sent it and for who
// got it.
type ProjectInvitation struct {
	ID        string
	Project   string
	To        string // username or address, as it was typed
	Role      string
	Transfer  bool   // the inviter hands the project on
	Stay      string // what the inviter becomes then
	InvitedBy string // username
	SentAt    time.Time
	ExpiresAt time.Time
	Expired   bool
	Yours     bool // the reader sent it
}

// MemberInvitePage invites somebody into a project. Form: POST PathMembers with user
// and role.
type MemberInvitePage struct {
	Layout
	Project string
	User    string // what was typed
	Role    string // what was chosen; "" is RoleMaintainer
}

func (v MemberInvitePage) about() about {
	return about{page: "member_invite", title: "member_invite.title", args: Args{"project": v.Project}, place: placeProjects}
}

// InvitedPage shows an invitation into a project to who was invited, or to who opened
// the link of its mail. Forms, where Yours is set: POST PathInvited and POST
// PathInvitedDecline, without fields.
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
