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

// MaxUnused is the greatest number of days that Selection takes.
const MaxUnused = 3650

// revokeAllStep is how many tokens a sweep revokes in one transaction.
const revokeAllStep = 200

// Selection picks tokens of a person's to revoke together: those that work and meet all
// of the conditions that are set. One has to be.
type Selection struct {
	Project string // name of a project; tokens that name it, not those for all projects
	Unused  int    // days, 1 to MaxUnused, in which a token was not used; one that was made since is none
}

func (w Selection) check() error {
	switch {
	case w.Project == "" && w.Unused == 0:
		return problem.New("", "sweep_required")
	case w.Unused < 0 || w.Unused > MaxUnused:
		return problem.New("unused", "unused_invalid", "max", MaxUnused)
	}
	return nil
}

// Selected lists the tokens of p's that RevokeAll would revoke now, newest first.
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

// picks tells whether a token is one of those.
func (w Selection) picks(l *indexEntry, now time.Time) bool {
	return l.state(now) == StateActive &&
		(w.Unused == 0 || l.unused(now, w.Unused)) &&
		(w.Project == "" || l.names(caveats.NormalizeProject(w.Project)))
}

// RevokeAll revokes the tokens of p's that a sweep picks, and returns them as they
// were and the last revision. Several transactions may be needed; where one fails,
// what the ones before it revoked is returned with the error.
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
