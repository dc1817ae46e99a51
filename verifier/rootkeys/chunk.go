package rootkeys

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"

	"github.com/rind-dev/rind/internal/seal"
)

// A chunk is the records of a range of ids, in one value of the file:
//
//	2 bytes   how many records (little-endian, as all numbers here)
//	2 bytes   zero
//	4 bytes   length of the chunk
//	4 bytes   for each record, the last of its id: its tag
//	4 bytes   for each record, where it ends in the chunk
//	28 bytes  the seal of all that
//	          the records, each sealed alone: its id, then its content
//	          zeros, until the length is a multiple of 8
//
// Every seal is bound to the chunk's kind and key, the stamp of the commit that wrote it,
// and the record's place. So a record of another place, chunk or time does not open,
// and neither does another chunk's beginning: a record that a chunk lacks doesn't exist.
const (
	chunkHead   = 8
	perRecord   = 8  // tag and end
	sealSize    = 28 // nonce and tag
	chunkAlign  = 8
	maxRecords  = 1 << 10
	placeOfHead = 1<<16 - 1

	// maxChunk is the greatest length of a chunk of several records: bbolt puts at least two
	// values into a leaf, and two of these fill two pages of 4 KB.
	maxChunk = (2*4096-pageHeader)/2 - elementSize - keySize
)

// recordID is the identifier of a record: a token's own, or a hash of what the
// record is about.
type recordID [16]byte

func (a *recordID) halves() (head, tail uint64) {
	return binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
}

func (a *recordID) tag() uint32 { return binary.LittleEndian.Uint32(a[12:]) }

func idOf(head, tail uint64) (a recordID) {
	binary.BigEndian.PutUint64(a[:8], head)
	binary.BigEndian.PutUint64(a[8:], tail)
	return a
}

// keySize is the length of a key in the file: a byte for the kind, seven zeros so that
// what follows is aligned, and an id.
const keySize = 24

func fileKey(kind byte, id recordID) (k [keySize]byte) {
	k[0] = kind
	copy(k[8:], id[:])
	return k
}

// place is what the seal of a record, or of a chunk's beginning, is bound to.
type place [1 + 16 + 8 + 2]byte

func placeOf(kind byte, key recordID, stamp uint64, at int) (p place) {
	p[0] = kind
	copy(p[1:], key[:])
	binary.LittleEndian.PutUint64(p[17:], stamp)
	binary.LittleEndian.PutUint16(p[25:], uint16(at))
	return p
}

func (p *place) move(at int) { binary.LittleEndian.PutUint16(p[25:], uint16(at)) }

// record is an opened record of a chunk.
type record struct {
	id      recordID
	content []byte
}

// room is what a record takes in a chunk.
func (r *record) room() int { return perRecord + sealSize + len(r.id) + len(r.content) }

// appendChunk seals records, which are in the order of their ids, as the chunk with a key.
func appendChunk(dst []byte, sealer *seal.Sealer, kind byte, key recordID, stamp uint64, records []record, scratch []byte) (chunk, memory []byte) {
	from := len(dst)
	dst = append(dst, make([]byte, chunkHead+perRecord*len(records))...)
	head := dst[from:]
	binary.LittleEndian.PutUint16(head, uint16(len(records)))
	end := len(head) + sealSize
	for i := range records {
		r := &records[i]
		end += sealSize + len(r.id) + len(r.content)
		binary.LittleEndian.PutUint32(head[chunkHead+4*i:], r.id.tag())
		binary.LittleEndian.PutUint32(head[chunkHead+4*len(records)+4*i:], uint32(end))
	}
	length := (end + chunkAlign - 1) &^ (chunkAlign - 1)
	binary.LittleEndian.PutUint32(head[4:], uint32(length))
	at := placeOf(kind, key, stamp, placeOfHead)
	scratch = append(append(scratch[:0], at[:]...), head...)
	dst = sealer.SealBytes(dst, nil, scratch)
	for i := range records {
		at.move(i)
		scratch = append(append(scratch[:0], records[i].id[:]...), records[i].content...)
		dst = sealer.SealBytes(dst, scratch, at[:])
	}
	return append(dst, make([]byte, length-end)...), scratch
}

// Errors of a chunk, or of bytes taken for one.
var (
	errSeal  = errors.New("it does not open: it was changed, or put back to an older state")
	errChunk = errors.New("its parts don't fit together")
)

// chunkReader opens records of chunks in memory that may change while it reads: it copies
// each part before it looks at it. It is for one goroutine.
type chunkReader struct {
	head, sealed, name []byte

	at     location // rank, begin and size of the record that find returned; zero where that is not known
	memory *arena   // where all opens records; nil: each has memory of its own
}

// header copies the beginning of the chunk that b begins with.
func (c *chunkReader) header(b []byte) (count, length int, ok bool) {
	if len(b) < chunkHead {
		return 0, 0, false
	}
	c.head = append(c.head[:0], b[:chunkHead]...)
	count = int(binary.LittleEndian.Uint16(c.head))
	length = int(binary.LittleEndian.Uint32(c.head[4:]))
	size := chunkHead + perRecord*count
	if count > maxRecords || length > len(b) || size+sealSize > length {
		return 0, 0, false
	}
	c.head = append(c.head, b[chunkHead:size+sealSize]...)
	return count, length, true
}

