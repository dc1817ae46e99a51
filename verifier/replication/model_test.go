package replication_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// model is what an issuer was told, as simply as it can be written down.
type model struct {
	t       *rapid.T
	o       *origin
	rs      []*replica
	tokens  []*modelToken
	frozen  map[string]bool            // by user
	members map[string]map[string]bool // by project, then by user; alice made all of them
	none    map[string]bool            // projects that were deleted
	closed  map[string]bool            // projects that are archived
	n       int
}

type modelToken struct {
	text, owner, id string
	projects        []string // nil: whichever the owner has
	revoked         bool
}

var people = map[string]ledger.Principal{"alice": alice, "bob": bob}

// want is what a verifier answers that has heard of everything.
func (m *model) want(tok *modelToken, project string) string {
	if tok.revoked {
		return string(caveats.Revoked)
	}
	named := tok.projects == nil
	for _, p := range tok.projects {
		named = named || p == project
	}
	switch {
	case !named:
		return string(caveats.WrongProject)
	case m.frozen[tok.owner]:
		return string(caveats.UserFrozen)
	case !m.members[project][tok.owner]:
		return string(caveats.NotAMember)
	case m.closed[project]:
		return string(caveats.WrongProject)
	}
	return "allow"
}

// step does one thing to the issuer, or to the way to it.
func (m *model) step() {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			m.t.Fatal(err)
		}
	}
	who := rapid.SampledFrom([]string{"alice", "bob"}).Draw(m.t, "who")
	project := rapid.SampledFrom([]string{"demo", "other"}).Draw(m.t, "project")
	r := m.rs[rapid.IntRange(0, len(m.rs)-1).Draw(m.t, "verifier")]
	steps := map[string]func(){
		"mint": func() {
			if m.frozen[who] {
				return
			}
			m.n++
			req := tokens.MintRequest{Label: fmt.Sprint("ci ", m.n), Scope: tokens.ScopeAll, Life: tokens.LifeNever}
			tok := &modelToken{owner: who}
			if m.members[project][who] && !m.closed[project] && rapid.Bool().Draw(m.t, "narrow") {
				req.Scope, req.Projects, tok.projects = tokens.ScopeChosen, []string{project}, []string{project}
			}
			minted, err := m.o.Tokens.Mint(ctx, people[who], req)
			must(err)
			tok.text, tok.id = minted.Text, minted.Token.ID
			m.tokens = append(m.tokens, tok)
			for _, r := range m.rs { // acknowledged: whoever is connected knows it
				if got := r.answer(tok.text, project); got != m.want(tok, project) && got != unavailable {
					m.t.Fatalf("a token that was just minted: %s, want %s", got, m.want(tok, project))
				}
			}
		},
		"revoke": func() {
			if len(m.tokens) == 0 {
				return
			}
			tok := rapid.SampledFrom(m.tokens).Draw(m.t, "token")
			if tok.revoked || m.frozen[tok.owner] {
				return
			}
			_, _, err := m.o.Tokens.Revoke(ctx, people[tok.owner], tok.id)
			must(err)
			tok.revoked = true
		},
		"restrict": func() {
			if len(m.tokens) == 0 {
				return
			}
			tok := rapid.SampledFrom(m.tokens).Draw(m.t, "token")
			if tok.revoked || tok.projects != nil || m.frozen[tok.owner] || m.closed[project] || !m.members[project][tok.owner] {
				return
			}
			_, _, err := m.o.Tokens.Restrict(ctx, people[tok.owner], tok.id, tokens.RestrictRequest{Projects: []string{project}})
			must(err)
			tok.projects = []string{project}
		},
		"freeze": func() { m.o.user(people[who], true); m.frozen[who] = true },
		"thaw":   func() { m.o.user(people[who], false); m.frozen[who] = false },
		"add": func() {
			if !m.frozen["alice"] && !m.frozen["bob"] && !m.none[project] && !m.closed[project] && !m.members[project]["bob"] {
				_, err := m.o.AddMember(ctx, alice, project, bob.UserID, projects.RoleMaintainer)
				must(err)
				m.members[project]["bob"] = true
			}
		},
		"remove": func() {
			if !m.frozen["alice"] && !m.closed[project] && m.members[project]["bob"] {
				_, err := m.o.Projects.RemoveMember(ctx, alice, project, bob.UserID)
				must(err)
				m.members[project]["bob"] = false
			}
		},
		"delete": func() {
			if m.frozen["alice"] || m.none[project] || m.closed[project] {
				return
			}
			_, err := m.o.Tokens.DeleteProject(ctx, alice, project, project)
			must(err)
			m.none[project], m.members[project] = true, map[string]bool{}
			for _, tok := range m.tokens {
				tok.revoked = tok.revoked || len(tok.projects) == 1 && tok.projects[0] == project
			}
		},
		// Its name is another project's now: of the old one's tokens none reaches it.
		"make anew": func() {
			if m.frozen["alice"] || !m.none[project] {
				return
			}
			must(m.o.Projects.ReleaseName(ctx, admin, project))
			_, _, err := m.o.Projects.Create(ctx, alice, project)
			must(err)
			m.none[project], m.members[project] = false, map[string]bool{"alice": true}
		},
		"archive": func() {
			if !m.frozen["alice"] && !m.none[project] {
				_, err := m.o.Projects.Archive(ctx, alice, project)
				must(err)
				m.closed[project] = true
			}
		},
		"unarchive": func() {
			if !m.frozen["alice"] && !m.none[project] {
				_, err := m.o.Projects.Unarchive(ctx, alice, project)
				must(err)
				m.closed[project] = false
			}
		},
		"restart issuer":   func() { m.o.stop(); m.o.start() },
		"disconnect":       func() { m.o.cut() },
		"restart verifier": func() { r.stop(); r.start() },
		"compact": func() {
			if m.frozen["alice"] {
				return
			}
			for range 70 { // as many as the log keeps, and more
				m.n++
				_, _, err := m.o.Projects.Create(ctx, alice, fmt.Sprint("p", m.n))
				must(err)
			}
		},
		"ask": func() {
			for _, tok := range m.tokens {
				for _, r := range m.rs {
					r.answer(tok.text, project) // whatever it is: it is a moment of the past
				}
			}
		},
	}
	names := []string{"mint", "mint", "mint", "revoke", "revoke", "restrict", "restrict", "freeze", "thaw", "thaw", "add", "remove", "delete", "make anew", "make anew", "archive", "unarchive", "unarchive", "restart issuer", "disconnect", "restart verifier", "compact", "ask"}
	steps[rapid.SampledFrom(names).Draw(m.t, "step")]()
}

