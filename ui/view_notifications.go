package ui

// NotificationsPage lists the kinds of mail that rind sends, and lets the reader switch some of them
// off. Form: POST PathNotifications; each kind to receive is a field named after it, with the value
// "on".
type NotificationsPage struct {
	Layout
	Groups []MailGroup
}

// MailGroup is a group of kinds of mail about one topic.
type MailGroup struct {
	Name    string       // "tokens", "projects" or "account"
	Choices []MailChoice // kinds that can be switched off
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

// Title is the key of what such a mail is about.
func (k MailKind) Title() string {
	if _, ok := mailTexts[string(k)]; !ok {
		return "mail.unknown"
	}
	return "mails." + string(k)
}

// Help is the key of when such a mail is sent.
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
