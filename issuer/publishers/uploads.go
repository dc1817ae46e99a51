package publishers

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// maxUploads is how many jobs that uploaded to a project are remembered.
const maxUploads = 20

// Upload is a job that uploaded to a project.
type Upload struct {
	At    time.Time  `json:"at"`    // of its last upload, to the minute
	Token string     `json:"token"` // id
	Run   tokens.Run `json:"run"`
}

// uploaded notes that a job's token uploaded something: from then on its publisher counts before those of other owners.
func (s *Service) uploaded(tx kv.Tx, id string, run tokens.Run, use tokens.Use) error {
	if err := noteUpload(tx, id, run, use); err != nil {
		return err
	}
	rec, err := read(tx, run.Publisher)
	if errors.Is(err, ledger.ErrNotFound) || err == nil && !rec.Uploaded.Before(use.At) {
		return nil
	}
	if err != nil {
		return err
	}
	rec.Uploaded, rec.Fruitless = use.At, 0
	return kv.PutJSON(tx, publisherKey(run.Publisher), rec)
}

// noteUpload remembers the job with the project that it uploaded to, if its token is for that project.
func noteUpload(tx kv.Tx, id string, run tokens.Run, use tokens.Use) error {
	_, refs, ok, err := tokens.RunOf(tx, id)
	n := slices.IndexFunc(refs, func(r projects.Ref) bool { return r.Name == use.Project })
	if err != nil || !ok || n < 0 {
		return err
	}
	key := uploadsKey(refs[n].ID)
	list, err := readUploads(tx, key)
	if err != nil {
		return err
	}
	run.Digests = nil
	one := Upload{At: use.At, Token: id, Run: run}
	if i := slices.IndexFunc(list, func(u Upload) bool { return u.Token == id }); i >= 0 {
		if !list[i].At.Before(use.At) {
			return nil
		}
		list = slices.Delete(list, i, i+1)
	}
	list = append(list, one)
	slices.SortStableFunc(list, func(a, b Upload) int { return b.At.Compare(a.At) })
	return kv.PutJSON(tx, key, list[:min(len(list), maxUploads)])
}

func readUploads(r kv.Reader, key string) (list []Upload, err error) {
	err = kv.GetJSON(r, key, &list)
	if errors.Is(err, kv.ErrNotFound) {
		err = nil
	}
	return list, err
}

// Uploads lists the jobs that uploaded to a project last, the last one first, to its members and to administrators.
func (s *Service) Uploads(ctx context.Context, p ledger.Principal, project string) (out []Upload, err error) {
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		proj, err := projects.VisibleTo(r, p, project)
		if err != nil {
			return err
		}
		out, err = readUploads(r, uploadsKey(proj.ID))
		return err
	})
	return out, err
}
