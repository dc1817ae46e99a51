package projects

import (
	"encoding/json"
	"iter"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// FeedProject returns what verifiers hear about a project, or kv.ErrNotFound.
func FeedProject(r kv.Reader, id string) (*feed.Project, error) {
	rec, err := Read(r, id)
	if err != nil {
		return nil, err
	}
	return rec.feed(), nil
}

// FeedProjects returns what verifiers hear about projects: at most limit of them, sorted by id, after
// the given id; with "", it begins with the first.
func FeedProjects(r kv.Reader, after string, limit int) iter.Seq2[*feed.Project, error] {
	return ledger.Records(r, keyProject, after, limit, func(id string, b []byte) (*feed.Project, error) {
		rec := Record{ID: id}
		err := json.Unmarshal(b, &rec)
		return rec.feed(), err
	})
}

// feed returns what verifiers hear about the project. Its Members are only those whose tokens may upload.
func (rec Record) feed() *feed.Project {
	p := &feed.Project{ID: rec.ID, Name: rec.Normalized, Members: make(map[string]string, len(rec.Members)), Deleted: !rec.Deleted.IsZero()}
	for user, m := range rec.Members {
		switch {
		case !m.MayUpload():
		case rec.Quarantined.Set():
			p.Members[user] = feed.RoleQuarantined
		case !rec.Archived.IsZero():
			p.Members[user] = feed.RoleArchived
		case !rec.OnlyPublishers.IsZero():
			p.Members[user] = feed.RolePublishers
		default:
			p.Members[user] = string(m.Role)
		}
	}
	return p
}
