package dist

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/text"
)

// maxSpecifier is the length limit of a Requires-Python in bytes.
const maxSpecifier = 1000

// A clause of a version specifier whose operator decides the form of its version.
var (
	releaseAlone = regexp.MustCompile(`^[vV]?([0-9]+!)?[0-9]+(\.[0-9]+)*$`)
	twoNumbers   = regexp.MustCompile(`^[vV]?([0-9]+!)?[0-9]+\.[0-9]`)
)

// SpecifierFault says what is wrong with a set of version specifiers (PEP 440,
// "Version specifiers"), or returns "" if nothing is. The empty set is valid.
func SpecifierFault(s string) string {
	if len(s) > maxSpecifier {
		return "it is too long"
	}
	for clause := range strings.SplitSeq(s, ",") {
		clause = strings.TrimSpace(clause)
		if clause == "" {
			continue
		}
		if fault := clauseFault(clause); fault != "" {
			return "'" + text.Clip(clause) + "' " + fault
		}
	}
	return ""
}

func clauseFault(clause string) string {
	op, version := "", ""
	for _, o := range []string{"===", "~=", "==", "!=", "<=", ">=", "<", ">"} { // longest first
		if rest, ok := strings.CutPrefix(clause, o); ok {
			op, version = o, strings.TrimSpace(rest)
			break
		}
	}
	exact := op == "==" || op == "!="
	prefix, anyBelow := strings.CutSuffix(version, ".*")
	switch {
	case op == "":
		return "does not begin with ~=, ==, !=, <=, >=, <, > or ==="
	case op == "===":
		if version == "" || strings.ContainsFunc(version, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == ';' || c == ')' }) {
			return "has no version that can be compared character by character"
		}
	case anyBelow && !exact:
		return "has '.*', which is allowed only with == and !="
	case anyBelow && !releaseAlone.MatchString(prefix):
		return "has '.*' after something other than the numbers of a release"
	case anyBelow:
	case !caveats.ValidVersion(version):
		return "has no PEP 440 version"
	case strings.Contains(version, "+") && !exact:
		return "has a local version ('+...'), which is allowed only with == and !="
	case op == "~=" && !twoNumbers.MatchString(version):
		return "needs a version of two numbers or more, as in ~=3.8"
	}
	return ""
}

// Listable reports whether the index can pass on the Requires-Python of a stored file. The
// index does not judge it (PEP 503): old files have specifiers that PEP 440 later forbade, and
// installers decide what they mean.
func Listable(requires string) bool {
	return len(requires) <= maxSpecifier && utf8.ValidString(requires) && !strings.ContainsFunc(requires, unicode.IsControl)
}

// NormalizeRequiresPython puts a Requires-Python from metadata on one line. "UNKNOWN" is what
// old setuptools wrote for "not given".
func NormalizeRequiresPython(value string) string {
	value = strings.Join(strings.Fields(value), " ")
	if value == "UNKNOWN" {
		return ""
	}
	return value
}
