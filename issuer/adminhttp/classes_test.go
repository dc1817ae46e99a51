package adminhttp

import (
	"testing"

	"github.com/rind-dev/rind/internal/deadline"
)

// Every command says how long it may take.
func TestCommandsHaveTheirDeadlines(t *testing.T) {
	routes := New(Config{}).(*deadline.Mux).Routes()
	if len(routes) != len(commands) {
		t.Errorf("%d routes for %d commands", len(routes), len(commands))
	}
	for _, r := range routes {
		if r.Class != deadline.Command {
			t.Errorf("%s is a %s", r.Pattern, r.Class)
		}
	}
}
