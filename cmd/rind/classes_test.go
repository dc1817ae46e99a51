package main

import (
	"path/filepath"
	"testing"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// What the two small listeners answer is bounded, and takes no longer than a page: the
// status of a verifier, and the metrics of a server.
func TestListenersHaveTheirDeadlines(t *testing.T) {
	keys, err := rootkeys.Open(filepath.Join(t.TempDir(), "rootkeys.db"), rootkeys.Options{Key: make([]byte, rootkeys.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	for name, l := range map[string]struct {
		mux  *deadline.Mux
		want []string
	}{
		"rind verifier follow --status": {followCmd{}.answers(replication.New(replication.Config{Store: keys})), []string{"GET /status", "GET /healthz", "GET /metrics"}},
		"metrics-listen":                {newServeMetrics().routes(), []string{"GET /metrics"}},
	} {
		routes := l.mux.Routes()
		if len(routes) != len(l.want) {
			t.Errorf("%s answers %v", name, routes)
			continue
		}
		for i, r := range routes {
			if r.Pattern != l.want[i] || r.Class != deadline.Page {
				t.Errorf("%s: %s is a %s", name, r.Pattern, r.Class)
			}
		}
	}
}
