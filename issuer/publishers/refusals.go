package publishers

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// Limits of what is remembered of refusals. Only tokens that name the publisher's own repository are remembered, so that nobody else can fill the list.
const (
	RefusalDays = 7           // for which a refusal is remembered
	maxRefusals = 10          // of a publisher; equal ones count as one
	maxForeign  = 2           // of these, of a repository that only has the name of the publisher's
	refusalGap  = time.Minute // an equal refusal within it is not counted
)

// Refusal is a token that did not fit a publisher, though it named the publisher's repository.
type Refusal struct {
	At          time.Time    `json:"at"` // of the last one
	Count       int          `json:"count"`
	Code        string       `json:"code"`
	Detail      string       `json:"detail"`
	Differences []Difference `json:"differences,omitempty"`
	Run         tokens.Run   `json:"run"` // of the last one
}

// identities are the claims that say which repository it is.
var identities = []string{"iss", "repository", "repository_owner", "project_path", "email", "repository_id", "repository_owner_id", "project_id", "namespace_id", "sub", circle + "project-id", circle + "org-id"}

// Foreign reports whether the token came from another repository than the publisher's: one that somebody made under its name.
func (n Refusal) Foreign() bool {
	return slices.ContainsFunc(n.Differences, func(d Difference) bool { return d.Field == "" && slices.Contains(identities, d.Claim) })
}

// Offers returns the differences whose value the publisher can take over. A foreign token offers none. Nor does a claim that
// the token lacks, except the environment: a publisher without one accepts any.
func (n Refusal) Offers() (out []Difference) {
	if n.Foreign() {
		return nil
	}
	for _, d := range n.Differences {
		if d.Field == "environment" || d.Field != "" && d.Got != "" {
			out = append(out, d)
		}
	}
	return out
}

// refused remembers refusals, in a transaction that does not end with the request. A failure is logged: the answer is a refusal in any case.
// It looks first whether there is anything to write: somebody may present a token again and again.
func (s *Service) refused(ctx context.Context, all []told, run tokens.Run) {
	ctx = context.WithoutCancel(ctx)
	for _, one := range all {
		news := false
		err := s.store.View(ctx, func(r kv.Reader) (err error) {
			news, err = isNews(r, one, s.clock())
			return err
		})
		if err == nil && news {
			err = s.exempt.Update(ctx, func(tx kv.Tx) error { return s.noteRefused(tx, one, run) })
		}
		if err != nil {
			s.log.WarnContext(ctx, "the refusal of an ID token was not noted", "publisher", one.id, "error", err)
		}
	}
}

// isNews reports whether a refusal changes what is remembered.
func isNews(r kv.Reader, one told, now time.Time) (bool, error) {
	if one.no.Code == CodePending {
		return true, nil
	}
	list, err := readRefusals(r, one.id, now)
	return !slices.ContainsFunc(list, func(n Refusal) bool { return n.Detail == one.no.Detail && now.Sub(n.At) < refusalGap }), err
}

// noteRefused remembers a refusal. A pending publisher whose project exists ends.
func (s *Service) noteRefused(tx kv.Tx, one told, run tokens.Run) error {
	rec, err := read(tx, one.id)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return nil
	case err != nil:
		return err
	case one.no.Code != CodePending || rec.Project != "":
		return noteRefusal(tx, one.id, one.no, run, s.clock())
	}
	_, err = s.ledger.Join(tx, func(c *ledger.Change) error {
		if err := s.drop(c, ledger.Principal{}, one.id, rec, ""); err != nil {
			return err
		}
		return auditPublisher(c, ledger.Principal{}, "ended", one.id, rec, nil)
	})
	return err
}

func noteRefusal(tx kv.Tx, id string, no *Refused, run tokens.Run, now time.Time) error {
	list, err := readRefusals(tx, id, now)
	if err != nil {
		return err
	}
	n := Refusal{At: now.UTC(), Count: 1, Code: no.Code, Detail: no.Detail, Differences: no.Differences, Run: run}
	if i := slices.IndexFunc(list, func(r Refusal) bool { return r.Detail == n.Detail }); i >= 0 {
		if now.Sub(list[i].At) < refusalGap {
			return nil
		}
		n.Count += list[i].Count
		list = slices.Delete(list, i, i+1)
	}
	list = bounded(append([]Refusal{n}, list...))
	return kv.PutJSON(tx, refusalKey(id), list)
}

