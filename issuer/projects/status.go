package projects

import (
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// The status markers of projects (PEP 792). If several apply to a project, quarantined goes before archived, and archived before
// deprecated.
const (
	StatusActive      = "active"
	StatusArchived    = "archived"    // takes no uploads
	StatusQuarantined = "quarantined" // takes no uploads, and its files are not offered
	StatusDeprecated  = "deprecated"  // takes uploads, but should not be used
)

// Mark says since when a project is deprecated or quarantined, and why.
type Mark struct {
	Since  time.Time `json:"since,omitzero"`   // zero: it is not
	Reason string    `json:"reason,omitempty"` // one line of plain text, at most MaxStatusReason characters
}

// Set reports whether the project has the mark.
func (m Mark) Set() bool { return !m.Since.IsZero() }

// Status returns the status of a project, which an index tells everybody, and the reason for it, "" if there is none. A name that no
// project has, such as that of a deleted project whose files are still there, is active.
func (s *Service) Status(ctx context.Context, name string) (marker, reason string, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		marker, reason = StatusActive, ""
		rec, err := ByName(r, name)
		if errors.Is(err, ledger.ErrNotFound) {
			return nil
		}
		if err == nil {
			marker, reason = rec.status()
		}
		return err
	})
	return marker, reason, err
}

func (rec Record) status() (marker, reason string) {
	marker = markerOf(rec.Quarantined.Set(), !rec.Archived.IsZero(), rec.Deprecated.Set())
	switch marker {
	case StatusQuarantined:
		reason = rec.Quarantined.Reason
	case StatusDeprecated:
		reason = rec.Deprecated.Reason
	}
	return marker, reason
}

// Status returns the marker of the project.
func (s Summary) Status() string {
	return markerOf(s.Quarantined, !s.Archived.IsZero(), s.Deprecated)
}

func markerOf(quarantined, archived, deprecated bool) string {
	switch {
	case quarantined:
		return StatusQuarantined
	case archived:
		return StatusArchived
	case deprecated:
		return StatusDeprecated
	}
	return StatusActive
}
