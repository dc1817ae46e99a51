package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestCommandsWithoutModes goes through all commands that there are, so that a new one
// is refused where files have no modes until somebody says otherwise.
func TestCommandsWithoutModes(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.Name("rind"))
	if err != nil {
		t.Fatal(err)
	}
	var run, refused []string
	for _, leaf := range parser.Model.Leaves(false) {
		name := strings.TrimPrefix(leaf.FullPath(), "rind ")
		switch err := needsModes(name + " <path>"); {
		case err == nil:
			run = append(run, name)
		case !strings.Contains(err.Error(), "'rind "+name+"' does not run on ") || !strings.Contains(err.Error(), "'rind token inspect'"):
			t.Errorf("%s: %v", name, err)
		default:
			refused = append(refused, name)
		}
	}
	if got := strings.Join(run, ", "); got != "token inspect, token restrict, token exchange, token scan, version" || len(refused) < 20 {
		t.Errorf("run: %s; refused: %q", got, refused)
	}
}