// check waits until all is applied, and compares every answer.
func (m *model) check() {
	for i, r := range m.rs {
		r.catchUp(m.o)
		for n, tok := range m.tokens {
			for project := range m.members {
				got, err := r.answerErr(tok.text, project)
				for end := time.Now().Add(5 * time.Second); got == unavailable && time.Now().Before(end); got, err = r.answerErr(tok.text, project) {
					time.Sleep(time.Millisecond)
				}
				if want := m.want(tok, project); got != want {
					m.t.Fatalf("verifier %d, token %d of %s for %s: %s, want %s: %v", i, n, tok.owner, project, got, want, err)
				}
			}
		}
	}
}

// TestRandomHistories does random things to an issuer and to two verifiers, one of
// them late, and compares what the verifiers answer with a model.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(o *origin) { o.keep = 64 })
	secrets := []string{o.secretFile("berlin"), o.secretFile("paris")}
	_, _, err := o.Projects.Create(t.Context(), alice, "other")
	o.check(err)
	o.stop()
	fresh, err := os.ReadFile(o.path)
	o.check(err)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		o.path = filepath.Join(t.TempDir(), fmt.Sprintf("issuer %d.db", round))
		o.check(os.WriteFile(o.path, fresh, 0o600))
		o.start()
		defer o.stop()
		m := &model{t: rt, o: o, frozen: map[string]bool{}, none: map[string]bool{}, closed: map[string]bool{}, members: map[string]map[string]bool{"demo": {"alice": true}, "other": {"alice": true}}}
		for _, secret := range secrets {
			r := newReplica(t, o.url(), secret)
			defer r.stop()
			m.rs = append(m.rs, r)
		}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			m.step()
		}
		m.check()
	})
}
