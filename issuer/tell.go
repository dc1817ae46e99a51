package issuer

import (
	"maps"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// tell writes, in the transaction of the change, what a user is to hear of by mail.
// Who hears of their own act, or of one that nobody is named for, is told from where
// it came; of another person only the name.
func (c *change) tell(p Principal, kind notices.Kind, userID string, args map[string]string) error {
	n := notices.Notice{Kind: kind, User: userID, At: c.now, Args: args}
	if p.UserID == userID || p.UserID == "" && !p.Admin {
		n.IP, n.Agent = p.Actor.IP, p.Actor.UserAgent
	} else {
		n.By = p.Username
	}
	return c.s.put(c, n)
}

// tellMembers tells the members of a project, or its owners only.
func (c *change) tellMembers(p Principal, kind notices.Kind, rec projectRecord, ownersOnly bool, args map[string]string) error {
	all := map[string]string{"project": rec.Name}
	maps.Copy(all, args)
	for _, id := range slices.Sorted(maps.Keys(rec.Members)) {
		if ownersOnly && rec.Members[id].Role != RoleOwner {
			continue
		}
		if err := c.tell(p, kind, id, all); err != nil {
			return err
		}
	}
	return nil
}

// tellOwner tells the owner of a token; args are added to what the mails about tokens
// have in common, and may be nil.
func (c *change) tellOwner(p Principal, kind notices.Kind, id string, rec tokenRecord, args map[string]string) error {
	all := rec.described(id)
	maps.Copy(all, args)
	return c.tell(p, kind, rec.User, all)
}

// described is what mails say of a token.
func (rec tokenRecord) described(id string) map[string]string {
	out := map[string]string{"token": id, "label": rec.Label, "scope": string(rec.Scope), "projects": projectNames(rec.Projects)}
	if !rec.Expires.IsZero() {
		out["expires"] = rec.Expires.UTC().Format(time.RFC3339)
	}
	return out
}

// put hands a notice over, where somebody takes them.
func (s *Service) put(tx kv.Tx, n notices.Notice) error {
	if s.notices == nil {
		return nil
	}
	return s.notices.Put(tx, n)
}
