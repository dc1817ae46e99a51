package issuer

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// Revoke ends a token for good; its owner may, and an administrator. To anyone
// else it is ErrNotFound. A token that is revoked already stays as it is: no
// error, no further audit row, and the revision returned is the current one. done
// tells whether this call revoked it, so of several at once one tells the owner.
//
// The label is free again at once. The record stays, so that lists and denials
// can say what became of the token.
func (s *Service) Revoke(ctx context.Context, p Principal, id string) (revision uint64, done bool, err error) {
	revision, err = s.update(instance.Safe(ctx), func(c *change) (err error) {
		done, err = c.revoke(p, id, "")
		return err
	})
	if err == nil && done {
		s.log.InfoContext(ctx, "token revoked", "token", id, "by", p.UserID)
	}
	return revision, done && err == nil, err
}

// revoke is Revoke, or RevokeFor where there is a reason.
func (c *change) revoke(p Principal, id, reason string) (done bool, err error) {
	if p.UserID != "" || !p.Admin {
		if err := c.admit(p); err != nil {
			return false, err
		}
	}
	rec, err := visibleToken(c, p, id)
	if err != nil || !rec.Revoked.At.IsZero() {
		return false, err
	}
	why, kind := "by its owner", notices.TokenRevokedSelf
	if rec.User != p.UserID {
		why, kind = "by an administrator", notices.TokenRevoked
	}
	if err := c.end(id, &rec, Revocation{At: c.now, By: p.UserID, Username: p.Username, Why: why, Reason: reason}); err != nil {
		return false, err
	}
	var detail map[string]string
	if reason != "" {
		detail = map[string]string{"reason": reason}
	}
	if err := c.tellOwner(p, kind, id, rec, detail); err != nil {
		return false, err
	}
	return true, c.auditToken(p, "revoked", id, rec, detail)
}

// end revokes a token that is not revoked, and frees its label. The caller writes
// the audit row.
func (c *change) end(id string, rec *tokenRecord, r Revocation) error {
	rec.Revoked = r
	if err := c.save(id, *rec); err != nil {
		return err
	}
	if err := c.freeLabel(id, *rec); err != nil {
		return err
	}
	if err := c.schedule(id, *rec); err != nil {
		return err
	}
	c.changed(kindToken, id)
	return c.count(rec.User, 0, -1)
}

// freeLabel lets another token have the label of this one. Another one may have it
// already, of which this is the predecessor.
func (c *change) freeLabel(id string, rec tokenRecord) error {
	key := []byte(labelKey(rec.User, rec.Label))
	holder, err := c.Get(key)
	if errors.Is(err, kv.ErrNotFound) || err == nil && string(holder) != id {
		return nil
	}
	if err != nil {
		return err
	}
	return c.Delete(key)
}

// count changes the tally of a user's tokens.
func (c *change) count(userID string, total, unrevoked int) error {
	t, err := readTally(c, userID)
	if err != nil {
		return err
	}
	return kv.PutJSON(c, tallyKey(userID), tally{t.Total + total, t.Unrevoked + unrevoked})
}

// auditToken writes the one row "token.<what>" for the owner's account, and those of
// auditProjects. detail is added to all of them; it may be nil.
func (c *change) auditToken(p Principal, what, id string, rec tokenRecord, detail map[string]string) error {
	if err := c.auditProjects(p, what, id, rec, detail); err != nil {
		return err
	}
	own, err := c.describe(id, rec, detail)
	if err != nil {
		return err
	}
	rec.Limits.describe(own)
	own["scope"] = string(rec.Scope)
	if rec.Scope == ScopeChosen {
		own["projects"] = projectNames(rec.Projects)
	}
	return c.audit(p, audit.Event{Kind: "token." + what, Account: rec.User, Detail: own})
}

// auditProjects writes, for each project that a token names, a row
// "project.token_<what>", by which the trail of that project shows it. Who may read
// the one project's trail may have no business with the others, so such a row does
// not name them.
func (c *change) auditProjects(p Principal, what, id string, rec tokenRecord, detail map[string]string) error {
	shared, err := c.describe(id, rec, detail)
	if err != nil {
		return err
	}
	for _, project := range rec.Projects {
		if err := c.audit(p, audit.Event{Kind: "project.token_" + what, Project: project.ID, Detail: shared}); err != nil {
			return err
		}
	}
	return nil
}

// describe is what the rows about a token have in common, and detail.
func (c *change) describe(id string, rec tokenRecord, detail map[string]string) (map[string]string, error) {
	owner, err := readUser(c, rec.User)
	if err != nil {
		return nil, err
	}
	out := map[string]string{"token": id, "label": rec.Label, "owner": owner.Name, "expires": "never"}
	if !rec.Expires.IsZero() {
		out["expires"] = rec.Expires.UTC().Format(time.RFC3339)
	}
	if why := rec.Revoked.Why; why != "" {
		out["why"] = why
	}
	maps.Copy(out, detail)
	return out, nil
}