// bounded drops the oldest refusals. Those of foreign repositories have a share of their own, so that they don't push out others.
func bounded(list []Refusal) (out []Refusal) {
	foreign := 0
	for _, n := range list {
		if n.Foreign() {
			foreign++
			if foreign > maxForeign {
				continue
			}
		}
		out = append(out, n)
	}
	return out[:min(len(out), maxRefusals)]
}

// readRefusals reads the last refusals of a publisher, newest first.
func readRefusals(r kv.Reader, id string, now time.Time) (list []Refusal, err error) {
	err = kv.GetJSON(r, refusalKey(id), &list)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, nil
	}
	return slices.DeleteFunc(list, func(n Refusal) bool { return now.Sub(n.At) > RefusalDays*ledger.Day }), err
}

// TakeOver changes a publisher so that a refused token would fit in one claim: from now on the publisher expects the value that the token
// had, or accepts it too. Only what its last refusals offer (Refusal.Offers) can be taken over; anything else gives the problem
// "publisher_nothing_to_take". The publisher's tokens end, and p vouches for it. Only the project's owners may; the error is
// ledger.ErrNotFound if the project has no such publisher.
func (s *Service) TakeOver(ctx context.Context, p ledger.Principal, project, id, claim, value string) error {
	_, err := s.manage(ctx, p, project, id, func(c *ledger.Change, proj projects.Record, rec record) error {
		if err := s.endRuns(c, p, id, "because its publisher was changed"); err != nil {
			return err
		}
		rec, err := s.takeOver(c, p, id, rec, claim, value)
		if err != nil {
			return err
		}
		return notifyOwners(c, p, notices.PublisherAdded, proj, rec, "")
	})
	return err
}

// TakeOverPending is TakeOver for a pending publisher of p.
func (s *Service) TakeOverPending(ctx context.Context, p ledger.Principal, id, claim, value string) error {
	return s.managePending(ctx, p, id, func(c *ledger.Change, rec record) error {
		_, err := s.takeOver(c, p, id, rec, claim, value)
		return err
	})
}

// takeOver changes a publisher by what a refusal says, and returns it.
func (s *Service) takeOver(c *ledger.Change, p ledger.Principal, id string, rec record, claim, value string) (record, error) {
	refusals, err := readRefusals(c, id, c.Now)
	if err != nil {
		return rec, err
	}
	d, ok := offered(refusals, claim, value)
	if !ok {
		return rec, problem.New("", "publisher_nothing_to_take")
	}
	was := rec.Rules
	issuer, known := s.idtokens.Issuer(was.Issuer)
	if !known {
		return rec, problem.New("", "publisher_issuer_unknown", "issuer", was.Issuer)
	}
	var ps problem.Problems
	rec.User, rec.Rules = p.UserID, was.with(d).check(&ps, issuer)
	if err := ps.Err(); err != nil {
		return rec, err
	}
	if err := put(c, id, rec); err != nil {
		return rec, err
	}
	if err := c.Delete([]byte(refusalKey(id))); err != nil {
		return rec, err
	}
	return rec, auditPublisher(c, p, "changed", id, rec, map[string]string{"was": was.Title(), "claim": claim, "value": value})
}

// offered returns the difference that a refusal offers to take over.
func offered(refusals []Refusal, claim, value string) (d Difference, ok bool) {
	for _, n := range refusals {
		for _, d := range n.Offers() {
			if d.Claim == claim && d.Got == value {
				return d, true
			}
		}
	}
	return d, false
}

// with returns rules that accept the value of a difference.
func (in Rules) with(d Difference) Rules {
	switch d.Field {
	case "workflow":
		in.Workflow = d.Got
	case "called":
		in.Called = d.Got
	case "environment":
		in.Environment = d.Got // "" where the job has none: any
	case "runner":
		in.Runner = d.Got
	case "refs":
		in.Refs = append(slices.Clone(in.Refs), d.Got)
	case "events":
		in.Events = append(slices.Clone(in.Events), d.Got)
	}
	return in
}
