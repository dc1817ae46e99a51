package publishers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// Codes of refusals, beside those of package idtoken. Clients of PyPI know them.
const (
	CodePublisher = "invalid-publisher"         // no publisher fits the token
	CodePending   = "invalid-pending-publisher" // a pending one fits, and its project exists
	CodeReused    = "invalid-reuse-token"       // the token was presented before
)

// Refused says why an ID token got no upload token, to whoever holds it.
type Refused struct {
	Code        string
	Detail      string       // sentences
	Differences []Difference // from the publisher that comes closest
}

func (r *Refused) Error() string { return "publishers: " + r.Code + ": " + r.Detail }

// Request asks for an upload token.
type Request struct {
	IDToken string
	Digests []string   // SHA-256, in lower-case hex, of the files that the token is for; none: of any
	From    netip.Addr // of the client; zero: unknown
	Actor   audit.Actor
}

// Answer is an upload token for a job.
type Answer struct {
	Text     string // the secret
	Token    tokens.Token
	Revision uint64 // a verifier that has applied it knows the token
}

// Exchange mints an upload token for the job that an ID token is of. The token is for the projects of the publisher, and of others that fit, for
// which the same owner vouches; its version comes from the tag where the publisher says so.
//
// Errors are *idtoken.Refusal, *Refused, *TooBusyError, problem.Problems about the digests, or idtoken.ErrUnavailable; others are faults of the store. An ID token that
// gets no upload token is not used up.
func (s *Service) Exchange(ctx context.Context, req Request) (Answer, error) {
	if err := s.busy.take("net", network(req.From), maxPerNetwork, s.clock()); err != nil {
		return Answer{}, err
	}
	if err := s.loadIssuers(ctx); err != nil {
		return Answer{}, err
	}
	v, err := s.idtokens.Verify(ctx, req.IDToken, s.audience, func(url string) (bool, error) { return s.named(ctx, url) })
	if err != nil {
		return Answer{}, err
	}
	f := factsOf(v)
	if err := s.busy.take("repository", f.issuer+" "+f.run.Repository, maxPerRepository, s.clock()); err != nil {
		return Answer{}, err
	}
	var out Answer
	var x exchange
	rev, err := s.ledger.Update(ctx, func(c *ledger.Change) (err error) {
		x = exchange{s: s, c: c, req: req, facts: &f, v: v}
		out, err = x.run()
		return err
	})
	var no *Refused
	switch {
	case errors.As(err, &no):
		s.refused(ctx, x.closest, no, f.run)
		return Answer{}, err
	case err != nil:
		return Answer{}, err
	}
	out.Revision = rev
	s.log.InfoContext(ctx, "token minted for a job", "token", out.Token.ID, "publisher", out.Token.Run.Publisher, "repository", f.run.Repository)
	return out, nil
}

// exchange is one exchange in its transaction.
type exchange struct {
	s     *Service
	c     *ledger.Change
	req   Request
	facts *facts
	v     idtoken.Verified

	closest string // id of the publisher that a refused token is closest to; "": none
}

func (x *exchange) run() (Answer, error) {
	used, err := kv.Exists(x.c, string(markKey(x.v.Mark)))
	if err != nil {
		return Answer{}, err
	}
	if used {
		return Answer{}, &Refused{Code: CodeReused, Detail: "this ID token was exchanged before: each one is good for one upload token; let the job ask for another"}
	}
	fits, err := x.candidates()
	if err != nil {
		return Answer{}, err
	}
	chosen := fits[0]
	if chosen.rec.Project == "" {
		chosen, err = x.register(chosen)
		if err != nil {
			return Answer{}, err
		}
		fits = []stored{chosen}
	}
	refs, err := x.projects(chosen, fits)
	if err != nil {
		return Answer{}, err
	}
	if err := x.burn(); err != nil {
		return Answer{}, err
	}
	return x.mint(chosen, fits, refs)
}

// candidates returns the publishers that the token fits and for which one owner vouches, the most specific one first: pending ones before others.
func (x *exchange) candidates() ([]stored, error) {
	var fits []stored
	var nearest []Difference
	seen := map[string]bool{}
	for _, l := range x.facts.lookups {
		found, err := readAll(x.c, atPrefix(l))
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			if seen[one.id] || one.rec.Project == "" && !x.c.Now.Before(one.rec.Until) {
				continue
			}
			seen[one.id] = true
			diff := one.rec.compare(x.facts)
			if len(diff) == 0 {
				fits = append(fits, one)
			} else if nearest == nil || len(diff) < len(nearest) {
				nearest, x.closest = diff, one.id
			}
		}
	}
	if len(fits) == 0 {
		return nil, noPublisher(x.facts, nearest)
	}
	x.closest = ""
	return ofOneOwner(fits), nil
}

