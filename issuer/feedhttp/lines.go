package feedhttp

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Limits of what the requests of a verifier, or of all strangers together, may write to
// the log: lines in a minute, and bytes of an error in each line.
const (
	maxLines = 20
	maxError = 300
)

// lines writes to the log within these limits.
type lines struct {
	log *slog.Logger
	now func() time.Time
	mu  sync.Mutex
	of  map[string]*minute // by the id of the verifier, "" for strangers
}

// minute counts what one verifier caused within a minute.
type minute struct {
	began            time.Time
	written, dropped int
}

// info writes a line because of a.
func (l *lines) info(a *asked, message string, args ...any) {
	dropped, ok := l.admit(a.verifier.ID)
	if !ok {
		return
	}
	args = append(args, "verifier", a.verifier.ID, "name", a.verifier.Name)
	if dropped > 0 {
		args = append(args, "lines_dropped_before", dropped)
	}
	l.log.InfoContext(a.Context(), message, args...)
}

// admit counts a line, and tells whether it may be written and how many before it
// were dropped.
func (l *lines) admit(id string) (dropped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	m := l.of[id]
	if m == nil {
		if l.of == nil {
			l.of = make(map[string]*minute)
		}
		m = &minute{began: now}
		l.of[id] = m
	}
	if since := now.Sub(m.began); since < 0 || since >= time.Minute {
		dropped = m.dropped
		*m = minute{began: now}
	}
	if m.written == maxLines {
		m.dropped++
		return 0, false
	}
	m.written++
	return dropped, true
}

// clip shortens the text of an error, which may quote what was sent.
func clip(err error) string {
	s := err.Error()
	if len(s) <= maxError {
		return s
	}
	return strings.ToValidUTF8(s[:maxError], "") + "..."
}