// bounds is where record i is.
func (c *chunkReader) bounds(count, i int) (begin, end int) {
	ends := c.head[chunkHead+4*count:]
	begin = len(c.head)
	if i > 0 {
		begin = int(binary.LittleEndian.Uint32(ends[4*(i-1):]))
	}
	return begin, int(binary.LittleEndian.Uint32(ends[4*i:]))
}

// proven tells whether the copied beginning is the one sealed there.
func (c *chunkReader) proven(sealer *seal.Sealer, p *place) bool {
	p.move(placeOfHead)
	size := len(c.head) - sealSize
	c.name = append(append(c.name[:0], p[:]...), c.head[:size]...)
	_, err := sealer.OpenBytes(c.sealed[:0], c.head[size:], c.name)
	return err == nil
}

// find opens the record with an id in the chunk that b begins with, and appends its
// content to dst, which has room before its end for the id. It returns nil if the chunk
// has no such record, and an error if it can't tell.
func (c *chunkReader) find(dst, b []byte, sealer *seal.Sealer, p *place, id *recordID) ([]byte, error) {
	c.at = location{}
	if content := c.seen(dst, b, sealer, p, id); content != nil {
		return content, nil
	}
	count, length, ok := c.header(b)
	if !ok {
		return nil, errChunk
	}
	tag := id.tag()
	for i := range count {
		if binary.LittleEndian.Uint32(c.head[chunkHead+4*i:]) != tag {
			continue
		}
		begin, end := c.bounds(count, i)
		if begin < len(c.head) || end < begin+sealSize+len(id) || end > length {
			return nil, errChunk
		}
		c.sealed = append(c.sealed[:0], b[begin:end]...)
		p.move(i)
		out, err := sealer.OpenBytes(dst, c.sealed, p[:])
		if err != nil {
			return nil, errSeal
		}
		if got := out[len(dst):]; bytes.Equal(got[:len(id)], id[:]) {
			return got[len(id):], nil
		}
	}
	if !c.proven(sealer, p) {
		return nil, errSeal
	}
	return nil, nil
}

// seen is find for the first record with the tag of an id, if nothing is wrong; otherwise it
// returns nil, which proves nothing. It reads only as much of the chunk's beginning as it
// needs; the record that it returns did open, so the beginning led to the right place.
func (c *chunkReader) seen(dst, b []byte, sealer *seal.Sealer, p *place, id *recordID) []byte {
	if len(b) < chunkHead {
		return nil
	}
	count := int(binary.LittleEndian.Uint16(b))
	if size := chunkHead + perRecord*count + sealSize; count > maxRecords || size > len(b) {
		return nil
	}
	tag, tags := id.tag(), b[chunkHead:chunkHead+4*count]
	i := 0
	for ; len(tags) >= 4; tags = tags[4:] {
		if binary.LittleEndian.Uint32(tags) == tag {
			break
		}
		i++
	}
	if i == count {
		return nil
	}
	begin, ends := chunkHead+perRecord*count+sealSize, b[chunkHead+4*count:]
	if i > 0 {
		begin = int(binary.LittleEndian.Uint32(ends[4*(i-1):]))
	}
	end := int(binary.LittleEndian.Uint32(ends[4*i:]))
	if begin < chunkHead || end < begin || end > len(b) {
		return nil
	}
	content := c.one(dst, b[begin:end], sealer, p, i, id)
	if content != nil && end <= math.MaxUint16 {
		c.at = location{rank: uint16(i), begin: uint16(begin), size: uint16(end - begin)}
	}
	return content
}

// one opens one record of a chunk, as seen does.
func (c *chunkReader) one(dst, sealed []byte, sealer *seal.Sealer, p *place, rank int, id *recordID) []byte {
	if len(sealed) < sealSize+len(id) {
		return nil
	}
	c.sealed = append(c.sealed[:0], sealed...)
	p.move(rank)
	out, err := sealer.OpenBytes(dst, c.sealed, p[:])
	if err != nil || recordID(out[len(dst):]) != *id {
		return nil
	}
	return out[len(dst)+len(id):]
}

// all opens every record of a chunk.
func (c *chunkReader) all(b []byte, sealer *seal.Sealer, p *place, each func(recordID, []byte) error) error {
	count, length, ok := c.header(b)
	if !ok {
		return errChunk
	}
	if !c.proven(sealer, p) {
		return errSeal
	}
	for i := range count {
		begin, end := c.bounds(count, i)
		if begin < len(c.head) || end < begin+sealSize+16 || end > length {
			return errChunk
		}
		c.sealed = append(c.sealed[:0], b[begin:end]...)
		p.move(i)
		var dst []byte
		if c.memory != nil {
			dst = c.memory.room(end - begin - sealSize)
		} else {
			dst = make([]byte, 0, end-begin-sealSize)
		}
		out, err := sealer.OpenBytes(dst, c.sealed, p[:])
		if err != nil {
			return errSeal
		}
		if err := each(recordID(out), out[16:]); err != nil {
			return err
		}
	}
	return nil
}

// records appends every record of a chunk to dst, or none if there is no chunk.
func (c *chunkReader) records(dst []record, b []byte, sealer *seal.Sealer, p *place) ([]record, error) {
	if b == nil {
		return dst, nil
	}
	err := c.all(b, sealer, p, func(id recordID, content []byte) error {
		dst = append(dst, record{id, content})
		return nil
	})
	return dst, err
}
