// Package leaks reads what secret scanners report: lists of tokens that were found
// where others can read them, signed as in GitHub's secret scanning partner program
// (https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program).
//
// Keys.Check says whether a scanner wrote a body; Parse reads a body. A signed report
// says that something was found, but not whether it is a token of this server: the
// caller has to check the token itself.
package leaks

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Limits of a report.
const (
	MaxBody    = 1 << 20 // bytes
	MaxReports = 1_000   // entries of a list
	MaxURL     = 2_048   // characters of an address; the rest is cut off
	MaxSource  = 64      // characters of a source; the rest is cut off
)

// ErrMalformed says that a body is not a list of reports.
var ErrMalformed = errors.New("leaks: the body is no list of found tokens")

// Report is a token that was found.
type Report struct {
	Token  string // its text, unverified
	Type   string // what the scanner calls this kind of token
	URL    string // where it was found; may be ""
	Source string // what was searched: "content", "commit"; may be ""
}

// Parse reads a body: a JSON list of at most MaxReports objects with token and type,
// and optionally url and source. It ignores other members, which may be new. Its
// errors contain nothing of the body.
func Parse(body []byte) ([]Report, error) {
	if len(body) > MaxBody {
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrMalformed, MaxBody)
	}
	var list []struct{ Token, Type, URL, Source *string }
	err := json.Unmarshal(body, &list)
	if err != nil || list == nil {
		return nil, ErrMalformed // err may quote it
	}
	if len(list) > MaxReports {
		return nil, fmt.Errorf("%w: it has more than %d entries", ErrMalformed, MaxReports)
	}
	out := make([]Report, len(list))
	for i, e := range list {
		if e.Token == nil || e.Type == nil || *e.Token == "" {
			return nil, fmt.Errorf("%w: entry %d lacks its token or its type", ErrMalformed, i+1)
		}
		out[i] = Report{Token: *e.Token, Type: *e.Type, URL: cut(e.URL, MaxURL), Source: cut(e.Source, MaxSource)}
	}
	return out, nil
}

// cut is at most limit characters of a text.
func cut(s *string, limit int) string {
	if s == nil {
		return ""
	}
	r := []rune(*s)
	return string(r[:min(len(r), limit)])
}
