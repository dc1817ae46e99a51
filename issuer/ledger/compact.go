package ledger

// keepChanges is Config.KeepChanges where it is not set.
const keepChanges = 100_000

// The log is cut in steps: at each compactEvery-th revision up to compactMost
// entries go, in the transaction that commits it. So it holds few more than it is
// to keep, no change pays much for it, and a log that was kept longer shrinks.
const (
	compactEvery = 64
	compactMost  = 4 * compactEvery
)

// compact removes the oldest entries of the log beyond those that are kept. A
// verifier that has not applied them takes a snapshot: records are kept for good,
// those of revoked and expired tokens too, so that nothing that ended is forgotten. Of
// the entries their marks stay, so that it is a snapshot of the history that it knows.
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
