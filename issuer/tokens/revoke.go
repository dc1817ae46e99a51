package tokens

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Revoke ends a token for good; only its owner and administrators may. Others get
// ErrNotFound. A token that is already revoked stays as it is: no error, no further
// audit row, and the revision returned is the current one. done reports whether this
// call revoked it, so that only one of several concurrent calls notifies the owner.
//
// The label is free again at once. The record stays, so that lists and verifiers'
// refusals can say what became of the token.
func (s *Service) Revoke(ctx context.Context, p ledger.Principal, id string) (revision uint64, done bool, err error) {
	revision, err = s.ledger.UpdateExempt(ctx, func(c *ledger.Change) (err error) {
		done, err = revokeToken(c, p, id, "")
		return err
	})
	if err == nil && done {
		s.log.InfoContext(ctx, "token revoked", "token", id, "by", p.UserID)
	}
	return revision, done && err == nil, err
}

// revokeToken is Revoke, or RevokeFor if reason is set.
func revokeToken(c *ledger.Change, p ledger.Principal, id, reason string) (done bool, err error) {
	if p.UserID != "" || !p.Admin {
		if err := c.Admit(p); err != nil {
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
	err = endToken(c, id, &rec, Revocation{At: c.Now, By: p.UserID, Username: p.Username, Why: why, Reason: reason})
	if err != nil {
		return false, err
	}
	var detail map[string]string
	if reason != "" {
		detail = map[string]string{"reason": reason}
	}
	if err := notifyOwnerWhy(c, p, kind, id, rec, reason); err != nil {
		return false, err
	}
	return true, auditToken(c, p, "revoked", id, rec, detail)
}

// endToken revokes an unrevoked token, and frees its label. The caller has to write the
// audit row.
func endToken(c *ledger.Change, id string, rec *tokenRecord, r Revocation) error {
	rec.Revoked = r
	if err := saveToken(c, id, *rec); err != nil {
		return err
	}
	if err := freeLabel(c, id, *rec); err != nil {
		return err
	}
	if err := scheduleReminder(c, id, *rec); err != nil {
		return err
	}
	c.Changed(ledger.KindToken, id)
	if rec.Run != nil {
		return nil
	}
	return countTokens(c, rec.User, 0, -1)
}

// freeLabel frees the label of a token for other tokens. If the token was replaced, its
// successor already has the label, and freeLabel changes nothing.
func freeLabel(c *ledger.Change, id string, rec tokenRecord) error {
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

// countTokens adds to the tally of a user's tokens; total and unrevoked may be negative.
func countTokens(c *ledger.Change, userID string, total, unrevoked int) error {
	t, err := readTally(c, userID)
	if err != nil {
		return err
	}
	return kv.PutJSON(c, tallyKey(userID), tally{t.Total + total, t.Unrevoked + unrevoked})
}

// auditToken writes one row "token.<what>" for the owner's account, and the rows of
// auditProjects. It adds detail, which may be nil, to all of them.
func auditToken(c *ledger.Change, p ledger.Principal, what, id string, rec tokenRecord, detail map[string]string) error {
	if err := auditProjects(c, p, what, id, rec, detail); err != nil {
		return err
	}
	own, err := describeToken(c, id, rec, detail)
	if err != nil {
		return err
	}
	rec.Limits.describe(own)
	own["scope"] = string(rec.Scope)
	if rec.registers() {
		own["registers"] = "yes"
	}
	if rec.Scope == ScopeChosen {
		own["projects"] = strings.Join(projectNames(rec.Projects), ", ")
	}
	return c.Audit(p, audit.Event{Kind: "token." + what, Account: rec.User, Detail: own})
}

// auditProjects writes, for each project that a token names, a row
// "project.token_<what>", so that the trail of that project shows it. People who may read
// the trail of one project may have nothing to do with the others, so the row does not
// name them.
func auditProjects(c *ledger.Change, p ledger.Principal, what, id string, rec tokenRecord, detail map[string]string) error {
	shared, err := describeToken(c, id, rec, detail)
	if err != nil {
		return err
	}
	for _, project := range rec.Projects {
		if err := c.Audit(p, audit.Event{Kind: "project.token_" + what, Project: project.ID, Detail: shared}); err != nil {
			return err
		}
	}
	return nil
}

// describeToken returns the details that all rows about a token have, and detail.
func describeToken(c *ledger.Change, id string, rec tokenRecord, detail map[string]string) (map[string]string, error) {
	owner, err := ledger.ReadUser(c, rec.User)
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
