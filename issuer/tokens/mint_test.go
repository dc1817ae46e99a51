package tokens_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// asked is a request and what is wrong with it, "" where nothing is.
type asked struct {
	name string
	req  tokens.MintRequest
	want string
}

// ask makes the requests of Alice, who has a project and a token called Taken, at
// an issuer where tokens live for 90 days at most.
func ask(t *testing.T, table []asked) {
	t.Helper()
	h := newHouse(t, func(c *issuer.Config) { c.MaxLife = 90 * day })
	h.Project(alice, "demo")
	h.Project(bob, "his")
	h.Mint(alice, forSome("Taken", "demo"))
	for _, tt := range table {
		t.Run(tt.name, func(t *testing.T) {
			mint := func() error { _, err := h.Tokens.Mint(t.Context(), alice, tt.req); return err }
			if tt.want != "" {
				h.Refused(tt.want, mint)
				return
			}
			m := h.Mint(alice, tt.req)
			if _, _, err := h.Tokens.Revoke(t.Context(), alice, m.Token.ID); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMintRequests(t *testing.T) {
	ask(t, []asked{
		{"good", forSome("ci", "demo"), ""},
		{"nothing at all", tokens.MintRequest{}, "label: label_required; scope: scope_required; life: life_required"},
		{"all wrong", tokens.MintRequest{Label: "taken", Scope: tokens.ScopeChosen, Projects: []string{"his", "nope"}, Life: tokens.LifeNever},
			"label: label_taken; projects: project_unknown; projects: project_unknown; life: life_unlimited"},
	})
}

func TestMintLabels(t *testing.T) {
	label := func(s string) tokens.MintRequest { return forSome(s, "demo") }
	ask(t, []asked{
		{"blank label", label(" \t "), "label: label_required"},
		{"invisible label", label("\u200b\u2060"), "label: label_required"},
		{"101 characters", label(strings.Repeat("é", 101)), "label: label_too_long"},
		{"100 characters", label(strings.Repeat("é", 100)), ""},
		{"100 characters and space", label("  " + strings.Repeat("😀", 100) + "  "), ""},
		{"control character", label("a\x00b"), "label: label_invalid"},
		{"line break", label("a\nb"), "label: label_invalid"},
		{"C1 control", label("a\u0085b"), "label: label_invalid"},
		{"line separator", label("a\u2028b"), "label: label_invalid"},
		{"turned text", label("a\u202eb"), "label: label_invalid"},
		{"no UTF-8", label("a\xffb"), "label: label_invalid"},
		{"joined emoji", label("👩\u200d🔧 ci"), ""},
		{"label taken", label("Taken"), "label: label_taken"},
		{"label taken, space and case", label("  tAKEN "), "label: label_taken"},
		{"label taken, Kelvin sign", label("TA\u212aEN"), "label: label_taken"},
	})
}

func TestMintScopes(t *testing.T) {
	scope := func(s tokens.Scope) tokens.MintRequest {
		r := forSome("ci", "demo")
		r.Scope = s
		return r
	}
	projects := func(names ...string) tokens.MintRequest { return forSome("ci", names...) }
	ask(t, []asked{
		{"no scope", scope(""), "scope: scope_required"},
		{"unknown scope", scope("project"), "scope: scope_unknown"},
		{"all projects", scope(tokens.ScopeAll), ""},
		{"no project", projects(), "projects: projects_required"},
		{"somebody else's project", projects("his"), "projects: project_unknown"},
		{"no such project", projects("nope"), "projects: project_unknown"},
		{"no name at all", projects("demo", "../x"), "projects: project_unknown"},
		{"51 projects", projects(slices.Repeat([]string{"nope"}, 51)...), "projects: too_many_projects_chosen"},
		{"the same project three times", projects("demo", "DEMO", "demo"), ""},
	})
}

func TestMintLives(t *testing.T) {
	life := func(l tokens.Life) tokens.MintRequest {
		r := forSome("ci", "demo")
		r.Life = l
		return r
	}
	until := func(end time.Time) tokens.MintRequest {
		r := life(tokens.LifeUntil)
		r.Expires = end
		return r
	}
	ask(t, []asked{
		{"no life", life(""), "life: life_required"},
		{"8 days", life("8"), "life: life_unknown"},
		{"07 days", life("07"), "life: life_unknown"},
		{"7 days", life("7"), ""},
		{"90 days, the maximum", life("90"), ""},
		{"365 days", life("365"), "life: life_too_long"},
		{"for ever", life("never"), "life: life_unlimited"},
		{"no date", until(time.Time{}), "expires: expires_required"},
		{"a past date", until(start.Add(-time.Hour)), "expires: expires_past"},
		{"this second", until(start.Truncate(time.Second)), "expires: expires_past"},
		{"this second, later in it", until(start.Add(time.Millisecond)), "expires: expires_past"},
		{"the next second", until(start.Add(time.Second)), ""},
		{"the last moment", until(start.Add(90 * day)), ""},
		{"a moment later", until(start.Add(90*day + 1)), "expires: expires_too_late"},
		{"year 9999", until(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)), "expires: expires_too_late"},
	})
}

func TestLivesWithoutMaximum(t *testing.T) {
	h := newHouse(t)
	for i, tt := range []struct {
		req  tokens.MintRequest
		want time.Time
	}{
		{tokens.MintRequest{Life: tokens.LifeNever}, time.Time{}},
		{tokens.MintRequest{Life: tokens.Life7}, start.Add(7 * day)},
		{tokens.MintRequest{Life: tokens.Life30}, start.Add(30 * day)},
		{tokens.MintRequest{Life: tokens.Life90}, start.Add(90 * day)},
		{tokens.MintRequest{Life: tokens.Life365}, start.Add(365 * day)},
		{tokens.MintRequest{Life: tokens.LifeUntil, Expires: start.Add(10 * 365 * day)}, start.Add(10 * 365 * day)},
		{tokens.MintRequest{Life: tokens.LifeNever, Expires: start.Add(-day)}, time.Time{}}, // the date is not asked for
	} {
		tt.req.Label, tt.req.Scope = fmt.Sprint(i), tokens.ScopeAll
		m := h.Mint(alice, tt.req)
		if want := tt.want.Truncate(time.Second); !m.Token.Expires.Equal(want) {
			t.Errorf("%s: expires %v, want %v", tt.req.Life, m.Token.Expires, want)
		}
		parsed, err := token.Parse(m.Text)
		h.Check(err)
		want := []string{`[3,"` + aliceID + `"]`}
		if !tt.want.IsZero() {
			want = append(want, fmt.Sprintf("[0,%d,%d]", tt.want.Unix(), start.Unix()-60))
		}
		if got := texts(parsed.Caveats); !slices.Equal(got, want) {
			t.Errorf("%s: caveats %s, want %s", tt.req.Life, got, want)
		}
	}
	h.Refused("expires: expires_too_late", func() error {
		_, err := h.Tokens.Mint(t.Context(), alice, tokens.MintRequest{Label: "x", Scope: tokens.ScopeAll, Life: tokens.LifeUntil, Expires: start.Add(101 * 366 * day)})
		return err
	})
}

func TestPolicy(t *testing.T) {
	for _, tt := range []struct {
		max    time.Duration
		lives  []tokens.Life
		latest time.Duration
	}{
		{0, []tokens.Life{"7", "30", "90", "365", "date", "never"}, 36600 * day},
		{90 * day, []tokens.Life{"7", "30", "90", "date"}, 90 * day},
		{90*day - 1, []tokens.Life{"7", "30", "date"}, 90*day - 1},
		{day, []tokens.Life{"date"}, day},
	} {
		h := newHouse(t, func(c *issuer.Config) { c.MaxLife = tt.max })
		p := h.Tokens.Policy()
		if p.MaxLife != tt.max || !slices.Equal(p.Lives, tt.lives) || !p.Latest.Equal(start.Add(tt.latest)) {
			t.Errorf("maximum %s: policy %+v", tt.max, p)
		}
	}
}

func TestMint(t *testing.T) {
	h := newHouse(t)
	zeta, alpha := h.Project(alice, "Zeta"), h.Project(bob, "alpha")
	h.Member(bob, "alpha", aliceID, projects.RoleMaintainer)
	id := "01900000-0000-7000-8000-000000000001"
	h.NewID = func() (string, error) { return id, nil }
	var m tokens.Minted
	rows := h.Wrote(map[string]string{"token": id, "zeta": zeta.ID, "alpha": alpha.ID}, func() error {
		m = h.Mint(alice, forSome("  CI of Zeta ", "zeta", "ALPHA", "Zeta"))
		return nil
	}, "project.token_minted - alpha", "project.token_minted - zeta", "token.minted alice -", "log token token")

	want := tokens.Token{
		ID: id, UserID: aliceID, UserName: "alice", Label: "CI of Zeta", Scope: tokens.ScopeChosen,
		Projects: []projects.Ref{{ID: alpha.ID, Name: "alpha"}, {ID: zeta.ID, Name: "zeta"}},
		Created:  start, Factor: "totp", Expires: start.Add(30 * day).Truncate(time.Second), State: tokens.StateActive,
	}
	if fmt.Sprint(m.Token) != fmt.Sprint(want) || m.Revision != h.Revision() {
		t.Errorf("minted %+v at %d, want %+v", m.Token, m.Revision, want)
	}
	if read, err := h.Tokens.Get(t.Context(), alice, id); err != nil || fmt.Sprint(read) != fmt.Sprint(want) {
		t.Errorf("read %+v (%v)", read, err)
	}
	parsed, err := token.Parse(m.Text)
	h.Check(err)
	if parsed.ID != id || parsed.Location != location {
		t.Errorf("token %s of %s", parsed.ID, parsed.Location)
	}
	if got, want := texts(parsed.Caveats), []string{
		`[3,"` + aliceID + `"]`, `[1,["alpha","zeta"]]`, fmt.Sprintf(`[2,["%s","%s"]]`, alpha.ID, zeta.ID),
		"[0,1802592000,1799999940]",
	}; !slices.Equal(got, want) {
		t.Errorf("caveats %s, want %s", got, want)
	}
	own, shared := rows[2].Detail, rows[0].Detail
	if own["label"] != "CI of Zeta" || own["scope"] != "chosen" || own["projects"] != "alpha, zeta" || own["expires"] != "2027-02-14T08:00:00Z" || own["token"] != id {
		t.Errorf("detail for the account: %v", own)
	}
	if shared["label"] != "CI of Zeta" || shared["owner"] != "alice" || strings.Contains(fmt.Sprint(shared), "zeta") {
		t.Errorf("detail for the project alpha: %v", shared)
	}
}

func TestMintIDs(t *testing.T) {
	h := newHouse(t)
	seen := map[string]bool{}
	for i := range 20 {
		m := h.Mint(alice, forAll(fmt.Sprint(i)))
		id := m.Token.ID
		// 1800000000123 ms is 0x01a3185c507b.
		if !caveats.ValidUUID(id) || !strings.HasPrefix(id, "01a3185c-507b-7") || !strings.ContainsRune("89ab", rune(id[19])) || seen[id] {
			t.Errorf("id %s", id)
		}
		seen[id] = true
	}
	// An id that is there already, as a broken source of randomness would give.
	h.NewID = func() (string, error) { return slices.Collect(mapKeys(seen))[0], nil }
	before := h.Trail()
	if m, err := h.Tokens.Mint(t.Context(), alice, forAll("again")); err == nil || m.Text != "" {
		t.Errorf("a second token got the id of the first: %v", err)
	}
	if after := h.Trail(); len(after.Rows) != len(before.Rows) {
		t.Error("a refused change left a trace")
	}
}

func mapKeys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// What the holder of a token can't narrow any more, is not issued.
func TestLargestToken(t *testing.T) {
	h := newHouse(t)
	names := make([]string, tokens.MaxTokenProjects)
	for i := range names {
		names[i] = fmt.Sprintf("p%02d-%s", i, strings.Repeat("x", 96))
		h.Project(alice, names[i])
	}
	largest := 0
	for n := 1; n <= len(names); n++ {
		m, err := h.Tokens.Mint(t.Context(), alice, forSome(fmt.Sprint(n), names[:n]...))
		if err != nil {
			h.Refused("projects: projects_too_large", func() error { return err })
			continue
		}
		if n != largest+1 || len(m.Text) > tokens.MaxText {
			t.Fatalf("%d projects: %d characters after a refusal at %d projects", n, len(m.Text), largest+1)
		}
		largest = n
		digests := slices.Repeat(caveats.Digests{strings.Repeat("a", 64)}, 10)
		if _, err := token.Restrict(m.Text, digests); err != nil {
			t.Errorf("%d projects: the holder can't narrow the token: %v", n, err)
		}
	}
	if largest < 30 || largest == len(names) {
		t.Errorf("the largest token has %d projects with names of 100 characters", largest)
	}
	short := make([]string, tokens.MaxTokenProjects)
	for i := range short {
		short[i] = fmt.Sprintf("q%02d-%s", i, strings.Repeat("x", 46))
		h.Project(alice, short[i])
	}
	h.Mint(alice, forSome("50 projects", short...))
}

func TestTooManyTokens(t *testing.T) {
	h := newHouse(t)
	first := h.Mint(alice, forAll("first"))
	h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error {
		return kv.PutJSON(tx, "issuer/tally/"+aliceID, map[string]int{"Total": 12_000, "Unrevoked": tokens.MaxTokens - 1})
	}))
	h.Mint(alice, forAll("last"))
	h.Refused("too_many_tokens", func() error { _, err := h.Tokens.Mint(t.Context(), alice, forAll("further")); return err })
	h.Refused("label: label_taken; too_many_tokens", func() error { _, err := h.Tokens.Mint(t.Context(), alice, forAll("last")); return err })
	h.Mint(bob, forAll("further"))
	if _, _, err := h.Tokens.Revoke(t.Context(), alice, first.Token.ID); err != nil {
		t.Fatal(err)
	}
	h.Mint(alice, forAll("further"))
}

func TestLabelsAreUniquePerUserUntilRevoked(t *testing.T) {
	h := newHouse(t)
	a := h.Mint(alice, tokens.MintRequest{Label: "CI", Scope: tokens.ScopeAll, Life: tokens.Life7})
	h.Mint(bob, forAll("ci"))
	again := func() error { _, err := h.Tokens.Mint(t.Context(), alice, forAll("ci")); return err }
	h.Refused("label: label_taken", again)
	h.Clock.Add(8 * day) // expired, and its label still stands in the list
	h.Refused("label: label_taken", again)
	if _, _, err := h.Tokens.Revoke(t.Context(), alice, a.Token.ID); err != nil {
		t.Fatal(err)
	}
	h.Check(again())
}

// 64 people press the button at once: one of them gets the label.
func TestParallelMints(t *testing.T) {
	h := newHouse(t)
	for round := range 3 {
		var fns []func() error
		for i := range 64 {
			label := fmt.Sprintf("Round %d", round)
			if i%2 == 1 {
				label = strings.ToUpper(label)
			}
			fns = append(fns, func() error { _, err := h.Tokens.Mint(t.Context(), alice, forAll(label)); return err })
		}
		var minted int
		for _, err := range together(fns...) {
			if err == nil {
				minted++
				continue
			}
			h.Refused("label: label_taken", func() error { return err })
		}
		page, err := h.Tokens.List(t.Context(), aliceID, tokens.Page{})
		if err != nil || minted != 1 || page.Total != round+1 || len(page.Tokens) != round+1 {
			t.Fatalf("round %d: %d minted, the list has %d (%v)", round, minted, page.Total, err)
		}
	}
}
