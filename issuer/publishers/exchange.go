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

// Refused is the error for an ID token that gets no upload token. Its text is for whoever holds the token.
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

// Exchange mints an upload token for the job that an ID token describes. The token works for tokens.RunLife. It is for the project of the
// publisher that fits best, and for those of others that fit, if the same owner vouches for them and their rules Tag and Network are the
// same; at most tokens.MaxTokenProjects. If the publisher has the rule Tag, the token uploads only the version in the name of the tag.
//
// Errors are *idtoken.Refusal, *Refused, *TooBusyError, problem.Problems about the digests, or idtoken.ErrUnavailable; others are faults of
// the store. An ID token that gets no upload token is not used up.
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
	x := exchange{s: s, req: req, facts: &f, v: v}
	err = s.store.View(ctx, func(r kv.Reader) error {
		_, err := x.decide(r, s.clock())
		return err
	})
	var no *Refused
	if errors.As(err, &no) && no.Code == CodeReused { // it counts for the network alone: whoever finds an old token keeps nobody from publishing
		return Answer{}, err
	}
	if busy := s.busy.take("repository", f.issuer+" "+f.run.Repository, maxPerRepository, s.clock()); busy != nil {
		return Answer{}, busy
	}
	var out Answer
	if err == nil {
		var revision uint64
		revision, err = s.ledger.Update(ctx, func(c *ledger.Change) (err error) {
			out, err = x.run(c)
			return err
		})
		out.Revision = revision
	}
	if errors.As(err, &no) {
		s.refused(ctx, x.told, f.run)
	}
	if err != nil {
		return Answer{}, err
	}
	s.log.InfoContext(ctx, "token minted for a job", "token", out.Token.ID, "publisher", out.Token.Run.Publisher, "repository", f.run.Repository)
	return out, nil
}

// exchange is one exchange. It is decided twice: in a View, so that the refusal of a token doesn't wait for the transactions of others, and
// again in the transaction that mints.
type exchange struct {
	s     *Service
	c     *ledger.Change // of the transaction that mints
	req   Request
	facts *facts
	v     idtoken.Verified

	told []told // publishers whose owners see that the token was refused
}

// told is a refusal as the owners of one publisher see it.
type told struct {
	id string // of the publisher
	no *Refused
}

// decision is which publisher a token is minted for.
type decision struct {
	chosen stored
	fits   []stored       // chosen, and others that fit
	refs   []projects.Ref // the projects that the token is for; none yet for a pending publisher
}

func (x *exchange) run(c *ledger.Change) (Answer, error) {
	x.c = c
	d, err := x.decide(c, c.Now)
	if err != nil {
		return Answer{}, err
	}
	if d.chosen.rec.Project == "" {
		d, err = x.register(d.chosen)
		if err != nil {
			return Answer{}, err
		}
	}
	if err := x.burn(); err != nil {
		return Answer{}, err
	}
	return x.mint(d.chosen, d.fits, d.refs)
}

// decide decides for which publisher a token is minted, or returns *Refused.
func (x *exchange) decide(r kv.Reader, now time.Time) (d decision, err error) {
	x.told = nil
	used, err := kv.Exists(r, string(markKey(x.v.Mark)))
	if err != nil {
		return d, err
	}
	if used {
		return d, &Refused{Code: CodeReused, Detail: "this ID token was exchanged before: each one is good for one upload token; let the job ask for another"}
	}
	d.fits, err = x.candidates(r, now)
	if err != nil {
		return d, err
	}
	d.chosen = d.fits[0]
	if d.chosen.rec.Project == "" {
		d.fits = d.fits[:1]
		return d, x.registrable(r, d.chosen)
	}
	d.refs, err = x.projects(r, d.chosen, d.fits)
	return d, err
}

// refuse refuses a token, and tells the owners of a publisher.
func (x *exchange) refuse(id, code, detail string) error {
	no := &Refused{Code: code, Detail: detail}
	x.told = []told{{id, no}}
	return no
}

