package inspect

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rind-dev/rind/caveats"
)

// summary collects what the caveats of a token allow together.
type summary struct {
	in           *Inspection
	named, byIDs bool   // the token has a caveat about names, about IDs
	odd          string // a project's name that is not in normal form
	users        int    // number of different users
	begins, ends int64  // Unix seconds
	life         bool   // begins and ends are set
}

func (s *summary) problem(format string, args ...any) {
	s.in.Problems = append(s.in.Problems, fmt.Sprintf(format, args...))
}

// narrow adds a caveat.
func (s *summary) narrow(c caveats.Caveat) {
	switch c := c.(type) {
	case caveats.User:
		if user := string(c); s.in.User == nil || *s.in.User != user {
			s.users++
			s.in.User = &user
		}
	case caveats.ProjectNames:
		s.in.Projects = intersect(s.in.Projects, s.normal(c), s.named)
		s.named = true
	case caveats.ProjectIDs:
		s.in.ProjectIDs = intersect(s.in.ProjectIDs, c, s.byIDs)
		s.byIDs = true
	case caveats.Life:
		if !s.life {
			s.begins, s.ends, s.life = math.MinInt64, math.MaxInt64, true
		}
		s.begins, s.ends = max(s.begins, c.NotBefore), min(s.ends, c.ExpiresAt)
	}
}

// normal returns the names that are in normal form, because others match no project.
func (s *summary) normal(names []string) (out []string) {
	for _, name := range names {
		if caveats.NormalizeProject(name) == name {
			out = append(out, name)
		} else {
			s.odd = name
		}
	}
	return out
}

// end fills in what depends on all caveats.
func (s *summary) end(now time.Time) {
	s.in.AllProjects = !s.named && !s.byIDs
	if s.users > 1 {
		s.in.User = nil
		s.problem("it is bound to %d different users", s.users)
	}
	if s.named && len(s.in.Projects) == 0 || s.byIDs && len(s.in.ProjectIDs) == 0 {
		why := ""
		if s.odd != "" {
			why = fmt.Sprintf(": the name '%s' is not in normal form and matches no project, write '%s'", s.odd, caveats.NormalizeProject(s.odd))
		}
		s.problem("no project satisfies all its caveats%s", why)
	}
	if !s.life {
		return
	}
	if s.ends <= lastSecond {
		s.in.Ends = moment(s.ends)
	}
	if s.begins > 0 {
		s.in.Begins = moment(s.begins)
	}
	s.in.Expired = now.Unix() >= s.ends
	switch {
	case s.begins >= s.ends:
		s.problem("it is never valid: its life ends before it begins")
	case s.in.Expired:
		s.problem("it has expired, by this machine's clock")
	case now.Unix() < s.begins:
		s.problem("it is not valid yet, by this machine's clock")
	}
}

// The first and last second of the years with four digits, as Unix time.
const (
	firstSecond = -62135596800 // first second of the year 1
	lastSecond  = 253402300799 // last second of the year 9999
)

// moment returns a time that RFC 3339 can express: the nearest one if unix is out of range.
func moment(unix int64) *time.Time {
	t := time.Unix(min(max(unix, firstSecond), lastSecond), 0).UTC()
	return &t
}

// intersect returns the elements of both lists, or those of the second list if the first does not exist
// yet, each element once.
func intersect(have, more []string, limited bool) []string {
	out := []string{}
	for _, name := range more {
		if (!limited || slices.Contains(have, name)) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
