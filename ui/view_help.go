package ui

// HelpPage is the guide for people who upload, at PathHelp.
type HelpPage struct {
	Layout
	UploadURL string // absolute, ends in /legacy/
	TokenURL  string // absolute: where a token can be revoked with itself
}

func (HelpPage) about() about { return about{page: "help", title: "help.title"} }
