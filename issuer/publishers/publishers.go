package publishers

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Publisher is a publisher as members of its project see it.
type Publisher struct {
	ID       string
	Pending  string // name of the project that it will register; "" for one of a project
	Rules    Rules
	Pins     []Pin  // the ids behind its names, since its first use
	AddedBy  string // name of the owner who vouches for it
	Added    time.Time
	Until    time.Time // when a pending one ends
	Used     time.Time // zero: not used yet
	Uploaded time.Time // last upload with one of its tokens; zero: none
	Working  int       // its tokens that work now: they end with it
	Stopped  bool      // whoever vouches for it is no owner of the project any more, so nothing is minted
	Unknown  bool      // its issuer is not known any more, so nothing is minted

	Refusals []Refusal // of the last RefusalDays days, newest first; for owners only
}

// Pin is an id that a publisher's jobs have to have.
type Pin struct {
	Claim string // name in the token: "repository_id"
	Value string
}

// record is a publisher in the store.
type record struct {
	Project      string            `json:"project,omitempty"` // id
	Pending      string            `json:"pending,omitempty"` // name to register, as it was typed; instead of Project
	Rules        Rules             `json:"rules"`
	Pins         map[string]string `json:"pins,omitempty"` // values of claims, since the first use
	User         string            `json:"user"`           // id of the owner who vouches for it
	Added        time.Time         `json:"added"`
	Until        time.Time         `json:"until,omitzero"`
	Used         time.Time         `json:"used,omitzero"`
	Uploaded     time.Time         `json:"uploaded,omitzero"`      // last upload with one of its tokens
	Fruitless    int               `json:"fruitless,omitempty"`    // tokens minted while nothing was uploaded yet
	Reminded     bool              `json:"reminded,omitempty"`     // of Until
	Environments []string          `json:"environments,omitempty"` // that jobs named although it asks for none; owners were told
}

