package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
)

// Rule is what applies to some projects of an index. What is nil in a rule is left to the rules behind it.
type Rule struct {
	// Projects are names in normal form (PEP 503). One that ends in "*" stands for all names that begin so.
	Projects []string

	Closes     *time.Duration // a release takes no more files this long after its first one; 0: it always does
	WheelsOnly *bool          // no sdists
	MaxFile    *int64         // bytes of a file; 0: no limit
	MaxProject *int64         // bytes of all files of a project; 0: no limit
	Users      []string       // names or ids of the users who may upload; nil: everybody whose token allows it
}

// Check returns an error if a name in the rule is not one.
func (r Rule) Check() error {
	if len(r.Projects) == 0 {
		return errors.New("it is for no project: name some in projects, such as [\"demo\", \"acme-*\"]")
	}
	for _, name := range r.Projects {
		start := strings.TrimSuffix(name, "*")
		if name == "" || strings.ContainsFunc(start, func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') }) ||
			start == name && (!caveats.ValidProjectName(name) || caveats.NormalizeProject(name) != name) {
			return fmt.Errorf("%q is not the name of a project, or the beginning of names with * behind it: write it in lower case, with '-' for '.' and '_'", name)
		}
	}
	if r.Users != nil && (len(r.Users) == 0 || slices.Contains(r.Users, "")) {
		return errors.New("users is empty: name those who may upload")
	}
	return nil
}

func (r Rule) is(project string) bool {
	return slices.ContainsFunc(r.Projects, func(name string) bool {
		start, open := strings.CutSuffix(name, "*")
		return name == project || open && strings.HasPrefix(project, start)
	})
}

// Rules are the rules of an index. For each thing that they set, the first rule for a project that sets it counts.
type Rules []Rule

// terms are what the rules say about one project.
type terms struct {
	closes              time.Duration
	wheelsOnly          bool
	maxFile, maxProject int64
	users               []string
}

func (rs Rules) of(project string) (t terms) {
	var closes, wheels, file, size, users bool
	for _, r := range rs {
		if !r.is(project) {
			continue
		}
		take(&t.closes, r.Closes, &closes)
		take(&t.wheelsOnly, r.WheelsOnly, &wheels)
		take(&t.maxFile, r.MaxFile, &file)
		take(&t.maxProject, r.MaxProject, &size)
		if r.Users != nil && !users {
			t.users, users = r.Users, true
		}
	}
	return t
}

// take sets a value where a rule has it and no earlier one had it.
func take[T any](to, value *T, done *bool) {
	if value != nil && !*done {
		*to, *done = *value, true
	}
}

// Counts reports whether the rules need a [Ledger].
func (rs Rules) Counts() bool {
	return slices.ContainsFunc(rs, func(r Rule) bool {
		return r.Closes != nil && *r.Closes > 0 || r.MaxProject != nil && *r.MaxProject > 0
	})
}

func (t terms) counts() bool { return t.closes > 0 || t.maxProject > 0 }
