package rootkeys

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rind-dev/rind/verifier"
)

func TestNamesFollowProjects(t *testing.T) {
	none := verifier.Project{}
	for _, c := range []struct {
		name    string
		changes []Change
		want    verifier.Project // called demo
	}{
		{"made", []Change{project(first, "demo", alice)}, verifier.Project{ID: first, Name: "demo", Member: true}},
		{"somebody else's", []Change{project(first, "demo", bob)}, verifier.Project{ID: first, Name: "demo"}},
		{"nobody's", []Change{project(first, "demo")}, verifier.Project{ID: first, Name: "demo"}},
		{"deleted", []Change{project(first, "demo", alice), deleted(first, "demo")}, none},
		{"deleted before it was heard of", []Change{deleted(first, "demo")}, none},
		{"made again", []Change{project(first, "demo", alice), deleted(first, "demo"), project(second, "demo", bob)}, verifier.Project{ID: second, Name: "demo"}},
		{"made again, the deletion late", []Change{project(first, "demo", bob), project(second, "demo", alice), deleted(first, "demo")}, verifier.Project{ID: second, Name: "demo", Member: true}},
		{"made again, the deletion twice", []Change{deleted(first, "demo"), project(second, "demo", alice), deleted(first, "demo")}, verifier.Project{ID: second, Name: "demo", Member: true}},
		{"alive after its deletion", []Change{deleted(first, "demo"), project(first, "demo", alice)}, none},
		{"renamed away", []Change{project(first, "demo", alice), project(first, "else", alice)}, none},
		{"renamed to it", []Change{project(first, "else", alice), project(first, "demo", alice)}, verifier.Project{ID: first, Name: "demo", Member: true}},
		{"names exchanged", []Change{project(first, "demo", alice), project(second, "else", bob), project(first, "else", alice), project(second, "demo", bob)}, verifier.Project{ID: second, Name: "demo"}},
		{"left", []Change{project(first, "demo", alice, bob), project(first, "demo", bob)}, verifier.Project{ID: first, Name: "demo"}},
		{"came", []Change{project(first, "demo", bob), project(first, "demo", alice, bob, carol)}, verifier.Project{ID: first, Name: "demo", Member: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, storePath(t))
			apply(t, s, user(alice, "alice"), user(bob, "bob"), tokenChange(t, 1))
			for _, change := range c.changes {
				apply(t, s, change)
			}
			if got := lookup(t, s, 1, "demo").Project; got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// TestNothingOfADeletedProjectIsLeft: neither its name nor its members.
func TestNothingOfADeletedProjectIsLeft(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, project(first, "demo", alice, bob))
	apply(t, s, deleted(first, "demo"))
	got, ids := dump(t, s), [][16]byte{id(t, alice), id(t, bob), id(t, first)}
	for _, id := range ids {
		if strings.Contains(got, fmt.Sprintf("%x", id)) {
			t.Errorf("%x is left:\n%s", id, got)
		}
	}
	if n := strings.Count(got, fmt.Sprintf("%x", "demo")); n != 1 {
		t.Errorf("the name is there %d times, and should be in the record of the project alone:\n%s", n, got)
	}
	if strings.Contains(got, "holds: true") {
		t.Errorf("a membership holds:\n%s", got)
	}
}

// TestTwoOwnersOfAName shows that a store which can't say whose a name is says
// just that.
func TestTwoOwnersOfAName(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), tokenChange(t, 1), project(first, "demo", alice), project(second, "demo", bob))
	if _, err := s.Lookup(context.Background(), tokenID(1), "demo"); !errors.Is(err, ErrFilling) {
		t.Errorf("%v", err)
	}
	lookup(t, s, 1, "") // the token itself is known
}

func TestRevokedStaysRevoked(t *testing.T) {
	s := open(t, storePath(t))
	alive, _ := minted(t, 1, alice)
	revoked := *alive
	revoked.RevokedAt, revoked.RevokedWhy = time.Unix(1800000000, 0), "by its owner"
	apply(t, s, user(alice, "alice"), Change{Token: &revoked})
	apply(t, s, Change{Token: alive}) // from before
	rec := lookup(t, s, 1, "")
	if !rec.RevokedAt.Equal(revoked.RevokedAt) || rec.RevokedWhy != "by its owner" {
		t.Errorf("%+v", rec)
	}
	later := revoked
	later.RevokedWhy = "by an administrator"
	apply(t, s, Change{Token: &later})
	if rec := lookup(t, s, 1, ""); rec.RevokedWhy != "by an administrator" {
		t.Errorf("%+v", rec)
	}
}

// TestEveryOrderEndsTheSame mixes the states that the projects, the names and a token
// ran through, each with its last state somewhere behind. What ended, however
// late older states of it come, has ended.
func TestEveryOrderEndsTheSame(t *testing.T) {
	alive, _ := minted(t, 1, alice)
	revoked := *alive
	revoked.RevokedAt = time.Unix(1800000000, 0)
	states := []Change{
		project(first, "demo", alice), deleted(first, "demo"),
		project(second, "demo", bob),
		project(carol, "else", alice), deleted(carol, "else"), // any UUID is an id
		{Token: alive}, {Token: &revoked},
	}
	one := open(t, storePath(t))
	apply(t, one, user(alice, "alice"))
	apply(t, one, states...)
	want := answers(t, one)
	rapid.Check(t, func(rt *rapid.T) {
		s, err := Open(storePath(t), Options{Key: testKey})
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close()
		shuffled := append([]Change(nil), states...)
		again := rapid.SliceOfN(rapid.IntRange(0, len(states)-1), 0, 5).Draw(rt, "again")
		for _, i := range again {
			shuffled = append(shuffled, states[i])
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "order"), 0))
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		apply(t, s, user(alice, "alice"))
		for len(shuffled) > 0 {
			n := rapid.IntRange(1, len(shuffled)).Draw(rt, "set")
			apply(t, s, shuffled[:n]...)
			shuffled = shuffled[n:]
		}
		if got := answers(t, s); got != want {
			rt.Fatalf("ends as\n%s\nnot as\n%s", got, want)
		}
	})
}

// answers is what a store says of token 1 and the names.
func answers(t testing.TB, s *Store) string {
	out := ""
	for _, name := range []string{"", "demo", "else"} {
		rec, err := s.Lookup(context.Background(), tokenID(1), name)
		out += fmt.Sprintf("%q: %+v, %v\n", name, rec, err)
	}
	return out
}
