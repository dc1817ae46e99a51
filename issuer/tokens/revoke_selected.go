package tokens

import (
	"context"
	"slices"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// MaxUnused is the greatest number of days in a Selection or a Query.
const MaxUnused = 3650

// revokeAllStep is how many tokens RevokeAll revokes in one transaction.
const revokeAllStep = 200

// Selection picks a user's tokens to revoke together: the working tokens that meet all
// conditions that are set. At least one has to be set.
type Selection struct {
	Project string // name of a project; picks tokens that name it, not those for all projects
	Unused  int    // days, 1 to MaxUnused; picks tokens that were neither used nor made in them
}

func (w Selection) check() error {
	switch {
	case w.Project == "" && w.Unused == 0:
		return problem.New("", "selection_required")
	case w.Unused < 0 || w.Unused > MaxUnused:
		return problem.New("unused", "unused_invalid", "max", MaxUnused)
	}
	return nil
}

// Selected lists the tokens of p that RevokeAll would revoke now, newest first.
func (s *Service) Selected(ctx context.Context, p ledger.Principal, w Selection) (out []Token, err error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	now := s.clock()
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		out = nil
		all, err := indexEntries(r, p.UserID)
		if err != nil {
			return err
		}
		var ids []string
		for i := range slices.Backward(all) {
			if w.picks(&all[i], now) {
				ids = append(ids, all[i].id)
			}
		}
		out, err = viewTokens(r, ids, now)
		return err
	})
	return out, err
}

// picks reports whether the Selection picks a token.
func (w Selection) picks(l *indexEntry, now time.Time) bool {
	return l.state(now) == StateActive &&
		(w.Unused == 0 || l.unused(now, w.Unused)) &&
		(w.Project == "" || l.names(caveats.NormalizeProject(w.Project)))
}

// RevokeAll revokes the tokens of p that a Selection picks. It returns them as they were,
// and the last revision. It may need several transactions; if one fails, RevokeAll returns
// the tokens that the earlier ones revoked, with the error.
func (s *Service) RevokeAll(ctx context.Context, p ledger.Principal, w Selection) (revoked []Token, rev uint64, err error) {
	picked, err := s.Selected(ctx, p, w)
	for len(picked) > 0 && err == nil {
		step := picked[:min(len(picked), revokeAllStep)]
		picked = picked[len(step):]
		var done []Token
		var at uint64
		at, err = s.ledger.UpdateExempt(ctx, func(c *ledger.Change) error {
			done = nil
			for _, t := range step {
				ok, err := revokeToken(c, p, t.ID, "")
				if err != nil {
					return err
				}
				if ok {
					done = append(done, t)
				}
			}
			return nil
		})
		if err == nil {
			revoked, rev = append(revoked, done...), at
		}
	}
	if len(revoked) > 0 {
		s.log.InfoContext(ctx, "tokens revoked", "count", len(revoked), "by", p.UserID)
	}
	return revoked, rev, err
}
