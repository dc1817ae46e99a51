package rootkeys

import (
	"encoding/binary"
	"errors"
	"runtime/debug"
	"testing"
)

// A page that names itself as its child ends a walk over all pages after as many as a tree
// is deep, in a file of any size: one that went on for as many as the file has pages would
// end the process, which has no more stack.
func TestEachIsNoDeeperThanATree(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(32 << 20))
	const size, pages, self = pageHeader + elementSize, 1 << 20, firstPage
	b := bucket{tree: tree{make([]byte, size*pages), size}, root: self}
	page := b.data[self*size:]
	binary.NativeEndian.PutUint64(page, self)
	binary.NativeEndian.PutUint16(page[8:], branchFlag)
	binary.NativeEndian.PutUint16(page[10:], 1)
	binary.NativeEndian.PutUint32(page[pageHeader:], elementSize)
	binary.NativeEndian.PutUint64(page[pageHeader+8:], self)
	if err := b.each(nil); !errors.Is(err, errDeep) {
		t.Errorf("%v, want %v", err, errDeep)
	}
}
