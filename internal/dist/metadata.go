package dist

import (
	"bufio"
	"io"
	"strings"
)

// headerField returns the first value of a field in the header of metadata, or "".
//
// It reads as pip does, with Python's email.feedparser: the first line that is neither a field
// nor a continuation ends the fields, as an empty line does, and the fields before it count.
// So a License whose second line lost its indentation hides the fields after it, and no
// others.
func headerField(r io.Reader, name string) string {
	lines := bufio.NewScanner(io.LimitReader(r, maxHeaders))
	lines.Buffer(nil, maxHeaders)
	lines.Split(scanAnyLine)
	var value strings.Builder // many short lines may continue the field
	found := false
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "":
			return value.String()
		case line[0] == ' ' || line[0] == '\t':
			if found {
				value.WriteString("\n" + line)
			}
			continue
		case found: // the field ended
			return value.String()
		case strings.HasPrefix(line, "From "): // of a mailbox file: passed over
			continue
		}
		field, rest, ok := strings.Cut(line, ":")
		if !ok || strings.ContainsFunc(field, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			return ""
		}
		if strings.EqualFold(field, name) {
			value.WriteString(rest)
			found = true
		}
	}
	return value.String()
}

// scanAnyLine is a bufio.SplitFunc for lines that end with CRLF, LF or only CR.
func scanAnyLine(data []byte, atEOF bool) (advance int, line []byte, err error) {
	for i, c := range data {
		switch {
		case c == '\n':
			return i + 1, data[:i], nil
		case c != '\r':
		case i+1 < len(data) && data[i+1] == '\n':
			return i + 2, data[:i], nil
		case i+1 < len(data) || atEOF:
			return i + 1, data[:i], nil
		default: // the next byte decides
			return 0, nil, nil
		}
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
