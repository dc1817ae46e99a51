package rootkeys

import "encoding/binary"

// locations remembers where the records that were found last stand: a token that is seen again costs
// no search of the index and no look at its chunk's beginning. That is all it is: under which
// key and stamp a record has to open comes from the index each time, and what opens says whose it
// is. So a location that is out of date, or another record's, costs time and never truth.
//
// It is for one goroutine, like the reader that has it.
type locations [locationSets]locationSet

// A set is the 64 bytes that a processor reads at once.
type locationSet [4]location

// locationSets bounds the memory of a reader: half a megabyte for 32,768 tokens.
const (
	locationBits = 13
	locationSets = 1 << locationBits
)

// location is where a token's record stands. The zero value is nowhere: no record has no bytes.
type location struct {
	tag   uint32 // of the token's id
	chunk uint32 // in the file, in units of chunkAlign; it is read while the index is
	entry uint16 // of the index block that leads to the token's id
	rank  uint16 // in the chunk
	begin uint16 // in the chunk
	size  uint16
}

// set is where the location of a token stands: ids are spread over the sets also where they are counted
// rather than drawn.
func (l *locations) set(id *recordID) *locationSet {
	const golden = 0x9e3779b97f4a7c15 // 2^64 by the golden ratio
	return &l[binary.BigEndian.Uint64(id[8:])*golden>>(64-locationBits)]
}

// find is the location of a token, if it is remembered; else its size is zero.
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

// put remembers a location. In a full set it takes the place of the newest, so that tokens that are seen
// once push out none that is seen again and again.
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

// newest is where a set has the location that was not asked for since it was put there.
const newest = len(locationSet{}) - 1
