package publishers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxTold is how many owners of publishers are told of a token that fits none of theirs.
const maxTold = 3

// nearest has the publisher of each owner that comes closest to a token. Anybody can name another's repository in a publisher of their own, so
// one owner's does not hide the refusal from others.
type nearest []neighbour

// neighbour is a publisher that a token does not fit.
type neighbour struct {
	stored
	diff []Difference
}

// add keeps a publisher if it comes closer than others of its owner.
func (n *nearest) add(one stored, diff []Difference) {
	i := slices.IndexFunc(*n, func(has neighbour) bool { return has.rec.User == one.rec.User })
	switch {
	case i < 0:
		*n = append(*n, neighbour{one, diff})
	case len(diff) < len((*n)[i].diff):
		(*n)[i] = neighbour{one, diff}
	}
}

// proven orders publishers to whose projects such jobs did upload before others.
func proven(a, b neighbour) int {
	ua, ub := !a.rec.Uploaded.IsZero(), !b.rec.Uploaded.IsZero()
	switch {
	case ua && !ub:
		return -1
	case ub && !ua:
		return 1
	}
	return 0
}

// diff returns what differs from the publisher that comes closest of all; nil: there is none.
func (n nearest) diff() []Difference {
	if len(n) == 0 {
		return nil
	}
	return slices.MinFunc(n, func(a, b neighbour) int {
		return cmp.Or(cmp.Compare(len(a.diff), len(b.diff)), proven(a, b), a.rec.Added.Compare(b.rec.Added), strings.Compare(a.id, b.id))
	}).diff
}

// told returns the refusal as the owners see it, of at most maxTold publishers: those that uploaded first.
func (n nearest) told(f *facts) (out []told) {
	slices.SortFunc(n, func(a, b neighbour) int {
		return cmp.Or(proven(a, b), cmp.Compare(len(a.diff), len(b.diff)), a.rec.Added.Compare(b.rec.Added), strings.Compare(a.id, b.id))
	})
	for _, one := range n[:min(len(n), maxTold)] {
		out = append(out, told{one.id, noPublisher(f, one.diff)})
	}
	return out
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
