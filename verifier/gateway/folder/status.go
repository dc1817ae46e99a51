package folder

import "context"

// The status markers of projects (PEP 792).
const (
	StatusActive      = "active"
	StatusArchived    = "archived"    // takes no uploads
	StatusQuarantined = "quarantined" // takes no uploads, and its files are not offered
	StatusDeprecated  = "deprecated"
)

// Status is the status of a project.
type Status struct {
	Marker string `json:"status"`           // one of the constants; "" means StatusActive
	Reason string `json:"reason,omitempty"` // for people
}

func alwaysActive(context.Context, string) (Status, error) { return Status{Marker: StatusActive}, nil }

// statusOf asks for the status of a project.
func (f *Folder) statusOf(ctx context.Context, project string) (Status, error) {
	s, err := f.status(ctx, project)
	if s.Marker == "" {
		s.Marker = StatusActive
	}
	return s, err
}
