package audit

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// MaxLimit is the most rows that a Page has.
const MaxLimit = 500

// maxWork bounds what Find does for one page, in reads of the store. The limit is reached if
// two conditions match many rows each, but hardly any row matches both.
const maxWork = 3000

// Query says which rows are asked for. Fields that are "" or zero do not narrow it.
type Query struct {
	Account string // id: rows about an account, or by its holder
	Project string // id
	Group   Group
	Actor   string // username of the person who did it, in upper or lower case
	Address string // IP address it was done from
	Token   string // id
	From    time.Time
	To      time.Time // exclusive

	Before uint64 // only numbers below this one: Page.Next of the previous page; 0: from the newest on
	Limit  int    // 1 to MaxLimit; others count as MaxLimit
}

// Narrowed reports whether a query asks for less than the account or project has.
func (q Query) Narrowed() bool {
	return q.Group != "" || q.Actor != "" || q.Address != "" || q.Token != "" || !q.From.IsZero() || !q.To.IsZero()
}

// Page is rows in the order of their numbers, the newest first. New rows change
// nothing about pages after the first.
type Page struct {
	Events []Event
	Next   uint64 // Query.Before of the next page; 0 on the last

	// Reached is set if the search stopped before the page was full, because matches are rare.
	// Rows down to Reached were searched; rows after Next were not.
	Reached time.Time
}

// Find reads the rows that q asks for. Its cost does not depend on how many rows
// exist.
func Find(r kv.Reader, q Query) (Page, error) {
	if q.Limit < 1 || q.Limit > MaxLimit {
		q.Limit = MaxLimit
	}
	s := search{r: r, q: q, before: math.MaxUint64}
	if q.Before > 0 {
		s.before = q.Before
	}
	if ok, err := s.bound(); err != nil || !ok {
		return Page{}, err
	}
	for _, l := range s.named() {
		s.lists = append(s.lists, &list{r: r, prefix: l, work: &s.work})
	}
	return s.run()
}

// shownSteps bounds how many pages of rows FindShown looks at for one.
const shownSteps = 8

// FindShown is Find for somebody who may not read everything: show removes from a row what it
// withholds, and returns false to withhold the whole row. The search is by wide, which must contain no
// condition on what show may withhold; of those rows, the page has the ones that match q as
// they are shown. So neither the rows of a page nor its Next depends on what is withheld. A page may have
// fewer rows than q.Limit and still a Next.
func FindShown(r kv.Reader, wide, q Query, show func(*Event) bool) (out Page, err error) {
	limit := q.Limit
	if limit < 1 || limit > MaxLimit {
		limit = MaxLimit
	}
	wide.Limit, wide.Before = limit, q.Before
	for range shownSteps {
		found, err := Find(r, wide)
		if err != nil {
			return Page{}, err
		}
		for _, e := range found.Events {
			if !show(&e) || !q.Wants(e) {
				continue
			}
			if len(out.Events) == limit {
				out.Next = out.Events[limit-1].Seq
				return out, nil
			}
			out.Events = append(out.Events, e)
		}
		wide.Before, out.Next, out.Reached = found.Next, found.Next, found.Reached
		if found.Next == 0 {
			return out, nil
		}
	}
	return out, nil
}

// named returns the lists that must all contain a row.
func (s *search) named() []string {
	var out []string
	add := func(list, value string) {
		if value != "" {
			out = append(out, listPrefix(list, value))
		}
	}
	add("token", s.q.Token)
	add("address", s.q.Address)
	add("actor", foldName(s.q.Actor))
	add("project", s.q.Project)
	add("account", s.q.Account)
	add("group", string(s.q.Group))
	if len(out) == 0 {
		out = []string{rowPrefix}
	}
	return out
}

// search is one Find under way.
type search struct {
	r      kv.Reader
	q      Query
	lists  []*list
	before uint64 // rows below this number are still to be looked at
	lowest uint64 // rows below this number are too old
	work   int    // done so far
}

// bound limits the search to numbers that rows of the time can have, and tells
// whether there are any.
func (s *search) bound() (bool, error) {
	if !s.q.To.IsZero() {
		n, err := until(s.r, s.q.To)
		if err != nil {
			return false, err
		}
		if n > 0 {
			s.before = min(s.before, n)
		}
	}
	if s.q.From.IsZero() {
		return true, nil
	}
	n, err := since(s.r, s.q.From)
	s.lowest = n
	return n > 0, err
}

