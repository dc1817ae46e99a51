package web

import (
	"bytes"
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/ui"
)

// layout returns the frame of a page, with the notice about what was just done.
func (v *visit) layout() ui.Layout {
	l := v.frame()
	l.Notice = v.notice
	if l.Notice.Code == "" {
		l.Notice = readNotice(v.core.sessions.TakeFlash(v.Request().Context()))
	}
	return l
}

// frame returns the frame of a page without a notice.
func (v *visit) frame() ui.Layout {
	l := ui.Layout{Lang: "en", Now: v.core.now(), Outbox: v.core.outbox}
	v.announce(&l)
	switch v.session.Stage {
	case authn.StageNone:
	case authn.StageSignedIn:
		l.SignedIn, l.Username, l.Admin = true, v.user.Username, v.user.Admin
	default:
		l.Pending, l.Username = true, v.user.Username
	}
	return l
}

// announce adds the banner and the read-only notice. If the settings can't be read, the page is shown
// without them, because it may be the page that reports this error.
func (v *visit) announce(l *ui.Layout) {
	ctx := v.Request().Context()
	set, err := v.core.settings.Load(ctx)
	if err != nil {
		v.core.log.DebugContext(ctx, "web: the settings were not read", "request_id", idOf(v), "error", err)
		return
	}
	l.ReadOnly = ui.ReadOnly{On: set.ReadOnly.On(), Reason: set.ReadOnly.Reason}
	if b := set.Banner; b.Shown(v.core.now()) {
		l.Banner = ui.Banner{Text: b.Text, Warning: b.Level == instance.LevelWarning}
	}
}

// layoutWith returns the layout with the problems of the form that was sent.
func (v *visit) layoutWith(ps problem.Problems) ui.Layout {
	l := v.layout()
	for _, p := range ps {
		l.Problems = append(l.Problems, ui.Problem{Field: p.Field, Code: p.Code, Args: p.Args})
	}
	return l
}

// render draws a whole page before it writes any of it.
func (v *visit) render(status int, view ui.View) error {
	var b bytes.Buffer
	err := v.core.pages.Render(&b, view)
	if err != nil {
		return err
	}
	return v.HTMLBlob(status, b.Bytes())
}

// show renders a page with status 200.
func (v *visit) show(view ui.View) error { return v.render(http.StatusOK, view) }
