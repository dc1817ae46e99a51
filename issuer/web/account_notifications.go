package web

import (
	"slices"

	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/ui"
)

// showNotifications lists the kinds of email with the visitor's choices.
func (s *accountServer) showNotifications(v *visit) error {
	off, err := s.auth.Notifications.Off(v.Request().Context(), v.session)
	if err != nil {
		return err
	}
	page := ui.NotificationsPage{Layout: v.layout()}
	for _, name := range []notices.Group{notices.Tokens, notices.Projects, notices.Account} {
		g := ui.MailGroup{Name: string(name)}
		for _, i := range notices.Kinds() {
			kind := ui.MailKind(i.Kind)
			switch {
			case i.Group != name:
			case i.Always:
				g.Always = append(g.Always, kind)
			default:
				g.Choices = append(g.Choices, ui.MailChoice{Kind: kind, On: !slices.Contains(off, i.Kind)})
			}
		}
		page.Groups = append(page.Groups, g)
	}
	return v.show(page)
}

// saveNotifications switches off the kinds that are not checked.
func (s *accountServer) saveNotifications(v *visit) error {
	var off []notices.Kind
	for _, i := range notices.Kinds() {
		if v.form.Get(string(i.Kind)) == "" {
			off = append(off, i.Kind)
		}
	}
	if err := s.auth.Notifications.SetOff(v.Request().Context(), v.session, v.origin(), off); err != nil {
		return err
	}
	return v.done("notifications_saved")
}
