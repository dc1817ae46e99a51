package tokens

import (
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer/ledger"
)

// described returns what mails say about the token.
func (rec tokenRecord) described(id string) notices.Details {
	return notices.Details{
		Token: id, Label: rec.Label, AllProjects: rec.Scope == ScopeAll, Registers: rec.registers(), Projects: projectNames(rec.Projects), Expires: rec.Expires.UTC(),
	}
}

// notifyOwner notifies the owner of a token of what happened to it.
func notifyOwner(c *ledger.Change, p ledger.Principal, kind notices.Kind, id string, rec tokenRecord) error {
	return c.Notify(p, kind, rec.User, rec.described(id))
}

// notifyOwnerWhy is notifyOwner with a reason, which may be "".
func notifyOwnerWhy(c *ledger.Change, p ledger.Principal, kind notices.Kind, id string, rec tokenRecord, reason string) error {
	d := rec.described(id)
	d.Reason = reason
	return c.Notify(p, kind, rec.User, d)
}
