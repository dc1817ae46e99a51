package publishers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// remindBefore is how long before a pending publisher ends its user gets an email.
const remindBefore = 3 * ledger.Day

// AddPending adds a publisher for a project that does not exist: the first job registers the project, with p as its owner. The pending
// publisher ends after PendingLife. The name is not reserved: if somebody else registers it, the pending publisher ends. Problems have the
// fields of Add's, and "name". A user has at most MaxPending.
func (s *Service) AddPending(ctx context.Context, p ledger.Principal, name string, rules Rules) (Publisher, error) {
	rules, id, err := s.checked(ctx, rules)
	var ps problem.Problems
	name = strings.TrimSpace(name)
	if len(name) > projects.MaxProjectName || !caveats.ValidProjectName(name) {
		ps.Add("name", "project_name_invalid")
	}
	if err != nil || len(ps) > 0 {
		return Publisher{}, joined(err, ps)
	}
	var out Publisher
	_, err = s.ledger.Update(ctx, func(c *ledger.Change) error {
		if err := c.Admit(p); err != nil {
			return err
		}
		rec := record{Pending: name, Rules: rules, User: p.UserID, Added: c.Now, Until: c.Now.Add(PendingLife)}
		if err := checkPending(c, rec); err != nil {
			return err
		}
		if err := put(c, id, rec); err != nil {
			return err
		}
		if err := auditPublisher(c, p, "added", id, rec, nil); err != nil {
			return err
		}
		out, err = s.view(c, stored{id, rec})
		return err
	})
	if err == nil {
		s.warm(rules.Issuer)
	}
	return out, err
}

// joined returns the problems of two checks.
func joined(err error, ps problem.Problems) error {
	if first, ok := err.(problem.Problems); ok { //nolint:errorlint // checked returns it as it is
		return append(first, ps...)
	}
	if err != nil {
		return err
	}
	return ps.Err()
}

func checkPending(c *ledger.Change, rec record) error {
	taken, err := projects.IDOf(c, caveats.NormalizeProject(rec.Pending))
	if err != nil {
		return err
	}
	if taken != "" {
		return problem.New("name", "project_name_taken", "name", caveats.NormalizeProject(rec.Pending))
	}
	have, err := readAll(c, byPrefix(rec.User))
	if err != nil {
		return err
	}
	if len(have) >= MaxPending {
		return problem.New("", "too_many_pending_publishers", "max", MaxPending)
	}
	for _, h := range have {
		if h.rec.Rules.equal(rec.Rules) && caveats.NormalizeProject(h.rec.Pending) == caveats.NormalizeProject(rec.Pending) {
			return problem.New("", "publisher_exists")
		}
	}
	at, err := c.Scan(atPrefix(rec.lookups()[0]), nil, maxCandidates, false)
	if err == nil && len(at) >= maxCandidates {
		err = problem.New("", "too_many_publishers", "max", maxCandidates)
	}
	return err
}

// Pending lists the pending publishers of p.
func (s *Service) Pending(ctx context.Context, p ledger.Principal) (out []Publisher, err error) {
	if err := s.loadIssuers(ctx); err != nil {
		return nil, err
	}
	now := s.clock()
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		out = nil
		all, err := readAll(r, byPrefix(p.UserID))
		if err != nil {
			return err
		}
		for _, one := range all {
			v, err := s.view(r, one)
			if err != nil {
				return err
			}
			v.Refusals, err = readRefusals(r, one.id, now)
			if err != nil {
				return err
			}
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

// RemovePending removes a pending publisher of p. The error is ledger.ErrNotFound if p has no such publisher.
func (s *Service) RemovePending(ctx context.Context, p ledger.Principal, id string) error {
	return s.managePending(ctx, p, id, func(c *ledger.Change, rec record) error {
		if err := s.drop(c, p, id, rec, ""); err != nil {
			return err
		}
		return auditPublisher(c, p, "removed", id, rec, nil)
	})
}

// managePending runs fn on a pending publisher of p.
func (s *Service) managePending(ctx context.Context, p ledger.Principal, id string, fn func(*ledger.Change, record) error) error {
	_, err := s.ledger.Update(ctx, func(c *ledger.Change) error {
		if err := c.Admit(p); err != nil {
			return err
		}
		rec, err := read(c, id)
		if err == nil && (rec.Project != "" || rec.User != p.UserID) {
			err = ledger.ErrNotFound
		}
		if err != nil {
			return err
		}
		return fn(c, rec)
	})
	return err
}

// sweepPending ends pending publishers whose time is over, and tells of those that end soon.
func (s *Service) sweepPending(ctx context.Context) error {
	return s.ledger.Sweep(ctx, keyPublisher, func(c *ledger.Change, p kv.Pair) (more bool, err error) { return true, s.sweepOne(c, p) })
}

func (s *Service) sweepOne(c *ledger.Change, p kv.Pair) error {
	var rec record
	err := json.Unmarshal(p.Value, &rec)
	if err != nil {
		return fmt.Errorf("publishers: the record %q is damaged: %w", p.Key, err)
	}
	id := string(p.Key[len(keyPublisher):])
	switch {
	case rec.Project != "":
		return nil
	case !c.Now.Before(rec.Until):
		if err := s.drop(c, ledger.Principal{}, id, rec, ""); err != nil {
			return err
		}
		return auditPublisher(c, ledger.Principal{}, "ended", id, rec, nil)
	case !rec.Reminded && !c.Now.Before(rec.Until.Add(-remindBefore)):
		rec.Reminded = true
		if err := put(c, id, rec); err != nil {
			return err
		}
		return c.Notify(ledger.Principal{}, notices.PublisherEnding, rec.User, notices.Details{Project: rec.Pending, Label: rec.Rules.Title(), Until: rec.Until})
	}
	return nil
}
