package caveats

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// shownElements and shownRunes bound what a sentence quotes from a caveat.
const (
	shownElements = 4
	shownRunes    = 160
)

// noun names the elements of a list caveat, with the preposition that goes
// before them: valid *for* a project, *from* a network.
type noun struct {
	lead, one, many string
	reason          Reason
}

var (
	projectNoun = noun{"for", "project", "projects", WrongProject}
	versionNoun = noun{"for", "version", "versions", WrongVersion}
	fileNoun    = noun{"for", "file", "files", WrongFile}
	digestNoun  = noun{"for", "SHA-256 digest", "SHA-256 digests", WrongDigest}
	networkNoun = noun{"from", "network", "networks", WrongNetwork}
	actionNoun  = noun{"for", "action", "actions", WrongAction}
)

// mismatch is the failure for a list that does not contain the request's value;
// got is that value, empty if the request has none.
func (n noun) mismatch(list []string, got string) *Failure {
	var b strings.Builder
	b.WriteString("token is valid ")
	b.WriteString(n.lead)
	b.WriteByte(' ')
	n.list(&b, list, shownElements)
	switch {
	case got != "":
		b.WriteString(", not ")
		b.WriteString(n.lead)
		b.WriteByte(' ')
		b.WriteString(quote(got))
	case len(list) > 0:
		b.WriteString(" only, and the request does not tell its ")
		b.WriteString(n.one)
	}
	return &Failure{n.reason, b.String()}
}

// notNormalized says that a name in a project caveat is not in normal form and therefore
// matches no project. It picks the entry that normalizes to name, or else the first such
// entry, and returns "" if all are in normal form.
func notNormalized(list []string, name string) string {
	said := ""
	for _, s := range list {
		if normal := NormalizeProject(s); normal != s && (said == "" || normal == name) {
			said = s
		}
	}
	if said == "" {
		return ""
	}
	return "; the name " + quote(said) + " in the caveat is not in normal form and matches no project, write " + quote(NormalizeProject(said))
}

// words describes what a list allows, with all its elements.
func (n noun) words(list []string) string {
	var b strings.Builder
	b.Grow(64) // most are shorter
	b.WriteString("only ")
	b.WriteString(n.lead)
	b.WriteByte(' ')
	n.list(&b, list, len(list))
	return b.String()
}

// list writes "projects 'a', 'b' and 3 more".
func (n noun) list(b *strings.Builder, list []string, most int) {
	switch len(list) {
	case 0:
		b.WriteString("no ")
		b.WriteString(n.one)
		return
	case 1:
		b.WriteString(n.one)
	default:
		b.WriteString(n.many)
	}
	shown := list[:min(len(list), most)]
	for i, s := range shown {
		switch {
		case i == 0:
			b.WriteByte(' ')
		case i == len(list)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		quoteTo(b, s)
	}
	if rest := len(list) - len(shown); rest > 0 {
		b.WriteString(" and ")
		b.WriteString(strconv.Itoa(rest))
		b.WriteString(" more")
	}
}

// quote puts text that came from outside between single quotes: one line of
// printable characters, cut where it gets long.
func quote(s string) string {
	var b strings.Builder
	quoteTo(&b, s)
	return b.String()
}

func quoteTo(b *strings.Builder, s string) {
	b.WriteByte('\'')
	for n := 0; len(s) > 0; n++ {
		if n == shownRunes {
			b.WriteString("…")
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatInt(int64(s[0]), 16))
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[size:]
	}
	b.WriteByte('\'')
}

// short cuts a literal that may fill a whole caveat.
func short(literal string) string {
	if len(literal) > 20 {
		return literal[:20] + "…"
	}
	return literal
}

// when writes Unix seconds as a date, or as a number if a date would not help.
func when(seconds int64) string {
	const year10000 = 253402300800
	if seconds < 0 || seconds >= year10000 {
		return "Unix time " + strconv.FormatInt(seconds, 10)
	}
	return time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04:05 UTC")
}
