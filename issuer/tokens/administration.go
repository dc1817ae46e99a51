package tokens

import (
	"context"
	"errors"
	"strings"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// MaxReason is the greatest length, in characters, of the reason that an administrator gives.
const MaxReason = 200

// All lists everybody's tokens, including expired and revoked ones, for
// administrators; others get ErrNotFound. It does not count them: Total and
// Unrevoked are 0.
func (s *Service) All(ctx context.Context, p ledger.Principal, page Page) (TokenPage, error) {
	if !p.Admin {
		return TokenPage{}, ledger.ErrNotFound
	}
	limit := ledger.PageSize(page.Limit)
	now := s.clock()
	var out TokenPage
	err := s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		out = TokenPage{}
		var after []byte
		if page.After != "" {
			_, err := readToken(r, page.After)
			if errors.Is(err, kv.ErrNotFound) {
				return ledger.ErrNotFound
			}
			if err != nil {
				return err
			}
			after = []byte(tokenKey(page.After))
		}
		pairs, err := r.Scan([]byte(keyToken), after, limit+1, true) // ids sort in the order of minting
		if err != nil {
			return err
		}
		ids := make([]string, 0, limit)
		for _, p := range pairs[:min(limit, len(pairs))] {
			ids = append(ids, string(p.Key[len(keyToken):]))
		}
		if len(pairs) > limit {
			out.Next = ids[limit-1]
		}
		out.Tokens, err = viewTokens(r, ids, now)
		return err
	})
	return out, err
}

// RevokeFor is Revoke by an administrator who says why: the reason, of 1 to MaxReason
// characters, is in the audit rows and is shown to the token's owner, but not to whoever
// presents the token. Problems have the field "reason"; users who are not administrators
// get ErrNotFound.
func (s *Service) RevokeFor(ctx context.Context, p ledger.Principal, id, reason string) (revision uint64, done bool, err error) {
	if !p.Admin {
		return 0, false, ledger.ErrNotFound
	}
	reason, err = ledger.Reason(reason, MaxReason)
	if err == nil && !strings.ContainsFunc(reason, ledger.Visible) {
		err = problem.New("reason", "reason_required")
	}
	if err != nil {
		return 0, false, err
	}
	revision, err = s.ledger.UpdateExempt(ctx, func(c *ledger.Change) (err error) {
		done, err = revokeToken(c, p, id, reason)
		return err
	})
	if err == nil && done {
		s.log.InfoContext(ctx, "token revoked", "token", id, "by", p.UserID)
	}
	return revision, done && err == nil, err
}
