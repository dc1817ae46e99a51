package issuer

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/feed"
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

// RecordUse notes that a token was used. Within a minute only the first use is
// kept, and the rest costs no write. A time to come counts as now, an older one
// than is known changes nothing, and a token that does not exist is ErrNotFound.
//
// A use is no change of state: it has no audit row, and verifiers do not hear of it.
// The owner of the token is told of its first one.
func (s *Service) RecordUse(ctx context.Context, tokenID, project string, from netip.Addr, at time.Time) error {
	use := s.coarse(project, from, at)
	var known bool
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		known, err = usedSince(r, tokenID, use.At)
		return err
	})
	if err != nil || known {
		return err
	}
	return s.store.Update(ctx, func(tx kv.Tx) error { return s.putUse(tx, tokenID, use, "") })
}

// coarse is a use as it is kept.
func (s *Service) coarse(project string, from netip.Addr, at time.Time) Use {
	if now := s.clock(); at.After(now) {
		at = now
	}
	return Use{At: at.UTC().Truncate(time.Minute), Project: project, Network: feed.Network(from)}
}

// putUse writes a use that a verifier, "" for the one in this process, has seen.
func (s *Service) putUse(tx kv.Tx, tokenID string, use Use, verifier string) error {
	if known, err := usedSince(tx, tokenID, use.At); err != nil || known {
		return err
	}
	before, err := readUse(tx, tokenID)
	if err != nil {
		return err
	}
	if before.At.IsZero() {
		if err := s.tellFirstUse(tx, tokenID, use, verifier); err != nil {
			return err
		}
	}
	return kv.PutJSON(tx, useKey(tokenID), use)
}

func (s *Service) tellFirstUse(tx kv.Tx, tokenID string, use Use, verifier string) error {
	rec, err := readToken(tx, tokenID)
	if err != nil {
		return err
	}
	return s.put(tx, notices.Notice{Kind: notices.TokenFirstUsed, User: rec.User, At: use.At, Args: map[string]string{
		"token": tokenID, "label": rec.Label, "project": use.Project, "network": use.Network, "verifier": verifier,
	}})
}

// recordUses notes what the verifier with a name reports, as RecordUse does, in one transaction
// at most. What is over feed.MaxUses, of tokens that do not exist, or from before
// there was rind is dropped, and so is a text that is no name of a project.
func (s *Service) recordUses(ctx context.Context, verifier string, uses []feed.Use) error {
	news := make(map[string]Use)
	err := s.store.View(ctx, func(r kv.Reader) error {
		for _, u := range uses[:min(len(uses), feed.MaxUses)] {
			project := caveats.NormalizeProject(u.Project)
			if len(u.Project) > MaxProjectName || !caveats.ValidProjectName(u.Project) {
				project = ""
			}
			use := s.coarse(project, address(u.Network), u.At)
			known, err := usedSince(r, u.Token, use.At)
			switch {
			case errors.Is(err, ErrNotFound) || known || use.At.Before(firstUse) || !use.At.After(news[u.Token].At):
			case err != nil:
				return err
			default:
				news[u.Token] = use
			}
		}
		return nil
	})
	if err != nil || len(news) == 0 {
		return err
	}
	return s.store.Update(ctx, func(tx kv.Tx) error {
		for id, use := range news {
			if err := s.putUse(tx, id, use, verifier); err != nil {
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

// usedSince tells whether a use of the token in this minute or later is known.
func usedSince(r kv.Reader, tokenID string, minute time.Time) (bool, error) {
	if len(tokenID) > 36 {
		return false, ErrNotFound
	}
	there, err := kv.Exists(r, tokenKey(tokenID))
	if err != nil {
		return false, err
	}
	if !there {
		return false, ErrNotFound
	}
	last, err := readUse(r, tokenID)
	return !last.At.Before(minute), err
}

// readUse reads a token's last use, zero where there was none.
func readUse(r kv.Reader, tokenID string) (u Use, err error) {
	err = kv.GetJSON(r, useKey(tokenID), &u)
	if errors.Is(err, kv.ErrNotFound) {
		return Use{}, nil
	}
	return u, err
}
