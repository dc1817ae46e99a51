package publishers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// burn notes that the ID token was used, for as long as it could be presented.
func (x *exchange) burn() error {
	if err := x.c.Put(markKey(x.v.Mark), nil); err != nil {
		return err
	}
	return x.c.Put(markEndKey(x.v.Expires.Add(markLife).Unix(), x.v.Mark[:]), nil)
}

// mint mints the token of the chosen publisher, and notes it with each whose project it is for.
func (x *exchange) mint(chosen stored, fits []stored, refs []projects.Ref) (Answer, error) {
	run := x.facts.run
	run.Publisher, run.Digests = chosen.id, x.req.Digests
	var limits tokens.Limits
	if rule := chosen.rec.Rules.Tag; rule != "" {
		version, _ := versionOf(rule, x.facts.text(refClaim[x.facts.kind]))
		limits.Versions = []string{version}
	}
	if chosen.rec.Rules.Network {
		if !x.req.From.IsValid() {
			return Answer{}, &Refused{Code: CodePublisher, Detail: "the publisher limits tokens to the network of the job, and its address is not known"}
		}
		from := x.req.From.Unmap()
		limits.Networks = []string{netip.PrefixFrom(from, from.BitLen()).String()}
	}
	minted, err := x.s.tokens.Runs.Mint(x.c, tokens.RunRequest{
		User: chosen.rec.User, Projects: refs, Label: strings.TrimSpace(run.Repository + " " + run.Ref), Limits: limits, Run: run, Actor: x.req.Actor,
	})
	if err != nil {
		return Answer{}, err
	}
	for _, one := range fits {
		if !slices.ContainsFunc(refs, func(r projects.Ref) bool { return r.ID == one.rec.Project }) {
			continue
		}
		if err := x.note(one, minted.Token); err != nil {
			return Answer{}, err
		}
	}
	return Answer{Text: minted.Text, Token: minted.Token}, nil
}

// note records a token with a publisher: that it works, that the publisher was used, and what to tell the owners.
func (x *exchange) note(one stored, t tokens.Token) error {
	working, err := x.working(one.id)
	if err != nil {
		return err
	}
	if working >= maxRuns {
		return &TooBusyError{RetryAfter: time.Minute, why: fmt.Sprintf("%d tokens of this publisher work at this moment", working)}
	}
	if err := x.c.Put(runKey(one.id, t.ID), fmt.Append(nil, t.Expires.Unix())); err != nil {
		return err
	}
	rec, first := one.rec, one.rec.Used.IsZero()
	rec.Used = x.c.Now
	if rec.Uploaded.IsZero() {
		rec.Fruitless++
	}
	if rec.Pins == nil {
		rec.Pins = map[string]string{}
	}
	for claim, v := range x.facts.pins {
		if rec.Pins[claim] == "" {
			rec.Pins[claim] = v
		}
	}
	env := x.facts.run.Environment
	unexpected := env != "" && rec.Rules.Environment == "" && rec.Rules.Kind != idtoken.KindGeneric && !slices.Contains(rec.Environments, env) && len(rec.Environments) < maxList
	if unexpected {
		rec.Environments = append(slices.Clone(rec.Environments), env)
	}
	if err := put(x.c, one.id, rec); err != nil {
		return err
	}
	proj, err := projects.Read(x.c, rec.Project)
	if err != nil {
		return err
	}
	p := ledger.Principal{Actor: x.req.Actor}
	if first {
		if err := notifyOwners(x.c, p, notices.PublisherFirstUsed, proj, rec, ""); err != nil {
			return err
		}
	}
	if unexpected {
		return notifyOwners(x.c, p, notices.PublisherEnvironment, proj, rec, env)
	}
	return nil
}

// working counts the tokens of a publisher that work, and forgets others.
func (x *exchange) working(id string) (n int, err error) {
	runs, err := x.c.Scan(runsPrefix(id), nil, maxScanned, false)
	if err != nil {
		return 0, err
	}
	for _, run := range runs {
		end, err := strconv.ParseInt(string(run.Value), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("publishers: the entry %q is damaged: %w", run.Key, err)
		}
		if end > x.c.Now.Unix() {
			n++
		} else if err := x.c.Delete(run.Key); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// named reports whether a publisher names an issuer.
func (s *Service) named(ctx context.Context, url string) (there bool, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		pairs, err := r.Scan(issuerPrefix(url), nil, 1, false)
		there = len(pairs) > 0
		return err
	})
	return there, err
}
