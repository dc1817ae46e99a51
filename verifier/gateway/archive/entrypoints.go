package archive

import (
	"io"
	"strings"
	"unicode"

	"github.com/rind-dev/rind/internal/text"
)

// checkEntryPoints refuses scripts whose name is a path, because installers make a file with that name. Names in other
// groups are only looked up, and some contain slashes (plugins of mkdocs).
//
// Installers read the file with parsers that disagree about where lines end, and about which lines are comments
// or sections. So a line counts as a script's if any parser could read it that way.
func checkEntryPoints(r io.Reader, size int64) error {
	all, err := readSmall(r, size, "entry_points.txt")
	if err != nil {
		return err
	}
	scripts := true
	for row := range strings.Lines(all) {
		row = strings.TrimSuffix(strings.TrimSuffix(row, "\n"), "\r")
		if group, ok := groupOf(row); ok {
			scripts = strings.EqualFold(group, "console_scripts") || strings.EqualFold(group, "gui_scripts")
			continue
		}
		for line := range strings.FieldsFuncSeq(row, text.Disruptive) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "[") {
				scripts = true
			}
			if scripts && isPathOfScript(line) {
				return fault("the name of an entry point is a path: '%s'", clip(line))
			}
		}
	}
	return nil
}

// groupOf returns the group of entry points that a line begins, if all parsers agree about it.
func groupOf(row string) (string, bool) {
	group, isOpen := strings.CutPrefix(row, "[")
	group, isClosed := strings.CutSuffix(group, "]")
	isPlain := !strings.ContainsFunc(group, func(c rune) bool {
		return c >= 0x80 || !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._-:", c)
	})
	return group, isOpen && isClosed && isPlain && group != ""
}

// isPathOfScript reports whether a line may be read as a script whose name is a path: the name ends at "=", for
// some at ":" too.
func isPathOfScript(line string) bool {
	if line == "" || line[0] == '#' || line[0] == '[' && line[len(line)-1] == ']' {
		return false
	}
	name, _, _ := strings.Cut(line, "=")
	name = strings.TrimSpace(name)
	short, _, _ := strings.Cut(name, ":")
	short = strings.TrimSpace(short)
	return strings.ContainsAny(name, `/\`) || name == "." || name == ".." || short == "." || short == ".."
}
