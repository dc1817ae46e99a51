package replication

import "strings"

// What is kept of the text of an error, in bytes: its beginning, and its end, which says
// what to do. An error may quote what the other side sent, which is of any length.
const (
	errorBegin = 600
	errorEnd   = 400
)

// bounded is err with a text that is short enough to be logged and told.
func bounded(err error) error {
	if err == nil || len(err.Error()) <= errorBegin+errorEnd {
		return err
	}
	return shortError{err}
}

type shortError struct{ error }

func (s shortError) Error() string {
	text := s.error.Error()
	return strings.ToValidUTF8(text[:errorBegin], "") + " … " + strings.ToValidUTF8(text[len(text)-errorEnd:], "")
}

func (s shortError) Unwrap() error { return s.error }
