package rootkeys

import (
	"fmt"
	"testing"

	"github.com/rind-dev/rind/verifier"
)

// TestRememberedAnswersAreThoseOfTheFile looks up many pairs of token and project, in
// an order in which they drive each other out, between writes of every kind: each
// answer is the one that a store without a memory gives.
func TestRememberedAnswersAreThoseOfTheFile(t *testing.T) {
	s := open(t, storePath(t))
	s.answers, s.standings = newMemory[answer](2*ways), newMemory[standing](2*ways)
	apply(t, s, user(alice, "alice"), user(bob, "bob"), project(first, "demo", alice), project(second, "other", bob))
	for n := range 12 {
		apply(t, s, tokenChange(t, n))
	}
	revoked, _ := minted(t, 3, alice)
	revoked.RevokedAt = revoked.RevokedAt.AddDate(2000, 0, 0)
	for step, change := range []Change{
		user(alice, "alicia"),
		{User: &User{ID: alice, Name: "alicia", Frozen: true}},
		project(first, "demo", bob), project(first, "demo", crowd(alice)...), project(first, "else", alice),
		project(second, "demo", alice), deleted(second, "demo"), {Token: revoked},
	} {
		for range 3 {
			for n := range 12 {
				for _, name := range []string{"demo", "other", "else", "", "nothing"} {
					got := fmt.Sprintf("%+v", lookup(t, s, n, name))
					answers, standings := s.answers.rows, s.standings.rows
					s.answers.rows, s.standings.rows = make([]row[answer], 1), make([]row[standing], 1)
					want := fmt.Sprintf("%+v", lookup(t, s, n, name))
					s.answers.rows, s.standings.rows = answers, standings
					if got != want {
						t.Fatalf("step %d, token %d, %q:\n%s, the file says\n%s", step, n, name, got, want)
					}
				}
			}
		}
		apply(t, s, change)
	}
	if rec := lookup(t, s, 3, "else"); rec.RevokedAt.IsZero() || !rec.UserFrozen || rec.Project != (verifier.Project{ID: first, Name: "else", Member: true}) {
		t.Errorf("at the end: %+v", rec)
	}
}
