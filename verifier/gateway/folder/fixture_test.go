package folder

import (
	"path/filepath"
	"testing"

	"github.com/rind-dev/rind/verifier/gateway/internal/gatetest"
)

// The fixture, by the names that the tests use.
type item = gatetest.Item

var (
	noon   = gatetest.Noon
	upload = gatetest.Upload
	gz     = gatetest.Gzip
	pack   = gatetest.Pack
	zipped = gatetest.Zip
	digest = gatetest.Digest
)

// testIndex is an index over a folder.
type testIndex struct {
	*gatetest.Index
	files *Folder
}

func newIndex(t testing.TB) *testIndex {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "packages")
	files := openFolder(t, dir)
	x := &testIndex{gatetest.Start(t, dir, files, nil), files}
	t.Cleanup(x.Close)
	return x
}
