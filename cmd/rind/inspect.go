package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
)

type inspectCmd struct {
	tokenInput
	JSON bool `name:"json" help:"Print one JSON object."`
}

// inspection is what a token says of itself. Nothing in it was verified.
type inspection struct {
	Verified bool              `json:"verified"` // always false
	ID       string            `json:"id"`
	Location string            `json:"location"`
	User     string            `json:"user_id,omitempty"`
	Projects []string          `json:"projects,omitempty"` // that all caveats about names agree on; absent: all of the user's
	Limited  bool              `json:"limited_to_projects"`
	Begins   *time.Time        `json:"not_before,omitempty"` // the latest
	Ends     *time.Time        `json:"expires_at,omitempty"` // the earliest; absent: never
	Expired  bool              `json:"expired"`
	Caveats  []inspectedCaveat `json:"caveats"`
}

// inspectedCaveat is one caveat in its order.
type inspectedCaveat struct {
	Raw    string `json:"raw"`
	Words  string `json:"words"`
	Added  bool   `json:"added_by_holder"` // behind what issuers write, by its place and form
	Known  bool   `json:"known"`           // false: this version does not know the tag, so its verifiers refuse the token
	Broken bool   `json:"malformed"`       // every verifier refuses the token
}

// Run prints what the token says.
func (c inspectCmd) Run(s streams) error {
	text, err := c.read(s.in)
	if err != nil {
		return err
	}
	t, err := token.Parse(text)
	if err != nil {
		return explain(err)
	}
	in := inspect(t, time.Now())
	if c.JSON {
		return printJSON(s.out, in)
	}
	return in.print(s)
}

func inspect(t token.Token, now time.Time) inspection {
	in := inspection{ID: t.ID, Location: t.Location, Caveats: []inspectedCaveat{}}
	issued := true
	last := 0
	for _, raw := range t.Caveats {
		c, err := caveats.Parse(raw)
		issued = issued && err == nil && issuedAfter(&last, c)
		ic := inspectedCaveat{Raw: printable(raw), Added: !issued, Known: err == nil, Broken: err != nil && !errors.Is(err, caveats.ErrUnknown)}
		switch {
		case c != nil:
			ic.Words = c.String()
			in.narrow(c)
		default:
			ic.Words = "is malformed"
		}
		in.Caveats = append(in.Caveats, ic)
	}
	in.Expired = in.Ends != nil && !now.Before(*in.Ends)
	return in
}

// issuedOrder is where the caveats that an issuer writes stand: the user, the
// projects' names and ids, the life.
var issuedOrder = map[int]int{
	caveats.TagUser: 1, caveats.TagProjectNames: 2, caveats.TagProjectIDs: 3, caveats.TagLife: 4,
}

// issuedAfter tells whether c can be an issued caveat behind the place last, and
// moves last.
func issuedAfter(last *int, c caveats.Caveat) bool {
	place := issuedOrder[c.Tag()]
	if place <= *last || (*last == 0 && place != 1) {
		return false
	}
	*last = place
	return true
}

// narrow takes a caveat into the summary.
func (in *inspection) narrow(c caveats.Caveat) {
	switch c := c.(type) {
	case caveats.User:
		if in.User == "" {
			in.User = string(c)
		}
	case caveats.ProjectNames:
		in.Projects = intersect(in.Projects, c, in.Limited)
		in.Limited = true
	case caveats.Life:
		if end, ok := moment(c.ExpiresAt); ok && (in.Ends == nil || end.Before(*in.Ends)) {
			in.Ends = &end
		}
		if begin, ok := moment(c.NotBefore); ok && (in.Begins == nil || begin.After(*in.Begins)) {
			in.Begins = &begin
		}
	}
}

// moment is a time that can be written with a year of four digits.
func moment(unix int64) (time.Time, bool) {
	t := time.Unix(unix, 0).UTC()
	return t, unix > -1<<40 && unix < 1<<40 && t.Year() > 0 && t.Year() < 10000
}

// intersect is what both lists hold, or the second where there is no first yet.
func intersect(have, more []string, limited bool) []string {
	if !limited {
		return append([]string{}, more...)
	}
	out := []string{}
	for _, name := range have {
		for _, m := range more {
			if name == m {
				out = append(out, name)
				break
			}
		}
	}
	return out
}

// printable keeps bytes that a terminal would act on out of the output.
func printable(raw []byte) string {
	q := fmt.Sprintf("%+q", raw)
	return strings.ReplaceAll(strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`), `\\`, `\`)
}

func (in inspection) print(s streams) error {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "Nothing was verified: this is what the token says, not whether it is good.")
	fmt.Fprintln(w)
	fmt.Fprintf(w, "Token\t%s\n", in.ID)
	fmt.Fprintf(w, "Issuer\t%s\n", in.Location)
	fmt.Fprintf(w, "User\t%s\n", or(in.User, "not said"))
	fmt.Fprintf(w, "Projects\t%s\n", in.projects())
	fmt.Fprintf(w, "Until\t%s\n", in.until())
	fmt.Fprintln(w)
	in.list(w, "Issued", false)
	in.list(w, "Added by a holder", true)
	return w.Flush()
}

func (in inspection) projects() string {
	switch {
	case !in.Limited:
		return "all that the user has a role in"
	case len(in.Projects) == 0:
		return "none: no project satisfies all of its caveats"
	}
	return strings.Join(in.Projects, ", ")
}

func (in inspection) until() string {
	if in.Ends == nil {
		return "no end"
	}
	end := in.Ends.Format("2006-01-02 15:04:05 MST")
	if in.Expired {
		return end + " (over, by this machine's clock)"
	}
	return end
}

// list prints the caveats that were added, or that were not.
func (in inspection) list(w *tabwriter.Writer, title string, added bool) {
	n := 0
	for _, c := range in.Caveats {
		if c.Added != added {
			continue
		}
		if n++; n == 1 {
			fmt.Fprintln(w, title+":")
		}
		fmt.Fprintf(w, "  %s\t%s\n", c.Words, c.Raw)
		switch {
		case c.Broken:
			fmt.Fprintln(w, "  ^ every verifier refuses a token with this caveat")
		case !c.Known:
			fmt.Fprintln(w, "  ^ this version does not know this caveat: its verifiers refuse the token")
		}
	}
	if n == 0 && added {
		fmt.Fprintln(w, title+": nothing")
	}
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}
