package replication

import "strings"

// How many bytes of an error's text are kept: of its beginning, and of its end, which says
// what to do. An error may quote what the other side sent, which can have any length.
const (
	errorBegin = 600
	errorEnd   = 400
)

// bounded returns err with a text that is short enough to be logged and shown.
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
