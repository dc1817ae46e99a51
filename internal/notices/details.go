package notices

import "time"

// Details are what a notice mentions. The comment beside each Kind says which of them it has; the others
// are zero. They are kept as data until the mail is written: its template formats them.
type Details struct {
	// Of an account.
	Key       string    `json:"key,omitempty"`        // name of a security key
	To        string    `json:"to,omitempty"`         // an address
	User      string    `json:"user,omitempty"`       // username of another person
	From      string    `json:"from,omitempty"`       // username of the person who handed something on
	CodesLeft int       `json:"codes_left,omitempty"` // recovery codes that still work
	Until     time.Time `json:"until,omitzero"`

	// Of a token.
	Token       string    `json:"token,omitempty"` // its id
	Label       string    `json:"label,omitempty"`
	AllProjects bool      `json:"all_projects,omitempty"` // it works for all projects of its owner
	Registers   bool      `json:"registers,omitempty"`    // it may register projects by their first upload
	Projects    []string  `json:"projects,omitempty"`     // the names of the projects that it works for, if not for all
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
	Version string `json:"version,omitempty"`
	File    string `json:"file,omitempty"` // name
}

// bounded returns d as it is stored: no text is longer than maxText, no list than maxList and no name in it than maxName.
func (d Details) bounded() Details {
	for _, s := range []*string{&d.Key, &d.To, &d.User, &d.From, &d.Token, &d.Label, &d.Network, &d.Verifier, &d.URL, &d.Reason, &d.Project, &d.Role, &d.Was, &d.Version, &d.File} {
		*s = cut(*s, maxText)
	}
	projects := make([]string, min(len(d.Projects), maxList))
	for i := range projects {
		projects[i] = cut(d.Projects[i], maxName)
	}
	d.Projects = projects
	return d
}
