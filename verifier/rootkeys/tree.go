package rootkeys

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"unsafe"

	"go.etcd.io/bbolt"
)

// A search for a chunk walks bbolt's B+tree itself, in the memory map of the read
// transaction that it holds. bbolt copies pages before it changes them, and neither reuses a
// page nor moves the map while an earlier transaction is open, so what the walk
// reads does not change. The walk allocates nothing, and it trusts nothing that it
// reads: bbolt has no checksums, and on a damaged page its own walk panics at
// best, and at worst ends the process, as on a page that names itself as its child.
//
// The walk does not check the end of the file, which may be truncated while we read, after
// any check that we could make; reading past it faults in the memory map, and
// Store.read and Store.apart turn that fault into an error.
//
// The format is that of bbolt's internal/common (page.go, inode.go, bucket.go): numbers
// in the machine's byte order; a page begins with its id, flags, the number of its
// elements, and the number of pages that continue it; elements of 16 bytes follow, each with
// the position of its key relative to itself.
type tree struct {
	data []byte // the memory map, up to the end of the transaction's pages
	size uint64 // of a page
}

const (
	pageHeader  = 16
	elementSize = 16

	branchFlag = 0x01 // of a page
	leafFlag   = 0x02
	bucketFlag = 0x01 // of an element in a leaf

	// maxDepth is more than any tree has: a branch has two children at least, and
	// there are no more than 2^48 pages.
	maxDepth = 48
)

// What is wrong with a page.
var (
	errPage = errors.New("a page of it makes no sense")
	errKey  = fmt.Errorf("%w: a key or a value is not where it belongs", errPage)
	errDeep = fmt.Errorf("%w: one of its pages is behind itself", errPage)
)

func badPage(id uint64, what string) error { return fmt.Errorf("%w: page %d: %s", errPage, id, what) }

// treeOf is the tree that tx sees, valid until tx ends.
func treeOf(tx *bbolt.Tx) tree {
	info := tx.DB().Info()
	first := *(**byte)(unsafe.Pointer(&info.Data)) // not in Go's memory, so it does not move
	return tree{unsafe.Slice(first, tx.Size()), uint64(info.PageSize)}
}

// node is a page of a tree, or one inside the value of a small bucket.
type node struct {
	b     []byte // from its header to its end
	count int
	leaf  bool
}

// node reads the header of a page.
func (t *tree) node(id uint64) (node, error) {
	pages := uint64(len(t.data)) / t.size
	if id < 2 || id >= pages {
		return node{}, badPage(id, "there is none")
	}
	b := t.data[id*t.size:]
	if binary.NativeEndian.Uint64(b) != id {
		return node{}, badPage(id, "it is another")
	}
	more := uint64(binary.NativeEndian.Uint32(b[12:]))
	if more >= pages-id {
		return node{}, badPage(id, "it has no end")
	}
	n, ok := nodeOf(b[:(more+1)*t.size])
	if !ok {
		return node{}, badPage(id, "neither a branch nor a leaf")
	}
	return n, nil
}

// nodeOf reads the flags and the number of elements. It checks that the first key follows the
// elements directly, as bbolt writes them, so that the number is the one written.
func nodeOf(b []byte) (node, bool) {
	if len(b) < pageHeader {
		return node{}, false
	}
	flags := binary.NativeEndian.Uint16(b[8:])
	n := node{b, int(binary.NativeEndian.Uint16(b[10:])), flags == leafFlag}
	if !n.leaf && (flags != branchFlag || n.count == 0) || pageHeader+elementSize*n.count > len(b) {
		return n, false
	}
	return n, n.count == 0 || n.position(0) == elementSize*uint64(n.count)
}

// position is where the key of element i begins, counted from the beginning of the element.
func (n *node) position(i int) uint64 {
	at := pageHeader + elementSize*i
	if n.leaf {
		at += 4
	}
	return uint64(binary.NativeEndian.Uint32(n.b[at:]))
}

// whole tells whether a page is as bbolt wrote it, as far as the page shows: each element
// begins where the previous one ends and sorts after it, and all are at least low and less
// than high, as the branch above says; nil means no bound. Any search of such a page finds its
// way.
func (n *node) whole(low, high []byte) bool {
	end, last := pageHeader+elementSize*uint64(n.count), low
	for i := range n.count {
		key, ok := n.key(i)
		if !ok || pageHeader+elementSize*uint64(i)+n.position(i) != end {
			return false
		}
		if c := bytes.Compare(key, last); c < 0 || c == 0 && i > 0 {
			return false
		}
		end, last = end+uint64(len(key)), key
		if n.leaf {
			value, _, ok := n.value(i)
			if !ok {
				return false
			}
			end += uint64(len(value))
		}
	}
	return high == nil || n.count == 0 || bytes.Compare(last, high) < 0
}

