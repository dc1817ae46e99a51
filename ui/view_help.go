package ui

// HelpPage is the guide for uploaders, at PathHelp.
type HelpPage struct {
	Layout
	UploadURL string // absolute
	Others    []IndexAddress
	TokenURL  string // absolute; a request with a token can revoke that token there
}

func (HelpPage) about() about { return about{page: "help", title: "help.title"} }
