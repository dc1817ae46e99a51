package rootkeys

import (
	"bytes"
	"slices"
)

// overlay is the records of one table that changed and are not in the file yet. Ids that come
// in their order, as those of a snapshot's tokens do, cost an append each.
type overlay struct {
	list  []record         // content is nil if a record was removed
	at    map[recordID]int // place in list of each id; nil as long as they are in order
	bytes int              // that its records take in chunks
}

// get is what a record was changed to; ok is false if it was not changed.
func (o *overlay) get(id *recordID) (content []byte, ok bool) {
	if i, ok := o.place(id); ok {
		return o.list[i].content, true
	}
	return nil, false
}

func (o *overlay) place(id *recordID) (i int, ok bool) {
	switch n := len(o.list); {
	case o.at != nil:
		i, ok = o.at[*id]
		return i, ok
	case n == 0 || compareIDs(&o.list[n-1].id, id) < 0:
		return n, false
	}
	return slices.BinarySearchFunc(o.list, id, func(r record, id *recordID) int { return compareIDs(&r.id, id) })
}

// set changes a record and keeps content, which the caller must not change.
func (o *overlay) set(id recordID, content []byte) {
	r := record{id, content}
	i, ok := o.place(&id)
	if ok {
		o.bytes += r.room() - o.list[i].room()
		o.list[i] = r
		return
	}
	if o.at == nil && i < len(o.list) { // the first that is out of order
		o.at = make(map[recordID]int, 2*len(o.list))
		for i := range o.list {
			o.at[o.list[i].id] = i
		}
	}
	if o.at != nil {
		o.at[id] = len(o.list)
	}
	o.list = append(o.list, r)
	o.bytes += r.room()
}

// sorted returns the overlay's own list in the order of the ids; the next set changes it.
func (o *overlay) sorted() []record {
	if o.at != nil {
		slices.SortFunc(o.list, func(a, b record) int { return compareIDs(&a.id, &b.id) })
		o.at = nil
	}
	return o.list
}

// grow makes room for n more changes.
func (o *overlay) grow(n int) { o.list = slices.Grow(o.list, n) }

// take adds the later changes of another overlay.
func (o *overlay) take(next *overlay) {
	o.grow(len(next.list))
	for i := range next.list {
		o.set(next.list[i].id, next.list[i].content)
	}
}

// clear empties the overlay. It keeps its memory if that is small.
func (o *overlay) clear() {
	clear(o.list)
	*o = overlay{list: o.list[:0]}
	if cap(o.list) > maxReusedList {
		o.list = nil
	}
}

const maxReusedList = 1 << 16

func compareIDs(a, b *recordID) int { return bytes.Compare(a[:], b[:]) }
