package projects

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/names"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// InvitationLife is how long an invitation can be accepted.
const InvitationLife = 7 * ledger.Day

// Stay says what happens to an owner who hands a project on, once the invitation is accepted.
type Stay string

// What can happen to the owner.
const (
	StayMaintainer Stay = "maintainer"
	StayNot        Stay = "leave"
)

// InviteRequest asks somebody into a project.
type InviteRequest struct {
	To   string // a user's name, or an e-mail address; nobody learns whether an account has it
	Role Role
	// Hand is set if the inviter hands the project on: the invited user, who may already be
	// a member, becomes an owner, and the inviter gets what Hand says. Role is not read then.
	Hand Stay
}

// Invitation is an invitation that nobody has answered.
type Invitation struct {
	ID      string // UUID
	Project string // name, as its creator wrote it
	To      string // as the inviter typed it
	Role    Role
	Hand    Stay   // "" if the inviter keeps the role
	By      string // name of the inviter
	Created time.Time
	Sent    time.Time // when the last link was made
	Expires time.Time
	Void    bool // it can't be accepted: the inviter may no longer invite, or has locked others out of the account since
}

// Invited is an invitation with what is needed for the mail about it.
type Invited struct {
	Invitation
	UserID string // of the user with the name To; "" if To is an address or nobody's name
	Secret string // of the link in the mail; only this answer holds it
	// Quiet says that the recipient has had enough mails about invitations today, so this
	// one must not be sent. Nobody learns of that.
	Quiet bool
	// Address is where the mail goes; "" if Quiet is set or no such user exists. Nobody learns of that.
	Address string
}

// Invite asks somebody into a project; only its owners may. The answer does not tell
// whether the account exists: nobody can ever accept an invitation to a name that nobody
// has. Problems have the fields "user" and "role", and no field if the project or the
// inviter has too many invitations out.
func (s *Service) Invite(ctx context.Context, p ledger.Principal, project string, req InviteRequest) (Invited, error) {
	id, secret, err := s.invitationSecret()
	if err != nil {
		return Invited{}, err
	}
	req.To = strings.TrimSpace(req.To)
	var out Invited
	_, err = s.Manage(ctx, p, project, func(c *ledger.Change, rec Record) error {
		inv := inviteRecord{
			Project: rec.ID, To: req.To, Role: req.Role, Hand: req.Hand, By: p.UserID, ByName: p.Username, Created: c.Now,
		}
		if req.Hand != "" {
			inv.Role = RoleOwner
		}
		err := s.checkInvite(c, rec, &inv)
		if err != nil {
			return err
		}
		err = s.putInvite(c, id, &inv, secret)
		if err != nil {
			return err
		}
		kind := "project.invited"
		if inv.Hand != "" {
			kind = "project.transfer_asked"
		}
		if err := auditInvite(c, p, kind, rec, inv); err != nil {
			return err
		}
		out, err = s.answerFor(c, id, inv, rec, secret)
		return err
	})
	return out, err
}

// invitationSecret makes the id of an invitation and the secret of its link.
func (s *Service) invitationSecret() (id, secret string, err error) {
	id, err = s.ledger.NewID()
	if err != nil {
		return "", "", err
	}
	b, err := s.ledger.Random(32)
	if err != nil {
		return "", "", err
	}
	return id, base64.RawURLEncoding.EncodeToString(b), nil
}

// checkInvite returns a problem if the invitation may not be made, and binds it to its recipient.
func (s *Service) checkInvite(c *ledger.Change, rec Record, inv *inviteRecord) error {
	var ps problem.Problems
	if !inv.Role.valid() {
		ps.Add("role", "role_unknown")
	}
	if inv.Hand != "" && inv.Hand != StayMaintainer && inv.Hand != StayNot {
		ps.Add("stay", "stay_unknown")
	}
	err := s.bindInvitation(c, &ps, inv)
	if err != nil {
		return err
	}
	if m, ok := rec.Members[inv.User]; ok {
		switch {
		case inv.Hand == "":
			ps.Add("user", "already_member", "user", inv.To, "project", rec.Name)
		case inv.User == inv.By:
			ps.Add("user", "transfer_to_self")
		case m.Role == RoleOwner: // there is nothing to accept: the inviter may just leave
			ps.Add("user", "already_owner", "user", inv.To, "project", rec.Name)
		}
	} else if len(rec.Members) >= MaxMembers {
		ps.Add("user", "too_many_members", "max", MaxMembers)
	}
	if err := ps.Err(); err != nil {
		return err
	}
	return s.checkPending(c, rec, inv)
}

// bindInvitation records who can accept an invitation: one user, or whoever has one address.
func (s *Service) bindInvitation(c *ledger.Change, ps *problem.Problems, inv *inviteRecord) (err error) {
	switch {
	case inv.To == "":
		ps.Add("user", "invitee_required")
	case strings.Contains(inv.To, "@"):
		if !names.Address(inv.To) {
			ps.Add("user", "invitee_invalid")
		}
		inv.Address = strings.ToLower(inv.To)
	case !names.User(inv.To):
		ps.Add("user", "invitee_invalid")
	default:
		inv.User, err = s.people.UserNamed(c, inv.To)
	}
	return err
}

