package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
)

// Records of a zip file: where they begin, and how long they are without names (APPNOTE §4.3).
const (
	localSignature     = 0x04034b50
	centralSignature   = 0x02014b50
	endSignature       = 0x06054b50
	end64Signature     = 0x06064b50
	locator64Signature = 0x07064b50

	localSize     = 30
	centralSize   = 46
	endSize       = 22
	end64Size     = 56
	locator64Size = 20
)

// Bits and values of a zip file's records.
const (
	flagEncrypted  = 1<<0 | 1<<6 | 1<<13
	flagSizeBehind = 1 << 3
	flagUTF8       = 1 << 11
	flagsOfDeflate = 1<<1 | 1<<2 // how hard the compressor tried
	flagsKnown     = flagsOfDeflate | flagUTF8

	maxVersion = 63 // highest version of the format that Python's zipfile reads

	methodStored  = 0
	methodDeflate = 8

	extraZip64       = 0x0001
	extraUnicodePath = 0x7075
	extraUnicodeText = 0x6375

	typeBits    = 0xf000 // file type in a Unix mode
	typeRegular = 0x8000
	typeFolder  = 0x4000
	dosFolder   = 0x10
)

// zipFile is a zip file in which each byte belongs to exactly one entry, to the directory or to the
// record after it.
type zipFile struct {
	src     *source
	entries []zipEntry // in the order of their positions in the file
	names   *names

	allNames strings.Builder // of the entries, one after the other: thousands of their own would take more memory

	packed  *bufio.Reader // packed data of the open entry
	inflate io.Reader     // unpacks the entry; nil until the first compressed entry
	text    []byte        // name and extra fields of the current header
}

type zipEntry struct {
	name         string
	at, data     int64 // positions of the local header and of the packed data
	packed, size int64 // sizes in bytes
	crc          uint32
	method       uint16
	flags        uint16
	want         recorded // what RECORD says about a wheel's file
}

func openZip(src *source) (*zipFile, error) {
	e, err := readEnd(src)
	if err != nil {
		return nil, err
	}
	z := &zipFile{src: src}
	if err := z.readDirectory(e); err != nil {
		return nil, err
	}
	slices.SortFunc(z.entries, func(a, b zipEntry) int { return int(min(max(a.at-b.at, -1), 1)) })
	next, total := int64(0), int64(0)
	for i := range z.entries {
		entry := &z.entries[i]
		if entry.at != next {
			return nil, fault("the zip file has bytes that belong to no entry, or to two: before '%s'", clip(entry.name))
		}
		next, err = z.readLocal(entry, int64(e.at))
		if err != nil {
			return nil, err
		}
		if entry.size > math.MaxInt64-total {
			return nil, unpacked(math.MaxInt64, src.size)
		}
		total += entry.size
		if entry.packed == 0 && entry.size > 0 {
			return nil, fault("'%s' has a size and no content", clip(entry.name))
		}
	}
	if next != int64(e.at) {
		return nil, fault("the zip file has bytes that belong to no entry: between the last one and the directory")
	}
	if err := unpacked(total, src.size); err != nil {
		return nil, err
	}
	z.names = newNames(len(z.entries))
	for i := range z.entries {
		if err := z.names.add(z.entries[i].name, i); err != nil {
			return nil, err
		}
	}
	return z, nil
}

func (s *source) bytes(at, size int64) ([]byte, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(s.section(at, size), b); err != nil {
		return nil, err
	}
	return b, nil
}

// readText reads size bytes into a reused buffer.
func (z *zipFile) readText(r io.Reader, size int) ([]byte, error) {
	if cap(z.text) < size {
		z.text = make([]byte, size)
	}
	text := z.text[:size]
	_, err := io.ReadFull(r, text)
	return text, err
}

