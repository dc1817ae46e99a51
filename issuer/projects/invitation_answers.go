package projects

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Accepted is what an invitation led to.
type Accepted struct {
	Invitation Invitation // as it was
	Project    Project    // as it is now
	Was        Role       // of the invited user before; "" if the user was not a member
	InviterID  string     // the inviter, whose role changed too if Invitation.Hand is set
	Revision   uint64
}

// Joined reports whether the invited user became a member, or got another role.
func (a Accepted) Joined() bool { return a.Was != a.Project.Role }

// AcceptInvitation uses an invitation up: p becomes a member of the project with the
// role of the invitation, or gets that role if p is a maintainer. The error is ErrNotFound
// if the invitation is not bound to p, by p's id or p's verified address, or if it was
// answered or withdrawn. The problems have no field: "invitation_expired",
// "invitation_withdrawn" if the inviter may no longer invite or has locked others out of
// the account since, "invitation_outlived" if p stopped being a member after it was sent,
// and "too_many_members".
func (s *Service) AcceptInvitation(ctx context.Context, p ledger.Principal, id string) (Accepted, error) {
	var out Accepted
	rev, err := s.ledger.Update(ctx, func(c *ledger.Change) error {
		inv, rec, err := s.takeInvitation(c, p, id)
		if err != nil {
			return err
		}
		if err := s.checkAccept(c, p, inv, rec); err != nil {
			return err
		}
		out = Accepted{Invitation: inv.view(id, rec.Name), Was: rec.Members[p.UserID].Role, InviterID: inv.By}
		if err := acceptInvitation(c, p, inv, rec); err != nil {
			return err
		}
		out.Project, err = rec.View(c, p.UserID)
		return err
	})
	out.Revision = rev
	return out, err
}

// takeInvitation reads an invitation that p answers, and takes it out of the store.
func (s *Service) takeInvitation(c *ledger.Change, p ledger.Principal, id string) (inv inviteRecord, rec Record, err error) {
	if err := c.Admit(p); err != nil {
		return inv, rec, err
	}
	inv, err = readInvite(c, id)
	if err != nil {
		return inv, rec, err
	}
	ok, err := s.bound(c, inv, p.UserID)
	if err != nil {
		return inv, rec, err
	}
	if !ok {
		return inv, rec, ledger.ErrNotFound
	}
	rec, err = Read(c, inv.Project)
	if err != nil {
		return inv, rec, err
	}
	return inv, rec, dropInvite(c, id, inv)
}

// bound reports whether an invitation is bound to a user.
func (s *Service) bound(r kv.Reader, inv inviteRecord, userID string) (bool, error) {
	if userID == "" || inv.Address == "" {
		return userID != "" && inv.User == userID, nil
	}
	a, err := s.people.VerifiedAddress(r, userID)
	return a != "" && strings.ToLower(a) == inv.Address, err
}

func (s *Service) checkAccept(c *ledger.Change, p ledger.Principal, inv inviteRecord, rec Record) error {
	holds, err := s.holds(c, inv, rec)
	if err != nil {
		return err
	}
	_, member := rec.Members[p.UserID]
	switch {
	case !c.Now.Before(inv.Expires):
		return problem.New("", "invitation_expired")
	case !holds:
		return problem.New("", "invitation_withdrawn", "project", rec.Name)
	case inv.outlived(rec, p.UserID):
		return problem.New("", "invitation_outlived", "project", rec.Name)
	case !member && len(rec.Members) >= MaxMembers:
		return problem.New("", "too_many_members", "max", MaxMembers)
	}
	return nil
}

// acceptInvitation gives p the role of an invitation, and changes the inviter's role if the
// project is handed on.
func acceptInvitation(c *ledger.Change, p ledger.Principal, inv inviteRecord, rec Record) error {
	m, member := rec.Members[p.UserID]
	detail := map[string]string{"role": string(inv.Role), "invited_by": inv.ByName}
	switch {
	case !member:
		rec.Members[p.UserID] = MemberRecord{Role: inv.Role, Since: c.Now}
		if err := putMember(c, p, rec, p.UserID, "project.member_added", detail); err != nil {
			return err
		}
	case m.Role != inv.Role && inv.Role == RoleOwner:
		detail["was"] = string(m.Role)
		m.Role = inv.Role
		rec.Members[p.UserID] = m
		if err := putMember(c, p, rec, p.UserID, "project.role_changed", detail); err != nil {
			return err
		}
	case inv.Hand == "" || inv.By == p.UserID: // it changes nothing, and is used up
		return c.Audit(p, audit.Event{Kind: "project.invitation_moot", Account: p.UserID, Project: rec.ID,
			Detail: map[string]string{"project": rec.Name, "user": p.Username, "role": string(m.Role)}})
	}
	if inv.Hand == "" {
		return NotifyMembers(c, p, notices.InvitationAccepted, rec, true, notices.Details{User: p.Username, Role: string(inv.Role)})
	}
	return handOver(c, p, inv, rec)
}

