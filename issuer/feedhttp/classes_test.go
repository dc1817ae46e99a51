package feedhttp

import (
	"testing"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/feed"
)

// What is of any length says so, and nothing comes behind it on its connection.
func TestRoutesHaveTheirDeadlines(t *testing.T) {
	want := map[string]deadline.Class{
		"GET " + feed.PathStream: deadline.Stream, "GET " + feed.PathSnapshot: deadline.Stream, "POST " + feed.PathReport: deadline.Page, "POST " + feed.PathRegister: deadline.Page,
	}
	routes := New(Config{}).mux.Routes()
	if len(routes) != len(want) {
		t.Errorf("%v", routes)
	}
	for _, r := range routes {
		if r.Class != want[r.Pattern] {
			t.Errorf("%s is a %s", r.Pattern, r.Class)
		}
	}
}
