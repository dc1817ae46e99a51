package notices

import "time"

// Details are what a notice mentions. Which of them a Kind has is said beside the kind; the others are
// zero. They stay what they are until the mail is written: what prints them is its template.
type Details struct {
	// Of an account.
	Key       string    `json:"key,omitempty"`        // name of a security key
	To        string    `json:"to,omitempty"`         // an address
	User      string    `json:"user,omitempty"`       // username of another person
	From      string    `json:"from,omitempty"`       // username of who handed something on
	CodesLeft int       `json:"codes_left,omitempty"` // recovery codes that still work
	Until     time.Time `json:"until,omitzero"`

	// Of a token.
	Token       string    `json:"token,omitempty"` // its id
	Label       string    `json:"label,omitempty"`
	AllProjects bool      `json:"all_projects,omitempty"` // it works for all projects of its owner
	Projects    []string  `json:"projects,omitempty"`     // the names of those that it works for, where it does not for all
	Created     time.Time `json:"created,omitzero"`
	Expires     time.Time `json:"expires,omitzero"` // zero: never
	Used        time.Time `json:"used,omitzero"`    // zero: never
	Network     string    `json:"network,omitempty"`
	Verifier    string    `json:"verifier,omitempty"` // name
	URL         string    `json:"url,omitempty"`
	Reason      string    `json:"reason,omitempty"`

	// Of a project.
	Project string `json:"project,omitempty"` // name
	Role    string `json:"role,omitempty"`
	Was     string `json:"was,omitempty"` // role before
}

// bounded are d as they are kept: no text is longer than maxText, no list than maxList and no name in it than maxName.
func (d Details) bounded() Details {
	for _, s := range []*string{&d.Key, &d.To, &d.User, &d.From, &d.Token, &d.Label, &d.Network, &d.Verifier, &d.URL, &d.Reason, &d.Project, &d.Role, &d.Was} {
		*s = cut(*s, maxText)
	}
	projects := make([]string, min(len(d.Projects), maxList))
	for i := range projects {
		projects[i] = cut(d.Projects[i], maxName)
	}
	d.Projects = projects
	return d
}
