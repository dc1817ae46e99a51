package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/publishers"
	"github.com/rind-dev/rind/ui"
)

// newPage shows the two steps of adding a publisher: choosing the CI system, by the address of a repository or by itself, and the form for it.
func (s *publisherServer) newPage(v *visit, status int, l ui.Layout) error {
	page := ui.PublisherNewPage{Layout: l, Life: pendingDays}
	if v.Param("name") != "" {
		p, err := s.owned(v)
		if err != nil {
			return err
		}
		page.Project = p.Name
	}
	all, err := s.publishers.Issuers(v.Request().Context())
	if err != nil {
		return err
	}
	for _, i := range all {
		page.Issuers = append(page.Issuers, ui.IssuerChoice{URL: i.URL, Kind: string(i.Kind), Name: i.Name})
	}
	switch from := v.QueryParam("from"); {
	case v.form != nil:
		showTyped(v, &page, all)
	case v.QueryParams().Has("from"):
		page.From = from
		rules, err := s.publishers.FromAddress(v.Request().Context(), from)
		var ps problem.Problems
		if errors.As(err, &ps) {
			page.Layout, status = v.layoutWith(ps), http.StatusUnprocessableEntity
			break
		}
		if err != nil {
			return err
		}
		begin(&page, all, rules)
	default:
		begin(&page, all, publishers.Rules{Issuer: v.QueryParam("issuer")})
	}
	return v.render(status, page)
}

// begin begins the second step with rules, unless nobody knows their issuer.
func begin(page *ui.PublisherNewPage, all []idtoken.Issuer, rules publishers.Rules) {
	i, ok := choice(all, rules.Issuer)
	if !ok {
		return
	}
	rules.Kind = i.Kind
	if rules.Workflow == "" && i.Kind == idtoken.KindGitLab {
		rules.Workflow = ".gitlab-ci.yml"
	}
	page.Second, page.Rules = true, rulesRow(rules)
}

// choice returns the issuer that a form names. CircleCI's names no organization there.
func choice(all []idtoken.Issuer, url string) (idtoken.Issuer, bool) {
	n := slices.IndexFunc(all, func(i idtoken.Issuer) bool { return i.URL == url })
	if n < 0 {
		return idtoken.Issuer{}, false
	}
	return all[n], true
}

// showTyped shows what was typed in the second step.
func showTyped(v *visit, page *ui.PublisherNewPage, all []idtoken.Issuer) {
	f := v.form
	begin(page, all, publishers.Rules{
		Issuer: f.Get("issuer"), Repository: f.Get("repository"), Workflow: f.Get("workflow"), Called: f.Get("called"), Environment: f.Get("environment"),
		Runner: f.Get("runner"), Tag: f.Get("tag"), Protected: f.Get("protected") == "yes", Network: f.Get("network") == "yes",
	})
	page.Rules.Workflow = f.Get("workflow") // no default
	page.Name, page.CircleCI, page.Refs, page.Events, page.Claims = f.Get("name"), f.Get("organization"), f.Get("refs"), f.Get("events"), f.Get("claims")
}

// rules reads the form of the second step.
func (s *publisherServer) rules(v *visit) (publishers.Rules, error) {
	f := v.form
	r := publishers.Rules{
		Issuer: f.Get("issuer"), Repository: f.Get("repository"), Workflow: f.Get("workflow"), Called: f.Get("called"), Environment: f.Get("environment"),
		Refs: lines(f.Get("refs")), Events: lines(f.Get("events")), Runner: f.Get("runner"), Tag: f.Get("tag"),
		Protected: f.Get("protected") == "yes", Network: f.Get("network") == "yes",
	}
	all, err := s.publishers.Issuers(v.Request().Context())
	if err != nil {
		return r, err
	}
	i, ok := choice(all, r.Issuer)
	if !ok {
		return r, problem.New("", "publisher_issuer_unknown", "issuer", ledger.Excerpt(r.Issuer))
	}
	if i.PerOrganization() {
		one, ok := i.OfOrganization(strings.TrimSpace(f.Get("organization")))
		if !ok {
			return r, problem.New("organization", "publisher_organization")
		}
		r.Issuer = one.URL
	}
	r.Claims, err = claimRules(lines(f.Get("claims")))
	return r, err
}

// lines splits a text into lines, without white space around them and without empty ones.
func lines(s string) (out []string) {
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line != "" {
			out = append(out, line)
		}
	}
	return out
}

// claimRules reads rules about claims: "claim = value". Lines with the same claim are one rule with several values.
func claimRules(in []string) (out []publishers.ClaimRule, err error) {
	for _, line := range in {
		claim, value, ok := strings.Cut(line, "=")
		claim, value = strings.TrimSpace(claim), strings.TrimSpace(value)
		if !ok || claim == "" || value == "" {
			return nil, problem.New("claims", "publisher_claims_form", "line", ledger.Excerpt(line))
		}
		n := slices.IndexFunc(out, func(r publishers.ClaimRule) bool { return r.Claim == claim })
		if n < 0 {
			n, out = len(out), append(out, publishers.ClaimRule{Claim: claim})
		}
		out[n].Values = append(out[n].Values, value)
	}
	return out, nil
}

// added is the notice after a publisher was added.
func added(r publishers.Rules) string {
	if r.Kind == idtoken.KindGitHub || r.Kind == idtoken.KindGitLab {
		return "publisher_added"
	}
	return "publisher_added_plain"
}

func (s *publisherServer) add(v *visit) error {
	p, err := s.owned(v)
	if err != nil {
		return err
	}
	rules, err := s.rules(v)
	if err != nil {
		return err
	}
	one, err := s.publishers.Add(v.Request().Context(), v.principal(), p.Name, rules)
	if err != nil {
		return err
	}
	return v.done(added(one.Rules), p.Name, one.ID)
}

func (s *publisherServer) addPending(v *visit) error {
	rules, err := s.rules(v)
	if err != nil {
		return err
	}
	one, err := s.publishers.AddPending(v.Request().Context(), v.principal(), v.form.Get("name"), rules)
	if err != nil {
		return err
	}
	return v.done(added(one.Rules), one.ID)
}
