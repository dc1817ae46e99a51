package tokens

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Sort is an order of a list of tokens. Every order puts working tokens first, and the
// newer of two equal tokens first.
type Sort string

// The orders.
const (
	SortNewest  Sort = "newest" // made most recently first
	SortOldest  Sort = "oldest"
	SortLabel   Sort = "label"   // from a to z, ignoring case
	SortUsed    Sort = "used"    // used most recently first, never used last
	SortUnused  Sort = "unused"  // never used first, then used longest ago
	SortExpires Sort = "expires" // expires soonest first, never expires last
)

// Query picks tokens of a list. An empty field picks all.
type Query struct {
	Text     string // the label contains it, ignoring case
	Project  string // name of a project that the token names, unless it is for all projects
	State    State
	Expiring int    // days, 1 to MaxUnused: the token works, and expires within them
	Unused   int    // days, 1 to MaxUnused: the token works, and was neither used nor made in them
	Sort     Sort   // "" means SortNewest
	After    string // id of the last token of the page before; "" for the first page
	Limit    int    // 0 means 50; at most MaxPage
}

// FoundTokens is a page of the tokens that a Query picks.
type FoundTokens struct {
	Tokens  []Token
	First   int    // position of the page's first token among all picked tokens, from 1; 0 if the page is empty
	Matched int    // picked tokens on all pages
	Total   int    // all tokens of the user
	Next    string // After of the next page; "" on the last
}

// Find lists the tokens of a user that a query picks. Problems with the query have the
// fields "state", "expiring", "unused", "sort" and "after".
//
// A page starts after the place that the token After has in the order now, so pages
// repeat or skip a token only if one changes its place in between.
func (s *Service) Find(ctx context.Context, userID string, q Query) (FoundTokens, error) {
	var ps problem.Problems
	q.check(&ps)
	if len(ps) > 0 {
		return FoundTokens{}, ps
	}
	now := s.clock()
	var out FoundTokens
	err := s.store.View(ctx, func(r kv.Reader) error {
		out = FoundTokens{}
		all, err := indexEntries(r, userID)
		if err != nil {
			return err
		}
		limit := ledger.PageSize(q.Limit)
		list := search{q: q, now: now, limit: limit, text: ledger.Fold(strings.TrimSpace(q.Text)), project: caveats.NormalizeProject(q.Project)}
		if err := list.read(all); err != nil {
			return err
		}
		out.Total, out.Matched = len(all), list.matched
		if len(list.shown) == 0 {
			return nil
		}
		out.First = list.before + 1
		ids := make([]string, len(list.shown))
		for i, l := range list.shown {
			ids[i] = l.id
		}
		if list.before+len(ids) < list.matched {
			out.Next = ids[len(ids)-1]
		}
		out.Tokens, err = viewTokens(r, ids, now)
		return err
	})
	return out, err
}

func (q Query) check(ps *problem.Problems) {
	switch q.State {
	case "", StateActive, StateExpired, StateRevoked:
	default:
		ps.Add("state", "state_unknown")
	}
	switch q.Sort {
	case "", SortNewest, SortOldest, SortLabel, SortUsed, SortUnused, SortExpires:
	default:
		ps.Add("sort", "sort_unknown")
	}
	if q.Expiring < 0 || q.Expiring > MaxUnused {
		ps.Add("expiring", "unused_invalid", "max", MaxUnused)
	}
	if q.Unused < 0 || q.Unused > MaxUnused {
		ps.Add("unused", "unused_invalid", "max", MaxUnused)
	}
}

// search is a query at one moment, and the page that it makes from index entries.
type search struct {
	q             Query
	now           time.Time
	limit         int
	text, project string // folded and normalized, for comparison

	matched int           // entries picked so far
	before  int           // those of them that come before the page
	shown   []rankedEntry // the page, in order
}

// rankedEntry is an index entry with its sort key.
type rankedEntry struct {
	*indexEntry
	over bool
	key  int64
	name string
}

// read makes the page. It keeps and sorts no more entries than the page has.
func (w *search) read(all []indexEntry) error {
	after, there := rankedEntry{}, w.q.After == ""
	for i := 0; !there && i < len(all); i++ {
		there = all[i].id == w.q.After
		if there {
			after = w.row(&all[i])
		}
	}
	if !there {
		return problem.New("after", "page_unknown")
	}
	for i := range all {
		if !w.picks(&all[i]) {
			continue
		}
		w.matched++
		r := w.row(&all[i])
		if after.indexEntry != nil && compareRanked(r, after) <= 0 {
			w.before++
			continue
		}
		if full := len(w.shown) == w.limit; full && compareRanked(r, w.shown[w.limit-1]) > 0 {
			continue
		} else if full {
			w.shown = w.shown[:w.limit-1]
		}
		at, _ := slices.BinarySearchFunc(w.shown, r, compareRanked)
		w.shown = slices.Insert(w.shown, at, r)
	}
	return nil
}

// picks reports whether the query picks a token.
func (w *search) picks(l *indexEntry) bool {
	q := w.q
	if q.State != "" && l.state(w.now) != q.State {
		return false
	}
	if (q.Expiring > 0 || q.Unused > 0) && l.state(w.now) != StateActive {
		return false
	}
	if q.Expiring > 0 && (l.expires == 0 || l.expires > w.now.Unix()+int64(q.Expiring)*int64(ledger.Day/time.Second)) {
		return false
	}
	if q.Unused > 0 && !l.unused(w.now, q.Unused) {
		return false
	}
	if q.Project != "" && !l.all && !l.names(w.project) {
		return false
	}
	return w.text == "" || strings.Contains(ledger.Fold(l.label), w.text)
}

// unused reports whether a token was neither used nor made in the last days.
func (l *indexEntry) unused(now time.Time, days int) bool {
	return max(l.used, l.created) <= now.Unix()-int64(days)*int64(ledger.Day/time.Second)
}

// row returns an entry with its sort key.
func (w *search) row(l *indexEntry) rankedEntry {
	r := rankedEntry{indexEntry: l, over: l.state(w.now) != StateActive}
	const last = 1<<63 - 1
	switch w.q.Sort {
	case SortOldest:
		r.key = int64(l.serial)
	case SortLabel:
		r.name = ledger.Fold(l.label)
	case SortUsed:
		r.key = -l.used
	case SortUnused:
		r.key = l.used
	case SortExpires:
		r.key = l.expires
		if l.expires == 0 {
			r.key = last
		}
	}
	return r
}

func compareRanked(a, b rankedEntry) int {
	if a.over != b.over {
		if a.over {
			return 1
		}
		return -1
	}
	if n := cmp.Compare(a.key, b.key); n != 0 {
		return n
	}
	return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(b.serial, a.serial))
}
