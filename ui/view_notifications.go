package ui

// NotificationsPage lists the mails that rind writes, and lets its reader switch some
// of them off. Form: POST PathNotifications with a field for each kind that is to
// come, "on", named as the kind.
type NotificationsPage struct {
	Layout
	Groups []MailGroup
}

// MailGroup are kinds of mails about one thing.
type MailGroup struct {
	Name    string       // "tokens", "projects" or "account"
	Choices []MailChoice // those that can be switched off
	Always  []MailKind   // the other kinds
}

// Title is the key of the group's name.
func (g MailGroup) Title() string {
	switch g.Name {
	case "tokens":
		return "notifications.group.tokens"
	case "projects":
		return "notifications.group.projects"
	}
	return "notifications.group.account"
}

// MailKind is a kind of mail: "token_unused".
type MailKind string

// Title is the key of what such a mail tells.
func (k MailKind) Title() string {
	if _, ok := mailTexts[string(k)]; !ok {
		return "mail.unknown"
	}
	return "mails." + string(k)
}

// Help is the key of when it comes.
func (k MailKind) Help() string {
	if _, ok := mailTexts[string(k)]; !ok {
		return "mail.unknown"
	}
	return "mails." + string(k) + ".text"
}

// MailChoice is a kind of mail that can be switched off.
type MailChoice struct {
	Kind MailKind
	On   bool
}

func (NotificationsPage) about() about {
	return about{page: "notifications", title: "notifications.title", place: placeAccount}
}
