package rootkeys

import "encoding/binary"

// locations remembers where the records found last are: a token that is seen again costs
// no search of the index and no look at its chunk's beginning. It is only a hint: the key and
// stamp under which a record has to open come from the index each time, and the opened record
// says whose it is. So a location that is out of date, or another record's, costs time but never
// yields a wrong answer.
//
// It is for one goroutine, like its reader.
type locations [locationSets]locationSet

// A set is the 64 bytes that a processor reads at once.
type locationSet [4]location

// locationSets bounds the memory of a reader: half a megabyte for 32,768 tokens.
const (
	locationBits = 13
	locationSets = 1 << locationBits
)

// location is where a token's record is. The zero value is nowhere: every record has bytes.
type location struct {
	tag   uint32 // of the token's id
	chunk uint32 // in the file, in units of chunkAlign; it is read while the index is
	entry uint16 // of the index block that leads to the token's id
	rank  uint16 // in the chunk
	begin uint16 // in the chunk
	size  uint16
}

// set is the set for a token's location: it spreads ids over the sets even if they are sequential
// rather than random.
func (l *locations) set(id *recordID) *locationSet {
	const golden = 0x9e3779b97f4a7c15 // 2^64 by the golden ratio
	return &l[binary.BigEndian.Uint64(id[8:])*golden>>(64-locationBits)]
}

// find is the location of a token if it is remembered; otherwise its size is zero.
func (l *locations) find(id *recordID) location {
	set, tag := l.set(id), id.tag()
	for i := range set {
		if set[i].tag != tag {
			continue
		}
		at := set[i]
		if i == newest { // seen again: it may stay
			n := int(tag>>16) % newest
			set[i], set[n] = set[n], at
		}
		return at
	}
	return location{}
}

// put remembers a location. In a full set it replaces the newest, so that tokens seen once
// don't push out those seen again and again.
func (l *locations) put(id *recordID, at location) {
	set := l.set(id)
	at.tag = id.tag()
	n := newest
	for i := range set {
		if set[i].size == 0 || set[i].tag == at.tag {
			n = i
			break
		}
	}
	set[n] = at
}

// newest is the place in a set of the location that nothing has asked for since it was put there.
const newest = len(locationSet{}) - 1
