package issuer

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// Use says when and for what a token was used last, as coarsely as its owner
// needs to recognize it.
type Use struct {
	At      time.Time `json:",omitzero"`  // whole minute
	Project string    `json:",omitempty"` // normalized name
	Network string    `json:",omitempty"` // the client's /24 or, with IPv6, /48; "" where unknown
}

// RecordUse notes that a token was used, and counts it for the project, if the token
// reaches it. Within a minute only the first use is kept as the last one. A time to
// come counts as now, an older one than is known changes only the count, and a token
// that does not exist is ErrNotFound.
//
// A use is no change of state: it has no audit row, and verifiers do not hear of it.
// The owner of the token is told of its first one.
func (s *Service) RecordUse(ctx context.Context, tokenID, project string, from netip.Addr, at time.Time) error {
	use := s.coarse(project, from, at)
	return s.store.Update(instance.Safe(ctx), func(tx kv.Tx) error { return s.note(tx, tokenID, use, 1, "") })
}

// coarse is a use as it is kept.
func (s *Service) coarse(project string, from netip.Addr, at time.Time) Use {
	if now := s.clock(); at.After(now) {
		at = now
	}
	return Use{At: at.UTC().Truncate(time.Minute), Project: project, Network: feed.Network(from)}
}

// note keeps a use that stands for n of them, and that a verifier, "" for the one in
// this process, has seen.
func (s *Service) note(tx kv.Tx, id string, use Use, n int, verifier string) error {
	rec, err := readToken(tx, id)
	if errors.Is(err, kv.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	last, err := readUse(tx, id)
	if err != nil {
		return err
	}
	if last.At.IsZero() {
		if err := s.tellFirstUse(tx, id, rec, use, verifier); err != nil {
			return err
		}
	}
	if last.At.Before(use.At) {
		if err := kv.PutJSON(tx, useKey(id), use); err != nil {
			return err
		}
		if err := tx.Put(ownedKey(rec.User, rec.Serial), lineOf(id, rec, use).encode()); err != nil {
			return err
		}
	}
	if use.Project == "" {
		return nil
	}
	project, err := rec.projectNamed(tx, use.Project)
	if err != nil || project == "" {
		return err
	}
	if err := noteFor(tx, project, id, use); err != nil {
		return err
	}
	return s.countUses(tx, project, id, use.At, n)
}

func (s *Service) tellFirstUse(tx kv.Tx, id string, rec tokenRecord, use Use, verifier string) error {
	return s.put(tx, notices.Notice{Kind: notices.TokenFirstUsed, User: rec.User, At: use.At, Args: map[string]string{
		"token": id, "label": rec.Label, "project": use.Project, "network": use.Network, "verifier": verifier,
	}})
}

// noteFor keeps the last use of a token for a project.
func noteFor(tx kv.Tx, project, id string, use Use) error {
	last, err := readUsed(tx, project, id)
	if err != nil || !last.At.Before(use.At) {
		return err
	}
	return kv.PutJSON(tx, usedKey(project, id), use)
}

// recordUses notes what the verifier with a name reports, as RecordUse does, in one transaction
// at most. What is over feed.MaxUses, of tokens that do not exist, or from before
// there was rind is dropped, and so is a text that is no name of a project.
func (s *Service) recordUses(ctx context.Context, verifier string, uses []feed.Use) error {
	uses = slices.Clone(uses[:min(len(uses), feed.MaxUses)])
	if len(uses) == 0 {
		return nil
	}
	slices.SortStableFunc(uses, func(a, b feed.Use) int { return a.At.Compare(b.At) }) // the first use is told
	return s.store.Update(instance.Safe(ctx), func(tx kv.Tx) error {
		for _, u := range uses {
			project := caveats.NormalizeProject(u.Project)
			if len(u.Project) > MaxProjectName || !caveats.ValidProjectName(u.Project) {
				project = ""
			}
			use := s.coarse(project, address(u.Network), u.At)
			if use.At.Before(firstUse) {
				continue
			}
			n := min(max(u.Count, 1), maxReported)
			if err := s.note(tx, u.Token, use, n, verifier); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

// firstUse is before every use of a token.
var firstUse = time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)

// address reads an address, or that of a network; zero where it is neither.
func address(s string) netip.Addr {
	if a, err := netip.ParseAddr(s); err == nil {
		return a
	}
	p, _ := netip.ParsePrefix(s)
	return p.Addr()
}

// readUse reads a token's last use, zero where there was none.
func readUse(r kv.Reader, tokenID string) (u Use, err error) {
	err = kv.GetJSON(r, useKey(tokenID), &u)
	if errors.Is(err, kv.ErrNotFound) {
		return Use{}, nil
	}
	return u, err
}

// readUsed reads a token's last use for a project, zero where there was none.
func readUsed(r kv.Reader, project, id string) (u Use, err error) {
	err = kv.GetJSON(r, usedKey(project, id), &u)
	if errors.Is(err, kv.ErrNotFound) {
		return Use{}, nil
	}
	return u, err
}
