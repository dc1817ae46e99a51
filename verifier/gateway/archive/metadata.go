package archive

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rind-dev/rind/internal/text"
)

// formats are the versions of core metadata that tools know.
var formats = map[string]bool{
	"1.0": true, "1.1": true, "1.2": true, "2.0": true, "2.1": true, "2.2": true, "2.3": true, "2.4": true, "2.5": true,
}

// singleFields has the fields that decide what is installed, and where. If one is repeated, some programs take the
// first and others the last.
var singleFields = []string{"Metadata-Version", "Name", "Version", "Requires-Python"}

// checkMetadata reads core metadata of size bytes, and compares its name and version with want. what names
// the file in sentences.
func checkMetadata(r io.Reader, size int64, what string, want Want) error {
	fields, err := readFields(r, size, what)
	if err != nil {
		return err
	}
	for _, name := range singleFields[:3] {
		if _, ok := fields[strings.ToLower(name)]; !ok {
			return fault("%s has no field '%s'", what, name)
		}
	}
	name, version := fields["name"], fields["version"]
	switch format := fields["metadata-version"]; {
	case !formats[format]:
		return fault("%s has the metadata version '%s', which no tool knows", what, clip(format))
	case !want.isName(name):
		return fault("%s says that it is '%s', and the file is uploaded as '%s'", what, clip(name), want.Project)
	case !want.isVersion(version):
		return fault("%s says that it is version '%s', and the file is uploaded as version '%s'", what, clip(version), clip(want.Version))
	}
	return nil
}

// readFields reads the fields at the beginning of a file in the format of mail headers. It returns
// their names in lower case. The fields in singleFields may occur only once, on one line.
//
// It refuses a line that is neither a field nor the continuation of one: mail parsers take it for the end of
// the fields, and other parsers skip it.
func readFields(r io.Reader, size int64, what string) (map[string]string, error) {
	all, err := readSmall(r, size, what)
	if err != nil {
		return nil, err
	}
	fields, last := map[string]string{}, ""
	for len(all) > 0 {
		line, rest, _ := strings.Cut(all, "\n")
		all = rest
		line = strings.TrimSuffix(line, "\r")
		if len(line) == 0 {
			break
		}
		if err := checkLine(line, what); err != nil {
			return nil, err
		}
		if line[0] == ' ' || line[0] == '\t' {
			switch {
			case last == "":
				return nil, fault("%s begins with white space: its first line has to be a field", what)
			case isSingle(last):
				return nil, fault("%s has the field '%s' on several lines: put it on one", what, clip(last))
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			return nil, fault("%s has a line that is no field: '%s'; lines that continue a field begin with a space", what, clip(line))
		}
		last = strings.ToLower(name)
		if _, again := fields[last]; again && isSingle(last) {
			return nil, fault("%s has the field '%s' twice", what, clip(name))
		}
		if isSingle(last) || fields[last] == "" {
			fields[last] = strings.TrimSpace(value)
		}
		if len(fields) > maxFields {
			return nil, fault("%s has more than %d different fields", what, maxFields)
		}
	}
	return fields, nil
}

const maxFields = 200

func isSingle(name string) bool {
	for _, o := range singleFields {
		if strings.EqualFold(o, name) {
			return true
		}
	}
	return false
}

// checkLine refuses characters at which some programs begin a new line.
func checkLine(line, what string) error {
	switch {
	case strings.IndexByte(line, 0) >= 0:
		return fault("%s has a NUL in it", what)
	case strings.IndexByte(line, '\r') >= 0:
		return fault("%s has a carriage return within a line", what)
	case !utf8.ValidString(line):
		return fault("%s is not UTF-8", what)
	}
	for rest := line; ; {
		before, after, ok := strings.Cut(rest, ":")
		if !ok {
			return nil
		}
		if name := nameBehindBreak(before); isSingle(name) {
			return fault("%s has a field '%s' behind a character that some programs take for the end of a line", what, clip(name))
		}
		rest = after
	}
}

// nameBehindBreak returns the last word before a colon, or "" if no character stands before it, perhaps with spaces
// between, that some programs take for the end of a line. It looks at each character once: a line may be long.
func nameBehindBreak(before string) string {
	before = strings.TrimRightFunc(before, unicode.IsSpace)
	isBreak := func(c rune) bool { return text.Disruptive(c) && c != '\t' }
	head := strings.TrimRightFunc(before, func(c rune) bool { return !unicode.IsSpace(c) && !isBreak(c) })
	gap := head[len(strings.TrimRightFunc(head, unicode.IsSpace)):]
	last, _ := utf8.DecodeLastRuneInString(head[:len(head)-len(gap)])
	if !isBreak(last) && !strings.ContainsFunc(gap, isBreak) {
		return ""
	}
	return before[len(head):]
}

// readSmall reads a file of size bytes, at most maxMetadata, which begins with no mark of its encoding.
func readSmall(r io.Reader, size int64, what string) (string, error) {
	if size > maxMetadata {
		return "", fault("%s is larger than %d bytes", what, maxMetadata)
	}
	var all strings.Builder
	all.Grow(int(size))
	_, err := io.CopyBuffer(&all, r, buffer(size))
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(all.String(), "\xef\xbb\xbf") {
		return "", fault("%s begins with a byte order mark", what)
	}
	return all.String(), nil
}
