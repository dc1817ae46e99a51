package ledger

// keepChanges is the default of Config.KeepChanges.
const keepChanges = 100_000

// The log is cut in steps: each compactEvery-th revision removes up to compactMost
// entries, in the transaction that commits it. So the log holds few entries more than
// it has to keep, no change pays much, and a log that was once kept longer shrinks.
const (
	compactEvery = 64
	compactMost  = 4 * compactEvery
)

// compact removes the oldest entries of the log beyond those that it has to keep. A
// verifier that has not applied them takes a snapshot: records stay for good, even
// those of revoked and expired tokens, so that the store never forgets that something
// ended. The marks of the entries stay too, so that a verifier only takes a snapshot of
// the history that it knows.
func (c *Change) compact() error {
	if c.Revision%compactEvery != 0 || c.Revision <= c.l.keep {
		return nil
	}
	oldest, err := c.Scan([]byte(keyLog), nil, compactMost, false)
	if err != nil {
		return err
	}
	marks := marker{tx: c}
	for _, p := range oldest {
		e, err := decodeEntry(p)
		if err != nil {
			return err
		}
		if e.Revision > c.Revision-c.l.keep {
			break
		}
		if err := marks.mark(e.Chain); err != nil {
			return err
		}
		if err := c.Delete(p.Key); err != nil {
			return err
		}
	}
	return marks.flush()
}
