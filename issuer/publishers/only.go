package publishers

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// SetOnly makes a project take uploads of its publishers only, or of all tokens again; only its owners may. A verifier that has applied the
// revision refuses the tokens of people; those of jobs go on working. A project without a publisher gives the problem
// "only_publishers_none".
func (s *Service) SetOnly(ctx context.Context, p ledger.Principal, project string, only bool) (uint64, error) {
	return s.projects.Manage(ctx, p, project, func(c *ledger.Change, proj projects.Record) error {
		have, err := c.Scan(ofPrefix(proj.ID), nil, 1, false)
		if err != nil {
			return err
		}
		if only && len(have) == 0 {
			return problem.New("", "only_publishers_none")
		}
		return projects.SetOnlyPublishers(c, p, proj, only)
	})
}

// uploadedBeside tells the owner of a token, once, that it uploaded to a project which has a publisher.
func (s *Service) uploadedBeside(tx kv.Tx, t tokens.PersonalUse) error {
	have, err := tx.Scan(ofPrefix(t.Project), nil, 1, false)
	if err != nil || len(have) == 0 {
		return err
	}
	told, err := kv.Exists(tx, besideKey(t.Project, t.Token))
	if err != nil || told {
		return err
	}
	u, err := ledger.ReadUser(tx, t.User)
	if errors.Is(err, kv.ErrNotFound) || u.Frozen {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tx.Put([]byte(besideKey(t.Project, t.Token)), nil); err != nil {
		return err
	}
	return s.ledger.PutNotice(tx, notices.Notice{Kind: notices.TokenBesidePublisher, User: t.User, At: t.Use.At, Details: notices.Details{
		Token: t.Token, Label: t.Label, Project: t.Use.Project, Network: t.Use.Network,
	}})
}
