package authn

import "log/slog"

// Secret is the text of a link. It prints as a placeholder, so that it does
// not end up in a log by accident.
type Secret string

// Reveal is the text itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the text.
func (s Secret) String() string { return "[secret]" }

// GoString hides the text.
func (s Secret) GoString() string { return "[secret]" }

// MarshalText hides the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// LogValue hides the text.
func (s Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }
