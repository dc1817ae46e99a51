package tokens

import (
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// MaxOverlap is the longest time that a replaced token may go on working.
const MaxOverlap = 72 * time.Hour

// RegenerateRequest says how to replace a token.
type RegenerateRequest struct {
	Life           Life
	Expires        time.Time     // as in MintRequest
	Overlap        time.Duration // 0 to MaxOverlap: how long the old token goes on working; 0 ends it at once
	IdempotencyKey string        // as in MintRequest
}

// Regenerate replaces a token of p with one that has a new secret, and the label, the
// projects and the limits that the old one has now. In the same change, the old token is
// revoked, or goes on working for Overlap unless it expires sooner. A revoked
// token gives the problem "token_over", a token that was replaced before
// "token_replaced", both with no field; other problems are under "life", "expires" and
// "overlap". The error may be a RepeatedError or a TooFastError, as with Mint.
func (s *Service) Regenerate(ctx context.Context, p ledger.Principal, id string, req RegenerateRequest) (Minted, error) {
	fresh, root, err := s.material()
	if err != nil {
		return Minted{}, err
	}
	defer clear(root)
	var out Minted
	rev, err := s.ledger.Update(ctx, func(c *ledger.Change) error {
		old, err := ownedToken(c, p, id)
		if err != nil {
			return err
		}
		if err := checkIdempotencyKey(c, p, req.IdempotencyKey); err != nil {
			return err
		}
		rec, err := s.replacement(c, p, old, req)
		if err != nil {
			return err
		}
		if err := errors.Join(s.checkRate(c, p.UserID), recordIdempotencyKey(c, p, req.IdempotencyKey, fresh)); err != nil {
			return err
		}
		old.Replaced = fresh
		err = retireToken(c, p, id, &old, req.Overlap)
		if err != nil {
			return err
		}
		out, err = s.mintToken(c, fresh, root, rec)
		if err != nil {
			return err
		}
		if err := notifyOwner(c, p, notices.TokenRegenerated, fresh, rec); err != nil {
			return err
		}
		return auditToken(c, p, "regenerated", fresh, rec, map[string]string{
			"replaces": id, "overlap": req.Overlap.String(),
		})
	})
	if err != nil {
		return Minted{}, err
	}
	out.Revision = rev
	s.log.InfoContext(ctx, "token regenerated", "token", fresh, "replaces", id, "user", p.UserID)
	return out, nil
}

// replacement makes the record of the token that replaces old.
func (s *Service) replacement(c *ledger.Change, p ledger.Principal, old tokenRecord, req RegenerateRequest) (tokenRecord, error) {
	switch {
	case !old.Revoked.At.IsZero():
		return tokenRecord{}, problem.New("", "token_over")
	case old.Replaced != "":
		return tokenRecord{}, problem.New("", "token_replaced")
	}
	var ps problem.Problems
	rec := tokenRecord{
		User: old.User, Label: old.Label, Scope: old.Scope, Projects: old.Projects, Limits: old.Limits, Registers: old.registers(),
		Created: c.Now, Factor: p.Actor.Factor, Serial: c.Revision,
	}
	rec.Expires = s.checkLife(&ps, MintRequest{Life: req.Life, Expires: req.Expires}, c.Now)
	if req.Overlap < 0 || req.Overlap > MaxOverlap {
		ps.Add("overlap", "overlap_invalid", "max", int(MaxOverlap/time.Hour))
	}
	if req.Overlap > 0 {
		count, err := readTally(c, old.User)
		if err != nil {
			return rec, err
		}
		if count.Unrevoked >= MaxTokens {
			ps.Add("", "too_many_tokens", "max", MaxTokens)
		}
	}
	if len(ps) == 0 {
		s.checkSize(c, &ps, rec)
	}
	return rec, ps.Err()
}

// retireToken ends a token that is being replaced: at once, or when the overlap is over. The
// new token gets its label.
func retireToken(c *ledger.Change, p ledger.Principal, id string, old *tokenRecord, overlap time.Duration) error {
	if overlap == 0 {
		return endToken(c, id, old, Revocation{At: c.Now, By: p.UserID, Username: p.Username, Why: "because its owner replaced it"})
	}
	if end := c.Now.Add(overlap).Truncate(time.Second); old.Expires.IsZero() || end.Before(old.Expires) {
		old.Expires = end
	}
	c.Changed(ledger.KindToken, id)
	if err := saveToken(c, id, *old); err != nil {
		return err
	}
	return scheduleReminder(c, id, *old)
}
