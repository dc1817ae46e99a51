package dist

import (
	"bytes"
	"io"
	"testing"
)

// A zip file whose directory is as large as a file may be is given up on.
func TestZipDirectoryTooLarge(t *testing.T) {
	size := int64(maxZipRead) + 1
	r := &budgetReaderAt{bytes.NewReader(make([]byte, size)), maxZipRead}
	if n, err := io.Copy(io.Discard, io.NewSectionReader(r, 0, size)); err == nil || n > maxZipRead {
		t.Errorf("read %d, %v", n, err)
	}
}