// key is the key of element i, which must exist; ok is false if the key is not inside the page.
func (n *node) key(i int) (key []byte, ok bool) {
	at := pageHeader + elementSize*i
	e := n.b[at : at+elementSize]
	if n.leaf {
		e = e[4:]
	}
	begin := uint64(at) + uint64(binary.NativeEndian.Uint32(e))
	end := begin + uint64(binary.NativeEndian.Uint32(e[4:]))
	if end > uint64(len(n.b)) {
		return nil, false
	}
	return n.b[begin:end], true
}

// value is the value of element i of a leaf, and whether it is a bucket.
func (n *node) value(i int) (value []byte, bucket, ok bool) {
	at := pageHeader + elementSize*i
	e := n.b[at : at+elementSize]
	begin := uint64(at) + uint64(binary.NativeEndian.Uint32(e[4:])) + uint64(binary.NativeEndian.Uint32(e[8:]))
	end := begin + uint64(binary.NativeEndian.Uint32(e[12:]))
	if end > uint64(len(n.b)) {
		return nil, false, false
	}
	return n.b[begin:end:end], binary.NativeEndian.Uint32(e)&bucketFlag != 0, true
}

// child is the page that element i of a branch leads to.
func (n *node) child(i int) uint64 {
	return binary.NativeEndian.Uint64(n.b[pageHeader+elementSize*i+8:])
}

// search finds the first element whose key is not less than the wanted one, or count if all
// are less.
func (n *node) search(key []byte) (i int, exact, ok bool) {
	low, high := 0, n.count
	for low < high {
		at := int(uint(low+high) >> 1)
		k, ok := n.key(at)
		if !ok {
			return 0, false, false
		}
		switch c := bytes.Compare(k, key); {
		case c == 0:
			return at, true, true
		case c < 0:
			low = at + 1
		default:
			high = at
		}
	}
	return low, false, true
}

// Offsets of the fields of bbolt's meta pages, the first two (internal/common/meta.go).
const (
	metaFlag     = 0x04
	freelistFlag = 0x10

	metaMagic    = pageHeader
	metaVersion  = pageHeader + 4
	metaPageSize = pageHeader + 8
	metaFreelist = pageHeader + 32
	metaEnd      = pageHeader + 40 // number of pages
	metaTx       = pageHeader + 48
	metaSum      = pageHeader + 56
	metaSize     = pageHeader + 64

	magic          = 0xED0CDAED
	metaPages      = 2
	firstPage      = metaPages
	countIsInFirst = math.MaxUint16
)

// meta tells whether b is a meta page of bbolt's, which says where the other pages are; ok is
// false if its checksum is wrong.
func meta(b []byte) (ok bool) {
	if len(b) < metaSize || binary.NativeEndian.Uint32(b[metaMagic:]) != magic {
		return false
	}
	h := fnv.New64a()
	h.Write(b[metaMagic:metaSum])
	return h.Sum64() == binary.NativeEndian.Uint64(b[metaSum:])
}

// checkFree checks the list of free pages of the meta page that bbolt uses: bbolt writes into
// the pages that it lists, and allocates memory for as many as it claims.
func (t *tree) checkFree() error {
	return checkFree(t.size, uint64(len(t.data))/t.size, func(at, n uint64) ([]byte, error) {
		if at+n > uint64(len(t.data)) {
			return nil, errPage
		}
		return t.data[at : at+n], nil
	})
}

// checkFree does the same with any way to read the file.
func checkFree(size, pages uint64, read func(at, n uint64) ([]byte, error)) error {
	var id, newest uint64
	good := false
	for page := range uint64(metaPages) {
		b, err := read(page*size, metaSize)
		if err != nil {
			return err
		}
		if tx := binary.NativeEndian.Uint64(b[metaTx:]); meta(b) && (!good || tx >= newest) {
			newest, id, good = tx, binary.NativeEndian.Uint64(b[metaFreelist:]), true
		}
	}
	if !good {
		return nil // bbolt says so itself
	}
	if id < firstPage || id >= pages {
		return badPage(id, "it should be the list of free pages")
	}
	head, err := read(id*size, pageHeader)
	if err != nil {
		return err
	}
	more := uint64(binary.NativeEndian.Uint32(head[12:]))
	if binary.NativeEndian.Uint64(head) != id || binary.NativeEndian.Uint16(head[8:]) != freelistFlag || more >= pages-id {
		return badPage(id, "it should be the list of free pages")
	}
	b, err := read(id*size, (more+1)*size)
	if err != nil {
		return err
	}
	count, at := uint64(binary.NativeEndian.Uint16(b[10:])), uint64(pageHeader)
	if count == countIsInFirst {
		count, at = binary.NativeEndian.Uint64(b[at:]), at+8
	}
	if count > pages || at+8*count > uint64(len(b)) {
		return badPage(id, "the list of free pages has no end")
	}
	for last := uint64(firstPage - 1); count > 0; count, at = count-1, at+8 {
		free := binary.NativeEndian.Uint64(b[at:])
		if free <= last || free >= pages {
			return badPage(id, "the list of free pages is not in order")
		}
		last = free
	}
	return nil
}
