package archive

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math"

	"github.com/rind-dev/rind/verifier/gateway/internal/arriving"
	"github.com/rind-dev/rind/verifier/gateway/internal/digester"
)

// aheadFrom is the size of the smallest entry that an Ahead unpacks, in packed bytes: to do less in advance saves nothing.
const aheadFrom = 256 << 10

// maxAhead is how many entries an Ahead remembers.
const maxAhead = 1000

// Ahead unpacks and hashes the large entries of a zip file while the rest of the file still arrives, so that Check has little left to do
// at the end. It guesses where they are by their local headers. Nothing depends on the guess: Check uses what an Ahead found out only for an
// entry that has exactly those bytes, sizes and checksum, and reads everything else itself.
//
// One goroutine calls the methods. The file must be readable from another one as far as Arrived says.
type Ahead struct {
	work *arriving.Work

	// Only the work uses these two until it has ended.
	found map[int64]unpackedEntry // by the position of the packed bytes
	total int64                   // bytes that were unpacked
}

// unpackedEntry is an entry that was unpacked without a fault.
type unpackedEntry struct {
	packed, size int64
	method       uint16
	crc          uint32
	sha256       [sha256.Size]byte
}

// NewAhead returns an Ahead for a zip file. It computes when turn lets it, and when Check waits for it, and takes up to 512 KiB of memory.
// Stop ends it.
func NewAhead(file io.ReaderAt, turn arriving.Turn) *Ahead { return newAhead(file, turn, aheadFrom) }

func newAhead(file io.ReaderAt, turn arriving.Turn, least int64) *Ahead {
	a := &Ahead{found: map[int64]unpackedEntry{}}
	a.work = arriving.Start(file, turn, func(r io.ReaderAt) { a.unpack(r, least) })
	return a
}

// Arrived says that so many bytes of the file are there.
func (a *Ahead) Arrived(size int64) { a.work.Arrived(size) }

// Stop ends the Ahead, if Check has not, and waits until it does not use the file any more.
func (a *Ahead) Stop() { a.work.Stop() }

// finishAhead lets an Ahead go on to the end of the file, or until the source's context ends, and remembers what it found.
func (s *source) finishAhead(a *Ahead) {
	if a == nil {
		return
	}
	a.work.Finish(s.ctx)
	s.ahead = a.found
}

// unpack reads entry by entry, and stops at the first thing that is not as it should be: Check says what that is.
func (a *Ahead) unpack(file io.ReaderAt, least int64) {
	read := &furthest{ReaderAt: file}
	src := &source{ctx: context.Background(), file: read, size: math.MaxInt64}
	z := &zipFile{src: src}
	var files digester.Digester
	next := int64(0)
	for n := 0; n < MaxEntries && len(a.found) < maxAhead; n++ {
		entry, ok := src.guess(next)
		if !ok {
			return
		}
		next = entry.data + entry.packed
		if entry.packed < least {
			continue
		}
		h := sha256.New()
		if files.Digest(h, &aheadContent{z.open(entry), a, read}, entry.size) != nil {
			return
		}
		a.found[entry.data] = unpackedEntry{entry.packed, entry.size, entry.method, entry.crc, [sha256.Size]byte(h.Sum(nil))}
	}
}

// furthest knows how far a file was read.
type furthest struct {
	io.ReaderAt
	end int64
}

// ReadAt implements io.ReaderAt.
func (f *furthest) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.ReaderAt.ReadAt(p, at)
	f.end = max(f.end, at+int64(n))
	return n, err
}

// aheadContent is the content of an entry. Reading fails once the entries unpack to more than maxRatio times what was read so far: the packed size
// that an entry states may be a lie.
type aheadContent struct {
	io.Reader
	a    *Ahead
	read *furthest
}

// Read implements io.Reader.
func (c *aheadContent) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.a.total += int64(n)
	if tooMuch := unpacked(c.a.total, c.read.end); tooMuch != nil {
		return n, tooMuch
	}
	return n, err
}

// guess reads as much of a local header as an Ahead needs. It does not know entries of 4 GiB, which have their sizes elsewhere.
func (s *source) guess(at int64) (entry *zipEntry, ok bool) {
	head, err := s.bytes(at, localSize)
	if err != nil {
		return nil, false
	}
	le := binary.LittleEndian
	entry = &zipEntry{
		at: at, data: at + localSize + int64(le.Uint16(head[26:])) + int64(le.Uint16(head[28:])), packed: int64(le.Uint32(head[18:])), size: int64(le.Uint32(head[22:])),
		crc: le.Uint32(head[14:]), method: le.Uint16(head[8:]), flags: le.Uint16(head[6:]),
	}
	ok = le.Uint32(head) == localSignature && entry.flags&^flagsKnown == 0 && (entry.method == methodStored || entry.method == methodDeflate) &&
		entry.packed != math.MaxUint32 && entry.size != math.MaxUint32
	return entry, ok
}

// unpackedAhead returns the SHA-256 of an entry's content if an [Ahead] has unpacked the same bytes to the same size and checksum, and RECORD names
// no other kind of digest.
func (s *source) unpackedAhead(entry *zipEntry) (sum [sha256.Size]byte, ok bool) {
	found, ok := s.ahead[entry.data]
	if !ok || found.packed != entry.packed || found.size != entry.size || found.method != entry.method || found.crc != entry.crc ||
		entry.want.algorithm != sha256Sum && entry.want.algorithm != none {
		return sum, false
	}
	return found.sha256, true
}