// answerFor returns the answer for an invitation, and hands its mail over.
func (s *Service) answerFor(c *ledger.Change, id string, inv inviteRecord, rec Record, secret string) (Invited, error) {
	quiet, err := countInvite(c, inv)
	if err != nil {
		return Invited{}, err
	}
	out := Invited{Invitation: inv.view(id, rec.Name), UserID: inv.User, Secret: secret, Quiet: quiet}
	switch {
	case quiet:
	case inv.User != "":
		out.Address, err = s.people.VerifiedAddress(c, inv.User)
	case inv.Address != "":
		out.Address = inv.To
	}
	if err == nil && s.invitationMail != nil {
		err = s.invitationMail(c, out)
	}
	return out, err
}

// auditInvite writes a row about an invitation. The row names no invited account, since
// owners can read it.
func auditInvite(c *ledger.Change, p ledger.Principal, kind string, rec Record, inv inviteRecord) error {
	detail := map[string]string{"project": rec.Name, "to": inv.To, "role": string(inv.Role), "expires": inv.Expires.Format(time.RFC3339)}
	if inv.Hand != "" {
		detail["stay"] = string(inv.Hand)
	}
	return c.Audit(p, audit.Event{Kind: kind, Project: rec.ID, Detail: detail})
}

// Resend makes a new link for an invitation to a project, and ends the old link; the
// invitation can be accepted for InvitationLife again. Only owners may. It counts like a
// new invitation; the error for one that does not exist is ErrNotFound.
func (s *Service) Resend(ctx context.Context, p ledger.Principal, project, id string) (Invited, error) {
	_, secret, err := s.invitationSecret()
	if err != nil {
		return Invited{}, err
	}
	var out Invited
	_, err = s.Manage(ctx, p, project, func(c *ledger.Change, rec Record) error {
		inv, err := readInvite(c, id)
		if err != nil {
			return err
		}
		if inv.Project != rec.ID {
			return ledger.ErrNotFound
		}
		if err := dropInvite(c, id, inv); err != nil {
			return err
		}
		if inv.Hand == "" { // whoever resends it becomes its inviter, except if the inviter hands the project on
			inv.By, inv.ByName = p.UserID, p.Username
		} else if inv.By != p.UserID {
			return ledger.ErrNotFound
		}
		err = s.checkInvite(c, rec, &inv)
		if err != nil {
			return err
		}
		err = s.putInvite(c, id, &inv, secret)
		if err != nil {
			return err
		}
		if err := auditInvite(c, p, "project.invitation_resent", rec, inv); err != nil {
			return err
		}
		out, err = s.answerFor(c, id, inv, rec, secret)
		return err
	})
	return out, err
}

// Uninvite withdraws an invitation to a project; only owners may. If it does not exist,
// for instance because it was answered, the error is ErrNotFound.
func (s *Service) Uninvite(ctx context.Context, p ledger.Principal, project, id string) error {
	_, err := s.Manage(ctx, p, project, func(c *ledger.Change, rec Record) error {
		inv, err := readInvite(c, id)
		if err != nil {
			return err
		}
		if inv.Project != rec.ID {
			return ledger.ErrNotFound
		}
		if err := dropInvite(c, id, inv); err != nil {
			return err
		}
		return auditInvite(c, p, "project.invitation_revoked", rec, inv)
	})
	return err
}

// Invitations lists the invitations to a project that nobody has answered, newest
// first, including those that expired lately; only owners see them.
func (s *Service) Invitations(ctx context.Context, p ledger.Principal, project string) (out []Invitation, err error) {
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		out = nil
		rec, err := VisibleTo(r, p, project)
		if err != nil {
			return err
		}
		if rec.Members[p.UserID].Role != RoleOwner {
			return ledger.ErrNotOwner
		}
		return eachInviteOf(r, rec.ID, func(id string, inv inviteRecord) error {
			holds, err := s.holds(r, inv, rec)
			shown := inv.view(id, rec.Name)
			shown.Void = !holds
			out = append(out, shown)
			return err
		})
	})
	slices.SortFunc(out, func(a, b Invitation) int { return b.Sent.Compare(a.Sent) })
	return out, err
}

// holds reports whether an invitation is still in force: its inviter has to be an owner who is not frozen, and nobody may
// have been locked out of the inviter's account since it was sent. So an intruder in that account can't get into a project
// with an invitation that the intruder made there.
func (s *Service) holds(r kv.Reader, inv inviteRecord, rec Record) (bool, error) {
	inviter, err := ledger.ReadUser(r, inv.By)
	if err != nil || inviter.Frozen || rec.Members[inv.By].Role != RoleOwner {
		return false, err
	}
	generation, err := s.people.Generation(r, inv.By)
	return err == nil && generation == inv.ByGeneration, err
}