// readDirectory reads the central directory.
func (z *zipFile) readDirectory(e end) error {
	if e.entries > e.size/centralSize {
		return fault("the directory of the zip file is too short for %d entries", e.entries)
	}
	r := bufio.NewReaderSize(z.src.section(int64(e.at), int64(e.size)), int(min(chunk, e.size)))
	z.entries = make([]zipEntry, 0, e.entries)
	left := int64(e.size)
	z.allNames.Grow(int(min(e.size-e.entries*centralSize, MaxNames)))
	var head [centralSize]byte
	for range e.entries {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return z.src.short(err)
		}
		entry, rest, err := z.readCentral(&head, r)
		if err != nil {
			return z.src.short(err)
		}
		left -= centralSize + rest
		z.entries = append(z.entries, entry)
	}
	if left != 0 {
		return fault("the directory of the zip file has bytes behind its last entry")
	}
	return nil
}

// short returns the fault for a zip file whose records end too early.
func (s *source) short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault("a record of the zip file is cut off")
	}
	return err
}

// readCentral reads an entry of the directory; rest is how many bytes of it follow head.
func (z *zipFile) readCentral(head *[centralSize]byte, r io.Reader) (entry zipEntry, rest int64, err error) {
	le := binary.LittleEndian
	nameSize, extraSize, commentSize := le.Uint16(head[28:]), le.Uint16(head[30:]), le.Uint16(head[32:])
	text, err := z.readText(r, int(nameSize)+int(extraSize))
	if err != nil {
		return entry, 0, err
	}
	if z.allNames.Len()+int(nameSize) > MaxNames {
		return entry, 0, fault("the names of its entries have more than %d bytes", MaxNames)
	}
	z.allNames.Write(text[:nameSize])
	entry = zipEntry{
		name: z.allNames.String()[z.allNames.Len()-int(nameSize):], flags: le.Uint16(head[8:]), method: le.Uint16(head[10:]), crc: le.Uint32(head[16:]),
		packed: int64(le.Uint32(head[20:])), size: int64(le.Uint32(head[24:])), at: int64(le.Uint32(head[42:])),
	}
	switch {
	case le.Uint32(head[:]) != centralSignature:
		return entry, 0, fault("the directory of the zip file has something in it that is no entry")
	case commentSize != 0:
		return entry, 0, fault("an entry has a comment: '%s'", clip(entry.name))
	case head[6] > maxVersion:
		return entry, 0, fault("an entry needs a version of the format that not every program reads: '%s'", clip(entry.name))
	case le.Uint16(head[34:]) != 0:
		return entry, 0, fault("an entry is in another part of the zip file: '%s'", clip(entry.name))
	}
	if err := entry.checkKind(le.Uint32(head[38:])); err != nil {
		return entry, 0, err
	}
	wide, err := readExtra(text[nameSize:], entry.name)
	if err == nil {
		err = entry.widen(wide)
	}
	return entry, int64(len(text)), err
}

// checkKind refuses an entry that is neither a file nor a folder, or that some programs can't unpack.
func (z *zipEntry) checkKind(attributes uint32) error {
	isFolder := strings.HasSuffix(z.name, "/")
	kind := attributes >> 16 & typeBits
	switch {
	case z.flags&flagEncrypted != 0:
		return fault("an entry is encrypted: '%s'", clip(z.name))
	case z.flags&flagSizeBehind != 0:
		return fault("the sizes of an entry stand behind its data: '%s'; write the zip file to a file, not to a pipe", clip(z.name))
	case z.flags&^flagsKnown != 0:
		return fault("an entry has flags that not every program understands: '%s'", clip(z.name))
	case z.method != methodStored && z.method != methodDeflate:
		return fault("an entry is compressed with method %d: '%s'; use deflate", z.method, clip(z.name))
	case z.flags&flagUTF8 == 0 && strings.ContainsFunc(z.name, func(c rune) bool { return c >= 0x80 }):
		return fault("the name of an entry is not marked as UTF-8: '%s'", clip(z.name))
	case kind != 0 && kind != typeRegular && kind != typeFolder:
		return fault("an entry is a link or a device: '%s'; put the file itself in its place", clip(z.name))
	case isFolder && kind == typeRegular, !isFolder && (kind == typeFolder || attributes&dosFolder != 0), isFolder && z.size != 0:
		return fault("an entry is a file and a folder: '%s'", clip(z.name))
	case z.method == methodStored && z.size != z.packed && z.size != math.MaxUint32:
		return fault("an entry is not compressed, but has another size in the zip file than by itself: '%s'", clip(z.name))
	}
	return nil
}

