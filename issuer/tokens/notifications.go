package tokens

import (
	"maps"
	"time"

	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer/ledger"
)

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
