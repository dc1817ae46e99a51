package projects

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
	"github.com/rind-dev/rind/issuer/ledger"
)

// NameReservation is how long the name of a deleted project is reserved. Nobody can
// register it meanwhile, so that nobody takes the place of a project that others still
// fetch by its name. An administrator can release the name sooner.
const NameReservation = 30 * ledger.Day

// ReservedName is the reserved name of a deleted project.
type ReservedName struct {
	Name    string    `json:"name"`    // as its creator wrote it
	Project string    `json:"project"` // id of the project that had it
	By      string    `json:"by"`      // name of the user who deleted it
	Deleted time.Time `json:"deleted"` // when the project was deleted
	Until   time.Time `json:"until"`   // when the name is free again
}

// reserveName reserves the name of a project from now on.
func reserveName(c *ledger.Change, p ledger.Principal, rec Record) (ReservedName, error) {
	h := ReservedName{Name: rec.Name, Project: rec.ID, By: p.Username, Deleted: c.Now, Until: c.Now.Add(NameReservation)}
	if err := countReserved(c, p, h.Until); err != nil {
		return h, err
	}
	return h, kv.PutJSON(c, reservedKey(rec.Normalized), h)
}

// checkReserved returns a problem if a name is reserved. If the reservation is over, it
// deletes the record.
func checkReserved(c *ledger.Change, normalized string) error {
	var h ReservedName
	err := kv.GetJSON(c, reservedKey(normalized), &h)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return nil
	case err != nil:
		return err
	case c.Now.Before(h.Until):
		return problem.New("name", "project_name_reserved", "name", h.Name, "until", h.Until)
	}
	return c.Delete([]byte(reservedKey(normalized)))
}

// ReservedNames lists the reserved names, for administrators; others get
// ErrNotFound.
func (s *Service) ReservedNames(ctx context.Context, p ledger.Principal) (out []ReservedName, err error) {
	if !p.Admin {
		return nil, ledger.ErrNotFound
	}
	now := s.clock()
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		out = nil
		pairs, err := kv.All(r, []byte(keyReserved))
		if err != nil {
			return err
		}
		for _, pair := range pairs {
			var h ReservedName
			err := json.Unmarshal(pair.Value, &h)
			if err != nil {
				return fmt.Errorf("projects: the record %q is damaged: %w", pair.Key, err)
			}
			if now.Before(h.Until) {
				out = append(out, h)
			}
		}
		return nil
	})
	return out, err
}

// ReleaseName frees the name of a deleted project before its time, so that anybody can
// register it; only an administrator may. The error for a name that is not reserved is
// ErrNotFound.
func (s *Service) ReleaseName(ctx context.Context, p ledger.Principal, name string) error {
	name = strings.TrimSpace(name)
	_, err := s.ledger.Update(ctx, func(c *ledger.Change) error {
		if err := c.AdmitAdmin(p); err != nil {
			return err
		}
		if len(name) > MaxProjectName || !caveats.ValidProjectName(name) {
			return ledger.ErrNotFound
		}
		key := reservedKey(caveats.NormalizeProject(name))
		var h ReservedName
		err := kv.GetJSON(c, key, &h)
		if errors.Is(err, kv.ErrNotFound) || err == nil && !c.Now.Before(h.Until) {
			return ledger.ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := c.Delete([]byte(key)); err != nil {
			return err
		}
		return c.Audit(p, audit.Event{Kind: "project.name_released", Project: h.Project,
			Detail: map[string]string{"project": h.Name, "until": h.Until.Format(time.RFC3339)}})
	})
	return err
}
