package rootkeys

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"go.etcd.io/bbolt"
)

// bucket is one of the buckets that a transaction sees.
type bucket struct {
	tree
	root     uint64 // its first page; 0: it is inline
	inline   node
	sequence uint64
	seen     map[uintptr]bool // pages that path has checked; nil: it checks them each time
}

// openBucket finds a bucket as it was before tx, by the names of its parents and its
// own; ok is false if it doesn't exist.
func openBucket(tx *bbolt.Tx, names ...[]byte) (b bucket, ok bool, err error) {
	b = bucket{tree: treeOf(tx), root: uint64(tx.Cursor().Bucket().Root())}
	for _, name := range names {
		value, isBucket, err := b.find(name)
		if err != nil || value == nil || !isBucket {
			return bucket{}, false, err
		}
		if len(value) < bucketHeader {
			return bucket{}, false, errKey
		}
		b.root, b.sequence = binary.NativeEndian.Uint64(value), binary.NativeEndian.Uint64(value[8:])
		if b.root != 0 {
			continue
		}
		b.inline, ok = nodeOf(value[bucketHeader:])
		if !ok || !b.inline.leaf {
			return bucket{}, false, fmt.Errorf("%w: the bucket %s", errPage, name)
		}
	}
	return b, true, nil
}

const bucketHeader = 16 // root and sequence

// top is the first page of a bucket.
func (b *bucket) top() (node, error) {
	if b.root == 0 {
		return b.inline, nil
	}
	return b.node(b.root)
}

// find returns the value of a key, or nil if the key doesn't exist.
func (b *bucket) find(key []byte) (value []byte, isBucket bool, err error) {
	n, err := b.top()
	if err != nil {
		return nil, false, err
	}
	for range maxDepth {
		i, exact, ok := n.search(key)
		switch {
		case !ok:
			return nil, false, errKey
		case n.leaf && !exact:
			return nil, false, nil
		case n.leaf:
			value, isBucket, ok := n.value(i)
			if !ok {
				return nil, false, errKey
			}
			return value, isBucket, nil
		case !exact && i > 0:
			i--
		}
		n, err = b.node(n.child(i))
		if err != nil {
			return nil, false, err
		}
	}
	return nil, false, errDeep
}

// element is a key and its value in a leaf.
type element struct {
	key, value []byte
	bucket     bool
}

// each calls fn with every element, in order. Without fn it only reads what bbolt reads
// to free all pages of the bucket.
func (b *bucket) each(fn func(*element) error) error {
	n, err := b.top()
	if err != nil {
		return err
	}
	pages := uint64(len(b.data)) / b.size // the file has no more
	return b.eachOf(n, maxDepth, &pages, fn)
}

// eachOf is each for a page and those below it, at most depth pages deep.
func (b *bucket) eachOf(n node, depth int, pages *uint64, fn func(*element) error) error {
	if depth == 0 || *pages == 0 {
		return errDeep
	}
	*pages--
	for i := range n.count {
		if n.leaf {
			e, err := n.element(i)
			if err == nil && fn != nil {
				err = fn(e)
			}
			if err != nil {
				return err
			}
			continue
		}
		below, err := b.node(n.child(i))
		if err != nil {
			return err
		}
		if err := b.eachOf(below, depth-1, pages, fn); err != nil {
			return err
		}
	}
	return nil
}

// known tells whether a page was already found whole in this transaction, and notes it.
func (b *bucket) known(n node) bool {
	if b.seen == nil {
		return false
	}
	at := uintptr(unsafe.Pointer(&n.b[0]))
	seen := b.seen[at]
	b.seen[at] = true // if it is not whole, the transaction ends
	return seen
}

// path is the pages from the top of a bucket to a leaf, the leaf last; each but the leaf
// comes with the element that leads to the next.
type path struct {
	nodes []node
	index []int
}

// path walks to the leaf where a key belongs, and to its place there, and checks each whole
// page on the way.
func (b *bucket) path(key []byte) (p path, i int, err error) {
	n, err := b.top()
	if err != nil {
		return p, 0, err
	}
	var low, high []byte
	for range maxDepth {
		i, exact, ok := n.search(key)
		if !ok || !b.known(n) && !n.whole(low, high) {
			return p, 0, errKey
		}
		p.nodes = append(p.nodes, n)
		if n.leaf {
			return p, i, nil
		}
		if !exact && i > 0 {
			i--
		}
		p.index = append(p.index, i)
		low, _ = n.key(i)
		if i+1 < n.count {
			high, _ = n.key(i + 1)
		}
		n, err = b.node(n.child(i))
		if err != nil {
			return p, 0, err
		}
	}
	return p, 0, errDeep
}

// element is the element at place i of a leaf.
func (n *node) element(i int) (*element, error) {
	key, ok1 := n.key(i)
	value, bucket, ok2 := n.value(i)
	if !ok1 || !ok2 {
		return nil, errKey
	}
	return &element{key, value, bucket}, nil
}
