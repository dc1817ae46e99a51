package inspect

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
)

// Print writes the Inspection for people.
func (in Inspection) Print(w io.Writer, now time.Time) error {
	var b strings.Builder
	b.WriteString("Nothing was verified: this is what the token says, not whether it is valid.\n\n")
	row := func(name, value string) { fmt.Fprintf(&b, "%-9s %s\n", name, value) }
	row("Token", in.ID)
	if in.Made != nil {
		row("Made", relative(*in.Made, now)+", by its ID")
	}
	row("Issuer", in.Location)
	row("User", in.user())
	row("Projects", in.projects())
	if in.Begins != nil && now.Before(*in.Begins) {
		row("From", relative(*in.Begins, now))
	}
	row("Until", in.until(now))
	in.list(&b, ByIssuer, "Issued with the token:")
	in.list(&b, Unclear, "Issued, or added by a holder (the token does not tell):")
	in.list(&b, ByHolder, "Added by a holder:")
	if len(in.Problems) > 0 {
		b.WriteString("\nNo verifier of this version accepts the token:\n")
		for _, p := range in.Problems {
			fmt.Fprintf(&b, "  %s\n", p)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (in Inspection) user() string {
	if in.User != nil {
		return quoted(*in.User)
	}
	for _, c := range in.Caveats {
		if c.Tag != nil && *c.Tag == caveats.TagUser {
			return "several"
		}
	}
	return "not said"
}

func (in Inspection) projects() string {
	switch {
	case in.AllProjects:
		return "all projects the user is a member of"
	case len(in.Projects) > 0:
		return quotedAll(in.Projects)
	case len(in.ProjectIDs) > 0:
		return "by id: " + quotedAll(in.ProjectIDs)
	}
	return "none"
}

func (in Inspection) until(now time.Time) string {
	if in.Ends == nil {
		return "no end"
	}
	return relative(*in.Ends, now)
}

// list writes the caveats of one Origin, each with its number, under a title. The
// wire form is shown where the words don't say it.
func (in Inspection) list(b *strings.Builder, by Origin, title string) {
	none := true
	for i, c := range in.Caveats {
		if c.AddedBy != by {
			continue
		}
		if none {
			fmt.Fprintf(b, "\n%s\n", title)
			none = false
		}
		fmt.Fprintf(b, "%3d. %s\n", i+1, c.Words)
		if !c.Known {
			fmt.Fprintf(b, "     %s\n", cut(c.Raw))
		}
	}
	if none && by == ByHolder {
		fmt.Fprintf(b, "\n%s nothing\n", title)
	}
}

// cut shortens an unreadable caveat so that it does not fill the screen; the JSON
// has all of it.
func cut(raw string) string {
	const most = 200
	if len(raw) > most {
		return raw[:most] + "…"
	}
	return raw
}

// quoted returns text from a token unchanged, or in quotes if it contains characters that names don't
// have.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-._", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return strconv.QuoteToASCII(s)
}

func quotedAll(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quoted(s)
	}
	return strings.Join(out, ", ")
}

// relative writes a time in full, with its distance from now.
func relative(t, now time.Time) string {
	full := t.UTC().Format("2006-01-02 15:04:05 UTC")
	seconds := t.Unix() - now.Unix()
	if seconds <= 0 {
		return full + ", " + span(-seconds) + " ago"
	}
	return full + ", in " + span(seconds)
}

// span formats a number of seconds in its largest unit, rounded down to a whole number.
func span(seconds int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"year", 365 * 86400}, {"day", 86400}, {"hour", 3600}, {"minute", 60}} {
		switch n := seconds / unit.size; {
		case n == 1:
			return "1 " + unit.name
		case n > 1:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "less than a minute"
}
