// Package ledger is what a change of an issuer's state is: who asks for it, the transaction in
// which it commits, the row of the audit trail, the notice to whom it concerns, and the entry in the
// log that verifiers follow. The rooms above it - projects, tokens, followers - change nothing
// but through it.
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
// All of it commits, or nothing does. Join is Update within a transaction of another room, as
// the one that keeps accounts has it. ViewAs reads for a Principal.
//
// # The log
//
// Each change set has a Revision and a value in a chain, by which two histories that count alike
// are told apart. Entries reads the log, HasChain tells whether a value is of this history, and
// Beyond waits for the next. RaiseEpoch is the operator's word that a store was restored.
//
// # Errors
//
// Input that a person can mend is a problem.Problems. ErrNotFound, ErrNotOwner, ErrFrozen and
// ErrDemoted say why a principal may not; everything else is a fault of the store.
package ledger
