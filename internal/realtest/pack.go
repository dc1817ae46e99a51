package realtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
)

// MakeDist makes a folder whose subfolder dist has a wheel and an sdist of a project, as a build leaves
// them.
func MakeDist(t testing.TB, project, version string) string {
	t.Helper()
	dir := t.TempDir()
	stem := filepath.Join(dir, "dist", disttest.Module(project)+"-"+version)
	for _, err := range []error{
		os.Mkdir(filepath.Dir(stem), 0o755),
		os.WriteFile(stem+"-py3-none-any.whl", disttest.Wheel(project, version, ""), 0o644),
		os.WriteFile(stem+".tar.gz", disttest.SDist(project, version, ""), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
