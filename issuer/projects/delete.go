package projects

import (
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Delete turns a project into a tombstone, within the change in which its tokens end: its members
// lose their roles, its invitations are withdrawn, and its name is reserved. It returns the project
// as it was. A quarantined project can't be deleted: its files would be offered again. That problem has no field.
func Delete(c *ledger.Change, p ledger.Principal, rec Record) (was Project, reserved ReservedName, err error) {
	if rec.Quarantined.Set() {
		return was, reserved, problem.New("", "quarantined_not_deleted", "project", rec.Name)
	}
	was, err = rec.View(c, p.UserID)
	if err != nil {
		return was, reserved, err
	}
	if err := NotifyMembers(c, p, notices.ProjectDeleted, rec, false, notices.Details{}); err != nil {
		return was, reserved, err
	}
	if err := dropMembers(c, p, rec, was.Members); err != nil {
		return was, reserved, err
	}
	if err := dropInvites(c, rec.ID); err != nil {
		return was, reserved, err
	}
	if err := c.Delete([]byte(nameKey(rec.Normalized))); err != nil {
		return was, reserved, err
	}
	reserved, err = reserveName(c, p, rec)
	if err != nil {
		return was, reserved, err
	}
	rec.Deleted, rec.Members, rec.Left = c.Now, nil, nil
	if err := putProject(c, rec); err != nil {
		return was, reserved, err
	}
	return was, reserved, c.Audit(p, audit.Event{Kind: "project.deleted", Account: p.UserID, Project: rec.ID, Detail: map[string]string{
		"project": rec.Name, "members": fmt.Sprint(len(was.Members)), "held_until": reserved.Until.Format(time.RFC3339),
	}})
}

// dropMembers deletes the index entries of a project's members, and writes into the audit
// trail of each that the role is gone.
func dropMembers(c *ledger.Change, p ledger.Principal, rec Record, members []Member) error {
	for _, m := range members {
		if err := c.Delete(roleKey(m.UserID, rec.ID)); err != nil {
			return err
		}
		if m.UserID == p.UserID {
			continue // that trail has the row about the deletion
		}
		err := c.Audit(p, audit.Event{Kind: "project.member_removed", Account: m.UserID, Project: rec.ID, Detail: map[string]string{
			"project": rec.Name, "user": m.Name, "was": string(m.Role), "why": "the project was deleted",
		}})
		if err != nil {
			return err
		}
	}
	return nil
}