// handOver ends the ownership of the inviter who handed a project on to p.
func handOver(c *ledger.Change, p ledger.Principal, inv inviteRecord, rec Record) error {
	err := c.Audit(p, audit.Event{Kind: "project.transferred", Account: p.UserID, Project: rec.ID,
		Detail: map[string]string{"project": rec.Name, "user": p.Username, "from": inv.ByName, "stay": string(inv.Hand)}})
	if err != nil {
		return err
	}
	err = NotifyMembers(c, p, notices.ProjectTransferred, rec, true, notices.Details{User: p.Username, From: inv.ByName})
	if err != nil {
		return err
	}
	if inv.Hand == StayNot {
		return dropMember(c, p, rec, inv.By, "project.member_left")
	}
	return changeRole(c, p, rec, inv.By, RoleMaintainer)
}

// DeclineInvitation uses an invitation up without accepting it, and returns it as it was.
// It returns ErrNotFound in the same cases as AcceptInvitation.
func (s *Service) DeclineInvitation(ctx context.Context, p ledger.Principal, id string) (out Invitation, err error) {
	_, err = s.ledger.Update(ctx, func(c *ledger.Change) error {
		inv, rec, err := s.takeInvitation(c, p, id)
		if err != nil {
			return err
		}
		out = inv.view(id, rec.Name)
		return c.Audit(p, audit.Event{Kind: kindDeclined, Account: p.UserID, Project: rec.ID,
			Detail: map[string]string{"project": rec.Name, "to": inv.To, "role": string(inv.Role)}})
	})
	return out, err
}

// InvitationsFor lists the invitations that p can accept now, newest first.
func (s *Service) InvitationsFor(ctx context.Context, p ledger.Principal) (out []Invitation, err error) {
	now := s.clock()
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		out = nil
		address, err := s.people.VerifiedAddress(r, p.UserID)
		if err != nil {
			return err
		}
		keys := []string{p.UserID}
		if address != "" {
			keys = append(keys, recipientOf(strings.ToLower(address)))
		}
		for _, key := range keys {
			prefix := inviteForPrefix(key)
			pairs, err := kv.All(r, prefix)
			if err != nil {
				return err
			}
			err = eachInvite(r, prefix, pairs, func(id string, inv inviteRecord) error {
				rec, err := Read(r, inv.Project)
				if err != nil {
					return err
				}
				holds, err := s.holds(r, inv, rec)
				if err == nil && holds && now.Before(inv.Expires) && !inv.outlived(rec, p.UserID) {
					out = append(out, inv.view(id, rec.Name))
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Invitation) int { return b.Sent.Compare(a.Sent) })
	return out, err
}

// InvitationByLink returns the invitation of a mailed link, and whether p is the one who
// can accept it; p may be the zero Principal, for somebody who has to sign in first. The
// error for a link that was used, withdrawn or replaced is ErrNotFound; for one that is too
// old, it is the problem "invitation_expired" with no field.
func (s *Service) InvitationByLink(ctx context.Context, p ledger.Principal, secret string) (out Invitation, yours bool, err error) {
	now, hash := s.clock(), sha256.Sum256([]byte(secret))
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		id, err := r.Get([]byte(inviteSecretKey(hash[:])))
		if errors.Is(err, kv.ErrNotFound) {
			return ledger.ErrNotFound
		}
		if err != nil {
			return err
		}
		inv, err := readInvite(r, string(id))
		if err != nil {
			return err
		}
		if !now.Before(inv.Expires) {
			return problem.New("", "invitation_expired")
		}
		rec, err := Read(r, inv.Project)
		if err != nil {
			return err
		}
		if holds, err := s.holds(r, inv, rec); err != nil || !holds {
			return cmp.Or(err, error(ledger.ErrNotFound))
		}
		out = inv.view(string(id), rec.Name)
		yours, err = s.bound(r, inv, p.UserID)
		if err == nil && yours && inv.outlived(rec, p.UserID) {
			return ledger.ErrNotFound
		}
		return err
	})
	return out, yours, err
}

// dropInvitesBy withdraws the invitations to a project by a user who is no longer an owner.
func dropInvitesBy(c *ledger.Change, p ledger.Principal, rec Record, userID string) error {
	return eachInviteOf(c, rec.ID, func(id string, inv inviteRecord) error {
		if inv.By != userID {
			return nil
		}
		if err := dropInvite(c, id, inv); err != nil {
			return err
		}
		return auditInvite(c, p, "project.invitation_revoked", rec, inv)
	})
}

// dropInvites withdraws all invitations to a project that is being deleted.
func dropInvites(c *ledger.Change, project string) error {
	return eachInviteOf(c, project, func(id string, inv inviteRecord) error { return dropInvite(c, id, inv) })
}
