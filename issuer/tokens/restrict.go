package tokens

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// RestrictRequest says how to narrow a token. Empty fields change nothing.
type RestrictRequest struct {
	Projects []string  // names of the projects that it may still upload to
	Expires  time.Time // an earlier end; fractions of a second are dropped
	Limits   Limits    // each list has to be within the current one
}

// Restrict narrows a token of p for good, on the server: its text stays the same, and
// verifiers enforce what the issuer has recorded. A token that is narrowed to some projects, or to
// actions other than creating them, can no longer register projects. A request that would widen the token, or
// change nothing, gives problems with the fields of Mint; an expired or revoked token gives
// "token_over" with no field.
func (s *Service) Restrict(ctx context.Context, p ledger.Principal, id string, req RestrictRequest) (Token, uint64, error) {
	var out Token
	rev, err := s.ledger.Update(ctx, func(c *ledger.Change) error {
		rec, err := workingToken(c, p, id)
		if err != nil {
			return err
		}
		was := rec
		err = s.narrowToken(c, p, &rec, req)
		if err != nil {
			return err
		}
		rec.Narrowed = c.Now
		if err := saveToken(c, id, rec); err != nil {
			return err
		}
		if err := scheduleReminder(c, id, rec); err != nil {
			return err
		}
		c.Changed(ledger.KindToken, id)
		if err := auditRestricted(c, p, id, was, rec); err != nil {
			return err
		}
		out, err = s.viewToken(c, id)
		return err
	})
	if err == nil {
		s.log.InfoContext(ctx, "token restricted", "token", id, "user", p.UserID)
	}
	return out, rev, err
}

// workingToken reads a token of p that is neither expired nor revoked.
func workingToken(c *ledger.Change, p ledger.Principal, id string) (tokenRecord, error) {
	rec, err := ownedToken(c, p, id)
	if err == nil && rec.state(c.Now) != StateActive {
		return rec, problem.New("", "token_over")
	}
	return rec, err
}

// ownedToken reads a token that p minted, for a change. The error for somebody else's is ErrNotFound; a job's token gives the
// problem "token_of_job", because nothing of it outlives the job.
func ownedToken(c *ledger.Change, p ledger.Principal, id string) (tokenRecord, error) {
	if err := c.Admit(p); err != nil {
		return tokenRecord{}, err
	}
	rec, err := readToken(c, id)
	if errors.Is(err, kv.ErrNotFound) || err == nil && rec.User != p.UserID {
		return tokenRecord{}, ledger.ErrNotFound
	}
	if err == nil && rec.Run != nil {
		return tokenRecord{}, problem.New("", "token_of_job")
	}
	return rec, err
}

// narrowToken applies a RestrictRequest to a record.
func (s *Service) narrowToken(c *ledger.Change, p ledger.Principal, rec *tokenRecord, req RestrictRequest) error {
	var ps problem.Problems
	was := *rec
	if len(req.Projects) > 0 {
		err := narrowProjects(c, &ps, p, rec, req.Projects)
		if err != nil {
			return err
		}
	}
	if end := req.Expires.UTC().Truncate(time.Second); !req.Expires.IsZero() {
		switch {
		case end.Unix() <= c.Now.Unix():
			ps.Add("expires", "expires_past")
		case !was.Expires.IsZero() && end.After(was.Expires):
			ps.Add("expires", "expires_wider", "end", was.Expires)
		}
		rec.Expires = end
	}
	narrowLimits(&ps, &rec.Limits, checkLimits(&ps, req.Limits))
	rec.Registers = rec.registers() && rec.Limits.allowsCreate()
	if len(ps) == 0 {
		s.checkSize(c, &ps, *rec)
	}
	if len(ps) == 0 && was.allowsSameAs(*rec) {
		ps.Add("", "restrict_nothing")
	}
	return ps.Err()
}

// narrowProjects keeps the named projects of a token. If the token is for all of its
// owner's projects, they become its projects.
func narrowProjects(c *ledger.Change, ps *problem.Problems, p ledger.Principal, rec *tokenRecord, names []string) error {
	if rec.Scope == ScopeAll {
		refs, err := checkScope(c, ps, p.UserID, MintRequest{Scope: ScopeChosen, Projects: names})
		rec.Scope, rec.Projects = ScopeChosen, refs
		return err
	}
	var kept []projects.Ref
	for _, name := range names {
		i := slices.IndexFunc(rec.Projects, func(r projects.Ref) bool { return r.Name == caveats.NormalizeProject(name) })
		if i < 0 {
			ps.Add("projects", "project_wider", "project", ledger.Excerpt(name))
			continue
		}
		kept = append(kept, rec.Projects[i])
	}
	slices.SortFunc(kept, func(a, b projects.Ref) int { return strings.Compare(a.Name, b.Name) })
	rec.Projects = slices.Compact(kept)
	return nil
}

// narrowLimits replaces the lists of l with the lists of to that are not empty. Each has
// to be within the list that it replaces.
func narrowLimits(ps *problem.Problems, l *Limits, to Limits) {
	l.Versions = within(ps, "versions", "version_wider", l.Versions, to.Versions, caveats.EqualVersions)
	l.Networks = within(ps, "networks", "network_wider", l.Networks, to.Networks, contains)
	l.Actions = within(ps, "actions", "action_wider", l.Actions, to.Actions, same)
}

func within(ps *problem.Problems, field, code string, was, to []string, covers func(was, to string) bool) []string {
	if len(to) == 0 {
		return was
	}
	for _, s := range to {
		if len(was) > 0 && !slices.ContainsFunc(was, func(w string) bool { return covers(w, s) }) {
			ps.Add(field, code, "value", s)
		}
	}
	return to
}

// contains reports whether network contains all of part; both are canonical.
func contains(network, part string) bool {
	n, err := netip.ParsePrefix(network)
	if err != nil {
		return false
	}
	m, err := netip.ParsePrefix(part)
	return err == nil && n.Bits() <= m.Bits() && n.Contains(m.Addr())
}

// allowsSameAs reports whether two records allow the same.
func (rec tokenRecord) allowsSameAs(o tokenRecord) bool {
	return rec.Scope == o.Scope && rec.Registers == o.Registers && slices.Equal(rec.Projects, o.Projects) && rec.Expires.Equal(o.Expires) &&
		slices.EqualFunc(rec.Limits.caveats(), o.Limits.caveats(), slices.Equal)
}

// auditRestricted writes the audit rows of a restriction, with what the token could do before.
func auditRestricted(c *ledger.Change, p ledger.Principal, id string, was, rec tokenRecord) error {
	detail := map[string]string{"was_expires": "never"}
	if !was.Expires.IsZero() {
		detail["was_expires"] = was.Expires.UTC().Format(time.RFC3339)
	}
	return auditNarrowed(c, p, id, was, rec, detail)
}

// auditNarrowed is auditToken for a token that reaches less than before. The trails of
// projects that it can no longer upload to get a row, too.
func auditNarrowed(c *ledger.Change, p ledger.Principal, id string, was, rec tokenRecord, detail map[string]string) error {
	var lost []projects.Ref
	for _, r := range was.Projects {
		if !slices.Contains(rec.Projects, r) {
			lost = append(lost, r)
		}
	}
	gone := rec
	gone.Projects = lost
	if err := auditProjects(c, p, "narrowed", id, gone, detail); err != nil {
		return err
	}
	return auditToken(c, p, "restricted", id, rec, detail)
}
