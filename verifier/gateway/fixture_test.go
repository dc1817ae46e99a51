package gateway_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/folder"
	"github.com/rind-dev/rind/verifier/gateway/internal/gatetest"
)

// The fixture, by the names that the tests use.
type item = gatetest.Item

var (
	noon      = gatetest.Noon
	field     = gatetest.Field
	file      = gatetest.File
	upload    = gatetest.Upload
	demo      = gatetest.Demo
	with      = gatetest.With
	without   = gatetest.Without
	encode    = gatetest.Encode
	basicAuth = gatetest.BasicAuth
	gz        = gatetest.Gzip
	pack      = gatetest.Pack
	digest    = gatetest.Digest
)

// testIndex is an index over a folder.
type testIndex struct{ *gatetest.Index }

func newIndex(t testing.TB, edit func(*gateway.Config)) *testIndex {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "packages")
	files, err := folder.Open(dir, folder.WithClock(func() time.Time { return noon }))
	if err != nil {
		t.Fatal(err)
	}
	x := &testIndex{gatetest.Start(t, dir, files, edit)}
	t.Cleanup(func() { x.Close(); files.Close() })
	return x
}
