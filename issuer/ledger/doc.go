// Package ledger defines a change of an issuer's state: who asks for it, the transaction in
// which it commits, its row in the audit trail, the notices to the people concerned, and its entry
// in the log that verifiers follow. The rooms above it - projects, tokens, followers - make all
// their changes through it.
//
// # A change
//
// Open opens the Ledger of a store. Ledger.Update runs a function on a Change, which is a
// transaction of the store and more:
//
//	revision, err := l.Update(ctx, func(c *ledger.Change) error {
//		if err := c.Admit(p); err != nil { // p is not frozen, and what it says that it is
//			return err
//		}
//		if err := kv.PutJSON(c, key, record); err != nil {
//			return err
//		}
//		c.Changed(ledger.KindToken, id) // verifiers hear of it
//		if err := c.Notify(p, notices.TokenMinted, owner, details); err != nil { // people do
//			return err
//		}
//		return c.Audit(p, audit.Event{Kind: "token.minted", Account: owner}) // the trail does
//	})
//
// All of it commits, or nothing does. Join does what Update does within a transaction of another
// room, such as the one that keeps accounts. ViewAs reads for a Principal.
//
// # The log
//
// Each change set has a Revision and a chain value, which tells apart two histories with the same
// revisions. Entries reads the log, HasChain tells whether a value belongs to this history, and
// Beyond waits for the next change set. RaiseEpoch declares, for the operator, that a store was
// restored.
//
// # Errors
//
// Input that a person can correct comes back as problem.Problems. ErrNotFound, ErrNotOwner,
// ErrFrozen and ErrDemoted say why a principal may not do something; every other error is a fault
// of the store.
package ledger
