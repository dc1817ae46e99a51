package ledger

import (
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// Notify writes, in the transaction of the change, what a user is to hear of by mail.
// Who hears of their own act, or of one that nobody is named for, is told from where
// it came; of another person only the name.
func (c *Change) Notify(p Principal, kind notices.Kind, userID string, d notices.Details) error {
	n := notices.Notice{Kind: kind, User: userID, At: c.Now, Details: d}
	if p.UserID == userID || p.UserID == "" && !p.Admin {
		n.IP, n.Agent = p.Actor.IP, p.Actor.UserAgent
	} else {
		n.By = p.Username
	}
	return c.l.PutNotice(c, n)
}

// PutNotice hands a notice over, where somebody takes them.
func (l *Ledger) PutNotice(tx kv.Tx, n notices.Notice) error {
	if l.notices == nil {
		return nil
	}
	return l.notices.Put(tx, n)
}
