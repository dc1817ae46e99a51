package ledger

// OnChanged has fn called, within each change that notes a record of a kind, before the change is finished: for what has to follow
// in the same transaction, whichever way the record changed. Call it before the ledger is used. fn must not fail for input that a
// person can correct; an error undoes the change.
func (l *Ledger) OnChanged(kind string, fn func(c *Change, id string) error) {
	l.hooks = append(l.hooks, hook{kind, fn})
}

type hook struct {
	kind string
	fn   func(*Change, string) error
}

// follow calls the hooks for what changed, and for what they change in turn.
func (c *Change) follow() error {
	for i := 0; i < len(c.refs); i++ {
		for _, h := range c.l.hooks {
			if h.kind != c.refs[i].Kind {
				continue
			}
			if err := h.fn(c, c.refs[i].ID); err != nil {
				return err
			}
		}
	}
	return nil
}