// Add adds a publisher to a project; only its owners may, and p vouches for it. The fields of problems are those of Rules, in lower case, and
// "issuer". An equal publisher of the project gives "publisher_exists" with no field.
func (s *Service) Add(ctx context.Context, p ledger.Principal, project string, rules Rules) (Publisher, error) {
	rules, id, err := s.checked(ctx, rules)
	if err != nil {
		return Publisher{}, err
	}
	var out Publisher
	_, err = s.projects.Manage(ctx, p, project, func(c *ledger.Change, proj projects.Record) error {
		rec := record{Project: proj.ID, Rules: rules, User: p.UserID, Added: c.Now}
		if err := checkRoom(c, rec); err != nil {
			return err
		}
		if err := put(c, id, rec); err != nil {
			return err
		}
		if err := notifyOwners(c, p, notices.PublisherAdded, proj, rec, ""); err != nil {
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

// checked returns rules in their canonical form, and an id for their publisher.
func (s *Service) checked(ctx context.Context, rules Rules) (Rules, string, error) {
	if err := s.loadIssuers(ctx); err != nil {
		return rules, "", err
	}
	issuer, ok := s.idtokens.Issuer(strings.TrimSpace(rules.Issuer))
	if !ok {
		return rules, "", problem.New("issuer", "publisher_issuer_unknown", "issuer", ledger.Excerpt(rules.Issuer))
	}
	var ps problem.Problems
	rules = rules.check(&ps, issuer)
	if err := ps.Err(); err != nil {
		return rules, "", err
	}
	id, err := s.ledger.NewID()
	return rules, id, err
}

// warm fetches the keys of an issuer, so that the first token does not wait for it.
func (s *Service) warm(issuer string) {
	go s.idtokens.Refresh(context.Background(), s.namedOr(context.Background(), issuer))
}

// checkRoom returns a problem if the project has too many publishers, or an equal one.
func checkRoom(c *ledger.Change, rec record) error {
	have, err := ofProject(c, rec.Project)
	if err != nil {
		return err
	}
	if len(have) >= MaxPublishers {
		return problem.New("", "too_many_publishers", "max", MaxPublishers)
	}
	for _, h := range have {
		if h.rec.Rules.equal(rec.Rules) {
			return problem.New("", "publisher_exists")
		}
	}
	return checkShare(c, rec)
}

// checkShare returns a problem if too many publishers name the repository already (maxCandidates), or too many of this owner (maxOfOwner).
func checkShare(c *ledger.Change, rec record) error {
	at, err := readAll(c, atPrefix(rec.lookups()[0]))
	if err != nil {
		return err
	}
	own := 0
	for _, one := range at {
		if one.rec.User == rec.User {
			own++
		}
	}
	switch {
	case own >= maxOfOwner:
		return problem.New("", "too_many_publishers_of_yours", "max", maxOfOwner)
	case len(at) >= maxCandidates:
		return problem.New("", "too_many_publishers", "max", maxCandidates)
	}
	return nil
}

// equal compares by the stored form.
func (in Rules) equal(o Rules) bool {
	a, aerr := json.Marshal(in)
	b, berr := json.Marshal(o)
	return aerr == nil && berr == nil && string(a) == string(b)
}

// drop deletes a publisher, and ends its tokens.
func (s *Service) drop(c *ledger.Change, p ledger.Principal, id string, rec record, why string) error {
	if err := s.endRuns(c, p, id, why); err != nil {
		return err
	}
	if err := unindex(c, id, rec); err != nil {
		return err
	}
	if err := c.Delete([]byte(refusalKey(id))); err != nil {
		return err
	}
	return c.Delete([]byte(publisherKey(id)))
}

// endRuns ends the tokens of a publisher that still work.
func (s *Service) endRuns(c *ledger.Change, p ledger.Principal, id, why string) error {
	runs, err := c.Scan(runsPrefix(id), nil, maxScanned, false)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := s.tokens.Runs.End(c, p, string(run.Key[len(runsPrefix(id)):]), why); err != nil {
			return err
		}
		if err := c.Delete(run.Key); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes a publisher of a project; only the project's owners may. Its tokens end at once: a verifier that has applied the returned
// revision refuses them. The error is ledger.ErrNotFound if the project has no such publisher.
func (s *Service) Remove(ctx context.Context, p ledger.Principal, project, id string) (uint64, error) {
	return s.manage(ctx, p, project, id, func(c *ledger.Change, proj projects.Record, rec record) error {
		if err := s.drop(c, p, id, rec, "because its publisher was removed"); err != nil {
			return err
		}
		if err := notifyOwners(c, p, notices.PublisherRemoved, proj, rec, ""); err != nil {
			return err
		}
		return auditPublisher(c, p, "removed", id, rec, nil)
	})
}

// manage runs fn on a publisher of a project that p owns.
func (s *Service) manage(ctx context.Context, p ledger.Principal, project, id string, fn func(*ledger.Change, projects.Record, record) error) (uint64, error) {
	return s.projects.Manage(ctx, p, project, func(c *ledger.Change, proj projects.Record) error {
		rec, err := read(c, id)
		if err == nil && rec.Project != proj.ID {
			err = ledger.ErrNotFound
		}
		if err != nil {
			return err
		}
		return fn(c, proj, rec)
	})
}

// Vouch makes p, an owner of the project, vouch for a publisher: the tokens of its jobs belong to p from now on. The error is
// ledger.ErrNotFound if the project has no such publisher.
func (s *Service) Vouch(ctx context.Context, p ledger.Principal, project, id string) error {
	_, err := s.manage(ctx, p, project, id, func(c *ledger.Change, proj projects.Record, rec record) error {
		if rec.User == p.UserID {
			return nil
		}
		rec.User = p.UserID
		if err := put(c, id, rec); err != nil {
			return err
		}
		if err := notifyOwners(c, p, notices.PublisherAdded, proj, rec, ""); err != nil {
			return err
		}
		return auditPublisher(c, p, "vouched", id, rec, nil)
	})
	return err
}

// List lists the publishers of a project, the oldest first, to its members and to administrators.
func (s *Service) List(ctx context.Context, p ledger.Principal, project string) (out []Publisher, err error) {
	if err := s.loadIssuers(ctx); err != nil {
		return nil, err
	}
	now := s.clock()
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		out = nil
		proj, err := projects.VisibleTo(r, p, project)
		if err != nil {
			return err
		}
		all, err := ofProject(r, proj.ID)
		if err != nil {
			return err
		}
		for _, one := range all {
			v, err := s.view(r, one)
			if err != nil {
				return err
			}
			v.Working, err = working(r, one.id, now)
			if err != nil {
				return err
			}
			v.Stopped = proj.Members[one.rec.User].Role != projects.RoleOwner
			if p.Admin || proj.Members[p.UserID].Role == projects.RoleOwner {
				v.Refusals, err = readRefusals(r, one.id, now)
				if err != nil {
					return err
				}
			}
			out = append(out, v)
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Publisher) int { return cmp.Or(a.Added.Compare(b.Added), strings.Compare(a.ID, b.ID)) })
	return out, err
}

// view shows a publisher, with the issuers that loadIssuers found.
func (s *Service) view(r kv.Reader, one stored) (Publisher, error) {
	rec := one.rec
	u, err := ledger.ReadUser(r, rec.User)
	_, known := s.idtokens.Issuer(rec.Rules.Issuer)
	out := Publisher{
		ID: one.id, Unknown: !known, Pending: rec.Pending, Rules: rec.Rules, AddedBy: u.Name, Added: rec.Added, Until: rec.Until, Used: rec.Used, Uploaded: rec.Uploaded,
	}
	for _, claim := range slices.Sorted(maps.Keys(rec.Pins)) {
		out.Pins = append(out.Pins, Pin{claim, rec.Pins[claim]})
	}
	return out, err
}

// working counts the tokens of a publisher that work.
func working(r kv.Reader, id string, now time.Time) (n int, err error) {
	runs, err := r.Scan(runsPrefix(id), nil, maxScanned, false)
	for _, run := range runs {
		end, bad := strconv.ParseInt(string(run.Value), 10, 64)
		if bad == nil && end > now.Unix() {
			n++
		}
	}
	return n, err
}

// projectChanged follows what happens to a project: publishers of a deleted one go, and the tokens of publishers for which no owner
// vouches any more end.
func (s *Service) projectChanged(c *ledger.Change, project string) error {
	all, err := ofProject(c, project)
	if err != nil || len(all) == 0 {
		return err
	}
	proj, err := projects.Read(c, project)
	if err != nil {
		return err
	}
	for _, one := range all {
		switch {
		case !proj.Deleted.IsZero():
			err = s.drop(c, ledger.Principal{}, one.id, one.rec, "because its project was deleted")
		case proj.Members[one.rec.User].Role != projects.RoleOwner:
			err = s.endRuns(c, ledger.Principal{}, one.id, "because who vouched for its publisher is no owner of the project any more")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// notifyOwners sends a notice about a publisher to the owners of its project.
func notifyOwners(c *ledger.Change, p ledger.Principal, kind notices.Kind, proj projects.Record, rec record, environment string) error {
	for _, id := range slices.Sorted(maps.Keys(proj.Members)) {
		if proj.Members[id].Role != projects.RoleOwner {
			continue
		}
		d := notices.Details{Project: proj.Name, Label: rec.Rules.Title(), Reason: environment}
		if err := c.Notify(p, kind, id, d); err != nil {
			return err
		}
	}
	return nil
}

// auditPublisher writes the row "project.publisher_<what>", or "publisher.pending_<what>" for a pending one.
func auditPublisher(c *ledger.Change, p ledger.Principal, what, id string, rec record, detail map[string]string) error {
	out := rec.Rules.detail()
	out["publisher"] = id
	for k, v := range detail {
		out[k] = v
	}
	if rec.Project == "" {
		out["name"] = rec.Pending
		return c.Audit(p, audit.Event{Kind: "publisher.pending_" + what, Account: rec.User, Detail: out})
	}
	return c.Audit(p, audit.Event{Kind: "project.publisher_" + what, Project: rec.Project, Detail: out})
}

// Title names what the rules are about: "octo/demo, release.yml".
func (in Rules) Title() string {
	what := in.Repository
	if len(in.Claims) > 0 {
		what = in.Claims[0].Claim + " = " + in.Claims[0].Values[0]
	}
	for _, s := range []string{in.Workflow, in.Called, in.Environment} {
		if s != "" {
			what += ", " + s
		}
	}
	return what
}

// detail returns what audit rows say of the rules.
func (in Rules) detail() map[string]string {
	out := map[string]string{"title": in.Title(), "issuer": in.Issuer}
	for name, v := range map[string]string{
		"repository": in.Repository, "workflow": in.Workflow, "called": in.Called, "environment": in.Environment, "refs": strings.Join(in.Refs, ", "),
		"events": strings.Join(in.Events, ", "), "runner": in.Runner, "tag": in.Tag,
	} {
		if v != "" {
			out[name] = v
		}
	}
	if in.Protected {
		out["protected"] = "yes"
	}
	if in.Network {
		out["network"] = "yes"
	}
	var claims []string
	for _, c := range in.Claims {
		claims = append(claims, c.Claim+" = "+strings.Join(c.Values, " or "))
	}
	if len(claims) > 0 {
		out["claims"] = strings.Join(claims, "; ")
	}
	return out
}
