package metrics

import (
	"testing"

	"github.com/rind-dev/rind/internal/deadline"
)

// What is answered is bounded, and takes no longer than a page.
func TestListenerHasItsDeadlines(t *testing.T) {
	routes := NewServer().Routes().Routes()
	if len(routes) != 1 || routes[0].Pattern != "GET /metrics" || routes[0].Class != deadline.Page {
		t.Errorf("%v", routes)
	}
}
