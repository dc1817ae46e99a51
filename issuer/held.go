package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// NameHeld is how long the name of a deleted project is held back: nobody can
// register it, so that nobody slips into the place of a project that others still
// fetch by its name. An administrator can release it sooner.
const NameHeld = 30 * day

// HeldName is the name of a deleted project that is held back.
type HeldName struct {
	Name    string    // as its creator wrote it
	Project string    // id of the project that had it
	By      string    // name of the user who deleted it
	Deleted time.Time // when
	Until   time.Time // when it is free again
}

// hold keeps the name of a project back, from now on.
func (c *change) hold(p Principal, rec projectRecord) (HeldName, error) {
	h := HeldName{Name: rec.Name, Project: rec.ID, By: p.Username, Deleted: c.now, Until: c.now.Add(NameHeld)}
	if err := c.countHeld(p, h.Until); err != nil {
		return h, err
	}
	return h, kv.PutJSON(c, heldKey(rec.Normalized), h)
}

// checkHeld refuses a name that is held back, and forgets that it was.
func (c *change) checkHeld(normalized string) error {
	var h HeldName
	err := kv.GetJSON(c, heldKey(normalized), &h)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return nil
	case err != nil:
		return err
	case c.now.Before(h.Until):
		return problem.New("name", "project_name_held", "name", h.Name, "until", h.Until)
	}
	return c.Delete([]byte(heldKey(normalized)))
}

// HeldNames lists the names that are held back, for administrators; to others it is
// ErrNotFound.
func (s *Service) HeldNames(ctx context.Context, p Principal) (out []HeldName, err error) {
	if !p.Admin {
		return nil, ErrNotFound
	}
	now := s.clock()
	err = s.viewAs(ctx, p, func(r kv.Reader) error {
		out = nil
		pairs, err := r.Scan([]byte(keyHeld), nil, 0, false)
		if err != nil {
			return err
		}
		for _, pair := range pairs {
			var h HeldName
			if err := json.Unmarshal(pair.Value, &h); err != nil {
				return fmt.Errorf("issuer: the record %q is damaged: %w", pair.Key, err)
			}
			if now.Before(h.Until) {
				out = append(out, h)
			}
		}
		return nil
	})
	return out, err
}

// ReleaseName lets anybody register the name of a deleted project again, before it
// would be free by itself; only an administrator may. A name that is not held back
// is ErrNotFound.
func (s *Service) ReleaseName(ctx context.Context, p Principal, name string) error {
	_, err := s.update(ctx, func(c *change) error {
		if err := c.admitAdmin(p); err != nil {
			return err
		}
		name = strings.TrimSpace(name)
		if len(name) > MaxProjectName || !caveats.ValidProjectName(name) {
			return ErrNotFound
		}
		key := heldKey(caveats.NormalizeProject(name))
		var h HeldName
		err := kv.GetJSON(c, key, &h)
		if errors.Is(err, kv.ErrNotFound) || err == nil && !c.now.Before(h.Until) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := c.Delete([]byte(key)); err != nil {
			return err
		}
		return c.audit(p, audit.Event{Kind: "project.name_released", Project: h.Project,
			Detail: map[string]string{"project": h.Name, "until": h.Until.Format(time.RFC3339)}})
	})
	return err
}
