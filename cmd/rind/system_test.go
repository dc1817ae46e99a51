package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestBuildsForOtherSystems compiles the program for the systems that 'rind token' is
// used on. What is compiled is cached, so only the first run takes long. It is not linked, which would
// take as long each time: what Go code lacks on a system, the compiler says.
func TestBuildsForOtherSystems(t *testing.T) {
	for _, system := range []string{"windows", "darwin"} {
		cmd := exec.Command("go", "list", "-export", ".")
		cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", system, err, out)
		}
	}
}

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
	if got := strings.Join(run, ", "); got != "token inspect, token restrict, token scan, version" || len(refused) < 20 {
		t.Errorf("run: %s; refused: %q", got, refused)
	}
}