// readExtra reads the extra fields of an entry. wide has the 64-bit sizes.
func readExtra(b []byte, name string) (wide []byte, err error) {
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, fault("the extra fields of an entry are cut off: '%s'", clip(name))
		}
		id, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		b = b[4:]
		if size > len(b) {
			return nil, fault("the extra fields of an entry are cut off: '%s'", clip(name))
		}
		switch {
		case id == extraUnicodePath || id == extraUnicodeText:
			return nil, fault("an entry has a second name in an extra field: '%s'", clip(name))
		case id == extraZip64 && wide != nil:
			return nil, fault("an entry has its sizes twice: '%s'", clip(name))
		case id == extraZip64:
			wide = b[:size:size]
		}
		b = b[size:]
	}
	return wide, nil
}

// widen uses the 64-bit sizes, which exist only for sizes that don't fit into 32 bits.
func (z *zipEntry) widen(wide []byte) error {
	for _, field := range []*int64{&z.size, &z.packed, &z.at} {
		if *field != math.MaxUint32 {
			continue
		}
		if len(wide) < 8 {
			return fault("an entry lacks its size: '%s'", clip(z.name))
		}
		n := binary.LittleEndian.Uint64(wide)
		if n > math.MaxInt64 {
			return fault("an entry has an impossible size: '%s'", clip(z.name))
		}
		*field, wide = int64(n), wide[8:]
	}
	if len(wide) > 0 {
		return fault("an entry has a size twice: '%s'", clip(z.name))
	}
	if z.method == methodStored && z.size != z.packed {
		return fault("an entry is not compressed, but has another size in the zip file than by itself: '%s'", clip(z.name))
	}
	return nil
}

// readLocal compares the header before an entry's data with the directory, and returns where the
// data ends, which is at most limit.
func (z *zipFile) readLocal(entry *zipEntry, limit int64) (next int64, err error) {
	if entry.at > limit-localSize {
		return 0, fault("an entry is not where the directory says: '%s'", clip(entry.name))
	}
	head, err := z.src.bytes(entry.at, localSize)
	if err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	nameSize, extraSize := int64(le.Uint16(head[26:])), int64(le.Uint16(head[28:]))
	entry.data = entry.at + localSize + nameSize + extraSize
	if le.Uint32(head) != localSignature || entry.data > limit || entry.packed > limit-entry.data {
		return 0, fault("an entry is not where the directory says: '%s'", clip(entry.name))
	}
	text, err := z.readText(z.src.section(entry.at+localSize, nameSize+extraSize), int(nameSize+extraSize))
	if err != nil {
		return 0, err
	}
	wide, err := readExtra(text[nameSize:], entry.name)
	if err != nil {
		return 0, err
	}
	packed, size := int64(le.Uint32(head[18:])), int64(le.Uint32(head[22:]))
	if wide != nil {
		// Bazel's zipper states both sizes twice. If they agree, all programs read them alike.
		if len(wide) != 16 || (packed != math.MaxUint32 || size != math.MaxUint32) &&
			(uint64(size) != le.Uint64(wide) || uint64(packed) != le.Uint64(wide[8:])) {
			return 0, fault("an entry has a size twice: '%s'", clip(entry.name))
		}
		size, packed = int64(le.Uint64(wide)), int64(le.Uint64(wide[8:]))
	}
	if !bytes.Equal(text[:nameSize], []byte(entry.name)) || le.Uint16(head[6:]) != entry.flags || le.Uint16(head[8:]) != entry.method ||
		le.Uint32(head[14:]) != entry.crc || packed != entry.packed || size != entry.size {
		return 0, fault("the header of an entry and the directory of the zip file disagree: '%s'", clip(entry.name))
	}
	return entry.data + entry.packed, nil
}
