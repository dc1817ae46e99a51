package ui

import "time"

// Args are the named values that a sentence mentions. A value may be a string,
// an integer, a time.Time (shown as a date) or a []string (shown as a list). A
// plural sentence chooses its form by the argument "n".
type Args = map[string]any

// Problem is one thing that a person can correct in a form. Its sentence is in the catalogue
// under "problem.<Code>". It is shown in the summary at the top of the page and beside the
// field.
type Problem struct {
	Field string // name of the form field, "" if it is about the whole form
	Code  string // snake case: "password_too_short"
	Args  Args   // never a secret
}

// Notice says that something was done. Its sentence is in the catalogue
// under "notice.<Code>".
type Notice struct {
	Code        string       `json:"code"` // "" says nothing
	Args        Args         `json:"args,omitempty"`
	Propagation *Propagation `json:"propagation,omitempty"` // which verifiers have the change; nil: not shown
}

// Layout holds what every page shows around its content. Each view model embeds one.
type Layout struct {
	Lang     string    // BCP 47 tag; "" or an unknown one means English
	Now      time.Time // the moment that relative times are counted from
	SignedIn bool      // with a second factor: the four places are shown
	Pending  bool      // a session that still lacks its second factor: only "Sign out" is shown
	Username string    // user who is signed in, or about to be
	Admin    bool      // shows the place Admin
	ReadOnly ReadOnly
	Banner   Banner
	Notice   Notice
	Problems []Problem // problems of the form that was sent

	// Outbox is the folder of mails, if mails are files and the reader of the page sits at this
	// machine. Pages that announce a mail then say where to look. "" shows nothing.
	Outbox string
}

// ReadOnly is the message on every page that rind accepts no changes.
type ReadOnly struct {
	On     bool
	Reason string // "" says none
}

// Banner is what administrators announce on every page: plain text, in which nothing
// becomes markup or a link.
type Banner struct {
	Text    string // "" announces nothing
	Warning bool
}

func (l Layout) layout() Layout { return l }

// View is the model of one page: any of the …Page types of this package.
type View interface {
	layout() Layout
	about() about
}

// about names the template that draws a view, and the title of the page.
type about struct {
	page  string // file in templates/pages, without .html
	title string // key in the catalogue
	args  Args   // of the title
	place string // the place that the header marks as current
}

// Places of the header.
const (
	placeTokens   = "tokens"
	placeProjects = "projects"
	placeAccount  = "account"
	placeAdmin    = "admin"
)
