package issuer

import (
	"maps"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer/ledger"
)

// notifyMembers tells the members of a project, or its owners only.
func notifyMembers(c *ledger.Change, p ledger.Principal, kind notices.Kind, rec Record, ownersOnly bool, args map[string]string) error {
	all := map[string]string{"project": rec.Name}
	maps.Copy(all, args)
	for _, id := range slices.Sorted(maps.Keys(rec.Members)) {
		if ownersOnly && rec.Members[id].Role != RoleOwner {
			continue
		}
		if err := c.Notify(p, kind, id, all); err != nil {
			return err
		}
	}
	return nil
}

// notifyOwner tells the owner of a token; args are added to what the mails about tokens
// have in common, and may be nil.
func notifyOwner(c *ledger.Change, p ledger.Principal, kind notices.Kind, id string, rec tokenRecord, args map[string]string) error {
	all := rec.described(id)
	maps.Copy(all, args)
	return c.Notify(p, kind, rec.User, all)
}

// described is what mails say of a token.
func (rec tokenRecord) described(id string) map[string]string {
	out := map[string]string{"token": id, "label": rec.Label, "scope": string(rec.Scope), "projects": projectNames(rec.Projects)}
	if !rec.Expires.IsZero() {
		out["expires"] = rec.Expires.UTC().Format(time.RFC3339)
	}
	return out
}