// ofOneOwner returns those of the publishers for which one owner vouches, the most specific one first.
//
// A token belongs to one owner, and anybody can add a publisher that names another's repository to a project of their own. So that nobody
// keeps others from publishing in that way, the owner counts to whose projects such jobs did upload; while there is none, the one
// whose publishers were tried least often, so that a token that was of no use is followed by one of the next owner.
func ofOneOwner(fits []stored) []stored {
	type trust struct {
		uploaded  bool
		fruitless int
		added     time.Time
	}
	by := map[string]trust{}
	for _, one := range fits {
		t, there := by[one.rec.User]
		t.uploaded = t.uploaded || !one.rec.Uploaded.IsZero()
		t.fruitless += one.rec.Fruitless
		if !there || one.rec.Added.Before(t.added) {
			t.added = one.rec.Added
		}
		by[one.rec.User] = t
	}
	best := slices.MinFunc(slices.Collect(maps.Keys(by)), func(a, b string) int {
		s, t := by[a], by[b]
		if s.uploaded != t.uploaded {
			if s.uploaded {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(s.fruitless, t.fruitless), s.added.Compare(t.added), strings.Compare(a, b))
	})
	out := slices.DeleteFunc(fits, func(one stored) bool { return one.rec.User != best })
	slices.SortStableFunc(out, func(a, b stored) int {
		return cmp.Or(-cmp.Compare(a.rec.rank(), b.rec.rank()), a.rec.Added.Compare(b.rec.Added), strings.Compare(a.id, b.id))
	})
	return out
}

// rank is how specific a publisher is.
func (rec record) rank() (n int) {
	r := rec.Rules
	for _, set := range []bool{r.Workflow != "", r.Called != "", len(r.Refs) > 0, r.Protected, len(r.Events) > 0, r.Runner != "", r.Tag != "", r.Network} {
		if set {
			n++
		}
	}
	n += len(r.Claims)
	if r.Environment != "" {
		n += 100
	}
	if rec.Project == "" {
		n += 1000
	}
	return n
}

// noPublisher says what differs from the publisher that comes closest.
func noPublisher(f *facts, diff []Difference) *Refused {
	if len(diff) == 0 {
		return &Refused{Code: CodePublisher, Detail: fmt.Sprintf("no project here has a publisher for %s of %s: an owner adds one on the project's page, under Publishers",
			cmp.Or(f.run.Repository, "this job"), f.issuer)}
	}
	parts := make([]string, len(diff))
	for i, d := range diff {
		parts[i] = d.String()
	}
	return &Refused{Code: CodePublisher, Differences: diff, Detail: "the publisher that comes closest does not fit: " + strings.Join(parts, "; ")}
}

// String says what differs: `environment: expected "release", got none`.
func (d Difference) String() string {
	got := fmt.Sprintf("%q", d.Got)
	if d.Absent {
		got = "none"
	}
	return fmt.Sprintf("%s: expected %q, got %s", d.Claim, d.Expected, got)
}

// register registers the project of a pending publisher, which is the project's from then on.
func (x *exchange) register(one stored) (stored, error) {
	taken, err := projects.IDOf(x.c, caveats.NormalizeProject(one.rec.Pending))
	if err != nil {
		return one, err
	}
	if taken != "" {
		x.closest = one.id
		return one, &Refused{Code: CodePending, Detail: fmt.Sprintf("the project %s was registered meanwhile: its owners can add a publisher, and the pending one ends", one.rec.Pending)}
	}
	u, err := ledger.ReadUser(x.c, one.rec.User)
	if err != nil {
		return one, err
	}
	if u.Frozen {
		return one, &Refused{Code: CodePublisher, Detail: "the account that added the pending publisher is frozen"}
	}
	p := ledger.Principal{UserID: one.rec.User, Username: u.Name, Actor: x.req.Actor}
	ref, err := x.s.projects.Register(x.c, p, one.rec.Pending, nil)
	var ps problem.Problems
	if errors.As(err, &ps) {
		return one, &Refused{Code: CodePending, Detail: "the project " + one.rec.Pending + " can't be registered: " + ps.Error()}
	}
	if err != nil {
		return one, err
	}
	one.rec.Project, one.rec.Pending, one.rec.Until = ref.ID, "", time.Time{}
	if err := put(x.c, one.id, one.rec); err != nil {
		return one, err
	}
	return one, auditPublisher(x.c, ledger.Principal{Actor: x.req.Actor}, "added", one.id, one.rec, nil)
}

// projects returns the projects that the token is for: that of the chosen publisher, and those of others that fit and narrow the token
// alike, if the same owner vouches for them. It checks that this is an owner of each.
func (x *exchange) projects(chosen stored, fits []stored) (refs []projects.Ref, err error) {
	for _, one := range fits {
		same := one.rec.Project != "" && one.rec.Rules.Tag == chosen.rec.Rules.Tag && one.rec.Rules.Network == chosen.rec.Rules.Network
		if !same || len(refs) == tokens.MaxTokenProjects {
			continue
		}
		proj, err := projects.Read(x.c, one.rec.Project)
		if err != nil {
			return nil, err
		}
		why, err := x.stopped(one, proj)
		switch {
		case err != nil:
			return nil, err
		case why != "" && one.id == chosen.id:
			x.closest = one.id
			return nil, &Refused{Code: CodePublisher, Detail: why}
		case why == "":
			refs = append(refs, projects.Ref{ID: proj.ID, Name: proj.Normalized})
		}
	}
	return refs, nil
}

// stopped says why nothing is minted for a publisher that fits; "" if nothing is in the way.
func (x *exchange) stopped(one stored, proj projects.Record) (why string, err error) {
	u, err := ledger.ReadUser(x.c, one.rec.User)
	m := proj.Members[one.rec.User]
	switch {
	case err != nil:
		return "", err
	case !proj.Deleted.IsZero():
		return "the project was deleted", nil
	case proj.Quarantined.Set():
		return "the project " + proj.Name + " is quarantined: it takes no uploads", nil
	case !proj.Archived.IsZero():
		return "the project " + proj.Name + " is archived: it takes no uploads", nil
	case m.Role != projects.RoleOwner:
		return fmt.Sprintf("%s, who vouched for the publisher, is no owner of %s any more: another owner has to vouch for it on the project's page", u.Name, proj.Name), nil
	case u.Frozen:
		return fmt.Sprintf("the account %s, which vouched for the publisher, is frozen: another owner of %s has to vouch for it on the project's page", u.Name, proj.Name), nil
	case !m.MayUpload():
		return fmt.Sprintf("tokens of %s, who vouched for the publisher, are shut out of %s", u.Name, proj.Name), nil
	}
	return "", nil
}
