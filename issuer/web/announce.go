package web

import (
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/ui"
)

// announce puts on a page what administrators have set for all pages. Where that
// can't be read, the page goes without it: it may be the one that says so.
func (v *visit) announce(l *ui.Layout) {
	ctx := v.Request().Context()
	set, err := v.server.accounts.Settings(ctx)
	if err != nil {
		v.server.log.DebugContext(ctx, "web: the settings were not read", "request_id", idOf(v), "error", err)
		return
	}
	l.ReadOnly = ui.ReadOnly{On: set.ReadOnly.On(), Reason: set.ReadOnly.Reason}
	if b := set.Banner; b.Shown(v.server.now()) {
		l.Banner = ui.Banner{Text: b.Text, Warning: b.Level == instance.LevelWarning}
	}
}
