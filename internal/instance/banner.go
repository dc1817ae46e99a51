package instance

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
)

// Limits of texts, in characters.
const (
	MaxBanner = 300
	MaxReason = 200
)

// Level is how a banner looks.
type Level string

// The levels.
const (
	LevelInfo    Level = "info"
	LevelWarning Level = "warning"
)

// Banner is the announcement on every page; the zero value is no announcement. Its text is
// plain: nothing in it becomes markup or a link.
type Banner struct {
	Text  string    `json:"text,omitempty"`
	Level Level     `json:"level,omitempty"`
	Until time.Time `json:"until,omitzero"` // zero: until it is cleared
	Since time.Time `json:"since,omitzero"`
	By    string    `json:"by,omitempty"` // username, as it was then
}

// Shown reports whether the pages show the banner at the time now.
func (b Banner) Shown(now time.Time) bool {
	return b.Text != "" && (b.Until.IsZero() || now.Before(b.Until))
}

// Check returns the banner without the white space around its text, or what is
// wrong with it: problems of the fields "text", "level" and "until".
func (b Banner) Check(now time.Time) (Banner, error) {
	var ps problem.Problems
	b.Text = cleanLine("text", b.Text, MaxBanner, &ps)
	if b.Text == "" && len(ps) == 0 {
		ps.Add("text", "banner_required")
	}
	if b.Level != LevelInfo && b.Level != LevelWarning {
		ps.Add("level", "banner_level")
	}
	if !b.Until.IsZero() && !now.Before(b.Until) {
		ps.Add("until", "banner_past")
	}
	return b, ps.Err()
}

// CheckReason returns a reason that an administrator gives, on one line and without the white
// space around it. "" means that there is none. Problems have the field "reason".
func CheckReason(reason string) (string, error) {
	var ps problem.Problems
	reason = cleanLine("reason", reason, MaxReason, &ps)
	return reason, ps.Err()
}

// cleanLine puts text on one line. It refuses characters that can't be seen or that
// change the direction of others.
func cleanLine(field, s string, limit int, ps *problem.Problems) string {
	if !utf8.ValidString(s) {
		ps.Add(field, "text_invalid")
		return ""
	}
	s = strings.Join(strings.Fields(s), " ")
	switch {
	case utf8.RuneCountInString(s) > limit:
		ps.Add(field, "text_too_long", "max", limit)
	case strings.ContainsFunc(s, text.Disruptive):
		ps.Add(field, "text_invalid")
	}
	return s
}