func (s *search) run() (Page, error) {
	var page Page
	for {
		n, ok, err := s.next()
		if err != nil || !ok {
			return page, err
		}
		if n == 0 { // too much work
			page.Next = s.before
			page.Reached, err = s.reached()
			return page, err
		}
		e, err := row(s.r, number(n), s.lists[0].prefix)
		if err != nil {
			return page, err
		}
		s.work++
		if !s.q.wants(e) {
			s.before = n
			continue
		}
		if len(page.Events) == s.q.Limit { // there is a page behind
			page.Next = s.before
			return page, nil
		}
		page.Events, s.before = append(page.Events, e), n
	}
}

// next returns the highest number below before that is in all lists; ok is false
// if there is none, and n is 0 if finding it took too much work.
func (s *search) next() (n uint64, ok bool, err error) {
	n, agreed := s.before-1, 0
	for i := 0; agreed < len(s.lists); i = (i + 1) % len(s.lists) {
		if s.work > maxWork {
			s.before = n + 1
			return 0, true, nil
		}
		m, err := s.lists[i].atMost(n)
		if err != nil || m == 0 || m < s.lowest {
			return 0, false, err
		}
		if m < n {
			n, agreed = m, 0
		}
		agreed++
	}
	return n, true, nil
}

// reached returns the time of the last row that was looked at.
func (s *search) reached() (time.Time, error) {
	pairs, err := s.r.Scan([]byte(rowPrefix), []byte(rowKey(s.before-1)), 1, false)
	if err != nil || len(pairs) == 0 {
		return time.Time{}, err
	}
	e, err := decode(pairs[0].Value, string(pairs[0].Key[len(rowPrefix):]))
	return e.Time, err
}

// Wants reports whether a row matches the query by its content: its time, who did it, from
// where, and with which token.
func (q Query) Wants(e Event) bool {
	return q.wants(e) && (q.Token == "" || q.Token == e.Detail["token"])
}

// wants checks what the lists do not decide: whether the time fits, and all other conditions
// once more.
func (q Query) wants(e Event) bool {
	switch {
	case !q.From.IsZero() && e.Time.Before(q.From), !q.To.IsZero() && !e.Time.Before(q.To):
		return false
	case q.Actor != "" && foldName(q.Actor) != foldName(e.Actor.Username), q.Address != "" && q.Address != e.Actor.IP:
		return false
	}
	return true
}

// list reads the numbers in a list, downwards.
type list struct {
	r       kv.Reader
	prefix  string
	work    *int
	numbers []uint64 // read ahead, highest first
	end     bool     // the list has none after them
	step    int      // how many were read at once
}

// readAhead is how many numbers are read at once if they turn out to be needed.
const readAhead = 64

// atMost returns the highest number in the list that is n or lower, 0 for none.
func (l *list) atMost(n uint64) (uint64, error) {
	i := sort.Search(len(l.numbers), func(i int) bool { return l.numbers[i] <= n })
	if i < len(l.numbers) {
		return l.numbers[i], nil
	}
	if l.end || n == 0 {
		return 0, nil
	}
	l.step = min(max(1, 2*l.step), readAhead)
	if l.prefix == rowPrefix {
		l.step = 1 // its values are rows, and are read anyway
	}
	var from []byte
	if n < math.MaxUint64 {
		from = position(l.prefix, n+1)
	}
	pairs, err := l.r.Scan([]byte(l.prefix), from, l.step, true)
	if err != nil {
		return 0, err
	}
	*l.work += 1 + len(pairs)/8
	l.numbers, l.end = l.numbers[:0], len(pairs) < l.step
	for _, p := range pairs {
		key := p.Key[len(l.prefix):]
		if len(key) != 8 {
			return 0, fmt.Errorf("audit: the list %s is damaged", l.prefix)
		}
		l.numbers = append(l.numbers, binary.BigEndian.Uint64(key))
	}
	if len(l.numbers) == 0 {
		return 0, nil
	}
	return l.numbers[0], nil
}