// candidates returns the publishers that the token fits and for which one owner vouches, the most specific one first: pending ones before others.
func (x *exchange) candidates(r kv.Reader, now time.Time) ([]stored, error) {
	var fits []stored
	var near nearest
	seen := map[string]bool{}
	for _, l := range x.facts.lookups {
		found, err := readAll(r, atPrefix(l))
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			if seen[one.id] || one.rec.Project == "" && !now.Before(one.rec.Until) {
				continue
			}
			seen[one.id] = true
			diff := one.rec.compare(x.facts)
			if len(diff) == 0 {
				fits = append(fits, one)
			} else {
				near.add(one, diff)
			}
		}
	}
	if len(fits) == 0 {
		x.told = near.told(x.facts)
		return nil, noPublisher(x.facts, near.diff())
	}
	return ofOneOwner(fits), nil
}

// ofOneOwner returns those of the publishers for which one owner vouches, the most specific one first.
//
// A token belongs to one owner, and anybody can add a publisher that names somebody else's repository to a project of their own. So that
// this keeps nobody from publishing, an owner to whose projects such jobs have uploaded comes first. While there is none, the owner whose
// publishers got the fewest tokens comes first: if the job can't use one owner's token, its next token is of another owner.
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

// registrable refuses a token whose pending publisher can't register its project.
func (x *exchange) registrable(r kv.Reader, one stored) error {
	taken, err := projects.IDOf(r, caveats.NormalizeProject(one.rec.Pending))
	if err != nil {
		return err
	}
	if taken != "" {
		return x.refuse(one.id, CodePending, fmt.Sprintf("the project %s was registered meanwhile: its owners can add a publisher, and the pending one ends", one.rec.Pending))
	}
	u, err := ledger.ReadUser(r, one.rec.User)
	if err == nil && u.Frozen {
		err = &Refused{Code: CodePublisher, Detail: "the account that added the pending publisher is frozen"}
	}
	return err
}

// register registers the project of a pending publisher, which is the project's from then on.
func (x *exchange) register(one stored) (d decision, err error) {
	u, err := ledger.ReadUser(x.c, one.rec.User)
	if err != nil {
		return d, err
	}
	p := ledger.Principal{UserID: one.rec.User, Username: u.Name, Actor: x.req.Actor}
	ref, err := x.s.projects.Register(x.c, p, one.rec.Pending, nil)
	var ps problem.Problems
	if errors.As(err, &ps) {
		return d, &Refused{Code: CodePending, Detail: "the project " + one.rec.Pending + " can't be registered: " + ps.Error()}
	}
	if err != nil {
		return d, err
	}
	one.rec.Project, one.rec.Pending, one.rec.Until = ref.ID, "", time.Time{}
	if err := put(x.c, one.id, one.rec); err != nil {
		return d, err
	}
	d = decision{chosen: one, fits: []stored{one}}
	d.refs, err = x.projects(x.c, one, d.fits)
	if err != nil {
		return d, err
	}
	return d, auditPublisher(x.c, ledger.Principal{Actor: x.req.Actor}, "added", one.id, one.rec, nil)
}

// projects returns the projects that the token is for: that of the chosen publisher, and those of others that fit and narrow the token
// alike, if the same owner vouches for them. It checks that this is an owner of each.
func (x *exchange) projects(r kv.Reader, chosen stored, fits []stored) (refs []projects.Ref, err error) {
	for _, one := range fits {
		same := one.rec.Project != "" && one.rec.Rules.Tag == chosen.rec.Rules.Tag && one.rec.Rules.Network == chosen.rec.Rules.Network
		if !same || len(refs) == tokens.MaxTokenProjects {
			continue
		}
		proj, err := projects.Read(r, one.rec.Project)
		if err != nil {
			return nil, err
		}
		why, err := stopped(r, one, proj)
		switch {
		case err != nil:
			return nil, err
		case why != "" && one.id == chosen.id:
			return nil, x.refuse(one.id, CodePublisher, why)
		case why == "":
			refs = append(refs, projects.Ref{ID: proj.ID, Name: proj.Normalized})
		}
	}
	return refs, nil
}

// stopped says why nothing is minted for a publisher that fits; "" if nothing is in the way.
func stopped(r kv.Reader, one stored, proj projects.Record) (why string, err error) {
	u, err := ledger.ReadUser(r, one.rec.User)
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
